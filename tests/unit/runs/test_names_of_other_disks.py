"""Disks that refuse names which others allow: exFAT, NTFS, network shares."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys

import pytest
from files import make_files, read_files, sample
from filesystems import exfat_mounted
from PIL import Image
from planned import row_of, set_cells, write_planned

import dupimg
from dupimg.files.companion_names import folded
from dupimg.plans.free_names import acceptable_path
from dupimg.plans.naming import name_rows
from dupimg.plans.report import from_cell
from dupimg.plans.rows import Row
from dupimg.runs.journal import Journal
from dupimg.runs.preflight import refuses_names

# A stand-in for such a disk below any folder called "fatout", without hard links.
STAND_IN = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
static int refused(const char *path) {
    const char *at = path ? strstr(path, "/fatout/") : 0;
    for (at = at ? at + 8 : 0; at && *at; at++)
        if (strchr("<>:\"|?*\\", *at) || (unsigned char)*at < 32
            || ((at[1] == '/' || !at[1]) && (*at == '.' || *at == ' '))) return 1;
    return 0;
}
#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define CHECK(path) if (refused(path)) { errno = EINVAL; return -1; }
#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    CHECK(path) return REAL(name)(path, flags, mode); }
OPEN(open) OPEN(open64)
int rename(const char *old, const char *new) { CHECK(new) return REAL(rename)(old, new); }
int mkdir(const char *path, mode_t mode) { CHECK(path) return REAL(mkdir)(path, mode); }
int link(const char *old, const char *new) {
    if (strstr(new, "/fatout/")) { errno = refused(new) ? EINVAL : EPERM; return -1; }
    return REAL(link)(old, new);
}
"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """Return what to preload."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc on Linux")
    folder = tmp_path_factory.mktemp("stand-in")
    (folder / "names.c").write_text(STAND_IN)
    library = folder / "names.so"
    words = ["gcc", "-shared", "-fPIC", "-o", library, folder / "names.c", "-ldl"]
    subprocess.run(words, check=True)
    return library


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    with Image.open(sample("china.jpg")) as picture:
        photo = picture.resize((320, 240))
    (folder / "sub").mkdir(parents=True)
    for quality, name in ((90, "IMG_1.jpg"), (70, "at 10:00:05.jpg"), (60, 'the "big" one .jpg')):
        photo.save(folder / name, quality=quality)
    with Image.open(sample("coffee.png")) as picture:
        picture.convert("RGB").resize((300, 200)).save(folder / "cup.jpg")
    (folder / "cup.jpg").rename(folder / "IMG_4.jpg ")
    make_files(
        folder,
        {
            "Trip: Rome/notes.txt": b"diary",
            "Trip? Rome/notes.txt": b"another diary",
            "Album 1. /a.txt": b"x",
            "IMG_4.jpg .xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
            "nul.txt": b"",
        },
    )
    return folder


def run(stand_in, *words):
    command = [sys.executable, "-m", "dupimg", *map(str, words), "--cache=none"]
    environment = os.environ | {"LD_PRELOAD": str(stand_in)}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("way", ["copy", "move"])
def test_every_file_arrives_under_a_name_that_the_disk_takes(tmp_path, source, stand_in, way):
    before, output = read_files(source), tmp_path / "fatout/x"
    output.parent.mkdir()
    done = run(stand_in, "organize", source, output, f"--process_mode={way}")
    assert (done.returncode, "Invalid argument" in done.stderr) == (0, False), done.stderr
    rows = reported(output)
    assert {row["path"] for row in rows} == before.keys()  # the report keeps the names
    for row in rows:
        assert (output / row["destination"]).read_bytes() == before[row["path"]]
        assert acceptable_path(row["destination"]) == row["destination"]
    places = {row["path"]: row["destination"] for row in rows}
    assert places["Trip: Rome/notes.txt"] == "other/Trip_ Rome/notes.txt"
    assert places["Trip? Rome/notes.txt"] == "other/Trip_ Rome/notes-2.txt"
    assert places["at 10:00:05.jpg"].endswith("--at 10_00_05.jpg")
    photo = places["IMG_4.jpg "]
    assert places["IMG_4.jpg .xmp"] in (photo + ".xmp", photo.removesuffix(".jpg") + ".xmp")
    undone = run(stand_in, "undo", output)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert read_files(source) == before


def test_plan_review_of_names_and_add(tmp_path, source, stand_in):
    output, more = tmp_path / "fatout/x", tmp_path / "more"
    output.parent.mkdir()
    make_files(more, {"what?.txt": b"more"})
    assert run(stand_in, "plan", source, output).returncode == 0
    set_cells(output / "plan.csv", "nul.txt", destination="other/why?.txt")
    refused = run(stand_in, "apply", output)
    assert refused.returncode == 2
    assert "'other/why?.txt' has a name that this disk refuses" in refused.stderr
    assert "'other/why_.txt'" in refused.stderr
    set_cells(output / "plan.csv", "nul.txt", destination="other/why.txt")
    assert run(stand_in, "apply", output).returncode == 0
    assert (output / "other/why.txt").exists()
    assert run(stand_in, "add", more, output).returncode == 0
    (name,) = (p.name for p in (output / "other").rglob("what*"))
    assert name == "what_.txt"
    assert Journal(output).record.run.portable


def reported(output):
    with (output / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        return [{k: from_cell(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_a_disk_that_takes_all_names_is_left_its_names(tmp_path, source):
    assert not refuses_names(tmp_path / "not there yet/x")
    dupimg.organize(source, tmp_path / "out", quiet=True, cache="none")
    assert (tmp_path / "out/other/Trip: Rome/notes.txt").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_real_usb_disk(tmp_path, source):
    with exfat_mounted(tmp_path / "exfat") as disk:
        assert refuses_names(disk / "new/out")
        before = read_files(source)
        result = dupimg.organize(source, disk / "out", quiet=True, cache="none")
        assert not result.failed
        assert sorted(
            (disk / "out" / row.destination).read_bytes() for row in result.rows
        ) == sorted(before.values())
        assert not dupimg.undo(disk / "out", quiet=True).failed


def test_a_plan_made_for_another_disk_gets_names_for_this_one(tmp_path, source, stand_in):
    output = tmp_path / "fatout/x"
    write_planned(source, output, [row_of(source, path) for path in read_files(source)])
    done = run(stand_in, "apply", output)
    assert done.returncode == 0, done.stderr
    assert (output / "other/Trip_ Rome/notes.txt").read_bytes() == b"diary"


def test_names_that_become_alike_are_numbered():
    paths = [
        "a:b.txt",
        "a?b.txt",
        "A*B.txt",
        "a_b.txt",
        "a_b/x.txt",
        "a:b/x.txt",
        "con",
        "CON.",
        "x. ",
    ]
    rows = name_rows([Row(p, "other", digest="d") for p in paths], portable=True)
    places = [row.destination for row in rows]
    assert len({folded(place) for place in places}) == len(paths)
    assert [acceptable_path(place) for place in places] == places


def test_companions_take_the_acceptable_name_of_the_photo_that_stays():
    kept = Row("a.jp:g", "keep", digest="1", scene=1, taken_at="2025-06-13T10:00:00")
    gone = kept.having(path="b.j?pg", action="remove", keeper=kept.path, digest="2")
    own = Row("a.jp:g.xmp", "keep", digest="3", scene=1, companion_of=kept.path)
    other = own.having(path="b.j?pg.xmp", digest="4", companion_of=gone.path, keeper=kept.path)
    rows = name_rows([kept, gone, own, other], portable=True)
    stem = "processed/image-0001-20250613100000000"
    assert {row.path: row.destination for row in rows} == {
        "a.jp:g": f"{stem}.jp_g",
        "a.jp:g.xmp": f"{stem}.jp_g.xmp",
        "b.j?pg.xmp": f"{stem}-2.jp_g.xmp",
        "b.j?pg": "remove/image-0001-20250613100000000--b.j_pg",
    }
