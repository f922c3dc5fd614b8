"""Measure the speed of embedding, compared with a simple way and with decoding alone.

Every figure of a table is measured in the same run on the same photos, so that ratios hold on a
noisy machine. See `benchmarks.sample_photos` for the photos.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.options import BenchmarkOptions
from benchmarks.sample_photos import CAMERA, WEB, make_photos
from benchmarks.timing import Timing, seconds_of, table_of, time_decoding
from dupimg.model.backends import BFLOAT16, FLOAT32, OPENVINO, TORCH, choose_backend, has_bfloat16
from dupimg.model.converted import kept_network
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.models import Model, find_weights, get_model

FASTEST_MODEL = "mobilenet_v3_small"


def benchmark_embedding(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure the speed of embedding.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for each kind of photo and each way; see `table_of`.
    """
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, n_photos in ((CAMERA, options.camera[0]), (WEB, options.web)):
            paths = make_photos(Path(folder) / kind.name, kind, n_photos)
            tables.append(table_of(kind.name, paths, _timings(paths, options.model)))
    table = pd.concat(tables, ignore_index=True)
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def _timings(paths: list[Path], name: str) -> Iterator[Timing]:
    """Time the embedding: the simple way, without a network, and with each backend."""
    model = get_model(name)
    reference = PhotoEmbedder(model, backend=TORCH)
    reference.transform(paths[:1])  # loads torch; the photos are in memory from now on
    yield Timing("straightforward", seconds_of(lambda: _straightforward(paths, model)))
    yield time_decoding(paths)
    yield Timing("embedding: torch", seconds_of(lambda: reference.transform(paths), times=2))
    cosines = _cosines(reference, paths)
    fastest = choose_backend("auto", model)
    ways = [(fastest, FLOAT32)] if fastest != TORCH else []
    ways += [(fastest, BFLOAT16)] if has_bfloat16() else []
    for backend, precision in ways:
        embedder = PhotoEmbedder(model, backend=backend, precision=precision)
        change = np.abs(_cosines(embedder, paths) - cosines).max()
        seconds = seconds_of(partial(embedder.transform, paths), times=2)
        yield Timing(f"embedding: {backend}, {precision}", seconds, largest_change_of_cosine=change)
    with _with_weights(get_model(FASTEST_MODEL)) as small:
        embedder = PhotoEmbedder(small)
        embedder.transform(paths[:1])
        seconds = seconds_of(lambda: embedder.transform(paths), times=2)
    yield Timing(f"embedding: {fastest}, {FASTEST_MODEL}", seconds)


def _cosines(embedder: PhotoEmbedder, paths: Sequence[Path]) -> np.ndarray:
    vectors = embedder.transform(paths).astype(np.float64)
    return vectors @ vectors.T


@contextlib.contextmanager
def _with_weights(model: Model) -> Iterator[Model]:
    """Yield a model with weights on this machine, or else random ones, which are as fast."""
    if find_weights(model) is not None:
        yield model
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{model.name}.pth"
        _write_random_weights(model, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # An absolute path is found in every search folder.
        random = dataclasses.replace(model, filename=str(path), sha256=digest)
        try:
            yield random
        finally:
            if choose_backend("auto", model) == OPENVINO:
                kept_network(random).unlink(missing_ok=True)


def _write_random_weights(model: Model, path: Path) -> None:
    import torch

    from dupimg.model.networks import build_network

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(model).to_empty(device="cpu")
        for module in network.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    torch.save(network.state_dict(), path)


def _straightforward(paths: list[Path], model: Model) -> int:
    """Embed the simple way: decode in full, one photo at a time, compare pair by pair."""
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
