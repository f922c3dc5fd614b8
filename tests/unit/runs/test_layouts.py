from __future__ import annotations

import csv

import pytest
from files import make_files, read_files, sample, save, snapshot
from PIL import Image

from dupimg.cli.main import main

PHOTOS = {
    "Rome/IMG_1.jpg": ("china.jpg", "2024:05:01 08:00:00"),
    "Rome/IMG_2.jpg": ("flower.jpg", "2024:05:01 12:30:00"),
    "Home/IMG_1.jpg": ("coffee.png", "2024:06:09 18:00:00"),
    "scan.png": ("rocket.jpg", ""),
}
TEMPLATE = "{taken:%Y}/{event}/{scene:04}-{taken:%H%M%S}{ext}"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts") / "in"
    for path, (name, taken) in PHOTOS.items():
        with Image.open(sample(name)) as photo:
            save(photo.convert("RGB").resize((320, 240)), folder / path, taken=taken)
    (folder / "Rome/copy.jpg").write_bytes((folder / "Rome/IMG_1.jpg").read_bytes())
    make_files(folder, {"Rome/IMG_2.xmp": "<x/>", "notes.txt": "to do"})
    return folder


@pytest.fixture
def cache(tmp_path_factory):
    return f"--cache={tmp_path_factory.getbasetemp() / 'layouts.db'}"


def kept(output):
    return sorted(path for path in read_files(output) if path.startswith("processed/"))


def rows(report):
    with report.open(encoding="utf-8-sig", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_a_tree_keeps_folders_and_names(source, tmp_path, cache):
    assert main(["organize", str(source), str(tmp_path / "out"), "--layout=tree", cache]) == 0
    assert kept(tmp_path / "out") == [
        "processed/Home/IMG_1.jpg",
        "processed/Rome/IMG_1.jpg",
        "processed/Rome/IMG_2.jpg",
        "processed/Rome/IMG_2.xmp",
        "processed/scan.png",
    ]


def test_a_template_names_folders_and_files_and_add_goes_on_with_it(source, tmp_path, cache):
    output, before = tmp_path / "out", snapshot(source)
    assert main(["organize", str(source), str(output), "--layout", TEMPLATE, cache]) == 0
    found = [path.split("/", 1)[1] for path in kept(output)]
    assert [path.rpartition("/")[0] for path in found] == [
        "2024/2024-05-01 Rome",
        "2024/2024-05-01 Rome",
        "2024/2024-05-01 Rome",
        "2024/2024-06-09 Home",
        "undated/undated",
    ]
    report = rows(output / "report.csv")
    assert report["Rome/IMG_2.jpg"]["event"] == "2024-05-01 Rome"
    assert report["Rome/copy.jpg"]["event"] == "2024-05-01 Rome"
    assert report["scan.png"]["event"] == ""

    card = tmp_path / "card"
    with Image.open(sample("astronaut.png")) as photo:
        save(photo.convert("RGB"), card / "DSC_9.jpg", taken="2024:05:01 15:00:00")
    assert main(["add", str(card), str(output), cache]) == 0
    added = set(kept(output)) - {f"processed/{path}" for path in found}
    assert len(added) == 1
    assert added.pop().startswith("processed/2024/2024-05-01 Rome/")
    assert main(["undo", str(output)]) == 0
    assert main(["undo", str(output)]) == 0
    assert kept(output) == []
    assert snapshot(source) == before


def test_names_that_a_person_gives_scenes_are_used(source, tmp_path, cache):
    output = tmp_path / "out"
    layout = "--layout={scene_name} {name}"
    assert main(["plan", str(source), str(output), layout, cache]) == 0
    plan = output / "plan.csv"
    found = list(csv.reader(plan.read_text("utf-8-sig").splitlines()))
    header, name = found[0], found[0].index("scene_name")
    for row in found[1:]:
        if row[header.index("path")] == "Rome/IMG_1.jpg":
            row[name] = "The ../gate"
    with plan.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(found)
    assert main(["apply", str(plan), cache]) == 0
    assert "processed/The ._gate IMG_1.jpg" in kept(output)
    assert rows(output / "report.csv")["Rome/copy.jpg"]["scene_name"] == "The ../gate"


@pytest.mark.parametrize(
    ("layout", "told"),
    [
        ("{nam}", "Did you mean {name}?"),
        ("../{name}", "without . and .."),
        ("/photos/{name}", "a relative path"),
        ("{taken:%Y}/", "a name for the photo"),
        ("{taken:%Q}{ext}", "a date such as"),
        ("{scene:4.2f}-{name}", "a width such as"),
        ("tre", "Did you mean tree?"),
        ("{name", "pairs of braces"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(source, tmp_path, capsys, layout, told):
    assert main(["organize", str(source), str(tmp_path / "out"), f"--layout={layout}"]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_files_are_passed_over_with_what_belongs_to_them(source, tmp_path, cache, capsys):
    output, before = tmp_path / "out", snapshot(source)
    words = ["--exclude=IMG_2.jpg,home/,*.TXT", "--process_mode=move", cache]
    assert main(["organize", str(source), str(output), *words]) == 0
    told = capsys.readouterr().out
    assert "found           3 files" in told
    assert "skipped         4 files, as the options say" in told
    assert main(["status", str(output)]) == 0
    left = {"Rome/IMG_2.jpg", "Rome/IMG_2.xmp", "Home/IMG_1.jpg", "notes.txt"}
    assert {path: before[path] for path in left} == snapshot(source)
    assert main(["add", str(source), str(output), cache]) == 0
    assert "nothing is new" in capsys.readouterr().out
    assert main(["undo", str(output)]) == 0
    assert snapshot(source) == before


@pytest.mark.parametrize(
    ("option", "found"),
    [("--min_pixels=321x240", 1), ("--min_bytes=1MB", 1), ("--recursive=no", 2)],
)
def test_small_photos_and_subfolders_are_passed_over(
    source, tmp_path, cache, capsys, option, found
):
    assert main(["plan", str(source), str(tmp_path / "out"), option, cache]) == 0
    assert f"found    {found:>8} file" in capsys.readouterr().out
    assert main(["apply", str(tmp_path / "out"), cache]) == 0
    assert "new file" not in capsys.readouterr().out


def test_trash_and_previews_are_passed_over_unless_they_are_wanted(tmp_path, cache, capsys):
    photo = (tmp_path / "in/a.jpg").parent
    with Image.open(sample("china.jpg")) as picture:
        save(picture.resize((64, 48)), photo / "a.jpg")
    content = (photo / "a.jpg").read_bytes()
    hidden = (
        ".trashed-1-b.jpg",
        ".pending-1-c.jpg",
        "@Recycle/d.jpg",
        "#recycle/e.jpg",
        ".Trash-1000/files/f.jpg",
        ".dtrash/files/g.jpg",
        ".stversions/h.jpg",
        ".stfolder/i.jpg",
        ".@__thumb/j.jpg",
        "@eaDir/k.jpg",
        "Previews.lrdata/l.jpg",
        "My.photoslibrary/resources/m.jpg",
        ".thumbnails/n.jpg",
        "Thumbs.db",
        "._a.jpg",
    )
    make_files(photo, dict.fromkeys(hidden, content))
    assert main(["plan", str(photo), str(tmp_path / "out"), cache]) == 0
    told = capsys.readouterr().out
    assert "found           1 file" in told
    assert f"skipped  {len(hidden):>8} files in 11 system folders" in told
    wanted = ["plan", str(photo), str(tmp_path / "out2"), "--include_system", cache]
    assert main(wanted) == 0
    assert f"found    {len(hidden) + 1:>8} files" in capsys.readouterr().out
