"""The verb compare: find the photos that two folders have in common."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dupimg.errors import UsageError
from dupimg.files.inputs import Inputs, find_inputs
from dupimg.files.photos import File, Found
from dupimg.files.sandbox import warm_up
from dupimg.messages import Message, message
from dupimg.options.tool_options import CompareOptions
from dupimg.options.verbs import verb
from dupimg.plans.report import to_cell, write_table
from dupimg.plans.rows import UNREAD
from dupimg.progress import numbered
from dupimg.runs import preflight
from dupimg.wording import counted, plural

if TYPE_CHECKING:
    from pandas import DataFrame

_SHOWN = 20  # most pairs in the summary


@dataclass(frozen=True)
class ComparedPair:
    """A photo in both folders.

    Attributes
    ----------
    path_a, path_b : str
        Relative to the two folders.
    cosine : float
    verdict : str
        See `dupimg.plans.rows.Row`.
    correlation : float
        Correlation of their thumbnails.
    """

    path_a: str
    path_b: str
    cosine: float
    verdict: str
    correlation: float


_COLUMNS = ("path_a", "path_b", "cosine", "verdict", "correlation")


@dataclass(frozen=True)
class CompareResult:
    """The photos of folder B that are also in folder A.

    Attributes
    ----------
    pairs : tuple of ComparedPair
        Sorted by the path in B, most similar first.
    n_a, n_b : int
        Number of readable photos in each folder.
    n_unread : int
        Number of other files in both.
    output : Path
        CSV file with a row for each pair.
    seconds : float
    notes : tuple of Message
        Hints for the user.
    unread : tuple of File
        Files and folders that could not be read from their disk.
    """

    pairs: tuple[ComparedPair, ...] = field(repr=False)
    n_a: int
    n_b: int
    n_unread: int
    output: Path
    seconds: float
    notes: tuple[Message, ...] = ()
    unread: tuple[File, ...] = field(default=(), repr=False)

    @property
    def failed(self) -> bool:
        """Whether a file could not be read; files that are no photos do not count."""
        return bool(self.unread)

    @property
    def found(self) -> int:
        """Number of photos of B that are also in A."""
        return len({pair.path_b for pair in self.pairs})

    @property
    def table(self) -> DataFrame:
        """The pairs as a DataFrame, with the columns of the CSV file."""
        import pandas as pd

        return pd.DataFrame([vars(pair) for pair in self.pairs], columns=[*_COLUMNS])

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        counts = {"a": self.n_a, "b": self.n_b, "other": self.n_unread}
        return {
            "counts": counts | {"found": self.found, "pairs": len(self.pairs)},
            "pairs": [vars(pair) for pair in self.pairs],
            "paths": {"pairs": str(self.output)},
            "seconds": {"total": round(self.seconds, 3)},
            "notes": [str(note) for note in self.notes],
        }

    def summary(self) -> str:
        """Return the lines printed at the end."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"compared {counted(self.n_a, 'photo')} of A with {self.n_b:,} of B"
        if self.n_unread:
            yield f"other    {self.n_unread:,} {plural(self.n_unread, 'file')}, no readable photo"
        yield from (f"FAILED   {file.path}: {file.reason}" for file in self.unread[:_SHOWN])
        are = "is" if self.found == 1 else "are"
        yield f"found    {counted(self.found, 'photo')} of B that {are} in A, too"
        for pair in self.pairs[:_SHOWN]:
            yield f"  {pair.path_b} = {pair.path_a}  ({pair.verdict}, {pair.cosine:.4f})"
        if len(self.pairs) > _SHOWN:
            yield f"  … and {counted(len(self.pairs) - _SHOWN, 'more pair')}"
        yield from map(str, self.notes)
        yield f"took     {self.seconds:,.1f} s"
        yield f"pairs    {self.output}"


@verb(CompareOptions)
def compare(options: CompareOptions) -> CompareResult:
    """Find which photos of one folder are in another one, too, and write the pairs as CSV.

    Both folders stay as they are. That is how photos of a test set are found in a training set.

    Returns
    -------
    CompareResult

    Raises
    ------
    UsageError
        Refused; nothing was written.

    Examples
    --------
    >>> from dupimg import compare
    >>> leaked = compare("train", "test").table  # doctest: +SKIP
    """
    start = time.perf_counter()
    _check(options)
    inputs = Inputs.join([options.a, options.b])

    warm_up()
    from dupimg.decide.across import find_pairs_across
    from dupimg.decide.embed import embed_listing, known_apart, make_stream, read_listing
    from dupimg.decide.evidence import Evidence

    label_a, label_b = inputs.folders
    stream = make_stream(options, options.model)
    with (
        numbered("reading", "embedding", "comparing", "pictures"),
        Evidence(
            options.cache, jobs=options.jobs, quiet=options.quiet, mirrored=options.mirrored
        ) as evidence,
    ):
        found = find_inputs(inputs)
        _check_shared(found, inputs)
        listing = read_listing(options, inputs, found, evidence.cache, paired=False)
        listing, embedded = embed_listing(
            stream, inputs, listing, quiet=options.quiet, evidence=evidence
        )
        paths = [photo.path for photo in embedded.photos]
        is_b = np.array([inputs.label(path) == label_b for path in paths], dtype=bool)
        apart = known_apart(embedded.photos, options.cache)
        photos = find_pairs_across(embedded, is_b, options, apart=apart)
    pairs = [
        ComparedPair(
            paths[pair.first].removeprefix(f"{label_a}/"),
            paths[pair.second].removeprefix(f"{label_b}/"),
            pair.cosine,
            pair.verdict,
            pair.correlation,
        )
        for pair in photos
    ]
    pairs.sort(key=lambda pair: (pair.path_b, -pair.cosine, pair.path_a))
    _write(pairs, options.output)
    n_b = int(is_b.sum())
    return CompareResult(
        tuple(pairs),
        len(paths) - n_b,
        n_b,
        len(listing.others) + len(listing.videos),
        options.output,
        time.perf_counter() - start,
        found.notes,
        tuple(file for file in listing.others if file.reason.code in UNREAD),
    )


def _check(options: CompareOptions) -> None:
    """Raise UsageError for overlapping folders, or an output that exists or is inside of them."""
    preflight.check_input(options.a, "a")
    preflight.check_input(options.b, "b")
    preflight.check_inputs([options.a, options.b], (), "folder")
    output = options.output
    if output.exists():
        raise UsageError(message("refused.output_exists", file=str(output)))
    for folder in (options.a, options.b):
        if output.resolve().is_relative_to(folder.resolve()):
            told = message("refused.output_inside", file=str(output), folder=str(folder))
            raise UsageError(told)


def _check_shared(found: Found, inputs: Inputs) -> None:
    """Raise UsageError if the folders share a folder through a mount."""
    for note in (dict(labelled.values)["note"] for labelled in found.notes):
        if not isinstance(note, Message) or note.code != "note.same_folder":
            continue
        folder, other = (str(dict(note.values)[name]) for name in ("folder", "other"))
        if inputs.label(folder) != inputs.label(other):
            told = message(
                "refused.shared_folder", folder=str(inputs / folder), other=str(inputs / other)
            )
            raise UsageError(told)


def _write(pairs: list[ComparedPair], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "path_a": [to_cell(pair.path_a) for pair in pairs],
        "path_b": [to_cell(pair.path_b) for pair in pairs],
        "cosine": [f"{pair.cosine:.6f}" for pair in pairs],
        "verdict": [pair.verdict for pair in pairs],
        "correlation": [f"{pair.correlation:.6f}" for pair in pairs],
    }
    write_table(columns, output)
