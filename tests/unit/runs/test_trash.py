from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import textwrap

import pytest
from files import make_files, read_files, sample, save, snapshot
from PIL import Image

from dupimg.cli.main import main
from dupimg.runs.journal import Journal


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    with Image.open(sample("china.jpg")) as photo:
        save(photo.resize((320, 240)), folder / "a.jpg", taken="2024:05:01 08:00:00")
    content = (folder / "a.jpg").read_bytes()
    make_files(folder, {"b.jpg": content, "c.jpg": content, "c.xmp": "<x/>", "a.xmp": "<x/>"})
    return folder


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"XDG_DATA_HOME": str(tmp_path / "share"), "HOME": str(tmp_path)}


@pytest.fixture
def dupimg(environment):
    """Return a function that runs the command, with a trash of its own."""

    def run(*words, code="from dupimg.cli.main import main; import sys; sys.exit(main())"):
        command = [sys.executable, "-c", textwrap.dedent(code), *map(str, words)]
        return subprocess.run(
            command, env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL
        )

    return run


@pytest.fixture
def output(tmp_path, source):
    words = ["organize", source, tmp_path / "out", "--process_mode=move", "--cache=none"]
    assert main(list(map(str, words))) == 0
    return tmp_path / "out"


def removed(output):
    return [path for path in read_files(output) if path.startswith("remove/")]


def removed_rows(output):
    return [row for row in Journal(output).rows if row.action == "remove"]


def test_duplicates_go_to_the_trash_and_undo_brings_them_back(tmp_path, source, output, dupimg):
    kept = {path for path in read_files(output) if path.startswith("processed/")}
    assert len(removed(output)) >= 2
    refused = dupimg("trash", output)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert len(removed(output)) >= 2

    done = dupimg("trash", output, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["counts"]["left"] == 0
    assert removed(output) == []
    assert len(list((tmp_path / "share/Trash/files").iterdir())) == told["counts"]["trashed"]
    assert kept <= read_files(output).keys()
    assert "sent to the system's trash" in dupimg("status", output).stdout
    assert "in the system's trash" in (output / "report.csv").read_text("utf-8-sig")
    assert dupimg("trash", output, "--yes").returncode == 0

    undone = dupimg("undo", output)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert {path.name for path in source.iterdir()} == {
        "a.jpg", "b.jpg", "c.jpg", "a.xmp", "c.xmp"
    }  # fmt: skip
    assert list((tmp_path / "share/Trash/files").iterdir()) == []
    assert list((tmp_path / "share/Trash/info").iterdir()) == []


@pytest.mark.parametrize("answer", ["n", "y"])
def test_in_a_terminal_it_asks(output, environment, answer):
    main_end, terminal = pty.openpty()
    words = [sys.executable, "-m", "dupimg", "trash", output]
    ends = {"stdin": terminal, "stdout": subprocess.PIPE, "stderr": terminal}
    with subprocess.Popen(words, env=environment, text=True, **ends) as process:
        os.close(terminal)
        shown = b""
        while b"Send them to the trash? [Y/n]" not in shown:
            shown += os.read(main_end, 1000)
        assert len(removed(output)) >= 2
        os.write(main_end, f"{answer}\n".encode())
        said = process.stdout.read()
        with contextlib.suppress(OSError):  # when the other end is closed
            while True:
                os.read(main_end, 1000)
    os.close(main_end)
    assert "would go to the system's trash" in said
    assert process.returncode == (0 if answer == "y" else 2)
    assert bool(removed(output)) == (answer == "n")


def test_what_nobody_is_asked_about_goes(output, dupimg):
    assert dupimg("trash", output, "--quiet").returncode == 2
    assert "go to the system's trash, 0.0 MB:" in dupimg("trash", output, "--yes").stdout


def test_a_file_with_another_name_frees_nothing(tmp_path, source, dupimg):
    (source / "b.jpg").unlink()
    os.link(source / "a.jpg", source / "b.jpg")
    assert dupimg("organize", source, tmp_path / "out", "--process_mode=move").returncode == 0
    told = json.loads(dupimg("trash", tmp_path / "out", "--yes", "--json").stdout)
    freed = [row for row in removed_rows(tmp_path / "out") if row.path != "b.jpg"]
    assert told["counts"]["trashed"] == len(freed) + 1
    assert told["bytes"] == sum(row.bytes for row in freed)


def test_what_changed_or_lost_its_keeper_stays_and_is_named(output, dupimg):
    first = output / next(path for path in removed(output) if path.endswith(".jpg"))
    first.write_bytes(b"edited")
    done = dupimg("trash", output, "--yes")
    assert done.returncode == 1
    assert f"{first.relative_to(output)}: " in done.stdout
    assert first.read_bytes() == b"edited"


def test_nothing_goes_without_its_keeper(output, dupimg):
    for photo in (output / "processed").glob("*.jpg"):
        photo.rename(output / "elsewhere.jpg")
    before = snapshot(output)
    done = dupimg("trash", output, "--yes")
    assert done.returncode == 1
    assert "is gone or was changed" in done.stdout
    after = {path: content for path, content in snapshot(output).items() if "report" not in path}
    assert after == {path: content for path, content in before.items() if "report" not in path}


def test_without_a_trash_nothing_is_touched(tmp_path, output, dupimg):
    (tmp_path / "share").write_text("no folder")
    before = snapshot(output)
    done = dupimg("trash", output, "--yes")
    assert done.returncode == 2
    assert "trash cannot be used" in done.stderr
    assert snapshot(output) == before
    assert not Journal(output).trashed


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_on_the_way_loses_no_account(tmp_path, source, output, dupimg, after):
    contents = sorted(snapshot(output).items())
    killed = dupimg(
        "trash",
        output,
        "--yes",
        code=f"""
        import os, signal, sys
        import send2trash
        send = send2trash.send2trash
        def send_and_die(path):
            if {after}:
                send(path)
            os.kill(os.getpid(), signal.SIGKILL)
        send2trash.send2trash = send_and_die
        from dupimg.cli.main import main
        main()
        """,
    )
    assert killed.returncode == -signal.SIGKILL
    assert dupimg("trash", output, "--yes").returncode == 0
    assert removed(output) == []
    assert len(Journal(output).trashed) == len([p for p, _ in contents if p.startswith("remove/")])
    assert dupimg("undo", output).returncode == 0
    assert len(list(source.iterdir())) == 5


def test_an_addition_after_the_trash_keeps_account(tmp_path, source, output, dupimg):
    assert dupimg("trash", output, "--yes").returncode == 0
    card = tmp_path / "card"
    with Image.open(sample("flower.jpg")) as photo:
        save(photo.resize((320, 240)), card / "new.jpg", taken="2024:06:01 08:00:00")
    (card / "new copy.jpg").write_bytes((card / "new.jpg").read_bytes())
    added = dupimg("add", card, output, "--cache=none")
    assert added.returncode == 0, added.stderr
    assert "not what they were" not in added.stdout
    assert dupimg("trash", output, "--yes").returncode == 0
    assert dupimg("undo", output).returncode == 0
    assert [path.name for path in output.glob("report*.csv")] == ["report.csv"]  # nobody edited it
    assert dupimg("undo", output).returncode == 0
    assert len(list(source.iterdir())) == 5
    assert list((tmp_path / "share/Trash/files").iterdir()) == []


def test_undo_ends_where_the_trash_was_emptied_and_names_what_is_gone(
    tmp_path, source, output, dupimg
):
    assert dupimg("trash", output, "--yes").returncode == 0
    gone = sorted(row.path for row in removed_rows(output))
    folders = [tmp_path / "share/Trash/files", tmp_path / "share/Trash/info"]
    for path in [path for folder in folders for path in folder.iterdir()]:
        path.unlink()
    undone = dupimg("undo", output)
    assert undone.returncode == 1
    assert f"gone       {len(gone):>8} files, for good" in undone.stdout
    assert all(path in undone.stdout for path in gone)
    assert sorted({"a.jpg", "b.jpg", "c.jpg", "a.xmp", "c.xmp"} - {*gone}) == sorted(
        path.name for path in source.iterdir()
    )
    assert (output / "undo.csv").read_text("utf-8-sig").count("gone for good") == len(gone)
    told = f"but for {len(gone)} files in a trash that was emptied"
    assert told in dupimg("status", output).stdout
    assert dupimg("organize", source, output, "--cache=none").returncode == 0


def test_undo_finds_what_was_trashed_from_a_renamed_folder_by_another_program(
    tmp_path, source, output, dupimg, environment
):
    assert dupimg("trash", output, "--yes").returncode == 0
    output.rename(tmp_path / "renamed")
    environment["XDG_DATA_HOME"] = str(tmp_path / "another")
    assert dupimg("undo", tmp_path / "renamed").returncode == 0
    assert len(list(source.iterdir())) == 5
