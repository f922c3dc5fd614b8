from __future__ import annotations

from dataclasses import replace

import pytest

from dupimg.errors import UsageError
from dupimg.messages import message
from dupimg.plans.merge import merge_edits
from dupimg.plans.naming import name_rows
from dupimg.plans.plan import check_plan
from dupimg.plans.plan_file import read_edits
from dupimg.plans.reasons import kept_reason
from dupimg.plans.report import write_report
from dupimg.plans.rows import Row


def photo(path, scene, *, keeper="", group=None, time="2024-05-01T10:00:00.000", **fields) -> Row:
    return Row(
        path=path, action="remove" if keeper else "keep", scene=scene, keeper=keeper,
        duplicate_group=group, cosine_to_keeper=0.97 if keeper else None, taken_at=time,
        taken_from="exif", width=4, height=3, bytes=10, digest=f"digest of {path}",
        reason=kept_reason(0), **fields,
    )  # fmt: skip


DECIDED = name_rows(
    [
        photo("best.jpg", 1, group=1),
        photo("copy.jpg", 1, keeper="best.jpg", group=1),
        photo("small.jpg", 1, keeper="best.jpg", group=1),
        photo("alone.jpg", 2, time="2024-05-02T10:00:00.000"),
        Row("best.xmp", "keep", scene=1, companion_of="best.jpg", digest="x", duplicate_group=1),
        Row("notes.txt", "other", digest="n", reason=message("reason.not_a_picture")),
    ]
)


@pytest.fixture
def review(tmp_path):
    """Return a function that writes the plan, changes it as a person would, and merges it."""

    def run(change=lambda text: text, encoding="utf-8"):
        write_report(DECIDED, tmp_path / "plan.csv")
        text = (tmp_path / "plan.csv").read_text("utf-8-sig")
        (tmp_path / "plan.csv").write_text(change(text), encoding, newline="")
        return merge_edits(DECIDED, read_edits(tmp_path / "plan.csv"))

    return run


def edit(path, /, **cells):
    """Return a change of some cells of one row."""

    def change(text):
        header, *lines = text.splitlines()
        names = header.split(",")
        for i, line in enumerate(lines):
            values = line.split(",")
            if values[0] == path:
                for name, value in cells.items():
                    values[names.index(name)] = value
                lines[i] = ",".join(values)
        return "\n".join([header, *lines])

    return change


def both(*changes):
    def change(text):
        for one in changes:
            text = one(text)
        return text

    return change


def told(messages):
    return tuple(map(str, messages))


def by_path(reviewed):
    return {row.path: row for row in reviewed.rows}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "mangle",
    [
        lambda text: text,
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n".join(f"{line},,," for line in text.splitlines()),
        lambda text: "\n".join('"' + line.replace(",", '","') + '"' for line in text.splitlines()),
        lambda text: "\n".join([*text.splitlines(), ",,,,", ""]),
        lambda text: "\n".join([text.splitlines()[0], *sorted(text.splitlines()[1:])]),
        lambda text: "\n".join(",".join([f"note {i}", *line.split(",")[::-1]])
                               for i, line in enumerate(text.splitlines())),
        lambda text: text.replace("2024-05-01T10:00:00.000", "01.05.24 10:00"),
        lambda text: text.replace("0.970000", "0,97").replace("digest,reason", "digest,reason")
        if ";" in text else text.replace("0.970000", "1"),
        lambda text: text.replace("\nbest.jpg,keep", "\nbest.jpg, Keep ").upper().lower(),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_does_to_the_file_changes_nothing(review, mangle, encoding):
    reviewed = review(mangle, encoding)
    assert reviewed.rows == DECIDED
    assert reviewed.problems == ()
    assert reviewed.changes == reviewed.consequences == ()


def test_swapping_the_keeper_swaps_the_names(review):
    change = both(edit("best.jpg", action="remove"), edit("copy.jpg", action="keep"))
    rows = by_path(review(change))
    stem = "image-0001-20240501100000000"
    assert rows["copy.jpg"].destination == f"processed/{stem}.jpg"
    assert rows["best.jpg"].destination == f"remove/{stem}--best.jpg"
    assert rows["best.xmp"].destination == f"processed/{stem}.xmp"  # goes with what stays
    assert rows["small.jpg"].keeper == rows["best.jpg"].keeper == "copy.jpg"
    assert rows["best.jpg"].cosine_to_keeper == 0.97
    assert rows["small.jpg"].cosine_to_keeper is None  # never compared with the new keeper
    assert str(rows["best.jpg"].reason) == "remove by hand (was keep): similar to the keeper"
    assert str(rows["copy.jpg"].reason) == "keep by hand (was remove): keeper of 2 duplicates"
    assert str(rows["small.jpg"].reason) == (
        "similar to what was the keeper; the keeper was chosen by hand"
    )
    assert check_plan(rows.values()) == []


def test_names_follow_scenes_and_duplicates_follow_their_keeper(review):
    rows = by_path(review(edit("best.jpg", scene="6.0")))
    stem = "image-0006-20240501100000000"
    assert rows["best.jpg"].destination == f"processed/{stem}.jpg"
    assert rows["best.xmp"].destination == f"processed/{stem}.xmp"
    assert rows["copy.jpg"].destination == f"remove/{stem}--copy.jpg"
    assert {rows[path].scene for path in ("best.jpg", "best.xmp", "copy.jpg")} == {6}


def test_a_scene_that_is_no_number_of_the_plan_changes_no_name(review):
    reviewed = review(edit("best.jpg", scene="99999"))
    assert "row 2: best.jpg: Got scene '99999'" in str(reviewed.problems[0])
    assert reviewed.changes == reviewed.consequences == ()
    assert {row.path: row.destination for row in reviewed.rows} == {
        row.path: row.destination for row in DECIDED
    }


def test_every_photo_can_get_a_scene_of_its_own_after_the_last_one(review):
    scenes = {"best.jpg": "3", "copy.jpg": "4", "small.jpg": "5", "alone.jpg": "6"}
    keep = [edit(path, scene=scene, action="keep") for path, scene in scenes.items()]
    reviewed = review(both(*keep))
    assert reviewed.problems == ()
    assert {by_path(reviewed)[path].scene for path in scenes} == {3, 4, 5, 6}


def test_any_number_that_names_have_room_for_begins_a_new_scene(review):
    reviewed = review(both(edit("best.jpg", scene="99"), edit("alone.jpg", scene="9999")))
    assert reviewed.problems == ()
    rows = by_path(reviewed)
    assert rows["best.jpg"].destination == "processed/image-0099-20240501100000000.jpg"
    assert rows["alone.jpg"].destination == "processed/image-9999-20240502100000000.jpg"


def test_a_photo_without_duplicates_may_be_removed_or_left(review):
    rows = by_path(review(edit("alone.jpg", action="remove")))
    assert rows["alone.jpg"].destination == "remove/image-0002-20240502100000000--alone.jpg"
    rows = by_path(
        review(both(edit("alone.jpg", action="leave"), edit("best.jpg", action="leave")))
    )
    assert rows["alone.jpg"].destination == rows["best.xmp"].destination == ""
    assert rows["copy.jpg"].destination == "remove/image-0001-20240501100000000--copy.jpg"
    assert check_plan(rows.values()) == []


def test_a_row_that_is_missing_is_a_problem(review):
    reviewed = review(
        lambda text: "\n".join(line for line in text.splitlines() if "alone.jpg" not in line)
    )
    assert tuple(map(str, reviewed.problems)) == (
        "1 file of the plan without a row, first alone.jpg, expected one for each. Write leave "
        "where a file is to stay.",
    )


def test_a_destination_written_by_hand_is_obeyed(review):
    rows = by_path(review(edit("alone.jpg", destination="processed/best of all.jpg")))
    assert rows["alone.jpg"].destination == "processed/best of all.jpg"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (edit("copy.jpg", action="delete"), "row 4: copy.jpg: Got action 'delete', expected keep"),
        (edit("copy.jpg", action="kep"), "Did you mean keep?"),
        (edit("copy.jpg", action=""), "Got action ''"),
        (edit("notes.txt", action="keep"), "expected other or leave"),
        (edit("best.jpg", scene="beach"), "Got scene 'beach', expected a whole number"),
        (edit("best.jpg", scene="0"), "Got scene '0'"),
        (edit("best.jpg", scene="1.5"), "Got scene '1.5'"),
        (
            edit("best.jpg", scene="10000"),
            "row 2: best.jpg: Got scene '10000', expected a whole number: "
            "1 to 2 for a scene of the plan, up to 9999 for a new one.",
        ),
        (edit("best.jpg", scene="1" * 5000), "Got scene '1111"),
        (edit("best.jpg", digest="other"), "is not in the plan that was made for this folder"),
        (edit("best.jpg", path="new.jpg"), "new.jpg: is not in the plan"),
        (lambda text: text + text.splitlines()[1], "best.jpg: has row 2 already"),
    ],
)
def test_every_problem_is_named_with_its_row(review, change, problem):
    assert problem in "\n".join(map(str, review(change).problems))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (both(*(edit(f"{name}.jpg", action="remove") for name in ("best", "copy", "small"))),
         "one must stay"),
        (edit("alone.jpg", destination="processed/../../x.jpg"), "not inside processed/"),
        (edit("alone.jpg", destination="/etc/passwd"), "not inside processed/"),
        (edit("alone.jpg", destination="processed/image-0001-20240501100000000.jpg"), "is that of"),
        (edit("best.xmp", action="remove"), "one action for both"),
    ],
)  # fmt: skip
def test_what_would_be_unsafe_is_found_in_the_merged_plan(review, change, problem):
    found = check_plan(review(change).rows)
    assert problem in " ".join(map(str, found))


def test_a_missing_column_and_another_encoding_are_refused(review, tmp_path):
    with pytest.raises(UsageError, match="without the column action"):
        review(lambda text: text.replace("path,action", "path,deed"))
    (tmp_path / "plan.csv").write_bytes("path,action\ncafé.jpg,keep\n".encode("latin-1"))
    with pytest.raises(UsageError, match="CSV UTF-8"):
        read_edits(tmp_path / "plan.csv")
    with pytest.raises(UsageError, match="No such file"):
        read_edits(tmp_path / "nowhere.csv")


def test_changes_are_told_one_line_each(review):
    changes = told(review(edit("alone.jpg", action="leave", scene="6")).changes)
    assert changes == ("alone.jpg: keep → leave, scene 2 → 6, stays where it is",)
    assert replace(DECIDED[0]) == DECIDED[0]


def test_a_scene_on_a_duplicate_is_said_to_be_not_taken(review):
    changes = told(review(edit("copy.jpg", scene="6")).changes)
    assert changes == ("copy.jpg: scene 6 is not taken, it goes with best.jpg",)
    followed = review(both(*(edit(f"{name}.jpg", scene="6") for name in ("best", "copy"))))
    assert not any("not taken" in str(change) for change in followed.changes)


def test_what_follows_from_a_change_is_told_apart(review):
    reviewed = review(both(edit("best.jpg", scene="2"), edit("notes.txt", action="leave")))
    assert [line.split(":")[0] for line in told(reviewed.changes)] == ["best.jpg", "notes.txt"]
    followed = dict(line.split(": ") for line in told(reviewed.consequences))
    assert followed.keys() == {"copy.jpg", "small.jpg", "best.xmp"}
    assert followed["copy.jpg"].startswith("scene 1 → 2, to remove/image-0002-")


def test_a_companion_that_goes_along_is_no_change_by_a_person(review):
    alone = review(edit("best.jpg", action="leave"))
    assert told(alone.changes) == ("best.jpg: keep → leave, stays where it is",)
    assert "best.xmp: keep → leave, stays where it is" in told(alone.consequences)
    both_written = review(both(edit("best.jpg", action="leave"), edit("best.xmp", action="leave")))
    assert both_written.changes == alone.changes
    assert both_written.consequences == alone.consequences


def test_a_destination_by_hand_is_a_change_by_a_person(review):
    by_hand = {"destination": "processed/mine.xmp"}
    reviewed = review(edit("best.xmp", **by_hand))
    assert told(reviewed.changes) == ("best.xmp: to processed/mine.xmp",)
    assert reviewed.consequences == ()
