"""How fast dupimg is, against the straightforward way and against decoding alone, in one run.

Every figure of a table is measured in the same run on the same photos, so that ratios hold on a
noisy machine. The photos are made of scikit-learn's sample images.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

from dupimg.embedding import PhotoEmbedder
from dupimg.images import read_photo
from dupimg.models import get_model
from dupimg.options import BenchmarkOptions, OrganizeOptions
from dupimg.runs import organize


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
    """

    name: str
    size: tuple[int, int]
    quality: int
    grain: float


# About 10 MB with 24 megapixels, as cameras write, and about 100 KB, as web pages carry.
KINDS = (Kind("camera", (6000, 4000), 92, 9.0), Kind("web", (1024, 683), 70, 2.0))


def benchmark(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure photos per second.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for each kind of photo and each way: seconds for all photos, photos per second, how
        many times as fast as the straightforward way, and the time in units of decoding alone.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            photos = Path(folder) / kind.name
            paths = make_photos(photos, kind, options.photos)
            megabytes = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
            seconds = dict(
                _measure(paths, photos, Path(folder) / f"{kind.name}-out", options.model)
            )
            rows += [
                {
                    "photos": f"{len(paths)} {kind.name}, {megabytes:.2f} MB each",
                    "way": way,
                    "seconds": taken,
                    "photos_per_second": len(paths) / taken,
                    "times_as_fast_as_straightforward": seconds["straightforward"] / taken,
                    "times_decoding_alone": taken / seconds["decoding alone"],
                }
                for way, taken in seconds.items()
            ]
    table = pd.DataFrame(rows)
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def make_photos(folder: Path, kind: Kind, n_photos: int) -> list[Path]:
    """Write photos that differ from each other, as a camera would.

    Parameters
    ----------
    folder : Path
        Created.
    kind : Kind
    n_photos : int

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    images = load_sample_images().images
    paths = []
    for i in range(n_photos):
        whole = Image.fromarray(images[i % len(images)])
        left, top = random.integers(0, 100, 2)
        part = whole.crop((left, top, left + 480, top + 320)).resize(kind.size)
        grain = random.normal(0, kind.grain, (kind.size[1], kind.size[0], 1)).astype(np.float32)
        pixels = np.clip(np.asarray(part.filter(ImageFilter.SHARPEN)) + grain, 0, 255)
        path = folder / f"IMG_{i:04}.jpg"
        Image.fromarray(pixels.astype(np.uint8)).save(path, quality=kind.quality)
        paths.append(path)
    return paths


def _measure(
    paths: list[Path], photos: Path, output: Path, model: str
) -> Iterator[tuple[str, float]]:
    """Yield each way and its seconds."""
    embedder = PhotoEmbedder(model)
    embedder.transform(paths[:1])  # loads the network, and the photos come from memory from now on
    yield "straightforward", _seconds(lambda: _straightforward(paths, model))
    yield "decoding alone", _seconds(lambda: _decode(paths))
    yield "embedding", _seconds(lambda: embedder.transform(paths))
    cache = str(output.with_suffix(".sqlite"))

    def run(name: str) -> None:
        organize(
            OrganizeOptions(
                input_dir=photos,
                output_dir=output / name,
                model=model,
                cache=cache,
                quiet=True,
            )
        )

    yield "organize, all in", _seconds(lambda: run("first"))
    yield "organize again, from the cache", _seconds(lambda: run("second"))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _straightforward(paths: list[Path], name: str) -> int:
    """Decode in full, embed one photo at a time, compare pair by pair: how one would begin."""
    import torch

    from dupimg.networks import load_network

    model = get_model(name)
    network = load_network(model)
    vectors = []
    with torch.inference_mode():
        for path in paths:
            with Image.open(path) as opened:
                photo = opened.convert("RGB").resize((model.input_size, model.input_size))
            pixels = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None].float()
            vector = network(pixels)
            vectors.append(vector[0].flatten() / vector.norm())
    return sum(
        float(vectors[i] @ vectors[j]) >= 0.95
        for i in range(len(vectors))
        for j in range(i + 1, len(vectors))
    )


def _decode(paths: list[Path]) -> None:
    """Decode reduced, with all cores: what no way of looking at all photos can beat."""
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        for _ in pool.map(lambda path: read_photo(path, 224), paths):
            pass
