"""How fast dupimg is, against the straightforward way and against decoding alone, in one run.

Every figure of a table is measured in the same run on the same photos, so that ratios hold on a
noisy machine. See `benchmarks.sample_photos` for what the photos show.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.options import BenchmarkOptions
from benchmarks.sample_photos import KINDS, make_photos
from dupimg.files.images import read_photo
from dupimg.model.backends import BFLOAT16, FLOAT32, OPENVINO, TORCH, choose_backend, has_bfloat16
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.models import Model, find_weights, get_model
from dupimg.model.openvino import kept_network
from dupimg.runs.organize import organize
from dupimg.runs.plan import plan

FASTEST_MODEL = "mobilenet_v3_small"


@dataclass(frozen=True)
class Timing:
    """How long one way takes, and how far its cosines are from torch's in float32."""

    way: str
    seconds: float
    largest_change_of_cosine: float = np.nan


def benchmark(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure photos per second.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for each kind of photo and each way: seconds for all photos, photos per second, how
        many times as fast as the straightforward way, the time in units of decoding alone, and
        for another backend or precision the largest change of a cosine of two photos.
    """
    rows: list[dict[str, object]] = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            n_photos = options.photos * kind.times
            paths = make_photos(Path(folder) / "photos", kind, n_photos)
            more = make_photos(Path(folder) / "more", kind, max(1, n_photos // 100), seed=1)
            megabytes = sum(path.stat().st_size for path in paths) / n_photos / 1e6
            timings = [
                *_measure_parts(paths, options.model),
                *_measure_whole(paths, more, options.model, Path(folder)),
            ]
        seconds = {timing.way: timing.seconds for timing in timings}
        rows += [
            {
                "photos": f"{n_photos} {kind.name} photos, {megabytes:.2f} MB each",
                "way": timing.way,
                "seconds": timing.seconds,
                "photos_per_second": n_photos / timing.seconds,
                "times_as_fast_as_straightforward": seconds["straightforward"] / timing.seconds,
                "times_decoding_alone": timing.seconds / seconds["decoding alone"],
                "largest_change_of_cosine": timing.largest_change_of_cosine,
            }
            for timing in timings
        ]
    table = pd.DataFrame(rows)
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def _measure_parts(paths: list[Path], name: str) -> Iterator[Timing]:
    """Time looking at photos: the straightforward way, without a network, and with each backend."""
    model = get_model(name)
    reference = PhotoEmbedder(model, backend=TORCH)
    reference.transform(paths[:1])  # loads torch, and the photos come from memory from now on
    yield Timing("straightforward", _seconds(lambda: _straightforward(paths, model)))
    yield Timing("decoding alone", _seconds(lambda: _decode(paths), times=2))
    yield Timing("embedding: torch", _seconds(lambda: reference.transform(paths), times=2))
    cosines = _cosines(reference, paths)
    fastest = choose_backend("auto")
    ways = [(fastest, FLOAT32)] if fastest != TORCH else []
    ways += [(fastest, BFLOAT16)] if has_bfloat16() else []
    for backend, precision in ways:
        embedder = PhotoEmbedder(model, backend=backend, precision=precision)
        change = np.abs(_cosines(embedder, paths) - cosines).max()
        seconds = _seconds(lambda embedder=embedder: embedder.transform(paths), times=2)
        yield Timing(f"embedding: {backend}, {precision}", seconds, change)
    with _with_weights(get_model(FASTEST_MODEL)) as small:
        embedder = PhotoEmbedder(small)
        embedder.transform(paths[:1])
        seconds = _seconds(lambda: embedder.transform(paths), times=2)
    yield Timing(f"embedding: {fastest}, {FASTEST_MODEL}", seconds)


def _measure_whole(
    paths: list[Path], more: list[Path], model: str, folder: Path
) -> Iterator[Timing]:
    """Time all of it: with copying as a command and in this process, and deciding with a cache."""
    photos = paths[0].parent
    command = [sys.executable, "-m", "dupimg", "organize", photos, folder / "command"]
    command += ["--cache=none", "--quiet", f"--model={model}"]
    yield Timing("organize, as a command", _seconds(lambda: subprocess.run(command, check=True)))
    outputs = (folder / f"organized-{number}" for number in count())

    def copy() -> None:
        organize(photos, next(outputs), model=model, cache="none", quiet=True)

    yield Timing("organize", _seconds(copy, times=2))

    def decide(output: str) -> None:
        cache = str(folder / "cache.sqlite")
        plan(photos, folder / output, model=model, cache=cache, quiet=True)

    yield Timing("plan", _seconds(lambda: decide("plan")))
    yield Timing("plan again, from the cache", _seconds(lambda: decide("again")))
    for path in more:
        path.rename(photos / path.name)
    way = f"plan again, {len(more)} new of {len(paths) + len(more)}"
    yield Timing(way, _seconds(lambda: decide("more")))


def _seconds(work: Callable[[], object], *, times: int = 1) -> float:
    """Return how long some work takes, at best."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _cosines(embedder: PhotoEmbedder, paths: Sequence[Path]) -> np.ndarray:
    vectors = embedder.transform(paths).astype(np.float64)
    return vectors @ vectors.T


@contextlib.contextmanager
def _with_weights(model: Model) -> Iterator[Model]:
    """Yield a model whose weights are here: random ones, which take as long as any others."""
    if find_weights(model) is not None:
        yield model
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model.name}.pth"
        _write_random_weights(model, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # An absolute name is found wherever weights are looked for.
        random = dataclasses.replace(model, filename=str(path), sha256=digest)
        try:
            yield random
        finally:
            if choose_backend("auto") == OPENVINO:
                kept_network(random).unlink(missing_ok=True)


def _write_random_weights(model: Model, path: Path) -> None:
    import torch

    from dupimg.model.networks import build_network

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(model).to_empty(device="cpu")
        for module in network.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    torch.save(network.state_dict(), path)


def _straightforward(paths: list[Path], model: Model) -> int:
    """Decode in full, embed one photo at a time, compare pair by pair: how one would begin."""
    import torch

    from dupimg.model.networks import load_network

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
