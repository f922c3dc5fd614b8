"""Measure stages and whole commands, compared with decoding the same photos alone.

Every figure of a table is measured in the same run on the same photos, so that ratios hold on a
noisy machine. See `benchmarks.sample_photos` for the photos.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import dupimg
from benchmarks.options import BenchmarkOptions
from benchmarks.sample_photos import CAMERA, WEB, make_photos, reduce_photos
from benchmarks.timing import Timing, seconds_of, table_of, time_decoding
from dupimg.decide.embed import embed_listing, make_stream, read_listing
from dupimg.decide.evidence import Evidence
from dupimg.decide.group import find_groups, rank_photos
from dupimg.files.inputs import Inputs, find_inputs
from dupimg.model.remote import stream_photos
from dupimg.options.run_options import PlanOptions
from dupimg.plans.plan import make_plan

# Number of runs of a command; the best time counts.
TIMES = 2


def benchmark_stages(options: BenchmarkOptions) -> pd.DataFrame:
    """Measure the stages of a run, and whole commands.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for each number of camera and of web photos and each stage or command; see `table_of`.
    """
    with tempfile.TemporaryDirectory() as folder:
        sets = [("camera", paths) for paths in _camera_photos(Path(folder), options.camera)]
        into = Path(folder) / "web"
        if options.web_from is None:
            sets.append(("web", make_photos(into, WEB, options.web)))
        else:
            sets.append(("web", reduce_photos(options.web_from, into, WEB, options.web)))
        tables = [table_of(title, paths, _timings(paths, options)) for title, paths in sets]
    table = pd.concat(tables, ignore_index=True)
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def _camera_photos(folder: Path, sizes: Sequence[int]) -> Iterator[list[Path]]:
    """Yield growing subsets of the same photos, each in its own folder."""
    paths = make_photos(folder / "camera", CAMERA, max(sizes))
    for size in sizes:
        part = folder / f"camera-{size}"
        part.mkdir()
        for path in paths[:size]:
            os.link(path, part / path.name)
        yield sorted(part.iterdir())


def _timings(paths: list[Path], options: BenchmarkOptions) -> Iterator[Timing]:
    photos = paths[0].parent
    with tempfile.TemporaryDirectory(dir=photos.parent) as folder:
        of_run = PlanOptions(
            input_dir=(photos,),
            output_dir=Path(folder),
            model=options.model,
            cache="none",
            quiet=True,
        )
        list(
            stream_photos(make_stream(of_run, options.model), [*map(str, paths[:1])])
        )  # loads the network
        yield time_decoding(paths)
        yield from _stages(of_run)
    yield from _commands(photos, options)


def _stages(options: PlanOptions) -> Iterator[Timing]:
    """Time the stages of `dupimg plan` one after the other, in this process."""
    outcome: dict[str, Any] = {}

    def timed(way: str, work: Any) -> Timing:
        return Timing(way, seconds_of(lambda: outcome.update({way: work()})))

    folder = Inputs.join(options.input_dir)
    found = find_inputs(folder)
    stream = make_stream(options, options.model)
    list(
        stream_photos(stream, [str(folder / found.files[0][0])])
    )  # loads the network, which is not timed
    with Evidence(options.cache, jobs=options.jobs, quiet=True) as evidence:
        yield timed("read", lambda: read_listing(options, folder, found, evidence.cache))
        listing = outcome["read"]
        yield timed(
            "decode and embed",
            lambda: embed_listing(stream, folder, listing, quiet=True, evidence=evidence),
        )
        listing, embedded = outcome["decode and embed"]
        without_details, ranking = replace(embedded, evidence=None), rank_photos(embedded)
        searched = timed("search and group", lambda: find_groups(without_details, options, ranking))
        yield searched
        looked = timed("details", lambda: find_groups(embedded, options, ranking))
        yield Timing(looked.way, max(0.0, looked.seconds - searched.seconds))
    yield timed("decide", lambda: make_plan(listing, outcome["details"], ranking, inputs=folder))


def _commands(photos: Path, options: BenchmarkOptions) -> Iterator[Timing]:
    """Time whole commands including the start of Python, optionally also of another checkout."""
    here = Path(dupimg.__file__).parents[1]
    yield Timing("start of Python", seconds_of(lambda: _run(here, "-c", _IMPORTS), times=TIMES))
    checkouts = [here] if options.against is None else [here, options.against.absolute()]
    more = [str(photos), f"--model={options.model}", "--quiet"]
    for verb in ("organize", "plan"):
        seconds = _time_in_turn(checkouts, verb, *more, "--cache=none")
        yield Timing(f"{verb}, the command", *seconds)
    with tempfile.TemporaryDirectory() as folder:
        cached = ["plan", *more, f"--cache={folder}/cache.sqlite"]
        _time_command(here, *cached)  # fills the cache
        yield Timing("plan again, from the cache", _time_command(here, *cached))


_IMPORTS = "import dupimg.decide.decide"


def _time_in_turn(checkouts: Sequence[Path], *words: str) -> list[float]:
    """Return the best time of a command in each checkout, alternating to share the noise."""
    seconds = [[_time_command(checkout, *words) for checkout in checkouts] for _ in range(TIMES)]
    return np.min(seconds, axis=0).tolist()


def _time_command(checkout: Path, *words: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        output = f"--output_dir={folder}/output"
        return seconds_of(lambda: _run(checkout, "-m", "dupimg", *words, output))


def _run(checkout: Path, *words: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    subprocess.run([sys.executable, *words], check=True, env=environment, cwd=checkout)
