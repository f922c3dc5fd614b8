"""Photos for `tune`, and the right answers about them."""

from __future__ import annotations

from pathlib import Path

from files import make_files, sample, save
from PIL import Image

from dupimg.tuning.questions import DIFFERENT, SAME_PHOTO, SAME_SCENE


def write_photos(folder: Path) -> Path:
    """Write six pictures, each whole, recompressed, and as two overlapping parts."""
    for name in ("chelsea.png", "coffee.png", "china.jpg", "flower.jpg", "rocket.jpg", "brick.png"):
        with Image.open(sample(name)) as opened:
            photo = opened.convert("RGB").resize((480, 320))
        stem = Path(name).stem
        save(photo, folder / f"{stem}/whole.jpg", quality=92)
        save(photo, folder / f"{stem}/small.jpg", quality=40)
        save(photo.crop((0, 0, 380, 320)), folder / f"{stem}/left.jpg", quality=92)
        save(photo.crop((100, 0, 480, 320)), folder / f"{stem}/right.jpg", quality=92)
    make_files(folder, {"notes.txt": "no photo", "broken.jpg": b"\xff\xd8\xff\xe0broken"})
    return folder


def truth(path_a: str, path_b: str) -> str:
    if path_a.split("/")[0] != path_b.split("/")[0]:
        return DIFFERENT
    return (
        SAME_PHOTO if {Path(path_a).stem, Path(path_b).stem} == {"whole", "small"} else SAME_SCENE
    )
