"""What only duplicates know is written beside the photo that stays, and taken back with it."""

from __future__ import annotations

import io

import pytest
from files import read_files
from packets import exif, xmp
from PIL import Image
from sklearn.datasets import load_sample_image

from dupimg import apply, organize, plan, undo
from dupimg.files.sidecars import read_sidecar
from dupimg.files.xmp import read_xmp

PHOTO = Image.fromarray(load_sample_image("china.jpg"))
NAME = "processed/image-0001-20190701153000000.jpg"
PLACE = {1: "N", 2: (48.0, 51.0, 29.0), 3: "W", 4: (2.0, 17.0, 40.0)}


def jpeg(photo=PHOTO, quality=90, tags=None, gps=None, packet=b"") -> bytes:
    content = io.BytesIO()
    written = exif(tags, gps) if tags or gps else b""
    photo.save(content, "JPEG", quality=quality, exif=written, xmp=packet)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A large photo without metadata, and smaller copies that know more."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "large.jpg").write_bytes(jpeg())
    small = PHOTO.resize((480, 320))
    (source / "dated.jpg").write_bytes(jpeg(small, tags={0x9003: "2019:07:01 15:30:00"}, gps=PLACE))
    packet = xmp(xmp_Rating="4").replace(
        b"/></rdf:RDF>",
        b'><dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>sea</rdf:li>'
        b"<rdf:li>R&amp;D</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>",
    )
    (source / "rated.jpg").write_bytes(jpeg(small, quality=80, packet=packet))
    return source


def options(tmp_path, **more):
    return {"cache": str(tmp_path / "cache"), "quiet": True, "merge_metadata": True} | more


def test_what_the_photo_lacks_stands_beside_it(tmp_path, folder):
    before = read_files(folder)
    result = organize(folder, tmp_path / "out", **options(tmp_path))
    (kept,) = (row for row in result.rows if row.action == "keep")
    assert (kept.path, kept.destination, kept.taken_from) == ("large.jpg", NAME, "exif")
    assert "XMP file beside it" in str(kept.reason)
    beside = tmp_path / "out" / f"{NAME}.xmp"
    found = read_sidecar(beside)
    assert {stamp.moment.isoformat() for stamp in found.stamps} == {"2019-07-01T15:30:00"}
    assert found.place == pytest.approx((48 + 51 / 60 + 29 / 3600, -2 - 17 / 60 - 40 / 3600))
    words = read_xmp(beside.read_bytes(), {"xmp:Rating", "dc:subject"})
    assert words == {"xmp:Rating": "4", "dc:subject": "sea\nR&D"}
    assert (tmp_path / "out" / NAME).read_bytes() == (folder / "large.jpg").read_bytes()
    assert not undo(tmp_path / "out", quiet=True).failed
    assert not beside.exists()
    assert read_files(folder) == before


def test_the_file_belongs_to_the_photo_in_the_next_run(tmp_path, folder):
    organize(folder, tmp_path / "out", **options(tmp_path))
    again = plan(tmp_path / "out" / "processed", tmp_path / "again", **options(tmp_path))
    assert {row.taken_from for row in again.rows if row.is_photo} == {"sidecar"}
    assert [row.companion_of for row in again.rows if row.is_companion] == [NAME.split("/")[1]]


def test_a_changed_file_is_left(tmp_path, folder):
    organize(folder, tmp_path / "out", process_mode="move", **options(tmp_path))
    beside = tmp_path / "out" / f"{NAME}.xmp"
    beside.write_text("mine")
    outcome = undo(tmp_path / "out", quiet=True)
    assert [o.destination for o in outcome.outcomes if o.result == "left"] == [f"{NAME}.xmp"]
    assert beside.read_text() == "mine"
    assert (folder / "large.jpg").exists()


def test_a_photo_with_an_xmp_file_gets_none(tmp_path, folder):
    (folder / "dated.xmp").write_bytes(xmp())  # goes with the photo that stays
    result = organize(folder, tmp_path / "out", **options(tmp_path))
    assert not any(row.sidecar for row in result.rows)
    assert sorted(read_files(tmp_path / "out" / "processed")) == [
        NAME.removeprefix("processed/"),
        "image-0001-20190701153000000.xmp",
    ]


def test_another_photo_chosen_by_hand_lacks_other_things(tmp_path, folder):
    out = tmp_path / "out"
    plan(folder, out, **options(tmp_path))
    text = (out / "plan.csv").read_text("utf-8-sig").splitlines()
    swapped = [
        line.replace("large.jpg,keep", "large.jpg,remove", 1)
        if line.startswith("large.jpg,")
        else line.replace("dated.jpg,remove", "dated.jpg,keep", 1)
        for line in text
    ]
    (out / "plan.csv").write_text("\n".join(swapped) + "\n", "utf-8-sig")
    apply(out, quiet=True)
    (beside,) = (out / "processed").glob("*.xmp")
    words = read_xmp(beside.read_bytes(), {"xmp:Rating", "exif:DateTimeOriginal"})
    assert words == {"xmp:Rating": "4"}  # it has its own date and place


def test_nothing_is_written_without_being_asked(tmp_path, folder):
    result = organize(folder, tmp_path / "out", cache="none", quiet=True)
    assert not any(row.sidecar or row.known for row in result.rows)
    assert list((tmp_path / "out").rglob("*.xmp")) == []


def test_a_single_photo_goes_back_without_its_file(tmp_path, folder):
    before = read_files(folder)
    organize(folder, tmp_path / "out", process_mode="move", **options(tmp_path))
    outcome = undo(tmp_path / "out", file=str(tmp_path / "out" / NAME), quiet=True)
    assert [o.result for o in outcome.outcomes] == ["taken back"]
    assert read_files(folder) == {"large.jpg": before["large.jpg"]}
    assert list((tmp_path / "out").rglob("*.xmp")) == []


def test_the_changed_file_of_a_single_photo_is_left(tmp_path, folder):
    organize(folder, tmp_path / "out", process_mode="move", **options(tmp_path))
    beside = tmp_path / "out" / f"{NAME}.xmp"
    beside.write_text("mine")
    outcome = undo(tmp_path / "out", file="large.jpg", quiet=True)
    assert [o.result for o in outcome.outcomes] == ["taken back", "left"]
    assert beside.read_text() == "mine"
    assert (folder / "large.jpg").exists()
