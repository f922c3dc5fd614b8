"""Make photos for measurements: collages in the size of real photos, or reduced real ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import joblib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from sklearn.datasets import load_sample_images

from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.files.photos import find_files

_CANVAS = (480, 320)
_PIECES = (4, 10)
_LONGEST_BURST = 3  # most photos of one thing, each shifted a little


@dataclass(frozen=True)
class Kind:
    """A kind of photo.

    Attributes
    ----------
    name : str
    size : tuple of int
        Width and height in pixels.
    quality : int
        Quality of JPEG.
    grain : float
        Standard deviation of the sensor noise in grey values, which determines the file size.
    """

    name: str
    size: tuple[int, int]
    quality: int
    grain: float


# About 10 MB at 24 megapixels, like camera photos, and about 100 KB, like web photos.
CAMERA = Kind("camera", (6000, 4000), 92, 9.0)
WEB = Kind("web", (1024, 683), 70, 4.0)


def make_photos(folder: Path, kind: Kind, n_photos: int, *, seed: int = 0) -> list[Path]:
    """Write photos like those of a camera: of many things, some of them several times in a row.

    Parameters
    ----------
    folder : Path
        Created by this function.
    kind : Kind
    n_photos : int
    seed : int, default=0
        Seed of the motifs and the noise.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    width, height = kind.size
    # Each photo gets a different part of one field of noise.
    noise = random.normal(0, kind.grain, (height + 64, width + 64, 1)).astype(np.int16)

    def write(path: Path, view: Image.Image, top: int, left: int) -> None:
        photo = np.asarray(view.resize(kind.size).filter(ImageFilter.SHARPEN), np.int16)
        pixels = np.clip(photo + noise[top : top + height, left : left + width], 0, 255)
        _save(Image.fromarray(pixels.astype(np.uint8)), path, kind)

    paths = [folder / f"IMG_{seed}{i:04}.jpg" for i in range(n_photos)]
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        views = islice(_views(random), n_photos)
        list(pool.map(write, paths, views, *random.integers(64, size=(2, n_photos)).tolist()))
    return paths


def reduce_photos(source: Path, folder: Path, kind: Kind, n_photos: int) -> list[Path]:
    """Make photos of a folder as small as a kind of photo.

    Parameters
    ----------
    source : Path
        Its photos are taken in order of path, and once more with narrower margins if there are
        fewer than `n_photos`.
    folder : Path
        Created by this function.
    kind : Kind
    n_photos : int

    Returns
    -------
    list of Path
        As many as could be read.
    """
    folder.mkdir(parents=True)
    found = [source / path for path, _ in find_files(source).files]

    def reduce(number: int) -> Path | None:
        margin, place = divmod(number, len(found))
        try:
            photo = read_photo(found[place], max(kind.size))
        except UnreadablePhoto:
            return None
        x, y = (side * min(margin, 8) // 50 for side in photo.size)
        photo = photo.crop((x, y, photo.width - x, photo.height - y))
        photo.thumbnail((max(kind.size),) * 2)
        path = folder / f"IMG_{number:05}.jpg"
        _save(photo, path, kind)
        return path

    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        paths = pool.map(reduce, range(n_photos if found else 0))
        return [path for path in paths if path is not None]


def _save(photo: Image.Image, path: Path, kind: Kind) -> None:
    photo.save(path, quality=kind.quality)
    os.utime(path, (1e9, 1e9))  # the cache does not trust files of the last seconds


def _views(random: np.random.Generator) -> Iterator[Image.Image]:
    """Yield views of different things in turn, up to three of each."""
    width, height = _CANVAS
    while True:
        thing = make_collage(random)
        for _ in range(random.integers(1, _LONGEST_BURST, endpoint=True)):
            left, top = random.integers(0, (width // 10, height // 10)).tolist()
            yield thing.crop((left, top, left + width * 9 // 10, top + height * 9 // 10))


def make_collage(random: np.random.Generator, canvas: tuple[int, int] = _CANVAS) -> Image.Image:
    """Compose a collage of round pieces of images, all turned and recoloured.

    Of a million pairs of such collages, none has a cosine above 0.85.
    """
    images = _sample_images()
    scale = canvas[0] / _CANVAS[0]

    def piece(size: tuple[int, int]) -> Image.Image:
        image = images[random.integers(len(images))]
        side = int(random.integers(80, 280))
        left, top = random.integers(0, (image.width - side, image.height - side)).tolist()
        square = image.crop((left, top, left + side, top + side))
        turned = square.resize(size).transpose(
            Image.Transpose(int(random.integers(len(Image.Transpose))))
        )
        weights = random.dirichlet((0.3, 0.3, 0.3), 3).T  # often nearly a permutation
        colours = np.asarray(turned.resize(size), np.float32) @ weights.astype(np.float32)
        return Image.fromarray(colours.astype(np.uint8))

    collage = piece(canvas)
    for _ in range(random.integers(*_PIECES)):
        size = (random.integers(60, 300, 2) * scale).astype(int).tolist()
        outline = Image.new("L", tuple(size))
        ImageDraw.Draw(outline).ellipse((0, 0, *size), fill=255)
        place = (random.integers((-60, -60), _CANVAS) * scale).astype(int).tolist()
        collage.paste(piece(tuple(size)), tuple(place), outline)
    return collage


@cache
def _sample_images() -> list[Image.Image]:
    return [Image.fromarray(pixels) for pixels in load_sample_images().images]
