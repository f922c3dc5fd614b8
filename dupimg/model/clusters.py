"""More than one machine: photos are embedded by the joblib backend that a program has chosen.

joblib is scikit-learn's own seam to Dask, Ray and Spark. Inside of
``joblib.parallel_config(backend="dask")``, or with ``--scheduler``, chunks of photos are tasks of
that cluster. Its workers read the photos themselves, so the folder must have one path on all of
them. Without such a backend nothing here is used.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from joblib.parallel import get_active_backend

from dupimg import __version__
from dupimg.model.backends import TORCH
from dupimg.options import UsageError

if TYPE_CHECKING:
    from dupimg.model.embedding import PhotoEmbedder, Result

# Photos of a task: a few seconds of work, which nobody minds to do again when a worker dies.
_LARGEST_CHUNK, _SMALLEST_CHUNK = 128, 8
_TASKS_PER_CORE = 4

# Backends of joblib that use nothing but this machine; `PhotoEmbedder` does that better itself.
_OF_THIS_MACHINE = "joblib._parallel_backends"

_SECONDS_TO_CONNECT = 30
_SECONDS_BETWEEN_LOOKS = 5.0


class NoWorkersWarning(UserWarning):
    """The cluster has no workers left; the run waits for one."""


def is_chosen() -> bool:
    """Whether the program has chosen a joblib backend that is more than this machine."""
    backend, _ = get_active_backend()
    return type(backend).__module__ != _OF_THIS_MACHINE


def stream(params: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[int, Result]]:
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
) -> tuple[int, list[tuple[int, Result]]]:
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


@contextlib.contextmanager
def connected(scheduler: str, photo: Path) -> Iterator[None]:
    """Let a Dask cluster do the work, or this machine if `scheduler` is empty.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://host:8786``.
    photo : Path
        One of the photos, which every worker must be able to read.

    Raises
    ------
    UsageError
        Dask is not installed, nobody answers, there are no workers, or they have another version
        of dupimg or do not see the photo.
    ConnectionError
        The scheduler has stopped to answer.

    Warns
    -----
    NoWorkersWarning
        All workers have died. Dask waits for new ones without a word.
    """
    if not scheduler:
        yield
        return
    try:
        from dask.distributed import CancelledError, Client
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise UsageError(
            f"Got scheduler={scheduler}, for which Dask is missing here. Install it with "
            "pip install 'dask[distributed]', here and on all workers."
        ) from error
    # They tell with tracebacks what is told here.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=_SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"Got scheduler={scheduler}, where no Dask scheduler answers ({error}). Start one "
            "with `dask scheduler`, and `dask worker tcp://HOST:8786` on every machine."
        ) from error
    try:
        with client, joblib.parallel_config(backend="dask"):
            _check_workers(client, scheduler, photo.absolute())
            with _watched(client, scheduler):
                yield
    except (CommClosedError, CancelledError) as error:
        raise ConnectionError(
            f"the Dask scheduler at {scheduler} has stopped to answer. When it is back, run the "
            "same command again: a cache keeps what was embedded"
        ) from error


@contextlib.contextmanager
def _watched(client: Any, scheduler: str) -> Iterator[None]:
    """Warn while the cluster has no workers."""
    over = threading.Event()

    def watch() -> None:
        were_there = True
        while not over.wait(_SECONDS_BETWEEN_LOOKS):
            # Dask has many errors for a scheduler that is gone; the run itself meets them, too.
            with contextlib.suppress(Exception):
                are_there = bool(client.nthreads())
                if were_there and not are_there:
                    warnings.warn(
                        f"The cluster at {scheduler} has no workers left, the run waits for one. "
                        f"Start `dask worker {scheduler}`, or press Ctrl-C: a cache keeps what was "
                        "embedded.",
                        NoWorkersWarning,
                        stacklevel=1,
                    )
                were_there = are_there

    watcher = threading.Thread(target=watch, name="dupimg-workers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _check_workers(client: Any, scheduler: str, photo: Path) -> None:
    answers = client.run(_look_around, str(photo), on_error="return")
    if not answers:
        raise UsageError(
            f"Got scheduler={scheduler} without workers. Start `dask worker {scheduler}` on "
            "every machine."
        )
    expected = __version__, photo.stat().st_size
    for worker, answer in answers.items():
        if answer == expected:
            continue
        if isinstance(answer, OSError):
            what = f"cannot read {photo} ({answer.strerror}): the folder must have this path there"
        elif isinstance(answer, Exception):
            what = f"cannot run dupimg ({answer}): install dupimg {__version__} there"
        elif answer[0] != __version__:
            what = f"has dupimg {answer[0]}: install {__version__} there"
        else:
            what = f"sees another file as {photo}: the folder must be the same one there"
        raise UsageError(f"Got scheduler={scheduler}, whose worker {worker} {what}.")


def _look_around(photo: str) -> tuple[str, int]:
    """Return the version of dupimg and the size of a file, on a worker."""
    return __version__, Path(photo).stat().st_size
