"""Several input folders, protected ones, and runs that leave most files where they are."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from files import make_files, read_files, sample, save, snapshot
from PIL import Image
from planned import set_cells

import dupimg
from dupimg.app.results import describe
from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.plans.report import from_cell
from dupimg.runs.status import status


def picture(name: str) -> Image.Image:
    return Image.open(sample(name)).convert("RGB")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return f"--cache={tmp_path_factory.mktemp('cache') / 'cache.sqlite'}"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two folders of one name with copies of each other, and what belongs to photos."""
    monkeypatch.chdir(tmp_path)
    cat, coffee = picture("chelsea.png"), picture("coffee.png")
    save(cat, Path("one/photos/2024/cat.jpg"), quality=95, taken="2024:05:01 10:00:00")
    save(coffee, Path("one/photos/cup.jpg"), taken="2024:05:02 10:00:00")
    save(cat.resize((300, 200)), Path("two/photos/cat small.jpg"), taken="2024:05:01 10:00:00")
    save(picture("rocket.jpg"), Path("two/photos/rocket.jpg"), taken="2024:05:03 10:00:00")
    make_files(Path("one/photos"), {"cup.xmp": "cup"})
    others = {"cup.xmp": "of no photo", "notes.txt": "hello", "cat small.xmp": "own"}
    make_files(Path("two/photos"), others)
    return tmp_path


@pytest.fixture
def run(cache):
    def run(*words, status=0):
        assert main([*map(str, words), cache]) == status

    return run


def reported(out: str) -> dict[str, dict[str, str]]:
    with Path(out, "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {from_cell(line["path"]): line for line in csv.DictReader(file)}


def check_sum(out: str, said: str) -> None:
    """Found is kept, removed, other and left, and every file has one row."""
    counted = re.findall(r"^(found|kept|removed|other|left) +([\d,]+)", said, re.MULTILINE)
    numbers = {name: int(count.replace(",", "")) for name, count in counted}
    assert numbers.pop("found") == sum(numbers.values()) == len(reported(out))


def test_two_folders_are_one_collection(folders, run, capsys):
    before = {**snapshot(Path("one")), **snapshot(Path("two"))}
    run("organize", "one/photos", "two/photos", "out", "--process_mode=move")
    said = capsys.readouterr().out
    check_sum("out", said)
    one, two = (str(folders / name / "photos") for name in ("one", "two"))
    assert said.splitlines()[0] == f"input    {one}, {two}; output: out"
    rows = reported("out")
    assert rows["two/photos/cat small.jpg"]["keeper"] == "one/photos/2024/cat.jpg"
    assert rows["two/photos/cat small.jpg"]["input"] == two
    assert rows["one/photos/cup.xmp"]["companion_of"] == "one/photos/cup.jpg"
    assert rows["two/photos/cup.xmp"]["action"] == "other"
    placed = read_files(Path("out"))
    assert placed["other/two/photos/notes.txt"] == b"hello"
    assert placed["processed/image-0001-20240501100000000.xmp"] == b"own"
    assert read_files(Path("one")) == read_files(Path("two")) == {}
    run("undo", "out")
    assert {**snapshot(Path("one")), **snapshot(Path("two"))} == before


def test_plan_review_and_add_know_several_folders(folders, run, capsys):
    run("plan", "one/photos", "two/photos", "out")
    set_cells(Path("out/plan.csv"), "two/photos/rocket.jpg", action="leave")
    run("apply", "out", "--process_mode=move")
    assert list(read_files(Path("two"))) == ["photos/rocket.jpg"]
    for month, name in enumerate(("brick.png", "grass.png")):
        save(picture(name), Path(f"two/photos/{name}.jpg"), taken=f"2024:06:0{month + 1} 10:00:00")
        save(picture(name).resize((200, 200)), Path(f"card/{name}.jpg"))
        run("add", "two/photos", "card", "out", "--process_mode=move")
        assert read_files(Path("card")) == {}
    rows = reported("out")
    added = str(folders / "card/grass.png.jpg")
    assert rows[added]["keeper"] == "two/photos/grass.png.jpg"
    check_sum("out", capsys.readouterr().out)
    for _ in range(3):
        run("undo", "out")
    assert len(read_files(Path("two"))) == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["one", "one/photos", "out"], "one/photos, which is inside one"),
        (["one", "one/../one", "out"], "which are one folder"),
        (["one", "two", "one/out"], "is inside input_dir=one"),
        (["one/photos", "out", "--protect=one"], "is inside protect=one, where everything stays"),
        (["one", "two/out", "--protect=two"], "is inside protect=two"),
        (["one", "out", "--protect=three"], "Got protect=three, which does not exist"),
        (["one", "out", "--only=duplicates", "--merge_metadata"], "merging writes files"),
    ],
)
def test_folders_that_mix_are_refused(folders, run, capsys, words, message):
    run("organize", *words, status=2)
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_the_protected_photo_stays_even_beside_its_equal(folders, run, capsys):
    cat = Path("one/photos/2024/cat.jpg").read_bytes()
    best = Path("two/photos/best")
    make_files(best, {"cat 1.jpg": cat, "cat 2.jpg": cat, "cat 1.xmp": "edits", "a.txt": "x"})
    before = snapshot(best)
    everything = read_files(Path("one")), read_files(Path("two"))
    words = ["one/photos", "two/photos", "--protect=two/photos/best"]
    run("organize", *words, "out", "--process_mode=move", "--keep=bytes", "--avoid=best")
    check_sum("out", capsys.readouterr().out)
    assert snapshot(Path("two/photos/best")) == before
    rows = reported("out")
    left = [path for path, row in rows.items() if row["action"] == "leave"]
    protected = [f"best/{name}" for name in ("a.txt", "cat 1.jpg", "cat 1.xmp", "cat 2.jpg")]
    # Nothing is written beside the protected photo, so what belongs to its copy stays.
    assert sorted(left) == [f"two/photos/{name}" for name in (*protected, "cat small.xmp")]
    assert all(not rows[path]["destination"] for path in left)
    assert rows["one/photos/2024/cat.jpg"]["keeper"] == "two/photos/best/cat 1.jpg"
    assert "the keeper is in a protected folder" in rows["one/photos/2024/cat.jpg"]["reason"]
    assert rows["two/photos/best/cat 2.jpg"]["reason"].startswith("in a protected folder")
    assert rows["two/photos/cat small.jpg"]["action"] == "remove"
    run("undo", "out")
    assert (read_files(Path("one")), read_files(Path("two"))) == everything


def test_a_protected_folder_outside_is_a_further_folder(folders, run, capsys):
    make_files(Path(), {"nas/best/cup.jpg": Path("one/photos/cup.jpg").read_bytes()})
    before = snapshot(Path("nas"))
    run("plan", "one/photos", "out", "--protect=nas/best", "--process_mode=move", status=2)
    run("plan", "one/photos", "out", "--protect=nas/best")
    plan = Path("out/plan.csv")
    for cells in ({"action": "keep"}, {"destination": "processed/x.jpg"}):
        content = plan.read_bytes()
        set_cells(plan, "best/cup.jpg", **cells)
        run("apply", "out", status=2)
        assert "is in a protected folder, expected the action leave" in capsys.readouterr().err
        plan.write_bytes(content)
    run("apply", "out", "--process_mode=move")
    check_sum("out", capsys.readouterr().out)
    rows = reported("out")
    assert rows["photos/cup.jpg"]["keeper"] == "best/cup.jpg"
    assert rows["best/cup.jpg"]["action"] == "leave"
    assert rows["best/cup.jpg"]["scene"] == rows["photos/cup.jpg"]["scene"]
    assert (rows["photos/cup.xmp"]["action"], rows["photos/cup.xmp"]["destination"]) == (
        "leave",
        "",
    )
    # It has grown: what is in it stays, and a copy that was kept goes in its favour.
    make_files(
        Path(),
        {"nas/best/cat.jpg": Path("out", rows["photos/2024/cat.jpg"]["destination"]).read_bytes()},
    )
    before = snapshot(Path("nas"))
    run("add", "two/photos", "out", "--process_mode=move")
    rows = reported("out")
    assert rows["photos/2024/cat.jpg"]["keeper"] == "best/cat.jpg"
    assert rows["photos/2024/cat.jpg"]["destination"].startswith("remove/")
    run("add", "two", "out", "--protect=one", status=2)
    assert "is inside protect=one" in capsys.readouterr().err
    make_files(Path(), {"one/photos/late.txt": "x", "two/late.txt": "y"})
    run("add", "one", "out", "--process_mode=move", "--protect=two")
    rows = reported("out")
    assert rows["photos/late.txt"]["action"] == "other"
    assert rows[str(folders / "two/late.txt")]["action"] == "leave"
    for _ in range(3):
        run("undo", "out")
    assert snapshot(Path("nas")) == before
    assert Path("one/photos/2024/cat.jpg").exists()


def test_what_was_added_sums_up_where_folders_are_protected(folders, run, capsys):
    run("organize", "one/photos", "out", "--protect=two/photos")
    make_files(Path("two/photos"), {"late.txt": "late", "later.txt": "later"})
    capsys.readouterr()
    run("add", "two/photos", "out")  # an input now, and still protected
    said = capsys.readouterr().out
    check_sum("out", said)
    added = "2 files: 0 kept, 0 new scenes; 0 removed, 0 other, 2 left where they are\n"
    assert f"added           {added}" in said
    # What was brought to the output stays there, though the folder it came from is protected now.
    placed = {path: row["destination"] for path, row in reported("out").items()}
    make_files(Path("two/photos"), {"latest.txt": "latest"})
    run("add", "two/photos", "out", "--protect=one/photos")
    said = capsys.readouterr().out
    check_sum("out", said)
    assert "0 other, 1 left where it is\n" in said
    after = {path: row["destination"] for path, row in reported("out").items()}
    assert after == placed | {"two/photos/latest.txt": ""}


def test_a_duplicate_stays_whose_protected_keeper_was_changed(folders, run, capsys):
    make_files(Path(), {"best/cup.jpg": Path("one/photos/cup.jpg").read_bytes()})
    run("plan", "one/photos", "out", "--protect=best")
    Path("best/cup.jpg").unlink()
    run("apply", "out", "--process_mode=move", status=2)
    assert "best/cup.jpg: " in capsys.readouterr().err


@pytest.mark.parametrize("how", ["--process_mode=copy", "--hard_link", "--process_mode=move"])
def test_only_duplicates_leaves_everything_else_alone(folders, run, capsys, how):
    cat = Path("one/photos/2024/cat.jpg").read_bytes()
    cup = Path("one/photos/cup.jpg").read_bytes()
    make_files(Path("one/photos"), {"cup (1).jpg": cup, "cup (1).xmp": "cup"})
    make_files(Path("two/photos"), {"cat, again.jpg": cat})
    before = snapshot(Path("one")) | snapshot(Path("two"))
    out = "one/photos/dupes"  # inside an input
    run("organize", "one/photos", "two/photos", out, "--only=duplicates", how)
    said = capsys.readouterr().out
    check_sum(out, said)
    if "move" not in how:
        assert "the duplicates are still in their folders" in said
        command = re.search("`(dupimg undo .*)` moves them out", said)[1]
        for part in command.split(" && "):
            assert main(shlex.split(part)[1:]) == 0
    placed = read_files(Path(out))
    assert {name for name in placed if name.startswith(("remove", "processed", "other"))} == {
        "remove/one/photos/cup (1).jpg", "remove/one/photos/cup (1).xmp",
        "remove/two/photos/cat small.jpg", "remove/two/photos/cat, again.jpg",
    }  # fmt: skip
    gone = {
        "photos/cup (1).jpg",
        "photos/cup (1).xmp",
        "photos/cat small.jpg",
        "photos/cat, again.jpg",
    }
    now = snapshot(Path("one")) | snapshot(Path("two"))
    assert {n: f for n, f in now.items() if "dupes" not in n} == {
        name: file for name, file in before.items() if name not in gone
    }
    # Two more months.
    save(picture("brick.png"), Path("one/photos/new/brick.jpg"))
    run("add", "one/photos", out, "--process_mode=move")
    save(picture("brick.png").resize((200, 200)), Path("card/brick.jpg"))
    save(picture("rocket.jpg"), Path("card/rocket.jpg"), taken="2024:05:03 10:00:00")
    run("add", "card", out, "--process_mode=move")
    check_sum(out, capsys.readouterr().out)
    assert Path("one/photos/new/brick.jpg").exists()
    assert read_files(Path("card")) == {}
    assert len([name for name in read_files(Path(out)) if name.startswith("remove")]) == 6
    run("add", "card", "one/photos", "two/photos", out, "--process_mode=move")
    assert "nothing is new" in capsys.readouterr().out
    for _ in range(3):
        run("undo", out)
    now = snapshot(Path("one")) | snapshot(Path("two"))
    assert before.items() <= now.items()
    assert set(read_files(Path("card"))) == {"brick.jpg", "rocket.jpg"}


def test_only_scenes_removes_nothing(folders, run, capsys):
    run("organize", "one/photos", "two/photos", "out", "--only=scenes")
    check_sum("out", capsys.readouterr().out)
    rows = reported("out")
    cat, copy = rows["one/photos/2024/cat.jpg"], rows["two/photos/cat small.jpg"]
    assert (copy["action"], copy["scene"], copy["duplicate_group"]) == ("keep", cat["scene"], "1")
    assert cat["duplicate_group"] == "1"
    assert "duplicate of one/photos/2024/cat.jpg, kept" in copy["reason"]
    for size in (250, 550):  # a worse one, then a better one
        picture("chelsea.png").resize((size, size * 2 // 3)).save("one/photos/new.jpg")
        save(picture("chelsea.png").resize((size, size * 2 // 3)), Path("card/cat.jpg"), quality=99)
        before = read_files(Path("out"))
        run("add", "card", "out", "--process_mode=move")
        rows = reported("out")
        assert all(row["action"] in ("keep", "other") for row in rows.values())
        assert {row["scene"] for row in rows.values() if row["duplicate_group"] == "1"} == {"1"}
        after = read_files(Path("out"))
        assert {n for n in before if "/" in n} <= set(after)
    assert len([row for row in rows.values() if row["duplicate_group"] == "1"]) == 5
    check_sum("out", capsys.readouterr().out)


def test_two_names_of_one_file_are_two_rows_and_free_nothing(folders, run, capsys):
    names = [Path("one/photos") / name for name in ("cup.jpg", "z.jpg")]
    names[1].hardlink_to(names[0])
    before = snapshot(Path("one"))
    result = dupimg.organize(
        "one/photos", "out", process_mode="move", only="duplicates", quiet=True
    )
    assert (result.counts.removed, result.counts.bytes_freed) == (1, 0)
    assert names[0].exists()
    assert not names[1].exists()
    assert Path("out/remove/z.jpg").samefile(names[0])
    assert "0.0 MB" in result.summary()
    run("undo", "out")
    assert snapshot(Path("one")) == before
    assert names[0].samefile(names[1])


@pytest.fixture
def bound(folders):
    """Mount `one/photos` once more, inside the other folder."""
    if sys.platform != "linux":
        pytest.skip("needs bind mounts")
    target = Path("two/photos/again")
    target.mkdir()
    done = subprocess.run(["mount", "--bind", "one/photos", target], capture_output=True)
    if done.returncode:
        pytest.skip("needs permission to mount a folder once more")
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", target], check=True)


def test_a_folder_that_is_mounted_twice_counts_once(bound, run, capsys):
    photos = [name for name in read_files(Path("two")) if not name.startswith("photos/again")]
    run("organize", "one/photos", "two/photos", "out")
    said = capsys.readouterr().out
    check_sum("out", said)
    assert "is the same folder as one/photos" in said
    assert len(reported("out")) == len(read_files(Path("one"))) + len(photos)
    run("organize", "one/photos", "two/photos/again", "out2", status=2)
    assert "which are one folder" in capsys.readouterr().err


def test_folders_that_hold_one_folder_are_not_compared(bound, run, capsys):
    run("compare", "two/photos", "one/photos", status=2)
    assert "which are one folder" in capsys.readouterr().err
    assert not Path("pairs.csv").exists()


def test_the_report_names_the_folder_of_every_file_once_one_comes_from_elsewhere(
    folders, run, capsys
):
    one, two = (str(folders / name / "photos") for name in ("one", "two"))
    run("organize", "one/photos", "out", "--process_mode=move")
    before = Path("out/report.csv").read_bytes()
    make_files(Path("one/photos"), {"2024/cat.jpg": "another", "late.txt": "late"})
    run("add", "one/photos", "out")
    # The one that was there goes by its place now, and is not counted as new.
    assert "2 files: 0 kept, 0 new scenes; 0 removed, 2 other\n" in capsys.readouterr().out
    assert "input" not in reported("out")["late.txt"]
    run("add", "two/photos", "out", "--process_mode=move")
    rows = reported("out")
    assert rows[f"{two}/notes.txt"]["input"] == two
    assert {row["input"] for path, row in rows.items() if not path.startswith(two)} == {one}
    make_files(Path(), {"card/x.txt": "x"})
    run("add", "card", "out")
    assert {row["input"] for row in reported("out").values()} == {one, two, f"{folders}/card"}
    for _ in range(3):
        run("undo", "out")
    assert Path("out/report.csv").read_bytes() == before


def test_a_result_inside_an_input_is_passed_over_and_named(folders, run, capsys):
    run("organize", "one/photos", "one/photos/old", "--only=duplicates")
    run("organize", "two/photos", "one/photos/deep/older", "--process_mode=move")
    before = snapshot(Path("one"))
    run("organize", "one/photos", "out", "--process_mode=move")
    said = capsys.readouterr().out
    assert sorted(reported("out")) == ["2024/cat.jpg", "cup.jpg", "cup.xmp"]
    assert f"{folders}/one/photos/deep/older holds the result of an earlier run" in said
    assert "files in 2 system folders" in said
    assert "note.earlier_result" in json.dumps(describe(Path("out"))["notes"])
    run("undo", "out")
    assert snapshot(Path("one")) == before
    run("organize", "one/photos", "all", "--include_system")
    assert len(reported("all")) > 8
    run("organize", "one/photos/deep/older", "again")  # named by itself it is a folder as any other
    assert "processed/image-0001-20240501100000000.jpg" in reported("again")


def test_nothing_goes_in_favour_of_what_an_earlier_run_removed(folders, run, capsys):
    run("organize", "two/photos", "one/photos", "library", "--only=duplicates")
    assert Path("library/remove/two/photos/cat small.jpg").exists()
    run("organize", "two/photos", "out", "--protect=library")
    assert "holds duplicates of an earlier run and is passed over" in capsys.readouterr().out
    assert reported("out")["photos/cat small.jpg"]["action"] == "keep"


def test_a_protected_folder_that_is_mounted_in_an_input_stays(bound, run):
    before = snapshot(Path("one"))
    run("organize", "two/photos", "out", "--protect=one/photos/2024", "--process_mode=move")
    rows = reported("out")
    assert rows["2024/cat.jpg"]["action"] == "leave"
    assert rows["photos/cat small.jpg"]["keeper"] == "2024/cat.jpg"
    assert Path("one/photos/2024/cat.jpg").exists()
    assert not [path for path in rows if path.startswith("photos/again/2024")]
    run("undo", "out")
    assert snapshot(Path("one")) == before


def test_folders_on_different_disks(folders, run, other_filesystem, capsys):
    save(picture("brick.png"), other_filesystem / "disk/brick.jpg")
    run("organize", "one/photos", other_filesystem / "disk", "out", "--hard_link", status=2)
    assert f"{other_filesystem}/disk" in capsys.readouterr().err
    assert not Path("out").exists()
    before = snapshot(Path("one"))
    run("organize", "one/photos", other_filesystem / "disk", "out", "--process_mode=move")
    assert "on another disk: moving copies" in capsys.readouterr().out
    assert read_files(other_filesystem) == {}
    run("undo", "out")
    assert snapshot(Path("one")) == before
    assert set(read_files(other_filesystem)) == {"disk/brick.jpg"}


def test_status_and_the_journal_of_one_folder(folders, run):
    run("organize", "one/photos", "out")
    assert "finished" in str(status("out"))
    assert "input" not in next(iter(reported("out").values()))
    with pytest.raises(UsageError, match="undo out"):
        dupimg.organize(["one/photos"], "out", quiet=True)
