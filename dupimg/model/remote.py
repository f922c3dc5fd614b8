"""More than one machine: photos are embedded by the joblib backend that a program has chosen.

joblib is scikit-learn's own seam to Dask, Ray and Spark. Inside of
``joblib.parallel_config(backend="dask")``, or with ``--scheduler``, chunks of photos are tasks of
that cluster. Its workers read the photos themselves, so the folder must have one path on all of
them. Without such a backend nothing here is used.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import joblib
from joblib.parallel import get_active_backend

from dupimg.model.backends import TORCH

if TYPE_CHECKING:
    from dupimg.model.embedding import Outcome, PhotoEmbedder

# Photos of a task: a few seconds of work, which nobody minds to do again when a worker dies.
_LARGEST_CHUNK, _SMALLEST_CHUNK = 128, 8
_TASKS_PER_CORE = 4

# Backends of joblib that use nothing but this machine; `PhotoEmbedder` does that better itself.
_OF_THIS_MACHINE = "joblib._parallel_backends"


def uses_remote_backend() -> bool:
    """Whether the program has chosen a joblib backend that is more than this machine."""
    backend, _ = get_active_backend()
    return type(backend).__module__ != _OF_THIS_MACHINE


def stream(params: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[int, Outcome]]:
    """Embed photos on the workers of the chosen backend.

    Parameters
    ----------
    params : mapping
        Of a `PhotoEmbedder`; the backend is that of this machine, not "auto".
    paths : sequence of str

    Yields
    ------
    index : int
        Position of the photo in `paths`. Every position comes once, in any order.
    result : Features or UnreadablePhoto
    """
    backend, _ = get_active_backend()
    tasks = _TASKS_PER_CORE * max(1, backend.effective_n_jobs(-1))
    size = min(max(len(paths) // tasks, _SMALLEST_CHUNK), _LARGEST_CHUNK)
    setting = dict(params) | {"n_jobs": 1}
    places = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - a worker has its own folder
    work = joblib.delayed(_embed_chunk)
    chunks = joblib.Parallel(
        batch_size=1, pre_dispatch="3*n_jobs", return_as="generator_unordered"
    )(work(setting, start, places[start : start + size]) for start in range(0, len(places), size))
    for start, results in chunks:
        yield from ((start + i, result) for i, result in results)


def _embed_chunk(
    setting: dict[str, Any], start: int, paths: list[str]
) -> tuple[int, list[tuple[int, Outcome]]]:
    """Embed some photos, on a worker."""
    with joblib.parallel_config(backend="threading"):
        return start, list(_embedder(setting).stream(paths))


_of_this_thread = threading.local()


def _embedder(setting: dict[str, Any]) -> PhotoEmbedder:
    """Return the embedder of a thread of a worker, which loads the network once."""
    known: tuple[Any, Any] = getattr(_of_this_thread, "embedder", (None, None))
    if known[0] != setting:
        from dupimg.model.embedding import PhotoEmbedder

        if setting["backend"] == TORCH:
            import torch

            # For all threads of the worker, so that none of them sets it back to more.
            torch.set_num_threads(1)
        # Dask's workers are daemons, which multiprocessing allows no children. Photos are decoded
        # in processes that see to their end themselves.
        multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
        known = _of_this_thread.embedder = (setting, PhotoEmbedder(**setting))
    return known[1]
