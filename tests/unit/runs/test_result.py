from __future__ import annotations

import pytest

from dupimg.files.inputs import Inputs
from dupimg.messages import as_text, message
from dupimg.plans.reasons import kept_reason
from dupimg.plans.record import Run
from dupimg.plans.rows import Row
from dupimg.runs.result import Result, next_step

ONE = (
    Row("a.jpg", "keep", "processed/a.jpg", scene=1, width=1, reason=kept_reason(1)),
    Row("a.xmp", "remove", "remove/a.xmp", scene=1, companion_of="b.jpg"),
    Row("c.txt", "leave", reason=message("reason.folder_not_listed", why=as_text("it is locked"))),
)
FAILED = (Row("d.jpg", "keep", scene=2, width=1, failed=True),)


def summary(tmp_path, rows, **numbers) -> str:
    return Result(rows, tmp_path / "report.csv", 1.0, **numbers).summary()


WORDS = {
    1: (
        "4 files = kept",
        "1 in 1 scene ",
        "1 duplicate,",
        "1 where it is\n",
        "1 of these files is a companion of another\n",
        "1 file in 1 system folder\n",
        "1 folder could not",
        "1 file, left where it was:",
    ),
    2: (
        "8 files = kept",
        "2 in 1 scene ",
        "2 duplicates,",
        "2 where they are\n",
        "2 of these files are companions of others\n",
        "2 files in 2 system folders\n",
        "2 folders could not",
        "2 files, left where they were:",
    ),
}


def test_photos_that_stay_where_they_are_are_sorted_into_no_scene(tmp_path):
    photo = Row("a.jpg", "keep", scene=1, width=1, digest="0" * 64)  # with --only=duplicates
    result = Result((photo, photo.having(path="b.jpg")), tmp_path / "report.csv", 1.0)
    assert "kept            2      where they are" in result.summary()
    assert result.to_json()["counts"]["scenes"] == 0
    assert "scene" not in result._repr_html_().lower()


@pytest.mark.parametrize("times", [1, 2])
def test_one_thing_is_named_as_one(tmp_path, times):
    rows = (ONE + FAILED) * times
    text = summary(tmp_path, rows, system_folders=times, system_files=times)
    assert [words for words in WORDS[times] if words not in text] == []
    html = Result(rows, tmp_path / "report.csv", 1.0)._repr_html_()
    assert ("where it is<" in html, "where it was: see" in html) == (times == 1, times == 1)
    assert "1 file = kept" in summary(tmp_path, ONE[:1])


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("copy", "next     your photos in /photos are as they were, so nothing is freed."),
        ("reflink", "next     your photos in /photos are as they were and take no space twice."),
        ("move", "and emptying that frees 5.0 MB. Until then `dupimg undo"),
    ],
)
def test_the_summary_says_what_the_next_step_is(tmp_path, mode, words):
    rows = (*ONE, Row("b.jpg", "remove", "remove/b.jpg", scene=1, bytes=5_000_000))
    step = next_step(Run(Inputs({"": "/photos"}), mode), rows, tmp_path)
    text = summary(tmp_path, rows, next_step=step)
    assert words in text
    assert "to be freed" not in text
    assert str(next_step(Run(Inputs({"": "/photos"}), "move"), ONE[:1], tmp_path)).startswith(
        "look the result"
    )
