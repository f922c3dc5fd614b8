from __future__ import annotations

import pytest

from dupimg.plans.rows import Row
from dupimg.runs.result import Result

ONE = (
    Row("a.jpg", "keep", "processed/a.jpg", scene=1, width=1, reason="keeper of 1 duplicate"),
    Row("a.xmp", "remove", "remove/a.xmp", scene=1, companion_of="b.jpg"),
    Row("c.txt", "leave", reason="folder could not be listed: it is locked"),
)


def summary(tmp_path, rows, **numbers) -> str:
    return Result(rows, tmp_path / "report.csv", 1.0, **numbers).summary()


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (
            1,
            ("3 files = kept", "1 in 1 scene ", "1 duplicate,", "1 where it is\n"),
        ),
        (
            2,
            ("6 files = kept", "2 in 1 scene ", "2 duplicates,", "2 where they are\n"),
        ),
    ],
)
def test_one_thing_is_named_as_one(tmp_path, times, words):
    text = summary(tmp_path, ONE * times, system_folders=times, system_files=times)
    some = ("1 of these files is a companion of a photo", "1 file in 1 system folder\n")
    some = some if times == 1 else (
        "2 of these files are companions of photos", "2 files in 2 system folders\n"
    )  # fmt: skip
    unknown = "1 folder could not" if times == 1 else "2 folders could not"
    for part in (*words, *some, unknown):
        assert part in text, part
    assert "1 file = kept" in summary(tmp_path, ONE[:1])
