"""Damaged files of every format pass through a run, each accounted for."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from files import sample, snapshot
from PIL import Image
from pillow_heif import register_heif_opener

from dupimg.plans.rows import KEEP, OTHER, REMOVE
from dupimg.runs.organize import organize

HOW_MANY = 2000 if os.environ.get("DUPIMG_LONG") else 200

FORMATS = {
    "baseline.jpg": {"quality": 90},
    "progressive.jpg": {"progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
    "photo.png": {},
    "lossy.webp": {},
    "lossless.webp": {"lossless": True},
    "photo.gif": {},
    "plain.tif": {},
    "lzw.tif": {"compression": "tiff_lzw"},
    "jpeg.tif": {"compression": "jpeg"},
    "photo.bmp": {},
    "photo.jp2": {},
    "photo.heic": {},
    "photo.avif": {},
}


def flip_anywhere(content: bytearray, chance: random.Random) -> None:
    _flip(content, len(content), chance)


def flip_header(content: bytearray, chance: random.Random) -> None:
    _flip(content, min(len(content), 200), chance)


def truncate(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _flip(content: bytearray, end: int, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 20)):
        content[chance.randrange(end)] ^= 1 << chance.randrange(8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with a whole file of each format and many damaged ones."""
    register_heif_opener()
    folder = tmp_path_factory.mktemp("mutations")
    (folder / "whole").mkdir()
    (folder / "damaged").mkdir()
    with Image.open(sample("coffee.png")) as photo:
        small = photo.convert("RGB").resize((300, 200))
    for name, how in FORMATS.items():
        small.save(folder / "whole" / name, **how)
    for number in range(HOW_MANY):
        name = list(FORMATS)[number % len(FORMATS)]
        chance = random.Random(number)
        content = bytearray((folder / "whole" / name).read_bytes())
        damage = chance.choice((flip_anywhere, flip_header, truncate))
        damage(content, chance)
        (folder / "damaged" / f"{number:04}-{damage.__name__}-{name}").write_bytes(content)
    return folder


def test_every_damaged_file_is_accounted_for(folder, tmp_path):
    before = snapshot(folder)
    rows = organize(folder, tmp_path / "out", dry_run=True, quiet=True, time_limit=20).rows
    assert sorted(row.path for row in rows) == sorted(before)
    actions = {row.path: row.action for row in rows}
    assert {actions[f"whole/{name}"] for name in FORMATS} <= {KEEP, REMOVE}
    damaged = Counter(action for path, action in actions.items() if path.startswith("damaged/"))
    assert damaged.total() == HOW_MANY
    assert damaged[OTHER] > HOW_MANY / 10
    assert damaged[KEEP] + damaged[REMOVE] > HOW_MANY / 10
    assert all(row.reason for row in rows)
    assert snapshot(folder) == before
