"""Fit a scene head on the photos of a folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from dupimg.errors import UsageError
from dupimg.files.images import UnreadablePhoto, read_square
from dupimg.files.photos import find_files
from dupimg.files.sandbox import Map, open_sandbox
from dupimg.model.backends import FLOAT32, TORCH, Network, open_network
from dupimg.model.heads import SceneHead, fit_head
from dupimg.model.installed import require_torch
from dupimg.model.models import Model, fetch_weights, fingerprint, get_model
from dupimg.options.tool_options import FitHeadOptions
from dupimg.progress import progress_bar

# Each photo gives five rows, and `fit_head` needs more rows than its 384 components.
_FEWEST_PHOTOS = 100

_AT_ONCE = 4  # photos in a batch of a thread

# More photos hardly change the components; the features of these take 0.4 GB.
_MOST_PHOTOS = 10_000


@dataclass(frozen=True)
class FittedHead:
    """The result of fitting a scene head.

    Attributes
    ----------
    head : SceneHead
    output : Path
    n_photos : int
        Number of photos that it was fitted on.
    seconds : float
    """

    head: SceneHead
    output: Path
    n_photos: int
    seconds: float

    def summary(self) -> str:
        """Return the line printed at the end."""
        return f"{self.output}: {self.head.fingerprint}, fitted on {self.head.fitted_on}"

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        return {
            "counts": {"photos": self.n_photos},
            "fingerprint": self.head.fingerprint,
            "fitted_on": self.head.fitted_on,
            "paths": {"head": str(self.output)},
            "seconds": {"total": round(self.seconds, 3)},
        }


def fit_on_folder(options: FitHeadOptions) -> FittedHead:
    """Fit a scene head on the photos of a folder, and write it to a file.

    Parameters
    ----------
    options : FitHeadOptions

    Returns
    -------
    FittedHead

    Raises
    ------
    UsageError
        The network has no feature maps, torch is not installed, the file exists, or there are too
        few photos.

    Notes
    -----
    Each photo gives five rows: the whole and its four quarters. The quarters imitate scenes, which
    consist of different parts of one place. They raise precision most among many photos (at 2,700
    photos, pair F1 of average linkage 0.89 instead of 0.79).
    """
    start = time.perf_counter()
    model = get_model(options.model)
    if not model.feature_sizes:
        raise UsageError(
            f"Got model={model.name}, which gives no feature maps, expected efficientnet_lite0."
        )
    require_torch(model.library, by="fit_head")
    fetch_weights(model)
    if not options.folder.is_dir():
        raise UsageError(f"Got folder={options.folder}, which is no folder, expected photos in it.")
    if options.output.exists():
        raise UsageError(f"Got output={options.output}, which exists, expected a new file.")
    if options.output.suffix != ".npz":
        raise UsageError(f"Got output={options.output}, expected a name that ends in .npz.")
    paths = [options.folder / path for path, _ in find_files(options.folder).files]
    paths = paths[:: 1 + (len(paths) - 1) // _MOST_PHOTOS] if paths else paths
    features, n_photos = _pooled_features(model, paths, options)
    if n_photos < _FEWEST_PHOTOS:
        raise UsageError(
            f"Got folder={options.folder} with {n_photos} photos, expected at least "
            f"{_FEWEST_PHOTOS}."
        )
    head = fit_head(
        features,
        model.feature_sizes,
        network=fingerprint(model),
        fitted_on=options.about or f"{n_photos:,} photos and their quarters",
    )
    head.save(options.output)
    return FittedHead(head, options.output, n_photos, time.perf_counter() - start)


def _pooled_features(
    model: Model, paths: Sequence[Path], options: FitHeadOptions
) -> tuple[np.ndarray, int]:
    """Return the features of photos and their quarters, and the number of readable photos."""
    n_jobs = options.jobs or joblib.cpu_count()
    network = open_network(model, TORCH, FLOAT32, n_jobs)  # the same head wherever it is fitted
    batches = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
    features = [np.empty((0, sum(model.feature_sizes)), np.float32)]
    with (
        network.one_core_a_thread(),
        open_sandbox(n_jobs, options.time_limit) as decode,
        progress_bar(len(paths), "embedding", unit="photos", quiet=options.quiet) as bar,
    ):
        embed = joblib.delayed(partial(_features, model, network, decode))
        for rows in joblib.Parallel(n_jobs, prefer="threads", return_as="generator")(
            map(embed, batches)
        ):
            features.append(rows)
            bar.update(_AT_ONCE)
    stacked = np.concatenate(features)
    return stacked, len(stacked) // 5


def _features(model: Model, network: Network, decode: Map, paths: Sequence[Path]) -> np.ndarray:
    """Return the pooled feature maps of a few photos, five rows for each readable one."""
    size = model.input_size
    squares = []
    for photo in decode(partial(read_square, size=2 * size), paths):
        if not isinstance(photo, UnreadablePhoto):
            whole = photo.reshape(size, 2, size, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
            top, bottom = photo[:size], photo[size:]
            squares += [whole, top[:, :size], top[:, size:], bottom[:, :size], bottom[:, size:]]
    return network(squares)[:, model.embedding_size :]
