"""Runs that a person interrupts, or that are killed: what is said, and what is remembered."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest
from dying import die_at
from files import make_files, read_files, sample
from PIL import Image
from planned import row_of, write_planned

import dupimg
from dupimg.cli.main import main
from dupimg.progress import ProgressBar, noted, numbered, progress_bar
from dupimg.runs.past_runs import past_runs


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    with Image.open(sample("china.jpg")) as picture:
        for number in range(100):
            left, top = number % 10 * 60, number // 10 * 40
            part = picture.crop((left, top, left + 40, top + 40)).resize((200, 200))
            part.save(folder / f"{number:03}.jpg", quality=90)
    return folder


def started(*words, **how):
    command = [sys.executable, "-m", "dupimg", *map(str, words)]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


def wait_until(happened, process, seconds=300):
    until = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.01)


def looked(output):
    try:
        return json.loads((output / ".dupimg/look.json").read_text())["standing"]
    except (OSError, ValueError):
        return ""


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_a_look_that_is_cut_short(tmp_path, source, way):
    output, cache = tmp_path / "out", tmp_path / "cache.sqlite"
    words = ("plan", source, output, f"--cache={cache}")
    process = started(*words)
    wait_until(lambda: re.match("2 of 7 embedding, [1-9]", looked(output)), process)
    assert "A run is looking at photos now: 2 of 7" in str(dupimg.status(output))
    process.send_signal(way)
    _, said = process.communicate()
    if way == signal.SIGINT:
        assert process.returncode == 130
        assert re.search(
            r"interrupted at 2 of 7 embedding, \d+ of 100 photos. The same command goes on", said
        )
    found = dupimg.status(output)
    assert found.state == "looking"
    assert f"`dupimg plan {source} {output} --cache={cache}` goes on." in found.text
    assert subprocess.run([sys.executable, "-m", "dupimg", *map(str, words)]).returncode == 0
    assert dupimg.status(output).state == "planned"
    assert not (output / ".dupimg/look.json").exists()


@pytest.mark.parametrize("said", [["--cache=none"], ["--cache", "none"]])
def test_a_look_of_which_nothing_is_remembered_begins_again(tmp_path, source, said):
    output = tmp_path / "out"
    process = started("plan", source, output, *said)
    wait_until(lambda: re.match("2 of 7 embedding, [1-9]", looked(output)), process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert "The same command begins again, for --cache=none remembers nothing" in told
    command = f"`dupimg plan {source} {output} --cache=none` begins again, for --cache=none"
    assert command in dupimg.status(output).text


def test_runs_at_once_share_the_cache_though_one_is_killed(tmp_path, source):
    cache = f"--cache={tmp_path / 'cache.sqlite'}"
    killed = started("plan", source, tmp_path / "one", cache)
    other = started("plan", source, tmp_path / "two", cache, stdout=subprocess.DEVNULL)
    wait_until(lambda: re.match("[2-7] of 7", looked(tmp_path / "one")), killed)
    killed.kill()
    killed.communicate()
    _, said = other.communicate()
    assert (other.returncode, said) == (0, "")
    dupimg.plan(source, tmp_path / "one", cache=str(tmp_path / "cache.sqlite"), quiet=True)
    plans = [(tmp_path / name / "plan.csv").read_bytes() for name in ("one", "two")]
    assert plans[0] == plans[1]


def test_ctrl_c_while_python_imports_ends_in_one_line(tmp_path):
    folder = tmp_path / "tqdm"
    make_files(folder, {"__init__.py": "print('importing', flush=True)\ninput()"})
    words = [sys.executable, "-m", "dupimg", "status", str(tmp_path)]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    ) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert (process.returncode, said) == (130, "dupimg: interrupted\n")


def test_carrying_out_that_is_interrupted_says_how_far_it_came(tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    make_files(source, {f"{n}.txt": f"{n}" for n in range(3000)})
    write_planned(source, output, [row_of(source, f"{n}.txt") for n in range(3000)])
    process = started("apply", output, stdout=subprocess.DEVNULL)
    other = output / "other"
    wait_until(lambda: other.exists() and len(list(other.iterdir())) > 5, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    found = re.search(r"interrupted at 2 of 2 copying, ([\d,]+) of 3,000 files. The same", said)
    assert 0 < int(found[1].replace(",", "")) <= len(list(other.iterdir()))
    assert dupimg.status(output).state == "applying"
    assert not dupimg.apply(output, quiet=True).failed


@pytest.mark.parametrize("step", ["dupimg.runs.execute.next_step", "dupimg.cli.main._report"])
@pytest.mark.parametrize("verb", ["organize", "apply"])
def test_a_run_that_is_killed_at_its_end_is_told_by_the_same_command(tmp_path, capsys, verb, step):
    source, output = tmp_path / "in", tmp_path / "out"
    make_files(source, {f"{n}.txt": f"{n}" for n in range(3)})
    words = ["organize", str(source), str(output), "--cache=none", "--process_mode=move"]
    if verb == "apply":
        write_planned(source, output, [row_of(source, f"{n}.txt") for n in range(3)])
        words = ["apply", str(output), "--cache=none", "--process_mode=move"]
    die_at(step, *words)
    placed = read_files(output)
    assert main(words) == 0
    assert "other           3 no readable photo" in capsys.readouterr().out
    assert read_files(output) == placed
    assert main(words) == 2  # once it was told
    assert "already holds results" in capsys.readouterr().err
    die_at("dupimg.runs.undo.UndoResult", "undo", output)
    assert main(["undo", str(output)]) == 0
    assert "taken back        3 files" in capsys.readouterr().out
    assert main(["undo", str(output)]) == 2
    assert "was taken back already" in capsys.readouterr().err
    kinds = [run.kind for run in past_runs(output) if run.kind != "plan"]
    assert kinds == ["apply", "undo"]


def test_an_undo_that_is_killed_while_it_leaves_takes_back_no_more_than_the_addition(tmp_path):
    output, said = tmp_path / "out", {"quiet": True, "cache": "none"}
    make_files(tmp_path, {"in/a.txt": "a", "new/b.txt": "b"})
    dupimg.organize(tmp_path / "in", output, **said)
    dupimg.add(tmp_path / "new", output, **said)
    code = """if True:
        import atexit, os, signal, sys
        from dupimg.cli.start import main
        status = main(sys.argv[1:])
        atexit.register(os.kill, os.getpid(), signal.SIGKILL)  # the last is called first
        sys.exit(status)"""
    assert subprocess.run([sys.executable, "-c", code, "undo", output]).returncode == -9
    for left in (["other/a.txt"], []):
        process = started("undo", output, stdout=subprocess.PIPE)
        told, _ = process.communicate()
        assert (process.returncode, "taken back        1 file" in told) == (0, True)
        assert [path for path in read_files(output) if "/" in path] == left


def test_a_refusal_is_no_unfinished_look(tmp_path, source):
    with pytest.raises(dupimg.UsageError):
        dupimg.plan(source, tmp_path / "out", model="none such", quiet=True)
    assert not (tmp_path / "out").exists()


def test_steps_are_numbered_and_the_network_is_no_photo(tmp_path, source):
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    words = [sys.executable, "-m", "dupimg", "organize", source, tmp_path / "out", "--cache=none"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=terminal):
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # when the other end is closed
            while True:
                shown += os.read(main, 4096)
    os.close(main)
    text = shown.decode()
    for step in ("1 of 8 reading", "2 of 8 embedding", "3 of 8 comparing", "8 of 8 copying"):
        assert step in text
    assert re.search(r"2 of 8 embedding *: +0%[^\r]*preparing the network", text)
    assert not re.search(r"embedding *: +[1-9]\d*%[^\r]*preparing the network", text)


def test_a_bar_that_is_not_shown_counts_too():
    told = []
    with (
        numbered("one", "two"),
        noted(told.append),
        progress_bar(5, "two", unit="files", quiet=True) as bar,
    ):
        assert ProgressBar.unfinished is bar
        bar.update()
        bar.update(2)
    assert str(bar.standing) == str(told[-1]) == "2 of 2 two, 3 of 5 files"
    assert str(told[0]) == "2 of 2 two, 0 of 5 files"
    assert ProgressBar.unfinished is None
    with progress_bar(5, "three", unit="files", quiet=True) as bar:
        assert bar.standing.step == "three"
