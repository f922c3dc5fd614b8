"""What disks, filesystems, other programs and hostile names can do to a run: nothing is lost."""

from __future__ import annotations

import ast
import contextlib
import errno
import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from conftest import mounted
from files import make_files, read_files, snapshot
from filesystems import exfat_mounted
from planned import edit_plan, row_of, set_cells, write_planned
from privileges import without_privileges

import dupimg
from dupimg.cli.main import main
from dupimg.files import reading
from dupimg.files.inputs import find_inputs
from dupimg.plans.report import from_cell, read_report
from dupimg.runs import apply as runs
from dupimg.runs import preflight

MODES = ("copy", "move")


@pytest.fixture
def run(capsys):
    """Return a function that runs a command and returns its exit status and what it printed."""

    def run(*words):
        status = main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def results(folder):
    """Read what a run brought to the output, without plans and reports."""
    return {name: content for name, content in read_files(folder).items() if "/" in name}


def plan_all(source, output):
    """Plan to bring every file of a folder to `other`."""
    return write_planned(source, output, [row_of(source, path) for path in read_files(source)])


def contents(*folders):
    return sorted(content for folder in folders for content in results(folder).values())


# Disks.


@pytest.mark.parametrize("mode", MODES)
def test_a_disk_that_is_full_midway(tmp_path, run, mode):
    # One page each: far less by their sizes, which is all that can be known before.
    make_files(tmp_path / "all/in", {f"{n}.txt": f"{n}" for n in range(400)}, mtime=1.2e9)
    source = tmp_path / "all/in"
    before = snapshot(source)
    with mounted(tmp_path / "small", "size=1300k") as small:
        output = small / "out"
        plan_all(source, output)
        status, text = run("apply", output, f"--process_mode={mode}")
        assert (status, "No space left on device" in text) == (1, True)
        way = "" if mode == "copy" else f" --process_mode={mode}"
        assert f"`dupimg apply {output}{way}` goes on when there is room" in text
        assert 0 < len(results(output)) < 400
        assert len(read_files(source)) == (400 if mode == "copy" else 400 - len(results(output)))
        assert set(contents(tmp_path / "all", output)) == {f"{n}".encode() for n in range(400)}
        assert run("undo", output)[0] == 0  # on the full disk
        assert (snapshot(source), results(output)) == (before, {})
        assert run("apply", output, f"--process_mode={mode}")[0] == 1
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        assert run("apply", output)[0] == 0
        assert {f"other/{name}": content for name, (content, _) in before.items()} == results(
            output
        )


def test_a_disk_that_is_too_full_for_a_plan(tmp_path, run):
    make_files(tmp_path / "in", {f"{n}.txt": f"{n}" for n in range(2000)}, mtime=1.2e9)
    with mounted(tmp_path / "small", "size=256k") as small:
        status, text = run("plan", tmp_path / "in", small / "out", "--cache=none")
        assert status == 1
        assert "No space left on device" in text
        assert "make room, then run the same command again" in text
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        assert run("plan", tmp_path / "in", small / "out", "--cache=none")[0] == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_photo_that_does_not_fit_fails_alone(tmp_path, small_filesystem, mode):
    small, size = small_filesystem
    make_files(tmp_path / "all/in", {"large.bin": b"x" * (size // 2), "small.bin": b"y"})
    source = tmp_path / "all/in"
    plan_all(source, small)

    def fill_up(_):  # after the check, before the work
        (small / "filler").write_bytes(b"z" * (size // 2))

    result = runs.apply(small, process_mode=mode, quiet=True, announce=fill_up)
    assert result.counts.failed == 1
    assert results(small) == {"other/small.bin": b"y"}
    assert (source / "large.bin").read_bytes() == b"x" * (size // 2)
    assert "No space left on device" in (small / "report.csv").read_text()
    (small / "filler").unlink()
    assert not runs.apply(small, quiet=True).failed
    assert set(results(small)) == {"other/small.bin", "other/large.bin"}


def test_a_full_disk_names_the_command_that_was_run(tmp_path, run):
    source = tmp_path / "all my files"
    make_files(source, {f"{n}.txt": f"{n}" for n in range(400)})
    with mounted(tmp_path / "small", "size=1m") as small:
        words = ["organize", source, small / "out", "--cache=none", "--scene_gap=6h"]
        status, text = run(*words)
        assert status == 1
        command = re.search(r"`dupimg (.*)` goes on when there is room", text)[1]
        assert command == f"organize '{source}' {small}/out --scene_gap=21600 --cache=none"
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        assert run(*shlex.split(command))[0] == 0
        assert len(results(small / "out")) == 400


def test_an_output_that_became_read_only(tmp_path, run):
    make_files(tmp_path / "in", {"a.txt": b"a"})
    with mounted(tmp_path / "disk", "size=1m") as disk:
        plan_all(tmp_path / "in", disk / "out")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        status, text = run("apply", disk / "out")
        assert (status, "nothing can be written: Read-only file system" in text) == (2, True)
        assert "planned, not carried out" in run("status", disk / "out")[1]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        run("apply", disk / "out")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert run("undo", disk / "out")[0] == 2
        assert "finished, 1 of 1 file was put in place" in run("status", disk / "out")[1]
        assert results(disk / "out") == {"other/a.txt": b"a"}


@contextlib.contextmanager
def bound(real, folder):
    """Mount a folder at another place; yield what takes it away there, as when a disk is pulled."""
    folder.mkdir(exist_ok=True)
    if subprocess.run(["mount", "--bind", real, folder], capture_output=True).returncode:
        pytest.skip("needs permission to mount a folder")
    taken = []

    def take_out():
        if not taken:
            taken.append(subprocess.run(["umount", "--lazy", folder], check=True))

    try:
        yield take_out
    finally:
        take_out()


class Interrupting:
    """A bar that does something when a few files are done."""

    def __init__(self, act):
        self._act, self._done = act, 0

    def __call__(self, total, what, **_):
        return contextlib.nullcontext(self)

    def update(self, count=1):
        self._done += count
        if self._done == 220:  # 200 are checked first
            self._act()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("vanishes", ["in", "out"])
def test_a_disk_that_is_taken_out_midway(tmp_path, mode, vanishes):
    make_files(tmp_path / "real in", {f"{n}.txt": f"{n}" for n in range(200)}, mtime=1.2e9)
    (tmp_path / "real out").mkdir()
    source, output = tmp_path / "in", tmp_path / "out"
    place = tmp_path / vanishes
    before = read_files(tmp_path / "real in")
    with contextlib.ExitStack() as disks:
        for name in ("in", "out"):
            take_out = disks.enter_context(bound(tmp_path / f"real {name}", tmp_path / name))
            if name == vanishes:
                act = take_out
        plan_all(source, output)
        said = {"process_mode": mode, "quiet": True, "jobs": 1}
        with pytest.raises(OSError, match="is not there any more") as error:
            runs.apply(output, progress=Interrupting(act), **said)
        assert "`dupimg apply" in str(error.value)
        assert list(place.iterdir()) == []  # nothing went to where the disk is not
        with bound(tmp_path / f"real {vanishes}", place):
            assert 0 < len(results(output)) < 200
            assert not runs.apply(output, **said).failed
            assert results(output) == {f"other/{name}": text for name, text in before.items()}
            assert not dupimg.undo(output, quiet=True).failed
    assert read_files(tmp_path / "real in") == before


@pytest.mark.parametrize("verb", ["plan", "organize"])
def test_a_disk_that_is_taken_out_while_photos_are_looked_at(tmp_path, run, verb, monkeypatch):
    make_files(tmp_path / "real in", {f"{n}.txt": f"{n}" for n in range(50)})
    source, output = tmp_path / "in", tmp_path / "out"
    words = [verb, source, output, f"--cache={tmp_path}/cache.sqlite"]
    with bound(tmp_path / "real in", source) as take_out:
        real = reading.content_digest

        def digest_and_take_out(path):
            if path.name == "7.txt":
                take_out()
            return real(path)

        monkeypatch.setattr(reading, "content_digest", digest_and_take_out)
        status, text = run(*words)
        assert (status, f"{source} is not there any more" in text) == (1, True)
        assert f"`dupimg {verb} {source} {output}" in text
        assert "Errno" not in text
        assert "was interrupted at" in run("status", output)[1]
    monkeypatch.undo()
    assert read_files(output) == {}
    with bound(tmp_path / "real in", source):
        assert run(*words)[0] == 0
        assert "interrupted" not in run("status", output)[1]


def test_a_disk_that_is_taken_out_when_files_are_listed(tmp_path, run, monkeypatch):
    make_files(tmp_path / "real in", {"a.txt": b"a"})
    with bound(tmp_path / "real in", tmp_path / "in") as take_out:

        def find_and_take_out(*args, **keywords):
            found = find_inputs(*args, **keywords)
            take_out()
            return found

        monkeypatch.setattr(preflight, "find_inputs", find_and_take_out)
        status, text = run("organize", tmp_path / "in", tmp_path / "out", "--process_mode=move")
    assert (status, f"{tmp_path / 'in'} is not there any more" in text) == (1, True)


# Other programs at work in the input.


@pytest.mark.parametrize("mode", MODES)
def test_sources_that_vanish_and_change_during_the_run(tmp_path, other_filesystem, mode):
    source = tmp_path / "in"
    make_files(source, {"gone.txt": b"gone", "changed.txt": b"old", "fine.txt": b"fine"})
    plan_all(source, other_filesystem)

    def interfere(_):  # after the check, before the work
        (source / "gone.txt").unlink(missing_ok=True)
        make_files(source, {"changed.txt": b"new"})

    result = runs.apply(other_filesystem, process_mode=mode, quiet=True, announce=interfere)
    assert result.counts.failed == 2
    assert results(other_filesystem) == {"other/fine.txt": b"fine"}
    left = {"changed.txt": b"new"} | ({"fine.txt": b"fine"} if mode == "copy" else {})
    assert read_files(source) == left
    reasons = {row.path: str(row.reason) for row in read_report(other_filesystem / "report.csv")}
    assert "No such file or directory" in reasons["gone.txt"]
    assert "its content is not what was read before" in reasons["changed.txt"]


# Permissions.


@contextlib.contextmanager
def immutable(path):
    """Let nobody, not even root, rename, link or remove a file."""
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", path], capture_output=True).returncode
    ):
        pytest.skip("needs a filesystem and permission for chattr +i")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


@pytest.mark.parametrize("across", [False, True])
def test_a_file_that_may_not_be_moved_stays_and_only_there(tmp_path, other_filesystem, run, across):
    source, output = tmp_path / "in", (other_filesystem if across else tmp_path) / "out"
    make_files(source, {"a.txt": b"a", "b.txt": b"b"})
    plan_all(source, output)
    with immutable(source / "a.txt"):
        status, text = run("apply", output, "--process_mode=move")
        assert (status, "FAILED          1 file," in text) == (1, True)
        assert (read_files(source), results(output)) == ({"a.txt": b"a"}, {"other/b.txt": b"b"})
        assert "NOT moved: Operation not permitted" in (output / "report.csv").read_text()
        assert run("undo", output)[0] == 0
        assert (read_files(source), results(output)) == ({"a.txt": b"a", "b.txt": b"b"}, {})


def test_a_file_that_may_not_be_read_any_more_is_refused(open_folder, run):
    with without_privileges():
        make_files(open_folder / "in", {"secret.txt": b"s", "b.txt": b"b"})
        plan_all(open_folder / "in", open_folder / "out")
        (open_folder / "in/secret.txt").chmod(0)
        status, text = run("apply", open_folder / "out")
    assert (status, "row 3: secret.txt: cannot be read: Permission denied" in text) == (2, True)
    assert results(open_folder / "out") == {}


def test_a_folder_that_fails_is_told_by_the_status_and_comes_in_later(tmp_path, run, monkeypatch):
    source, output, list_folder = tmp_path / "in", tmp_path / "out", os.scandir
    make_files(source, {"bad/deep/a.txt": b"a", "b.txt": b"b"})

    def fail(folder):
        if folder == source / "bad":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", fail)
    status, text = run("organize", source, output)
    assert (status, "UNKNOWN         1 folder" in text) == (1, True)
    assert run("add", source, output)[0] == 1
    monkeypatch.undo()
    status, text = run("add", source, output)
    assert (status, "UNKNOWN" in text) == (0, False)
    assert results(output) == {"other/bad/deep/a.txt": b"a", "other/b.txt": b"b"}


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_that_may_not_be_written_to(open_folder, run, mode):
    source, output = open_folder / "in", open_folder / "out"
    with without_privileges():
        make_files(source, {"locked/a.txt": b"a", "b.txt": b"b"})
        plan_all(source, output)
        (source / "locked").chmod(0o500)
        try:
            status, _ = run("apply", output, f"--process_mode={mode}", "--cache=none")
        finally:
            (source / "locked").chmod(0o700)
        assert (source / "locked/a.txt").read_bytes() == b"a"
        moves = mode == "move"
        assert (status, "other/locked/a.txt" in results(output)) == (moves, not moves)
        assert ("Permission denied" in (output / "report.csv").read_text()) == moves


def test_an_output_that_may_not_be_written_to(open_folder, run):
    with without_privileges():
        make_files(open_folder / "in", {"b.txt": b"b"})
        plan_all(open_folder / "in", open_folder / "out")
        (open_folder / "out/.dupimg/lock").chmod(0o400)
        (open_folder / "out/.dupimg").chmod(0o500)
        try:
            status, text = run("apply", open_folder / "out")
        finally:
            (open_folder / "out/.dupimg").chmod(0o700)
    assert (status, "nothing can be written: Permission denied" in text) == (2, True)
    assert results(open_folder / "out") == {}


# Names and paths.


def test_names_of_255_bytes_and_paths_over_4096(tmp_path, run):
    source, output = tmp_path / "in", tmp_path / "out"
    long = {"x" * 255: b"1", "X" * 255: b"2", "猫" * 85: b"3", "a." + "b" * 253: b"4",
            "A." + "B" * 253: b"5", "y" * 251 + ".txt": b"6"}  # fmt: skip
    make_files(source, long)
    # 16 folders of 250 bytes, then a file behind 4,096 bytes: only steps can reach it.
    folder = os.open(source, os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    file = os.open("deep.txt", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.write(file, b"deep")
    os.close(file)
    status, _ = run("organize", source, output, "--process_mode=move")
    assert status == 1  # a file is out of reach, and stays
    assert sorted(results(output).values()) == sorted(long.values())
    assert os.stat("deep.txt", dir_fd=folder).st_size == 4
    os.close(folder)
    (row,) = [row for row in read_report(output / "report.csv") if row.path.startswith("ddd")]
    assert (row.destination, row.digest) == ("", "")
    assert str(row.reason) == "folder could not be listed: File name too long"
    assert run("undo", output)[0] == 0
    assert results(output) == {}
    shutil.rmtree(source)


@pytest.mark.parametrize("mode", MODES)
def test_a_destination_that_would_be_too_long_fails_alone(tmp_path, run, mode):
    source = tmp_path / "in"
    output = tmp_path / "o" / "/".join(["p" * 200] * 2)
    deep = "/".join(["d" * 250] * 15)[: 4090 - len(str(source)) - 10]
    make_files(source, {"fine.txt": b"fine", "b/x": b"x"})
    (source / deep).mkdir(parents=True)
    make_files(source, {f"{deep}/a.txt": b"deep"})
    plan_all(source, output)
    status, text = run("apply", output, f"--process_mode={mode}")
    assert (status, "FAILED          1 file," in text) == (1, True)
    assert results(output) == {"other/fine.txt": b"fine", "other/b/x": b"x"}
    assert (source / deep / "a.txt").read_bytes() == b"deep"
    assert "File name too long" in (output / "report.csv").read_text()


TWINS = {
    "A.txt": b"1", "a.txt": b"2", "caf\u00e9.txt": b"3", "cafe\u0301.txt": b"4", "B": b"5",
    "b": b"6", "b-2/inner": b"7", "straße.txt": b"8", "STRASSE.txt": b"9", "a.TXT": b"10",
}  # fmt: skip


def test_names_that_differ_only_in_case_or_unicode_form_stay_apart(tmp_path, run):
    make_files(tmp_path / "in", TWINS)
    rows = plan_all(tmp_path / "in", tmp_path / "out")
    folded = {unicodedata.normalize("NFC", row.destination).casefold() for row in rows}
    assert len(folded) == len(TWINS)
    assert run("apply", tmp_path / "out")[0] == 0
    assert contents(tmp_path / "out") == sorted(TWINS.values())


@pytest.fixture
def exfat(tmp_path):
    with exfat_mounted(tmp_path / "exfat") as mounted:
        yield mounted


@pytest.mark.parametrize("mode", MODES)
def test_a_memory_card_that_ignores_case(tmp_path, exfat, run, mode):
    (exfat / "Case").touch()
    assert (exfat / "cASE").exists()
    make_files(tmp_path / "all/in", TWINS | {"what?.txt": b"no name for this filesystem"})
    before = snapshot(tmp_path / "all")
    plan_all(tmp_path / "all/in", exfat / "out")
    status, text = run("apply", exfat / "out", f"--process_mode={mode}")
    assert (status, "FAILED" in text) == (0, False)
    assert (exfat / "out/other/what_.txt").read_bytes() == b"no name for this filesystem"
    assert len(contents(exfat / "out")) == len(TWINS) + 1
    assert ("in/A.txt" in read_files(tmp_path / "all")) == (mode == "copy")
    assert run("undo", exfat / "out")[0] == 0
    assert snapshot(tmp_path / "all").keys() == before.keys()
    assert contents(tmp_path / "all") == sorted(content for content, _ in before.values())


@pytest.mark.parametrize("n_files", [5_000, 100_000])
def test_many_tiny_files(other_filesystem, record_property, n_files):
    if n_files > 5_000 and not os.environ.get("DUPIMG_LONG"):
        pytest.skip("takes minutes; set DUPIMG_LONG=1")
    source, output = other_filesystem / "in", other_filesystem / "out"
    make_files(source, {f"{n % 100}/{n}.txt": f"{n}" for n in range(n_files)})
    plan_all(source, output)
    code = (
        "import re, sys, time; from dupimg.cli.main import main; start = time.perf_counter()\n"
        "status = main(['apply', sys.argv[1], '--quiet'])\n"
        # not ru_maxrss, which a process inherits from the one that started it
        "peak = re.search('VmHWM:\\\\s+(\\\\d+)', open('/proc/self/status').read())[1]\n"
        "print(status, time.perf_counter() - start, peak)"
    )
    done = subprocess.run([sys.executable, "-c", code, output], capture_output=True, text=True)
    status, seconds, kibibytes = done.stdout.split()
    print(f"{n_files:,} files: {float(seconds):.1f} s, {int(kibibytes) / 1024:.0f} MiB")
    assert status == "0"
    assert int(kibibytes) < 1_500_000
    placed = {f"other/{n % 100}/{n}.txt": f"{n}".encode() for n in range(n_files)}
    assert results(output) == placed


# Security.

ESCAPE = "\x1b[31mred\x1b]0;title\x07\u202egpj.\u2066exe"


def test_escape_codes_never_reach_the_terminal(tmp_path, run):
    source, output = tmp_path / f"in {ESCAPE}", tmp_path / f"out {ESCAPE}"
    make_files(source, {f"{n} {ESCAPE}": f"{n}" for n in range(3)})
    plan_all(source, output)
    edit_plan(output / "plan.csv", lambda path, line: line | {"action": "delete"})
    printed = [run("apply", output), run("apply", output, "--debug"), run("status", output)]
    edit_plan(output / "plan.csv", lambda path, line: line | {"action": "other"})
    set_cells(output / "plan.csv", f"0 {ESCAPE}", action="leave")
    make_files(source, {f"new {ESCAPE}": b"new"})
    printed += [run("apply", output), run("status", output), run("apply", output, "--debug")]
    (output / "other" / f"1 {ESCAPE}").write_text("edited")
    printed += [run("undo", output), run("undo", output), run("status", output)]
    printed += [run("apply", source, f"--{ESCAPE}"), run(ESCAPE), run("status", ESCAPE, ESCAPE)]
    assert [status for status, _ in printed] == [2, 2, 0, 0, 0, 2, 1, 1, 0, 2, 2, 2]
    text = "".join(text for _, text in printed)
    assert r"\x1b[31mred" in text
    assert {letter for letter in text if not letter.isprintable()} == {"\n"}


def test_a_hostile_plan_reaches_nothing_outside(tmp_path, run):
    source, output = tmp_path / "a/in", tmp_path / "a/out"
    make_files(tmp_path, {"a/in/x": b"x", "secret": b"secret", "a/in/y": b"y"})
    plan_all(source, output)
    before = snapshot(tmp_path)
    hostile = ("../../secret", "/etc/passwd", str(tmp_path / "secret"), "in/../../secret")
    lines = [f"{path},other,,,{place},0" for path in hostile for place in ("", "other/../../z")]
    head = (output / "plan.csv").read_text("utf-8-sig")
    (output / "plan.csv").write_text(
        "\n".join(["path,action,scene,note,destination,digest", *lines])
        + f"\nx,other,,,{tmp_path}/stolen,\ny,other,,=cmd(),other/../../../stolen,\n"
    )
    before["a/out/plan.csv"] = snapshot(tmp_path)["a/out/plan.csv"]
    status, text = run("apply", output, "--process_mode=move")
    assert (status, text.count("is not in the plan")) == (2, len(lines))
    assert text.count("is not inside other/") == 2
    assert snapshot(tmp_path) == before
    assert from_cell(head.split("\n")[1].split(",")[0]) == "x"


def test_nothing_is_ever_unpickled(tmp_path, run):
    make_files(tmp_path / "in", {"a.txt": b"a"})
    plan_all(tmp_path / "in", tmp_path / "out")
    code = (
        "import sys; import dupimg.runs.organize; from dupimg.cli.main import main; met = []\n"
        "sys.addaudithook(lambda event, _: event.startswith('pickle.') and met.append(event))\n"
        "ends = [main([verb, sys.argv[1]]) for verb in ('apply', 'status', 'undo', 'apply')]\n"
        "sys.exit(met != [] or ends != [0, 0, 0, 0])"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=True, capture_output=True)
    assert results(tmp_path / "out") == {"other/a.txt": b"a"}


def test_no_line_of_the_code_could_unpickle():
    met = []
    for path in Path(dupimg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(
                ast.unparse, node.bases
            ):
                # It looks up the few names of tensors by itself, as torch does with weights_only.
                assert "find_class" in {getattr(part, "name", "") for part in node.body}
            if isinstance(node, ast.Call):
                options = {option.arg: ast.unparse(option.value) for option in node.keywords}
                met.append((ast.unparse(node.func), options))
    names = {name for name, _ in met}
    assert not {"load", "loads", "joblib.load", "pd.read_pickle"} & names
    modules = ("pickle", "dill", "shelve")
    of_modules = {name for name in names if name.partition(".")[0] in modules}
    assert of_modules <= {"pickle.UnpicklingError"}
    assert not any(options.get("allow_pickle") == "True" for _, options in met)
    torch_loads = [options.get("weights_only") for name, options in met if name == "torch.load"]
    assert torch_loads
    assert set(torch_loads) == {"True"}
