"""Time work on photos, compared with decoding them alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from dupimg.files.images import read_photo

DECODING = "decoding alone"


@dataclass(frozen=True)
class Timing:
    """The time of one way, optionally also of another checkout, and its accuracy."""

    way: str
    seconds: float
    seconds_there: float = np.nan
    largest_change_of_cosine: float = np.nan


def seconds_of(work: Callable[[], object], *, times: int = 1) -> float:
    """Return the best time of some work in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def time_decoding(paths: Sequence[Path]) -> Timing:
    """Time decoding at reduced size on all cores: a lower bound for all other ways."""

    def decode() -> None:
        with ThreadPoolExecutor(joblib.cpu_count()) as pool:
            for _ in pool.map(lambda path: read_photo(path, 224), paths):
                pass

    return Timing(DECODING, seconds_of(decode, times=2))


def table_of(title: str, paths: Sequence[Path], timings: Iterable[Timing]) -> pd.DataFrame:
    """Return a row for each way, with its time in units of decoding alone.

    Parameters
    ----------
    title : str
        Description of the photos.
    paths : sequence of Path
        The photos.
    timings : iterable of Timing
        Timings, including decoding alone.

    Returns
    -------
    DataFrame
        Seconds for all photos, photos per second, the time in units of decoding alone and of the
        other checkout, and the largest change of a cosine; columns without a value are left out.
    """
    timings = list(timings)
    decoding = next(timing.seconds for timing in timings if timing.way == DECODING)
    megabytes = sum(path.stat().st_size for path in paths) / len(paths) / 1e6
    rows = [
        {
            "photos": f"{len(paths)} {title} photos, {megabytes:.2f} MB each",
            "way": timing.way,
            "seconds": timing.seconds,
            "photos_per_second": len(paths) / timing.seconds,
            "times_decoding_alone": timing.seconds / decoding,
            "times_other_checkout": timing.seconds / timing.seconds_there,
            "largest_change_of_cosine": timing.largest_change_of_cosine,
        }
        for timing in timings
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")
