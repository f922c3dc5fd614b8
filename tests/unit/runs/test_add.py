from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from dying import die_at
from files import make_files, read_files, sample, save, snapshot
from PIL import Image

from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.plans.report import from_cell
from dupimg.runs.add import add
from dupimg.runs.journal import APPLIED, Journal
from dupimg.runs.organize import organize
from dupimg.runs.status import status
from dupimg.runs.undo import undo


def picture(name: str) -> Image.Image:
    return Image.open(sample(name)).convert("RGB")


@pytest.fixture
def folders(tmp_path):
    """Return a folder that was organized, with its sidecar, and what came out."""
    photos = tmp_path / "in"
    cat = picture("chelsea.png")
    save(cat.resize((300, 200)), photos / "cat.jpg", taken="2024:05:01 10:00:00")
    save(cat.resize((150, 100)), photos / "small.jpg", taken="2024:05:01 10:00:00")
    save(picture("coffee.png"), photos / "coffee.jpg", taken="2024:06:01 10:00:00")
    make_files(photos, {"cat.xmp": "of the cat", "notes.txt": "hello"})
    organize(photos, tmp_path / "out", quiet=True, cache=cache(tmp_path))
    return tmp_path


def cache(folder):
    return str(folder / "cache.sqlite")


def run(folder, new="new", **options):
    return add(folder / new, folder / "out", quiet=True, **{"cache": cache(folder)} | options)


def new_photos(folder):
    """Write a better cat, taken at the same moment, another view, and what is no photo."""
    cat = picture("chelsea.png")
    save(cat, folder / "new" / "cat.jpg", taken="2024:05:01 10:00:00", quality=95)
    save(picture("rocket.jpg"), folder / "new" / "rocket.jpg", taken="2024:07:01 10:00:00")
    make_files(folder / "new", {"notes.txt": "other notes"})


def reported(out):
    """Return the rows of the report by path."""
    with (out / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return {from_cell(line["path"]): line for line in csv.DictReader(file)}


def pictures(files):
    """Return the files that are no reports."""
    return {name: file for name, file in files.items() if not name.endswith(".csv")}


@pytest.mark.parametrize("only", [None, "duplicates"])
def test_a_copy_goes_however_often_it_comes(tmp_path, only):
    cat = save(picture("chelsea.png"), tmp_path / "in/cat.jpg", taken="2024:05:01 10:00:00")
    settings = {"quiet": True, "cache": cache(tmp_path)}
    organize(tmp_path / "in", tmp_path / "out", only=only, **settings)
    for name in ("1", "2", "3"):  # absolute paths, which come before all others
        make_files(tmp_path / name, {"a/a.jpg": cat.read_bytes()})
        result = add(tmp_path / name, tmp_path / "out", process_mode="move", **settings)
        assert (result.counts.kept, result.counts.removed) == (1, int(name))
    if only:
        places = [path for path in read_files(tmp_path / "out") if path.endswith(".jpg")]
        assert places == ["remove/1/a/a.jpg", "remove/2/a/a.jpg", "remove/3/a/a.jpg"]


def test_old_photos_say_what_new_ones_made_of_them(tmp_path):
    china, flower = picture("china.jpg"), picture("flower.jpg")
    save(china, tmp_path / "in/china.jpg", quality=80)
    save(flower.crop((0, 0, 520, 427)), tmp_path / "in/left.jpg")
    save(flower.crop((120, 0, 640, 427)), tmp_path / "new/right.jpg")
    save(china, tmp_path / "new/better.jpg", quality=95)
    save(flower.crop((0, 0, 520, 427)), tmp_path / "new/worse.jpg", quality=50)
    settings = {"quiet": True, "cache": cache(tmp_path)}
    organize(tmp_path / "in", tmp_path / "out", only="scenes", **settings)
    rows = {row.path: row for row in add(tmp_path / "new", tmp_path / "out", **settings).rows}
    reasons = {path: str(row.reason) for path, row in rows.items()}
    assert {row.action for row in rows.values()} == {"keep"}
    assert reasons["left.jpg"].startswith("keeper of 1 duplicate; in this scene: shares ")
    assert reasons["left.jpg"].endswith("right.jpg")
    better = f"{(tmp_path / 'new').resolve()}/better.jpg"
    assert reasons["china.jpg"].startswith(f"duplicate of {better}, kept: nothing is to be removed")
    assert (rows["china.jpg"].compared_with, rows["china.jpg"].verdict) == (better, "copy")
    assert rows["china.jpg"].duplicate_group == rows[better].duplicate_group


def test_several_new_folders_have_their_names_in_a_tree(tmp_path):
    names = {"in/a.jpg": "chelsea.png", "card/b.jpg": "coffee.png", "phone/c.jpg": "rocket.jpg"}
    for path, name in names.items():
        save(picture(name), tmp_path / path)
    settings = {"quiet": True, "cache": cache(tmp_path)}
    organize(tmp_path / "in", tmp_path / "out", layout="tree", **settings)
    result = add([tmp_path / "card", tmp_path / "phone"], tmp_path / "out", **settings)
    places = {path for path in read_files(tmp_path / "out") if path.endswith(".jpg")}
    assert places == {"processed/a.jpg", "processed/card/b.jpg", "processed/phone/c.jpg"}
    assert f"your photos in {tmp_path / 'card'}, {tmp_path / 'phone'} are" in result.summary()


def test_a_new_photo_says_why_it_is_in_its_scene_and_others_stand_by_their_folder(tmp_path):
    china = picture("china.jpg")
    save(china.crop((0, 0, 520, 427)), tmp_path / "in/left.jpg")
    save(china.crop((120, 0, 640, 427)), tmp_path / "card/right.jpg")
    make_files(tmp_path, {"in/notes": "a file", "card/notes/b.txt": "b"})
    settings = {"quiet": True, "cache": cache(tmp_path)}
    organize(tmp_path / "in", tmp_path / "out", **settings)
    add(tmp_path / "card", tmp_path / "out", **settings)
    row = reported(tmp_path / "out")[str(tmp_path / "card/right.jpg")]
    assert re.search(r"in this scene: shares \d+ details with left.jpg", row["reason"])
    others = {name for name in read_files(tmp_path / "out") if name.startswith("other/")}
    assert others == {"other/notes", "other/card/notes/b.txt"}


def test_a_known_folder_is_known_by_another_way_to_it(folders):
    (folders / "way").mkdir()
    command = ["mount", "--bind", str(folders / "in"), str(folders / "way")]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs permission to mount a folder a second time")
    try:
        result = run(folders, "way")
        notes = "\n".join(map(str, result.notes))
        assert "nothing is new" in notes
        assert "is the same folder as .: its files count once" in notes
        new_photos(folders)
        (folders / "new/rocket.jpg").rename(folders / "in/rocket.jpg")
        assert [row.path for row in run(folders, "way").rows if "rocket" in row.path] == [
            "rocket.jpg"
        ]
    finally:
        subprocess.run(["umount", folders / "way"], check=True)


def check_report(out):
    """Every file in the output is where its row says, and there is no other."""
    places = {from_cell(line["destination"]) for line in reported(out).values()}
    found = {name for name in read_files(out) if "/" in name}
    assert found == places


def test_new_photos_stand_beside_the_others(folders):
    new_photos(folders)
    before, first = snapshot(folders / "new"), snapshot(folders / "out")
    result = run(folders)
    assert snapshot(folders / "new") == before
    after = snapshot(folders / "out")
    check_report(folders / "out")
    assert not result.failed
    cat = "processed/image-0001-20240501100000000.jpg"
    # The better copy has the name now, and the sidecar of the one that it replaces.
    assert after[cat] == before["cat.jpg"]
    assert after["remove/image-0001-20240501100000000--cat.jpg"] == first[cat]
    assert after[cat.replace(".jpg", ".xmp")][0] == b"of the cat"
    assert after["processed/image-0003-20240701100000000.jpg"] == before["rocket.jpg"]
    assert after["other/new/notes.txt"] == before["notes.txt"]
    unchanged = {name for name in first if name not in ("report.csv", cat)} - {
        cat.replace(".jpg", ".xmp")
    }
    assert all(after[name] == first[name] for name in unchanged)
    rows = reported(folders / "out")
    path = (folders / "new" / "cat.jpg").resolve().as_posix()
    assert (rows[path]["action"], from_cell(rows["cat.jpg"]["keeper"])) == ("keep", path)
    assert "replaced: " + cat in "\n".join(map(str, result.notes))


def test_the_same_again_is_nothing_new(folders):
    new_photos(folders)
    run(folders)
    before = snapshot(folders / "out")
    result = run(folders)
    assert tuple(map(str, result.notes)) == ("nothing is new: all files are in the result already",)
    assert snapshot(folders / "out") == before


def test_undo_takes_back_the_addition_and_then_the_run(folders, capsys):
    new_photos(folders)
    first = snapshot(folders / "out")
    assert "takes the whole run back." in str(status(folders / "out"))
    run(folders)
    assert "takes the addition back; what was there before it stays." in str(
        status(folders / "out")
    )
    assert main(["undo", str(folders / "out"), "--quiet"]) == 0
    after = snapshot(folders / "out")
    assert after.pop("undo.csv")
    assert pictures(after) == pictures(first)
    assert Journal(folders / "out").state == APPLIED
    run(folders)  # and it can be added again
    check_report(folders / "out")
    for _ in range(2):
        undo(folders / "out", quiet=True)
    assert not [name for name in read_files(folders / "out") if "/" in name]
    with pytest.raises(UsageError, match="taken back already"):
        undo(folders / "out", quiet=True)


def test_the_input_folder_itself_may_have_grown(folders):
    save(picture("rocket.jpg"), folders / "in" / "2024" / "rocket.jpg")
    make_files(folders / "in", {"coffee.xmp": "came later"})
    run(folders, new="in")
    rows = reported(folders / "out")
    assert rows["2024/rocket.jpg"]["scene"] == "3"
    assert rows["coffee.xmp"]["companion_of"] == "coffee.jpg"
    check_report(folders / "out")
    assert len(rows) == 7


def test_a_card_that_is_filled_again_under_the_same_names(folders):
    new_photos(folders)
    run(folders, process_mode="move")
    assert read_files(folders / "new") == {}
    save(picture("astronaut.png"), folders / "new" / "rocket.jpg", taken="2024:08:01 10:00:00")
    card = snapshot(folders / "new")
    run(folders, process_mode="move")
    check_report(folders / "out")
    after = snapshot(folders / "out")
    assert after["processed/image-0004-20240801100000000.jpg"] == card["rocket.jpg"]
    assert "processed/image-0003-20240701100000000.jpg" in after
    assert len(reported(folders / "out")) == 9
    undo(folders / "out", quiet=True)
    assert snapshot(folders / "new") == card


def test_a_dry_run_touches_nothing(folders, capsys):
    new_photos(folders)
    before = snapshot(folders / "out")
    assert main(["add", str(folders / "new"), str(folders / "out"), "--dry_run"]) == 0
    after = snapshot(folders / "out")
    assert "cat.jpg" in after.pop("added.csv")[0].decode()
    assert after == before
    assert "dry run: no file was copied or moved" in capsys.readouterr().out


def test_photos_that_are_gone_or_changed_are_no_keepers(folders):
    # One is gone; the other has the same size and other content.
    kept = folders / "out" / "processed"
    (kept / "image-0002-20240601100000000.jpg").unlink()
    cat = kept / "image-0001-20240501100000000.jpg"
    content = bytearray(cat.read_bytes())
    content[-20] ^= 1
    cat.write_bytes(content)
    shutil.copytree(folders / "in", folders / "new", ignore=shutil.ignore_patterns("small*"))
    result = run(folders)
    assert any("2 photos changed or gone" in str(note) for note in result.notes)
    actions = {row.path: row.action for row in result.rows if not row.earlier}
    new = (folders / "new").resolve()
    assert actions[f"{new}/cat.jpg"] == actions[f"{new}/coffee.jpg"] == "keep"
    assert cat.read_bytes() == content


def test_without_a_finished_run_there_is_nothing_to_add_to(folders, capsys):
    new_photos(folders)
    assert main(["add", str(folders / "new"), str(folders / "elsewhere")]) == 2
    assert "which does not exist, expected a folder" in capsys.readouterr().err
    assert not (folders / "elsewhere").exists()
    assert main(["add", str(folders / "out" / "processed"), str(folders / "out")]) == 2
    assert "around new_dir" in capsys.readouterr().err
    assert main(["add", str(folders / "none"), str(folders / "out")]) == 2
    assert "Got new_dir=" in capsys.readouterr().err
    undo(folders / "out", quiet=True)
    with pytest.raises(UsageError, match="is not finished"):
        run(folders)


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_killed_at_any_moment_nothing_is_lost(folders, mode):
    new_photos(folders)
    for i in range(12):
        make_files(folders / "new", {f"{i}.bin": bytes([i]) * 400_000})
    contents = {c for f in ("new", "out") for n, c in read_files(folders / f).items()
                if not n.endswith(".csv")}  # fmt: skip
    words = [str(folders / "new"), str(folders / "out"), "--quiet", f"--cache={cache(folders)}"]
    command = [sys.executable, "-m", "dupimg", "add", *words, f"--process_mode={mode}"]
    for seconds in (0, 0.004, 0.01, 0.02, 0.04):
        process = subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        wait_for_the_second_journal(folders / "out", process)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = {c for f in ("new", "out") for c in read_files(folders / f).values()}
        assert contents <= left
    assert subprocess.run(command, check=False).returncode == 0
    check_report(folders / "out")
    assert main(["undo", str(folders / "out"), "--quiet"]) == 0
    assert contents <= {c for f in ("new", "out") for c in read_files(folders / f).values()}


@pytest.mark.parametrize(
    "step",
    [
        "dupimg.runs.undo.write_table",
        "dupimg.runs.undo.write_report",
        "dupimg.runs.undo.write_page",
        "dupimg.runs.journal.sync_folder",
        "dupimg.runs.undo.UndoResult",
        "dupimg.cli.main._report",
    ],
)
def test_an_undo_that_is_killed_at_its_end_takes_back_no_more_than_the_addition(
    folders, step, capsys
):
    new_photos(folders)
    first = snapshot(folders / "out")
    added = len(run(folders).rows) - 5
    die_at(step, "undo", folders / "out")
    if "runs.undo.write" in step:  # the others come when the addition is taken back
        assert "only the report is not as it was. `dupimg undo" in str(status(folders / "out"))
    assert main(["undo", str(folders / "out")]) == 0
    assert re.search(rf"(taken back|already) +{added + 1} files", capsys.readouterr().out)
    after = snapshot(folders / "out")
    assert after.pop("undo.csv")
    assert pictures(after) == pictures(first)
    assert after["report.csv"][0] == first["report.csv"][0]
    assert "takes the whole run back." in str(status(folders / "out"))
    check_report(folders / "out")
    assert main(["undo", str(folders / "out"), "--quiet"]) == 0  # who asks again means the run
    assert status(folders / "out").state == "undone"


@pytest.mark.parametrize("step", ["dupimg.runs.execute.next_step", "dupimg.cli.main._report"])
def test_an_addition_that_is_killed_at_its_end_is_told_by_the_same_command(folders, step, capsys):
    new_photos(folders)
    words = ["add", *map(str, [folders / "new", folders / "out"]), "--process_mode=move"]
    die_at(step, *words, f"--cache={cache(folders)}")
    assert read_files(folders / "new") == {}
    after = pictures(snapshot(folders / "out"))
    assert main(words) == 0
    assert "found           8 files" in capsys.readouterr().out
    assert pictures(snapshot(folders / "out")) == after
    assert main(words) == 2
    assert "without files" in capsys.readouterr().err


def test_reports_that_nobody_has_edited_do_not_pile_up(folders):
    report = folders / "out" / "report.csv"
    new_photos(folders)
    run(folders)
    undo(folders / "out", quiet=True)
    assert [path.name for path in (folders / "out").glob("report*.csv")] == ["report.csv"]
    report.write_text("my notes")
    run(folders)
    assert (folders / "out" / "report-1.csv").read_text() == "my notes"
    check_report(folders / "out")


def wait_for_the_second_journal(out, process):
    """Wait until an addition has begun to move files, or has ended."""
    while process.poll() is None and not (out / ".dupimg" / "journal-1.jsonl").exists():
        time.sleep(0.001)
