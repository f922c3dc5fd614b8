"""Pairs are compared once, remembered by content, and never removed uncompared."""

from __future__ import annotations

import numpy as np
import pytest
from files import make_files, read_files, sample, save
from PIL import Image, ImageDraw, ImageFont

from dupimg import DuplicateFinder, organize
from dupimg.decide.evidence import _order_by_content
from dupimg.files.pictures import Pictures
from dupimg.plans.rows import REMOVE


@pytest.fixture
def photos(tmp_path):
    """A photo, two copies of it, one with a caption, and two pages of a form."""
    folder = tmp_path / "in"
    with Image.open(sample("coffee.png")) as opened:
        photo = opened.convert("RGB")
    save(photo, folder / "photo.jpg", quality=95)
    save(photo, folder / "copy.jpg", quality=70)
    save(photo.resize((300, 200)), folder / "small.jpg", quality=90)
    ImageDraw.Draw(photo).text((60, 300), "FOR SALE", "white", ImageFont.load_default(48))
    save(photo, folder / "captioned.jpg", quality=95)
    for number, name in enumerate(("AB 123", "XY 987")):
        page = Image.new("RGB", (600, 800), "white")
        draw = ImageDraw.Draw(page)
        for line in range(10):
            draw.text((40, 60 + 70 * line), f"{line}. Question of the form", "black", font(28))
            draw.rectangle((330, 55 + 70 * line, 560, 100 + 70 * line), outline="black")
            draw.text((350, 60 + 70 * line), f"{name} {line * (number + 3)}", "navy", font(28))
        save(page, folder / f"form {number}.png")
    return folder


def font(size):
    return ImageFont.load_default(size)


def removed(result):
    return {row.path: row.keeper for row in result.rows if row.action == REMOVE}


def test_only_proven_copies_go(photos, tmp_path):
    result = organize(photos, tmp_path / "out", cache="none", quiet=True)
    assert removed(result) == {"copy.jpg": "photo.jpg", "small.jpg": "photo.jpg"}
    assert any(note.values and "spared" in str(note.values) for note in result.notes)
    by_number = organize(
        photos, tmp_path / "number", cache="none", quiet=True, duplicate_rule="cosine"
    )
    assert {"form 0.png", "form 1.png"} & set(removed(by_number))


def test_a_second_run_compares_no_pair_again(photos, tmp_path, monkeypatch):
    cache = str(tmp_path / "cache.sqlite")
    first = organize(photos, tmp_path / "first", cache=cache, quiet=True)

    def looked_at(*_):
        raise AssertionError("a picture was looked at again")

    monkeypatch.setattr(Pictures, "read", looked_at)
    second = organize(photos, tmp_path / "second", cache=cache, quiet=True)
    assert removed(second) == removed(first)
    assert read_files(tmp_path / "second/processed") == read_files(tmp_path / "first/processed")


def test_what_cannot_be_compared_stays(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(Pictures, "read", lambda *_: None)
    result = organize(photos, tmp_path / "out", cache="none", quiet=True)
    assert removed(result) == {}


def test_identical_bytes_go_uncompared(photos, tmp_path, monkeypatch):
    make_files(photos, {"twin.jpg": (photos / "photo.jpg").read_bytes()})
    monkeypatch.setattr(Pictures, "read", lambda *_: None)
    result = organize(photos, tmp_path / "out", cache="none", quiet=True)
    assert removed(result) == {"twin.jpg": "photo.jpg"}


def test_the_bare_number_is_the_estimator_alone():
    vectors = np.array([[1.0, 0.0], [0.97, 0.2431], [0.0, 1.0]])
    assert DuplicateFinder().fit(vectors).keepers_.tolist() == [0, 0, 2]


def test_in_a_long_burst_each_copy_goes_for_its_own_shot(tmp_path):
    with Image.open(sample("china.jpg")) as photo, Image.open(sample("coffee.png")) as cup:
        walker = cup.convert("RGB").crop((150, 50, 450, 350)).resize((48, 48))
        for n in range(14):
            shot = photo.copy()
            shot.paste(walker, (40 * n, 330))
            save(shot, tmp_path / "in" / f"{n:02}.jpg", quality=95)
            save(shot, tmp_path / "in" / f"{n:02} sent.jpg", quality=80)
    result = organize(tmp_path / "in", tmp_path / "out", cache="none", quiet=True)
    keepers = {row.path: row.keeper for row in result.rows if row.action == REMOVE}
    assert keepers == {f"{n:02} sent.jpg": f"{n:02}.jpg" for n in range(14)}


def test_pairs_of_scenes_that_are_strewn_over_a_folder_come_together():
    strewn = np.random.default_rng(0).permutation(1000)  # scene n // 10 of each content
    scenes = [np.flatnonzero(strewn // 10 == scene) for scene in range(100)]
    pairs = [(str(i), str(j)) for members in scenes for i in members for j in members if i < j]
    pairs.sort()
    order = _order_by_content(pairs)
    assert sorted(order) == list(range(len(pairs)))
    of_scene = [strewn[int(pairs[n][0])] // 10 for n in order]
    assert np.count_nonzero(np.diff(of_scene)) == 99  # each scene is done with before the next
    assert _order_by_content([]) == []
