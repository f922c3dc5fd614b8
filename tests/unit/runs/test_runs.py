from __future__ import annotations

import json
import os
import re
import shutil

import pytest
from files import make_files, read_files, sample, save, snapshot
from filesystems import loop_mounted, run
from PIL import Image
from planned import edit_plan, row_of, set_cells, write_planned

from dupimg.cli.main import main
from dupimg.runs.journal import UNDOING, Journal

FILES = {
    "best.jpg": b"best", "best.xmp": b"best sidecar", "a/copy.jpg": b"copy", "alone.jpg": b"alone",
    "notes.txt": b"notes", "a/猫.bin": b"cat",
}  # fmt: skip
COUNTED = ("kept", "removed", "other", "FAILED")
STEM = "image-0001-20240501100000000"
DECIDED = {
    f"processed/{STEM}.jpg": b"best",
    f"processed/{STEM}.xmp": b"best sidecar",
    f"remove/{STEM}--copy.jpg": b"copy",
    "processed/image-0002-20240501100000000.jpg": b"alone",
    "other/notes.txt": b"notes",
    "other/a/猫.bin": b"cat",
}


@pytest.fixture
def source(tmp_path):
    make_files(tmp_path / "in", FILES, mtime=1.2e9)
    return tmp_path / "in"


@pytest.fixture
def output(tmp_path, source):
    """Return a folder that holds a plan."""
    rows = [
        row_of(source, "best.jpg", "keep", duplicate_group=1),
        row_of(source, "best.xmp", "keep", scene=1, duplicate_group=1, companion_of="best.jpg"),
        row_of(source, "a/copy.jpg", "remove", keeper="best.jpg", duplicate_group=1),
        row_of(source, "alone.jpg", "keep", scene=2),
        row_of(source, "notes.txt"),
        row_of(source, "a/猫.bin"),
    ]
    write_planned(source, tmp_path / "out", rows)
    return tmp_path / "out"


@pytest.fixture
def dupimg(capsys):
    """Return a function that runs a command and returns its exit status and what it printed."""

    def run(*words):
        status = main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def results(folder):
    """Read what a run brought to the output, without plans and reports."""
    return {name: content for name, content in read_files(folder).items() if "/" in name}


def cut_short(output, steps):
    """Leave what a kill after some steps of a copy leaves: fewer marks, fewer files."""
    path = output / ".dupimg" / "journal.jsonl"
    lines = path.read_text().splitlines()
    end = 1 + json.loads(lines[0])["rows"]
    records = [json.loads(line) for line in lines[1:end]]
    kept = [mark for mark in lines[end:] if "done" in mark][:steps]
    done = {json.loads(mark)["done"] for mark in kept}
    path.write_text("\n".join([*lines[:end], *kept]))
    (output / "report.csv").unlink()
    for number, record in enumerate(records):
        if number not in done and record["destination"]:
            (output / record["destination"]).unlink()


@pytest.mark.parametrize("flag", ["--process_mode=copy", "--process_mode=move", "--hard_link"])
def test_plan_apply_undo_and_apply_again(source, output, dupimg, flag):
    before = snapshot(source)
    for _ in range(2):
        assert dupimg("apply", output, flag)[0] == 0
        assert results(output) == DECIDED
        assert snapshot(source) == ({} if "move" in flag else before)
        assert dupimg("undo", output)[0] == 0
        assert results(output) == {}
        assert snapshot(source) == before
        assert not (output / "processed").exists()


def test_status_says_where_things_stand(tmp_path, output, dupimg):
    assert "which does not exist" in dupimg("status", tmp_path / "nowhere")[1]
    assert "no run was planned" in dupimg("status", tmp_path)[1]
    assert "planned, not carried out" in dupimg("status", output)[1]
    dupimg("apply", output)
    assert (
        "finished, 6 of 6 files were put in place (mode copy), 0 failed"
        in dupimg("status", output)[1]
    )
    cut_short(output, 2)
    assert "unfinished, 2 of 6 files were put in place" in dupimg("status", output)[1]
    assert dupimg("apply", output)[0] == 0
    assert results(output) == DECIDED
    (output / "other/notes.txt").write_text("edited")
    assert dupimg("undo", output)[0] == 1
    text = dupimg("status", output)[1]
    assert "partly taken back, 1 of 6 files is still in place; undo.csv says why" in text
    status, text = dupimg("apply", output)
    assert (status, "is partly taken back" in text) == (2, True)
    (output / "other/notes.txt").write_text("notes")
    assert dupimg("undo", output)[0] == 0
    assert "taken back, every file is where it was" in dupimg("status", output)[1]
    status, text = dupimg("undo", output)
    assert (status, "was taken back already" in text) == (2, True)


def test_status_names_the_report_of_an_undo_only_if_that_came_to_write_it(output, dupimg):
    dupimg("apply", output)
    with Journal(output) as journal:  # an undo that was killed after its first file
        journal.mark_state(UNDOING)
        journal.mark_undone(0)
    cut_off = (
        "partly taken back, 5 of 6 files are still in place: that was interrupted. `dupimg undo"
    )
    assert cut_off in dupimg("status", output)[1]
    (output / "other/notes.txt").write_text("edited")
    assert dupimg("undo", output)[0] == 1
    assert "undo.csv says why" in dupimg("status", output)[1]
    (output / "other/notes.txt").write_text("notes")
    with Journal(output) as journal:  # one more that was killed
        os.utime(output / "undo.csv", ns=(0, 10**9))
        journal.mark_state(UNDOING)
    assert "that was interrupted" in dupimg("status", output)[1]
    assert dupimg("undo", output)[0] == 0


def test_apply_shows_what_the_edits_change(output, dupimg):
    set_cells(output / "plan.csv", "alone.jpg", action="leave")
    set_cells(output / "plan.csv", "notes.txt", action="leave", reason="mine")
    status, text = dupimg("apply", output / "plan.csv")
    assert status == 0
    assert "2 files changed by your edits:\n" in text
    assert "  alone.jpg: keep → leave, stays where it is\n" in text
    assert "left            2 where they are" in text
    assert set(DECIDED) - set(results(output)) == {
        "processed/image-0002-20240501100000000.jpg", "other/notes.txt",
    }  # fmt: skip


def test_apply_tells_what_follows_from_the_edits_apart(output, dupimg):
    set_cells(output / "plan.csv", "best.jpg", scene="2")
    _, text = dupimg("apply", output, "--dry_run")
    decided, followed = text.split("2 other files changed as a consequence:\n")
    assert "1 file changed by your edits:\n  best.jpg: scene 1 → 2, to processed/" in decided
    assert "  best.xmp: scene 1 → 2, to processed/" in followed
    assert "  a/copy.jpg: scene 1 → 2, to remove/" in followed


def test_of_many_edits_the_first_are_shown(tmp_path, dupimg):
    names = [f"{number:02}.txt" for number in range(30)]
    make_files(tmp_path / "in", dict.fromkeys(names, b"x"))
    write_planned(tmp_path / "in", tmp_path / "out", [row_of(tmp_path / "in", n) for n in names])
    edit_plan(tmp_path / "out/plan.csv", lambda path, line: line | {"action": "leave"})
    _, text = dupimg("apply", tmp_path / "out", "--dry_run")
    assert "30 files changed by your edits:" in text
    assert "… and 20 more" in text
    assert ("09.txt: other → leave" in text, "10.txt" in text) == (True, False)


def test_companions_follow_an_edit_of_their_photo(source, output, dupimg):
    set_cells(output / "plan.csv", "best.jpg", action="remove")
    set_cells(output / "plan.csv", "a/copy.jpg", action="keep")
    assert dupimg("apply", output, "--process_mode=move")[0] == 0
    assert results(output) == {
        f"processed/{STEM}.jpg": b"copy",
        f"processed/{STEM}.xmp": b"best sidecar",
        f"remove/{STEM}--best.jpg": b"best",
        "processed/image-0002-20240501100000000.jpg": b"alone",
        "other/notes.txt": b"notes",
        "other/a/猫.bin": b"cat",
    }


@pytest.mark.parametrize("steps", [0, 3])
def test_a_dry_run_touches_nothing(tmp_path, output, dupimg, steps):
    if steps:
        dupimg("apply", output)
        cut_short(output, steps)
    before = snapshot(tmp_path)
    status, text = dupimg("apply", output, "--dry_run")
    assert (status, "nothing was done" in text) == (0, True)
    assert snapshot(tmp_path) == before


def test_an_unfinished_run_goes_on_only_in_the_way_it_began(output, dupimg):
    dupimg("apply", output, "--hard_link")
    cut_short(output, 3)
    status, text = dupimg("apply", output, "--process_mode=move")
    assert (status, "Got move for a run that was begun as hard_link" in text) == (2, True)
    assert dupimg("apply", output)[0] == 0
    assert results(output) == DECIDED
    assert (output / "other/notes.txt").stat().st_nlink == 2


def test_new_files_stay_and_are_mentioned(source, output, dupimg):
    make_files(source, {"new.jpg": b"new"})
    status, text = dupimg("apply", output, "--process_mode=move")
    assert (status, "1 new file since the plan" in text) == (0, True)
    assert results(output) == DECIDED
    assert read_files(source) == {"new.jpg": b"new"}


def test_failed_files_are_told_and_tried_again(source, output, dupimg):
    dupimg("apply", output)
    cut_short(output, 0)
    make_files(output, {"other/notes.txt": b"somebody's"})
    status, text = dupimg("apply", output)
    assert (status, "FAILED          1 file," in text) == (1, True)
    assert "found           6 files = kept + removed + other + failed\n" in text
    numbers = [int(re.search(rf"^{name} +(\d+) ", text, re.M)[1]) for name in COUNTED]
    assert numbers == [3, 1, 1, 1]
    assert "1 failed" in dupimg("status", output)[1]
    assert results(output) == DECIDED | {"other/notes.txt": b"somebody's"}
    (output / "other/notes.txt").unlink()
    assert dupimg("apply", output)[0] == 0
    assert results(output) == DECIDED


@pytest.mark.parametrize("flag", ["--process_mode=copy", "--process_mode=move"])
def test_undo_leaves_alone_what_was_in_the_way(tmp_path, source, output, dupimg, flag):
    before = snapshot(source)
    dupimg("apply", output, flag, "--quiet")
    dupimg("undo", output, "--quiet")
    journal = output / ".dupimg" / "journal.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[: 1 + json.loads(lines[0])["rows"]]))  # killed at once
    make_files(output, {"other/notes.txt": b"somebody's"})
    assert dupimg("apply", output)[0] == 1
    assert dupimg("undo", output)[0] == 0
    assert snapshot(source) == before
    assert results(output) == {"other/notes.txt": b"somebody's"}
    assert "every file is where it was" in dupimg("status", output)[1]


# What is refused before anything is touched: exit status 2, every problem with its row.


def refused(dupimg, folder, *words):
    """Run a command that must refuse; return what it says."""
    before = snapshot(folder)
    links = sorted(path for path in folder.rglob("*") if path.is_symlink())
    status, text = dupimg(*words)
    assert status == 2, text
    assert snapshot(folder) == before
    assert sorted(path for path in folder.rglob("*") if path.is_symlink()) == links
    return text


def row_number(output, path):
    numbers = {}
    edit_plan(output / "plan.csv", lambda name, line: numbers.setdefault(name, line))
    return list(numbers).index(path) + 2


def vanish(source, output):
    (source / "alone.jpg").unlink()


def grow(source, output):
    make_files(source, {"alone.jpg": b"longer than before"}, mtime=1.2e9)


def touch(source, output):
    os.utime(source / "alone.jpg", (1.3e9, 1.3e9))


def change_secretly(source, output):
    make_files(source, {"alone.jpg": b"ALONE"}, mtime=1.2e9)


def replace_by_folder(source, output):
    (source / "alone.jpg").unlink()
    (source / "alone.jpg").mkdir()


def replace_by_link(source, output):
    (source / "alone.jpg").rename(source / "b.jpg")
    (source / "alone.jpg").symlink_to("b.jpg")


def take_the_place(source, output):
    make_files(output, {"processed/image-0002-20240501100000000.jpg": b"somebody's"})


def link_the_folder(source, output):
    (source.parent / "elsewhere").mkdir()
    (output / "processed").symlink_to(source.parent / "elsewhere")


def write(**cells):
    return lambda source, output: set_cells(output / "plan.csv", "alone.jpg", **cells)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (vanish, "has vanished since the plan"),
        (grow, "has 18 bytes now, 5 in the plan"),
        (touch, "has another modification time than in the plan"),
        (change_secretly, "has another content than in the plan"),
        (replace_by_folder, "is no file any more"),
        (replace_by_link, "is no file any more"),
        (take_the_place, "is taken by another file"),
        (link_the_folder, "is behind a symbolic link"),
        (write(action="delete"), "Got action 'delete', expected keep, remove or leave"),
        (write(action="other"), "Got action 'other'"),
        (write(scene="-3"), "Got scene '-3', expected a whole number: 1 to"),
        (write(digest="0" * 64), "is not in the plan that was made for this folder"),
        (write(destination="/etc/alone.jpg"), "is not inside processed/"),
        (write(destination="../alone.jpg"), "is not inside processed/"),
        (write(destination="processed/../../alone.jpg"), "is not inside processed/"),
        (write(destination="processed/a/./alone.jpg"), "is not inside processed/"),
        (write(destination="processed"), "is not inside processed/"),
        (write(destination="processed/\\u0000"), "is not inside processed/"),
        (write(destination=".dupimg/journal.jsonl"), "is not inside processed/"),
        (write(destination="plan.csv"), "is not inside processed/"),
        (write(destination=f"PROCESSED/{STEM}.jpg"), "is not inside processed/"),
        (write(destination=f"processed/{STEM.upper()}.JPG"), "is that of"),
    ],
)  # fmt: skip
def test_every_problem_is_listed_with_its_row(tmp_path, source, output, dupimg, change, problem):
    set_cells(output / "plan.csv", "notes.txt", action="dunno")  # never the only problem
    change(source, output)
    number = row_number(output, "alone.jpg")
    text = refused(dupimg, tmp_path, "apply", output)
    problems = [line for line in text.splitlines() if f"row {number}: alone.jpg: " in line]
    assert any(problem in line for line in problems), text
    assert f"row {row_number(output, 'notes.txt')}: notes.txt: Got action 'dunno'" in text
    assert "Traceback" not in text


def test_a_group_of_which_nothing_stays_is_refused(tmp_path, output, dupimg):
    set_cells(output / "plan.csv", "best.jpg", action="remove")
    text = refused(dupimg, tmp_path, "apply", output)
    assert "duplicate group 1 would go as a whole, one must stay" in text


def test_a_file_with_two_rows_is_refused(tmp_path, output, dupimg):
    plan = output / "plan.csv"
    plan.write_text(
        plan.read_text("utf-8-sig") + plan.read_text("utf-8-sig").splitlines()[1] + "\n"
    )
    assert "has row 2 already, expected one row" in refused(dupimg, tmp_path, "apply", output)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("path,action", "path,deed"), "without the column action"),
        (lambda text: text.replace("path,action", "action,action"), "without the column path, act"),
        (lambda text: text + 'x,"never closed', "which is no CSV file"),
        (lambda text: "", "which is empty"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, output, dupimg, spoil, message):
    text = (output / "plan.csv").read_text("utf-8-sig")
    (output / "plan.csv").write_text(spoil(text))
    assert message in refused(dupimg, tmp_path, "apply", output)


def test_a_plan_of_another_input_is_refused(tmp_path, output, dupimg):
    make_files(tmp_path / "in 2", {"best.jpg": b"other best", "x": b"x"})
    rows = [row_of(tmp_path / "in 2", name) for name in ("best.jpg", "x")]
    write_planned(tmp_path / "in 2", tmp_path / "out 2", rows)
    shutil.copy(output / "plan.csv", tmp_path / "out 2" / "plan.csv")
    text = refused(dupimg, tmp_path, "apply", tmp_path / "out 2")
    assert text.count("is not in the plan that was made for this folder") == len(FILES)


def test_a_plan_away_from_its_folder_is_refused(tmp_path, output, dupimg):
    (tmp_path / "lone").mkdir()
    shutil.copy(output / "plan.csv", tmp_path / "lone")
    text = refused(dupimg, tmp_path, "apply", tmp_path / "lone" / "plan.csv")
    assert "beside which no run was planned" in text
    (output / "plan.csv").unlink()
    assert "cannot be read" in refused(dupimg, tmp_path, "apply", output)


def test_a_finished_run_is_not_carried_out_again(tmp_path, source, output, dupimg):
    dupimg("apply", output, "--quiet")
    assert "already holds results" in refused(dupimg, tmp_path, "apply", output / "plan.csv")
    assert "already holds results" in refused(dupimg, tmp_path, "plan", source, output)
    cut_short(output, 1)
    shutil.rmtree(output / "processed", ignore_errors=True)
    shutil.rmtree(output / "remove", ignore_errors=True)
    shutil.rmtree(output / "other", ignore_errors=True)
    assert "where a run is unfinished" in refused(dupimg, tmp_path, "plan", source, output)


def test_an_input_that_is_gone_is_refused(tmp_path, source, output, dupimg):
    source.rename(tmp_path / "moved away")
    assert "does not exist" in refused(dupimg, tmp_path, "apply", output)


@pytest.mark.parametrize(
    "flags",
    [["--hard_link", "--reflink"], ["--process_mode=move", "--hard_link"],
     ["--process_mode=move", "--reflink"]],
)  # fmt: skip
def test_conflicting_ways_are_refused(tmp_path, output, dupimg, flags):
    assert "expected one way" in refused(dupimg, tmp_path, "apply", output, *flags)


# Ways that not every filesystem has.


@pytest.fixture
def btrfs(tmp_path):
    """Yield an empty filesystem that can share blocks."""
    make, mount = ["mkfs.btrfs", "-q"], ["mount", "-t", "btrfs"]
    folder = tmp_path / "btrfs"
    with loop_mounted(folder, make, mount, megabytes=120, package="btrfs-progs") as mounted:
        yield mounted


def test_hard_links_take_no_space(source, output, dupimg):
    assert dupimg("apply", output, "--hard_link")[0] == 0
    assert (output / "other/notes.txt").samefile(source / "notes.txt")


def test_hard_links_across_filesystems_are_refused(tmp_path, other_filesystem, dupimg):
    make_files(tmp_path / "in", FILES)
    write_planned(tmp_path / "in", other_filesystem, [row_of(tmp_path / "in", "notes.txt")])
    text = refused(dupimg, other_filesystem, "apply", other_filesystem, "--hard_link")
    assert "Got --hard_link, which does not work" in text
    assert "Leave --hard_link out to copy" in text


def test_clones_are_refused_where_there_are_none(source, other_filesystem, dupimg):
    write_planned(source, other_filesystem, [row_of(source, "notes.txt")])
    text = refused(dupimg, other_filesystem, "apply", other_filesystem, "--reflink")
    assert "Got --reflink, which does not work" in text


def test_clones_on_btrfs_are_copies_that_share_blocks(btrfs, dupimg):
    content = os.urandom(1 << 20)
    make_files(btrfs / "in", {f"{number}.bin": content for number in range(8)}, mtime=1.2e9)
    before = snapshot(btrfs / "in")
    rows = [row_of(btrfs / "in", name) for name in before]
    write_planned(btrfs / "in", btrfs / "out", rows)
    run(["sync", "--file-system", btrfs])
    used = shutil.disk_usage(btrfs).used
    assert dupimg("apply", btrfs / "out", "--reflink")[0] == 0
    run(["sync", "--file-system", btrfs])
    assert shutil.disk_usage(btrfs).used - used < 4 << 20
    assert snapshot(btrfs / "out/other") == snapshot(btrfs / "in") == before
    assert not (btrfs / "out/other/0.bin").samefile(btrfs / "in/0.bin")
    (btrfs / "in/0.bin").write_bytes(b"changed")
    assert (btrfs / "out/other/0.bin").read_bytes() == content
    make_files(btrfs / "in", {"0.bin": content}, mtime=1.2e9)
    assert dupimg("undo", btrfs / "out")[0] == 0
    assert snapshot(btrfs / "in") == before


@pytest.mark.parametrize("flag", ["--hard_link", "--reflink", "--process_mode=copy"])
def test_what_a_killed_probe_left_is_no_danger(source, output, dupimg, flag):
    os.link(source / "alone.jpg", output / ".dupimg" / "probe")
    status, text = dupimg("apply", output, flag)
    assert (status, "cannot share blocks" in text) in ((0, False), (2, True))
    assert read_files(source) == FILES


# The whole way, on real photos.


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "in"
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, folder / "cat.png", taken="2024:05:01 10:00:00")
    save(cat, folder / "a" / "cat.jpg", quality=80, taken="2024:05:01 10:00:01")
    coffee = Image.open(sample("coffee.png")).convert("RGB")
    save(coffee, folder / "coffee.jpg", taken="2023:01:01 00:00:00")
    make_files(folder, {"cat.xmp": b"<x/>", "notes.txt": b"notes", "broken.jpg": b"\xff\xd8\xff"})
    return folder


def test_plan_then_apply_is_organize(photos, tmp_path, dupimg):
    before = snapshot(photos)
    assert dupimg("plan", photos, tmp_path / "planned")[0] == 0
    assert results(tmp_path / "planned") == {}
    status, text = dupimg("apply", tmp_path / "planned" / "plan.csv")
    assert (status, "the plan is carried out as it was decided" in text) == (0, True)
    assert dupimg("organize", photos, tmp_path / "organized")[0] == 0
    assert snapshot(tmp_path / "planned/processed") == snapshot(tmp_path / "organized/processed")
    assert results(tmp_path / "planned") == results(tmp_path / "organized")
    assert len(results(tmp_path / "planned")) == len(before)
    report = (tmp_path / "planned/report.csv").read_bytes()
    assert report == (tmp_path / "organized/report.csv").read_bytes()
    assert snapshot(photos) == before


def test_organize_goes_on_after_a_kill_with_the_same_options_only(photos, tmp_path, dupimg):
    output = tmp_path / "out"
    assert dupimg("organize", photos, output)[0] == 0
    done, report = snapshot(output), (output / "report.csv").read_bytes()
    cut_short(output, 2)
    text = refused(dupimg, output, "organize", photos, output, "--process_mode=move")
    assert "a run with other options is unfinished" in text
    text = refused(dupimg, output, "organize", photos, output, "--duplicate_threshold=0.9")
    assert "a run with other options is unfinished" in text
    assert dupimg("organize", photos, output, "--jobs=1", "--quiet")[0] == 0
    assert snapshot(output).keys() == done.keys()
    assert (output / "report.csv").read_bytes() == report
    assert "already holds results" in refused(dupimg, output, "organize", photos, output)
    assert dupimg("undo", output)[0] == 0
    assert results(output) == {}


def test_planning_again_keeps_an_edited_plan(photos, tmp_path, dupimg):
    output = tmp_path / "out"
    dupimg("plan", photos, output)
    first = (output / "plan.csv").read_bytes()
    set_cells(output / "plan.csv", "notes.txt", action="leave")
    edited = (output / "plan.csv").read_bytes()
    status, told = dupimg("plan", photos, output)
    assert status == 0
    assert (output / "plan.csv").read_bytes() == first
    assert (output / "plan-1.csv").read_bytes() == edited
    assert "The plan.csv that was there is plan-1.csv now." in told
    assert dupimg("apply", output / "plan-1.csv", "--quiet")[0] == 0
    assert "other/notes.txt" not in results(output)


def test_organize_does_not_pass_over_a_plan_that_may_have_been_edited(source, output, dupimg):
    before = read_files(output)
    status, printed = dupimg("organize", source, output)
    assert status == 2
    assert "which holds a plan.csv" in printed
    assert f"`dupimg apply {output / 'plan.csv'}`" in printed
    assert read_files(output) == before


@pytest.mark.parametrize("bytes_left", [300, 600, 1000])
def test_a_plan_that_was_cut_off_is_refused(source, output, dupimg, bytes_left):
    plan = output / "plan.csv"
    plan.write_bytes(plan.read_bytes()[:bytes_left])
    before = snapshot(source)
    text = refused(dupimg, output, "apply", plan)
    assert "of the plan without a row" in text or "digest" in text or "is not in the plan" in text
    assert snapshot(source) == before
