import pytest

from dupimg.options import PlanOptions, UsageError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90m", 5400), ("6h", 21_600), ("2d", 172_800), ("45s", 45), ("45", 45), (" 6 H", 21_600)],
)
def test_times(written, seconds):
    options = PlanOptions("in", "out", scene_gap=written)
    assert options.scene_gap == seconds
    assert PlanOptions("in", "out", scene_gap=options.scene_gap).scene_gap == seconds


@pytest.mark.parametrize("written", ["", "h", "6 hours", "-6h", "0h", "1.5h", "6w", "٦h"])
def test_what_is_no_time(written):
    with pytest.raises(UsageError, match="expected a time such as 90m, 6h or 2d"):
        PlanOptions("in", "out", scene_gap=written)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("copy_threshold", 97),
        ("candidate_threshold", 0),
        ("link_threshold", "high"),
        ("duplicate_rule", "verify"),
        ("same_folder", "maybe"),
    ],
)
def test_options_of_the_second_look_and_of_scenes_are_checked(name, value):
    with pytest.raises(UsageError, match=f"Got {name}={value!r}, expected"):
        PlanOptions("in", "out", **{name: value})
