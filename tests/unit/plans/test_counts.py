from dupimg.messages import as_text, message
from dupimg.plans.counts import Counts
from dupimg.plans.rows import Row

ROWS = [
    Row("a.jpg", "keep", "processed/a.jpg", scene=1, bytes=1),
    Row("a.xmp", "keep", "processed/a.xmp", scene=1, companion_of="a.jpg", bytes=2),
    Row("b.jpg", "remove", "remove/b.jpg", scene=1, bytes=4),
    Row("c.jpg", "remove", "processed/c.jpg", scene=1, bytes=8, failed=True),
    Row("d.jpg", "leave", scene=2, bytes=16),
    Row("e.txt", "other", "other/e.txt", bytes=32),
    Row("f", "other", reason=message("reason.folder_not_listed", why=as_text("why"))),
    Row("g.jpg", "keep", scene=3, bytes=64, failed=True),
]


def test_every_file_is_counted_once_and_failed_ones_apart():
    counts = Counts.of(ROWS)
    assert counts == Counts(
        found=8, kept=2, removed=1, other=2, left=1, failed=2, scenes=1, photos=5, companions=1,
        unsearched=1, bytes_freed=4,
    )  # fmt: skip
    assert sum(counts.by_action.values()) + counts.failed == counts.found


def test_bytes_of_a_file_that_could_not_be_moved_are_not_freed():
    assert Counts.of(ROWS[3:4]).bytes_freed == 0
    assert Counts.of(()) == Counts()
