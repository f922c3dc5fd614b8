"""Connect to a Dask cluster, check its workers and watch them during the run."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib

from dupimg import __version__
from dupimg.errors import UsageError

_SECONDS_TO_CONNECT = 30
_SECONDS_BETWEEN_CHECKS = 5.0


class NoWorkersWarning(UserWarning):
    """The cluster has no workers left; the run waits for one."""


@contextlib.contextmanager
def connected(scheduler: str, photo: Path) -> Iterator[None]:
    """Run the work on a Dask cluster, or on this machine if `scheduler` is empty.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://host:8786``.
    photo : Path
        A photo that every worker must be able to read, to check shared storage.

    Raises
    ------
    UsageError
        Dask is not installed, the scheduler does not answer, or its workers are missing, have
        another version of dupimg or cannot read the photo.
    ConnectionError
        The scheduler no longer answers.

    Warns
    -----
    NoWorkersWarning
        All workers have died. Dask itself waits for new ones silently.
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
    # Dask logs the same problems with tracebacks.
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
        while not over.wait(_SECONDS_BETWEEN_CHECKS):
            # Dask raises many errors when the scheduler is gone; the run itself reports them.
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
    answers = client.run(_worker_info, str(photo), on_error="return")
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


def _worker_info(photo: str) -> tuple[str, int]:
    """Return the version of dupimg and the size of a file, on a worker."""
    return __version__, Path(photo).stat().st_size
