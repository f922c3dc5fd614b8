from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import build_executable
import pytest

import dupimg
from dupimg.cli import executable

ROOT = Path(__file__).parents[3]


def test_the_icon_is_that_of_the_pages():
    icon = build_executable.draw_icon(ROOT / "dupimg/web/icon.svg")
    assert icon.size == (1024, 1024)
    assert icon.getpixel((2, 2)) == (0, 0, 0, 0)
    assert icon.getpixel((128, 600)) == (0x8F, 0xB5, 0xFF, 255)
    assert icon.getpixel((700, 400)) == (0x1F, 0x5F, 0xD0, 255)


def test_a_zip_keeps_links_and_what_may_be_executed(tmp_path):
    folder = tmp_path / "dupimg"
    folder.mkdir()
    (folder / "dupimg").write_text("a program")
    (folder / "dupimg").chmod(0o755)
    (folder / "link").symlink_to("dupimg")
    build_executable.zip_folder(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        modes = {info.filename: info.external_attr >> 16 for info in file.infolist()}
        assert file.read("dupimg/link") == b"dupimg"
    assert stat.S_ISLNK(modes["dupimg/link"])
    assert modes["dupimg/dupimg"] & 0o111 == 0o111
    assert len(modes) == 2


def test_words_are_those_of_the_command_and_a_double_click_starts_the_app(monkeypatch):
    program = [sys.executable, executable.__file__]
    run = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout == f"dupimg {dupimg.__version__}\n"
    ran = []
    monkeypatch.setattr("dupimg.cli.main.main", lambda words: ran.append(words) or 0)
    monkeypatch.setattr(sys, "argv", ["dupimg"])
    controller, terminal = os.openpty()
    try:
        for stdin in (open(os.devnull), open(terminal, closefd=False)):  # noqa: PTH123, SIM115
            with stdin:
                for name in ("stdin", "stdout", "stderr"):
                    monkeypatch.setattr(sys, name, stdin)
                assert executable.main() == 0
    finally:
        os.close(controller)
        os.close(terminal)
    assert ran == [["app"], None]


@pytest.mark.parametrize("before", [None, "/opt/lib"])
def test_programs_that_it_opens_load_the_libraries_of_the_system(before, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr("dupimg.cli.main.main", lambda words: 0)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/dist/dupimg/_internal")
    if before:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    assert executable.main() == 0
    assert os.environ.get("LD_LIBRARY_PATH") == before


def test_a_build_notes_nothing_in_the_home_folder(tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    environment = build_executable.contained(work) | {"HOME": str(home), "USERPROFILE": str(home)}
    # As PyInstaller does, to find out what there is to bundle.
    command = [sys.executable, "-c", "import openvino.tools.ovc"]
    subprocess.run(command, check=True, env=environment)
    assert list(home.iterdir()) == []
