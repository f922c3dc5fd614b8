from dupimg.decide.search_progress import watched_search


def test_the_bar_counts_the_pairs_that_are_compared(capsys):
    with watched_search("comparing", 2000, quiet=False) as progress:
        assert progress.__self__.total == 2000 * 1999 // 2
        progress(2000 * 1999 // 2)
    groups = ["a"] * 5 + ["b"] * 3 + ["c"]
    with watched_search("scenes", 9, groups=groups, quiet=True) as progress:
        assert progress.__self__.total == 10 + 3
    assert capsys.readouterr().err == ""  # standard error is no terminal
