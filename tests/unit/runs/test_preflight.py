from __future__ import annotations

import re
from functools import partial

import pytest
from files import make_files, read_files

from dupimg import add, status, trash, undo
from dupimg.errors import UsageError
from dupimg.files.photos import find_files
from dupimg.runs import disk_space, preflight


@pytest.fixture
def source(tmp_path):
    make_files(tmp_path, {"in/a.jpg": b"x" * 1000})
    return tmp_path / "in"


def test_input_must_be_a_folder(tmp_path, source):
    preflight.check_input(source)
    with pytest.raises(UsageError, match="does not exist, expected a folder"):
        preflight.check_input(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="which is a file, expected a folder"):
        preflight.check_input(source / "a.jpg")


@pytest.mark.parametrize("verb", [undo, trash, status, partial(add, ".")])
def test_every_verb_about_a_run_says_alike_what_is_no_run(tmp_path, source, verb):
    folders = {tmp_path / "nowhere": "which does not exist", source / "a.jpg": "which is a file"}
    if verb is not status:  # which says so without an error
        folders[source] = "in which no run was carried out"
    for folder, why in folders.items():
        with pytest.raises(UsageError, match=f"^Got output_dir={folder}, {why}"):
            verb(folder)


@pytest.mark.parametrize(
    ("output", "relation"),
    [("in", "equal to"), ("in/../in", "equal to"), ("in/out", "inside"), ("in/a/b/c", "inside"),
     (".", "around"), ("link", "equal to"), ("link/x", "inside")],
)  # fmt: skip
def test_output_must_be_apart_from_the_input(tmp_path, source, output, relation):
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(UsageError, match=f"is {relation} input_dir"):
        preflight.check_apart(source, tmp_path / output)


def test_neighbours_are_apart(tmp_path, source):
    preflight.check_apart(source, tmp_path / "in-sorted")
    preflight.check_apart(source, tmp_path / "new" / "in")


@pytest.mark.parametrize("name", ["processed", "remove", "other"])
def test_an_output_that_holds_results_is_refused(tmp_path, source, name):
    make_files(tmp_path, {f"out/{name}/x": b"", "out/unrelated.txt": b""})
    with pytest.raises(UsageError, match=f"already holds results \\({name}\\)"):
        preflight.check_output(tmp_path / "out")


def test_output_must_not_be_a_file(tmp_path, source):
    make_files(tmp_path, {"out": b""})
    with pytest.raises(UsageError, match="which is a file"):
        preflight.check_output(tmp_path / "out")


def test_an_empty_folder_is_refused(tmp_path, source):
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(UsageError, match="without files"):
        preflight.check_found(find_files(tmp_path / "empty"), [tmp_path / "empty"])


def test_a_copy_that_would_not_fit_is_refused(tmp_path, source, small_filesystem):
    target, size = small_filesystem
    make_files(source, {"large.jpg": b"x" * (size + 1)})
    for mode in ("copy", "move"):
        with pytest.raises(UsageError, match=f"MB to {mode}, with {size / 1e6:.1f} MB free"):
            disk_space.check_space({source: size + 1}, target / "out", mode)
    assert read_files(target) == {}


def test_a_move_on_one_disk_needs_no_space(small_filesystem):
    folder, size = small_filesystem
    make_files(folder / "in", {"large.jpg": b"x" * (size * 2 // 3)})
    sizes = {folder / "in": size * 2 // 3}
    disk_space.check_space(sizes, folder / "out", "move")
    with pytest.raises(UsageError, match="process_mode=move on the disk"):
        disk_space.check_space(sizes, folder / "out", "copy")


def test_a_read_only_output_is_refused(source, read_only_filesystem):
    with pytest.raises(UsageError, match="without permission to write"):
        preflight.check_output(read_only_filesystem / "out")


@pytest.mark.parametrize("size", [60e6, 5e12])
def test_a_move_to_another_disk_says_that_it_copies_how_much_and_how_long(
    tmp_path, source, other_filesystem, size
):
    told = []

    def check(output, mode="move", confirm=None):
        said = {"announce": told.append, "confirm": confirm}
        disk_space.check_move({source: int(size)}, output, mode, **said)

    check(tmp_path / "out")
    check(other_filesystem / "out", mode="copy")
    assert told == []
    check(other_filesystem / "out")
    check(other_filesystem / "out", confirm=lambda _: True)
    amount, unit = ("60.0 MB", "minute") if size < 1e9 else ("5,000.0 GB", "(minute|hour)s")
    assert re.search(
        f"on another disk: moving copies {amount} first, about [\\d,]+ {unit}", str(told[0])
    )
    with pytest.raises(UsageError, match="Nothing was touched"):
        check(other_filesystem / "out", confirm=lambda _: False)
    assert list(other_filesystem.iterdir()) == []
