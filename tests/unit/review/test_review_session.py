from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from files import make_files, read_files, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planned import edit_plan, row_of, set_cells, write_planned

from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.files.cache import Cache
from dupimg.plans.merge import merge_decisions
from dupimg.plans.plan_file import read_edits
from dupimg.plans.report import read_report
from dupimg.review.edited_plan import Choice, NotInPlan, Refused, review_state
from dupimg.review.review_session import PlanChanged, ReviewOver, ReviewSession
from dupimg.runs.journal import locked

FILES = {
    "best.jpg": b"best", "best.xmp": b"best sidecar", "a/copy.jpg": b"copy", "same.jpg": b"best",
    "alone.jpg": b"alone", "other.jpg": b"other", "notes.txt": b"notes",
}  # fmt: skip


@pytest.fixture
def source(tmp_path):
    make_files(tmp_path / "in", FILES, mtime=1.2e9)
    return tmp_path / "in"


def planned(source, output, *, last_scene):
    """Write a plan of two scenes; return its folder."""
    copy = {"keeper": "best.jpg", "duplicate_group": 1, "cosine_to_keeper": 0.97}
    rows = [
        row_of(source, "best.jpg", "keep", duplicate_group=1),
        row_of(source, "best.xmp", "keep", scene=1, duplicate_group=1, companion_of="best.jpg"),
        row_of(source, "a/copy.jpg", "remove", **copy),
        row_of(source, "same.jpg", "remove", **copy),
        row_of(source, "alone.jpg", "keep", scene=last_scene),
        row_of(source, "other.jpg", "keep", scene=last_scene),
        row_of(source, "notes.txt"),
    ]
    # Photos of one moment are numbered, and get other numbers when one of them goes.
    rows = [
        replace(row, taken_at=f"2024-05-01T10:00:0{i}.000") if row.taken_at else row
        for i, row in enumerate(rows)
    ]
    write_planned(source, output, rows)
    return output


@pytest.fixture
def output(tmp_path, source):
    """Return a folder that holds a plan."""
    return planned(source, tmp_path / "out", last_scene=2)


@pytest.fixture
def cache(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as cache:
        yield cache


class Reviewer:
    """Decide as a page does: about what it saw last."""

    def __init__(self, output, cache):
        self.session = ReviewSession(output, cache)
        self.plan = output / "plan.csv"
        self.reload()

    def reload(self):
        self.state = self.session.current()
        self.stamp = self.state.file.stamp

    def decide(self, label="", **wanted):
        """Decide about files by name, with __ for what no name of Python holds."""
        names = {row.path.replace("/", "_").replace(".", "_"): row.path for row in self.state.rows}
        decisions = [Choice(names[name], **fields) for name, fields in wanted.items()]
        return self.saw(self.session.decide(self.stamp, decisions, label))

    def not_duplicate(self, path):
        return self.saw(self.session.not_duplicate(self.stamp, path))

    def undo(self):
        return self.saw(self.session.undo(self.stamp))

    def redo(self):
        return self.saw(self.session.redo(self.stamp))

    def saw(self, saved):
        before = self.state.row_of
        self.reload()
        assert saved.state == self.state
        assert (saved.undo, saved.redo) == (len(self.session.done), len(self.session.undone))
        assert {row.path: row for row in saved.changed} == {
            path: row for path, row in self.state.row_of.items() if row != before[path]
        }
        return sorted(row.path for row in saved.changed)

    def row(self, path):
        return self.state.row_of[path]

    def destination(self, path):
        return next(row.destination for row in self.state.planned.rows if row.path == path)

    @property
    def content(self):
        return self.plan.read_bytes()


@pytest.fixture
def reviewer(output, cache):
    return Reviewer(output, cache)


def test_a_decision_is_in_the_plan_at_once(reviewer, output):
    assert reviewer.decide(alone_jpg={"action": "leave"}) == ["alone.jpg"]
    assert {edit.path: edit.action for edit in read_edits(output / "plan.csv")} == {
        "best.jpg": "keep", "best.xmp": "keep", "a/copy.jpg": "remove", "same.jpg": "remove",
        "alone.jpg": "leave", "other.jpg": "keep", "notes.txt": "other",
    }  # fmt: skip
    assert reviewer.destination("alone.jpg") == ""
    assert tuple(map(str, reviewer.state.planned.changes)) == (
        "alone.jpg: keep → leave, stays where it is",
    )
    assert {path.name for path in output.iterdir()} == {".dupimg", "plan.csv"}


def test_only_the_cells_that_change_are_written(reviewer):
    before = reviewer.content
    reviewer.decide(alone_jpg={"action": "remove", "scene": 6})
    expected = before.decode().splitlines()
    number = next(i for i, line in enumerate(expected) if line.startswith("alone.jpg,keep,"))
    path, _, destination, _, *rest = expected[number].split(",")
    expected[number] = ",".join([path, "remove", destination, "6", *rest]).replace(
        "said so", "remove by hand (was keep)"
    )
    assert reviewer.content.decode().splitlines() == expected


def test_another_keeper_takes_one_step(reviewer):
    before = reviewer.content
    changed = reviewer.decide(best_jpg={"action": "remove"}, a_copy_jpg={"action": "keep"})
    assert changed == ["a/copy.jpg", "best.jpg", "best.xmp", "same.jpg"]
    assert {reviewer.row(path).keeper for path in ("best.jpg", "same.jpg")} == {"a/copy.jpg"}
    assert reviewer.destination("best.xmp").startswith("processed/")  # goes with what stays
    assert (len(reviewer.session.done), reviewer.undo()) == (1, changed)
    assert reviewer.content == before


def test_reasons_are_true_after_every_decision(reviewer):
    def reasons():
        rows = read_report(reviewer.plan)
        assert {r.path: str(r.reason) for r in rows} == {
            r.path: str(r.reason) for r in reviewer.state.rows
        }
        return {row.path: str(row.reason) for row in rows if row.duplicate_group}

    before = reasons()
    reviewer.decide(a_copy_jpg={"action": "keep"}, best_jpg={"action": "remove"})
    assert reasons() | {"best.xmp": ""} == {
        "best.jpg": "remove by hand (was keep): similar to the keeper",
        "best.xmp": "",
        "a/copy.jpg": "keep by hand (was remove): keeper of 2 duplicates",
        "same.jpg": "similar to what was the keeper; the keeper was chosen by hand",
    }
    reviewer.decide(a_copy_jpg={"action": "leave"})
    assert reasons()["same.jpg"] == (
        "similar to what was the keeper; no photo of the group is kept"
    )
    reviewer.undo()
    reviewer.undo()
    assert reasons() == before


def test_a_reason_that_a_person_wrote_stays(reviewer):
    set_cells(reviewer.plan, "alone.jpg", reason="my own; words")
    reviewer.reload()
    reviewer.decide(alone_jpg={"action": "leave"})
    assert {row.path: str(row.reason) for row in read_report(reviewer.plan)}["alone.jpg"] == (
        "my own; words"
    )


def test_scenes_are_split_and_merged(reviewer):
    reviewer.decide(alone_jpg={"scene": 3})
    assert {row.scene for row in reviewer.state.rows if row.scene} == {1, 2, 3}
    changed = reviewer.decide(alone_jpg={"scene": 1}, other_jpg={"scene": 1})
    assert changed == ["alone.jpg", "other.jpg"]
    reviewer.decide(best_jpg={"scene": 7})
    followers = ("best.jpg", "best.xmp", "a/copy.jpg", "same.jpg")
    assert {reviewer.row(path).scene for path in followers} == {7}


def test_every_step_can_be_undone_and_redone(reviewer):
    contents = [reviewer.content]
    for wanted in (
        {"alone_jpg": {"action": "leave"}},
        {"best_jpg": {"action": "remove"}, "same_jpg": {"action": "keep"}},
        {"other_jpg": {"scene": 6}, "alone_jpg": {"scene": 6}},
        {"notes_txt": {"action": "leave"}},
    ):
        reviewer.decide(**wanted)
        contents.append(reviewer.content)
    assert len(set(contents)) == 5
    for content in reversed(contents[:-1]):
        reviewer.undo()
        assert reviewer.content == content
    with pytest.raises(Refused, match="no step"):
        reviewer.undo()
    for content in contents[1:]:
        reviewer.redo()
        assert reviewer.content == content
    with pytest.raises(Refused, match="no step"):
        reviewer.redo()
    reviewer.undo()
    reviewer.decide(alone_jpg={"action": "keep"})
    assert reviewer.session.undone == []  # what was undone is past


def test_a_decision_that_changes_nothing_is_no_step(reviewer):
    before = reviewer.content
    assert reviewer.decide(alone_jpg={"action": "keep", "scene": 2}) == []
    assert (reviewer.content, reviewer.session.done) == (before, [])


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"best_jpg": {"action": "remove"}}, "would go as a whole, one must stay"),
        ({"best_xmp": {"action": "remove"}}, "expected one action for both"),
        ({"best_xmp": {"scene": 5}}, "goes where best.jpg goes; decide about that photo"),
        ({"a_copy_jpg": {"scene": 5}}, "goes where best.jpg goes; decide about that photo"),
        ({"notes_txt": {"scene": 5}}, "is no photo and has no scene"),
        ({"notes_txt": {"action": "keep"}}, "Got action 'keep', expected other or leave"),
        ({"alone_jpg": {"action": "delete"}}, "Got action 'delete', expected keep"),
        ({"alone_jpg": {"scene": 0}}, "Got scene '0', expected a whole number: 1 to 2"),
        ({"alone_jpg": {"scene": 10**6}}, "Got scene '1000000'"),
        ({"alone_jpg": {"action": "leave"}, "best_jpg": {"action": "remove"}}, "one must stay"),
    ],
)  # fmt: skip
def test_what_could_not_be_carried_out_is_refused_as_a_whole(reviewer, wanted, problem):
    before = reviewer.content
    with pytest.raises(Refused, match=problem):
        reviewer.decide(**wanted)
    assert (reviewer.content, reviewer.session.done) == (before, [])
    assert reviewer.session.current().file.stamp == reviewer.stamp


def test_a_file_outside_the_plan_is_unknown(reviewer):
    with pytest.raises(NotInPlan):
        reviewer.session.decide(reviewer.stamp, [Choice("../secret.jpg", "keep")])
    with pytest.raises(NotInPlan):
        reviewer.session.not_duplicate(reviewer.stamp, "../secret.jpg")


def test_what_was_wrong_before_does_not_stop_other_decisions(reviewer):
    set_cells(reviewer.plan, "best.jpg", action="remove")
    set_cells(reviewer.plan, "notes.txt", action="dunno")
    reviewer.reload()
    assert len(reviewer.state.problems) == 2
    assert reviewer.decide(alone_jpg={"action": "leave"}) == ["alone.jpg"]
    assert len(reviewer.state.problems) == 2
    reviewer.decide(notes_txt={"action": "leave"}, best_jpg={"action": "keep"})
    assert reviewer.state.problems == ()


def test_companions_follow_even_where_a_spreadsheet_said_otherwise(reviewer):
    set_cells(reviewer.plan, "best.xmp", action="remove")
    set_cells(reviewer.plan, "best.jpg", action="remove")
    set_cells(reviewer.plan, "a/copy.jpg", action="keep")
    reviewer.reload()
    assert reviewer.state.problems == ()
    reviewer.decide(best_jpg={"action": "keep"})
    assert reviewer.row("best.xmp").action == "keep"
    reviewer.decide(best_jpg={"action": "leave"})
    assert reviewer.row("best.xmp").action == "leave"


def test_a_destination_by_hand_gives_way_to_another_action(reviewer):
    set_cells(reviewer.plan, "alone.jpg", destination="processed/my own.jpg")
    reviewer.reload()
    reviewer.decide(alone_jpg={"scene": 5})
    assert reviewer.destination("alone.jpg") == "processed/my own.jpg"
    reviewer.decide(alone_jpg={"action": "remove"})
    assert reviewer.destination("alone.jpg").startswith("remove/image-0005-")
    reviewer.undo()
    assert reviewer.destination("alone.jpg") == "processed/my own.jpg"


# "Not a duplicate"


def test_no_duplicate_is_kept_and_remembered_until_undone(reviewer, source, cache):
    pair = tuple(sorted(reviewer.row(path).digest for path in ("a/copy.jpg", "best.jpg")))
    assert reviewer.not_duplicate("a/copy.jpg") == ["a/copy.jpg"]
    assert reviewer.row("a/copy.jpg").action == "keep"
    assert reviewer.session.apart() == [pair]
    reviewer.undo()
    assert (reviewer.row("a/copy.jpg").action, reviewer.session.apart()) == ("remove", [])
    reviewer.redo()
    assert (reviewer.row("a/copy.jpg").action, reviewer.session.apart()) == ("keep", [pair])


def test_what_an_earlier_review_remembered_outlives_an_undo(reviewer, cache):
    pair = [reviewer.row(path).digest for path in ("a/copy.jpg", "best.jpg")]
    cache.remember_distinct(*pair)
    reviewer.not_duplicate("a/copy.jpg")
    reviewer.undo()
    assert reviewer.session.apart() == [tuple(sorted(pair))]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("same.jpg", "has the same bytes as best.jpg"),
        ("best.jpg", "is not removed in favour of another photo"),
        ("best.xmp", "is not removed in favour of another photo"),
        ("notes.txt", "is not removed in favour of another photo"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(reviewer, path, problem):
    before = reviewer.content
    with pytest.raises(Refused, match=problem):
        reviewer.not_duplicate(path)
    assert (reviewer.content, reviewer.session.apart()) == (before, [])


# Somebody else writes, too


def resave(plan, *, separator=";", encoding="utf-8-sig"):
    """Save a plan as a spreadsheet does: sorted, quoted, with a column of the person's own."""
    with plan.open(encoding="utf-8-sig", newline="") as file:
        lines = [line.rstrip("\r\n").split(",") for line in file]
    header, *rows = lines
    text = [
        separator.join(f'"{cell}"' for cell in [note, *cells[::-1]])
        for note, cells in [("my notes", header), *(("seen\nit", row) for row in sorted(rows))]
    ]
    plan.write_bytes("\r\n".join(text).encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_plan_that_a_spreadsheet_saved_meanwhile_goes_on(reviewer, output, encoding, capsys):
    reviewer.decide(alone_jpg={"action": "leave"})
    resave(reviewer.plan, encoding=encoding)
    saved = reviewer.content
    with pytest.raises(PlanChanged) as caught:
        reviewer.decide(other_jpg={"action": "leave"})
    assert reviewer.content == saved
    reviewer.reload()
    assert caught.value.stamp == reviewer.stamp
    assert reviewer.session.foreign_changes == 1
    assert reviewer.row("alone.jpg").action == "leave"
    reviewer.decide(other_jpg={"action": "leave"})
    lines = saved.decode(encoding).splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if '"keep";"other.jpg"' in line)
    lines[number] = (
        lines[number].replace('"keep"', '"leave"').replace("said so", "leave by hand (was keep)")
    )
    assert reviewer.content == "".join(lines).encode(encoding)
    reviewer.undo()
    assert reviewer.content == saved
    reviewer.undo()
    assert reviewer.row("alone.jpg").action == "keep"
    assert main(["apply", str(output), "--quiet"]) == 0
    assert len(read_files(output / "processed")) == 4


def test_a_step_whose_cells_were_changed_since_is_given_up(reviewer):
    reviewer.decide(other_jpg={"action": "leave"})
    reviewer.decide(alone_jpg={"action": "leave"})
    set_cells(reviewer.plan, "alone.jpg", action="remove")
    reviewer.reload()
    before = reviewer.content
    with pytest.raises(Refused, match="Got action 'remove', which another program wrote"):
        reviewer.undo()
    assert reviewer.content == before
    assert reviewer.undo() == ["other.jpg"]  # the step before it is not stuck behind it
    assert (reviewer.row("alone.jpg").action, reviewer.row("other.jpg").action) == (
        "remove", "keep",
    )  # fmt: skip


def test_an_undo_that_would_do_harm_by_now_is_refused_and_stays(reviewer):
    reviewer.decide(a_copy_jpg={"action": "keep"})
    set_cells(reviewer.plan, "best.jpg", action="remove")
    reviewer.reload()
    with pytest.raises(Refused, match="one must stay"):
        reviewer.undo()
    reviewer.decide(same_jpg={"action": "keep"})
    reviewer.undo()
    assert len(reviewer.session.done) == 1


def test_a_row_that_is_gone_cannot_be_decided_about(reviewer):
    edit_plan(reviewer.plan, lambda path, line: None if path == "alone.jpg" else line)
    reviewer.reload()
    assert "1 file of the plan without a row" in str(reviewer.state.problems[0])
    with pytest.raises(Refused, match="has no row in the spreadsheet"):
        reviewer.decide(alone_jpg={"action": "keep"})
    assert reviewer.decide(other_jpg={"action": "leave"}) == ["other.jpg"]


def test_a_plan_that_is_none_any_more_is_told_and_comes_back(reviewer):
    whole = reviewer.content
    for broken in (b"", b"path,action\n", whole[:40]):
        reviewer.plan.write_bytes(broken)
        with pytest.raises(UsageError):
            reviewer.session.current()
        with pytest.raises(UsageError):
            reviewer.decide(alone_jpg={"action": "leave"})
        assert reviewer.content == broken
    reviewer.plan.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        reviewer.session.current()
    reviewer.plan.write_bytes(whole)
    assert reviewer.decide(alone_jpg={"action": "leave"}) == ["alone.jpg"]


PATHS = ["best.jpg", "a/copy.jpg", "same.jpg", "alone.jpg", "other.jpg", "notes.txt"]
DECISION = st.builds(
    Choice,
    st.sampled_from(PATHS),
    st.sampled_from(["keep", "remove", "leave", "other", None]),
    st.sampled_from([1, 2, 7, 8, None]),  # the last one is refused
)
STEP = st.one_of(
    st.lists(DECISION, min_size=1, max_size=4),
    st.sampled_from(["undo", "redo"]),
    st.sampled_from(PATHS),  # is no duplicate
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEP, max_size=12))
def test_whatever_is_decided_the_plan_can_be_carried_out_and_taken_back(output, cache, steps):
    reviewer = Reviewer(output, cache)
    first = reviewer.content
    for step in steps:
        before = reviewer.content
        try:
            if isinstance(step, list):
                reviewer.saw(reviewer.session.decide(reviewer.stamp, step))
            elif step in PATHS:
                reviewer.not_duplicate(step)
            else:
                getattr(reviewer, step)()
        except Refused:
            assert reviewer.content == before
        assert reviewer.state.problems == ()
        # What was worked out decision by decision is what the file says, and as a whole.
        state = reviewer.state
        assert state == review_state(state.decided, state.file)
        merged, _ = merge_decisions(
            state.decided.rows, state.file.filled_edits, state.decided.scenes
        )
        assert state.rows == tuple(merged)
    while reviewer.session.done:
        reviewer.undo()
    assert reviewer.content == first
    assert reviewer.session.apart() == []


def test_two_pages_at_once_lose_nothing(tmp_path, source, cache):
    """Forty decisions from four threads, each about what it saw: all of them, or a conflict."""
    reviewer = Reviewer(planned(source, tmp_path / "many", last_scene=400), cache)
    taken = []

    def page(number):
        for scene in range(10):
            wanted = Choice("alone.jpg", scene=100 * number + scene + 1)
            while True:
                stamp = reviewer.session.current().file.stamp
                try:
                    reviewer.session.decide(stamp, [wanted])
                except PlanChanged:
                    continue
                taken.append(wanted.scene)
                break

    pages = [threading.Thread(target=page, args=(number,)) for number in range(4)]
    for thread in pages:
        thread.start()
    for thread in pages:
        thread.join()
    assert len(set(taken)) == len(reviewer.session.done) == 40
    steps = reviewer.session.done
    assert [a.cells[0].after for a in steps[:-1]] == [b.cells[0].before for b in steps[1:]]
    reviewer.reload()
    assert str(reviewer.row("alone.jpg").scene) == steps[-1].cells[0].after


def test_while_another_run_is_at_work_nothing_is_decided(reviewer, output):
    before = reviewer.content
    with locked(output), pytest.raises(UsageError, match="another run is at work"):
        reviewer.decide(alone_jpg={"action": "leave"})
    assert reviewer.content == before
    assert reviewer.decide(alone_jpg={"action": "leave"}) == ["alone.jpg"]


def test_a_plan_that_was_carried_out_meanwhile_is_over(reviewer, output):
    assert main(["apply", str(output), "--quiet"]) == 0
    before = snapshot(output)
    for call in (reviewer.session.current, lambda: reviewer.decide(alone_jpg={"action": "leave"})):
        with pytest.raises(ReviewOver, match="was carried out or made anew"):
            call()
    assert snapshot(output) == before


def test_a_plan_made_anew_meanwhile_is_another_one(reviewer, source, output):
    write_planned(source, output, [row_of(source, "notes.txt")])
    with pytest.raises(ReviewOver):
        reviewer.decide(alone_jpg={"action": "leave"})


# What can be reviewed at all


def test_a_folder_without_a_plan_is_refused(tmp_path, cache, source):
    with pytest.raises(UsageError, match=r"nothing was planned.*`dupimg plan "):
        ReviewSession(source, cache)
    with pytest.raises(UsageError, match=r"nowhere, which does not exist.*`dupimg plan "):
        ReviewSession(tmp_path / "nowhere", cache)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cache.sqlite", "cache.sqlite-shm", "cache.sqlite-wal", "in",
    ]  # fmt: skip


def test_a_plan_that_is_carried_out_is_refused_until_taken_back(output, cache):
    main(["apply", str(output), "--quiet"])
    with pytest.raises(UsageError, match=r"is carried out.*`dupimg undo .*the whole run back"):
        ReviewSession(output, cache)
    main(["undo", str(output), "--quiet"])
    reviewer = Reviewer(output, cache)
    reviewer.decide(alone_jpg={"action": "leave"})
    assert main(["apply", str(output / "plan.csv"), "--quiet"]) == 0
    assert len(read_files(output / "processed")) == 3


def test_a_plan_under_another_name_is_reviewed_there(output, cache):
    (output / "plan.csv").rename(output / "mine.csv")
    session = ReviewSession(output / "mine.csv", cache)
    session.decide(session.current().file.stamp, [Choice("alone.jpg", "leave")])
    assert not (output / "plan.csv").exists()
    actions = {edit.path: edit.action for edit in read_edits(output / "mine.csv")}
    assert actions["alone.jpg"] == "leave"


def test_the_order_of_rows_is_that_of_the_decision(reviewer, output):
    lines = (output / ".dupimg/plan.jsonl").read_text().splitlines()[1:]
    order = [json.loads(line)["path"] for line in lines]
    reviewer.decide(best_jpg={"scene": 7})
    assert [row.path for row in reviewer.state.rows] == order


def test_a_place_that_does_not_exist_is_named_as_it_was_given(tmp_path):
    with pytest.raises(UsageError, match=r"Got .*nowhere, which does not exist"):
        ReviewSession(tmp_path / "nowhere", Cache(None))
