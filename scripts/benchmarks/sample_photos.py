"""Photos to measure with: collages of scikit-learn's sample images, as large as real photos are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from sklearn.datasets import load_sample_images

_CANVAS = (480, 320)
_PIECES = (4, 10)
_LONGEST_BURST = 3  # photos of one thing, of which each is moved a little


@dataclass(frozen=True)
class Kind:
    """A kind of photo.

    Attributes
    ----------
    name : str
    size : tuple of int
        Width and height in pixels.
    quality : int
        Of JPEG.
    grain : float
        Standard deviation of the noise of the sensor, in grey values: what fills the file.
    times : int
        How many times as many photos of this kind as the user asks for.
    """

    name: str
    size: tuple[int, int]
    quality: int
    grain: float
    times: int


# About 10 MB with 24 megapixels, as cameras write, and about 100 KB, as web pages carry.
KINDS = (Kind("camera", (6000, 4000), 92, 9.0, 1), Kind("web", (1024, 683), 70, 4.0, 20))


def make_photos(folder: Path, kind: Kind, n_photos: int, *, seed: int = 0) -> list[Path]:
    """Write photos as a camera would: of many things, of some of them a few in a row.

    Parameters
    ----------
    folder : Path
        Created.
    kind : Kind
    n_photos : int
    seed : int, default=0
        Of what they show, and of the noise.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    views = _views(random)
    paths = []
    for i in range(n_photos):
        photo = next(views).resize(kind.size).filter(ImageFilter.SHARPEN)
        grain = random.normal(0, kind.grain, (kind.size[1], kind.size[0], 1)).astype(np.float32)
        pixels = np.clip(np.asarray(photo) + grain, 0, 255)
        path = folder / f"IMG_{seed}{i:04}.jpg"
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=kind.quality)
        os.utime(path, (1e9, 1e9))  # the cache does not trust files of the last seconds
        paths.append(path)
    return paths


def _views(random: np.random.Generator) -> Iterator[Image.Image]:
    """Yield views of one thing after the other, up to three of each."""
    images = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    width, height = _CANVAS
    while True:
        thing = _collage(images, random)
        for _ in range(random.integers(1, _LONGEST_BURST, endpoint=True)):
            left, top = random.integers(0, (width // 10, height // 10)).tolist()
            yield thing.crop((left, top, left + width * 9 // 10, top + height * 9 // 10))


def _collage(images: list[Image.Image], random: np.random.Generator) -> Image.Image:
    """Lay round pieces of images over another, all of them turned and recoloured."""

    def piece(size: tuple[int, int]) -> Image.Image:
        image = images[random.integers(len(images))]
        side = int(random.integers(80, 280))
        left, top = random.integers(0, (image.width - side, image.height - side)).tolist()
        square = image.crop((left, top, left + side, top + side))
        square = square.transpose(Image.Transpose(int(random.integers(len(Image.Transpose)))))
        weights = random.dirichlet((0.3, 0.3, 0.3), 3).T  # often nearly a permutation
        colours = np.asarray(square) @ weights
        return Image.fromarray(colours.astype(np.uint8)).resize(size)

    collage = piece(_CANVAS)
    for _ in range(random.integers(*_PIECES)):
        size = tuple(random.integers(60, 300, 2).tolist())
        outline = Image.new("L", size)
        ImageDraw.Draw(outline).ellipse((0, 0, *size), fill=255)
        place = tuple(random.integers((-60, -60), _CANVAS).tolist())
        collage.paste(piece(size), place, outline)
    return collage
