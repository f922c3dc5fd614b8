"""Embed photos on the machines of a cluster, through the active joblib backend.

joblib is scikit-learn's own interface to Dask, Ray and Spark. Within
``joblib.parallel_config(backend="dask")``, or with ``--scheduler``, chunks of photos become tasks
of that cluster. Its workers read the photos themselves, so the folder must have the same path on
all of them. Without such a backend `PhotoStream` embeds the photos on this machine.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import joblib
from joblib.parallel import get_active_backend

from dupimg.model.backends import TORCH
from dupimg.model.stream import Outcome, Outcomes, PhotoStream

# Photos per task: a few seconds of work, so that little is repeated if a worker dies.
_LARGEST_CHUNK, _SMALLEST_CHUNK = 128, 8
_TASKS_PER_CORE = 4

# joblib's backends for this machine only, which `PhotoStream` itself uses better.
_OF_THIS_MACHINE = "joblib._parallel_backends"


def stream_photos(photos: PhotoStream, paths: Sequence[str]) -> Outcomes:
    """Embed photos on the workers of a remote backend if one is active, or else on this machine.

    Parameters
    ----------
    photos : PhotoStream
    paths : sequence of str
        Equal paths are read once.

    Yields
    ------
    index : int
        Position of the photo in `paths`. Every position comes once, in any order.
    outcome : Features or UnreadablePhoto
    """
    positions: dict[str, list[int]] = defaultdict(list)
    for index, path in enumerate(paths):
        positions[path].append(index)
    places = list(positions.values())
    once = list(positions)
    with closing(run(photos, once) if uses_remote_backend() else photos.run(once)) as outcomes:
        for i, outcome in outcomes:
            yield from ((index, outcome) for index in places[i])


def uses_remote_backend() -> bool:
    """Return whether the active joblib backend uses other machines."""
    backend, _ = get_active_backend()
    return type(backend).__module__ != _OF_THIS_MACHINE


def run(photos: PhotoStream, paths: Sequence[str]) -> Outcomes:
    """Embed photos on the workers of the active backend.

    Parameters
    ----------
    photos : PhotoStream
        The settings; each task uses one thread.
    paths : sequence of str

    Yields
    ------
    index : int
        Position of the photo in `paths`. Every position comes once, in any order.
    outcome : Features or UnreadablePhoto
    """
    backend, _ = get_active_backend()
    tasks = _TASKS_PER_CORE * max(1, backend.effective_n_jobs(-1))
    size = min(max(len(paths) // tasks, _SMALLEST_CHUNK), _LARGEST_CHUNK)
    head = None if photos.scene_head is None else Path(_absolute(photos.scene_head))
    photos = replace(photos, n_jobs=1, scene_head=head)
    places = [_absolute(path) for path in paths]
    work = joblib.delayed(_embed_chunk)
    chunks = joblib.Parallel(
        batch_size=1, pre_dispatch="3*n_jobs", return_as="generator_unordered"
    )(work(photos, start, places[start : start + size]) for start in range(0, len(places), size))
    for start, outcomes in chunks:
        yield from ((start + i, outcome) for i, outcome in outcomes)


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a worker has its own folder


def _embed_chunk(
    photos: PhotoStream, start: int, paths: list[str]
) -> tuple[int, list[tuple[int, Outcome]]]:
    """Embed some photos, on a worker."""
    with joblib.parallel_config(backend="threading"):
        return start, list(_with_network(photos).run(paths))


class _OfThisThread(threading.local):
    photos: PhotoStream | None = None


_of_this_thread = _OfThisThread()


def _with_network(photos: PhotoStream) -> PhotoStream:
    """Return an equal stream that belongs to this worker thread and loads the network once."""
    if _of_this_thread.photos != photos:
        if photos.backend == TORCH:
            import torch

            # For all threads of the worker, so that none of them resets it.
            torch.set_num_threads(1)
        # Dask's workers are daemons, for which multiprocessing forbids children. Decoding needs
        # some; they end by themselves when their parent does.
        multiprocessing.current_process().daemon = False
        _of_this_thread.photos = photos
    assert _of_this_thread.photos is not None
    return _of_this_thread.photos
