"""The verb embed: export embeddings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dupimg.errors import UsageError
from dupimg.files.durable import write_durably
from dupimg.files.inputs import Inputs
from dupimg.files.photos import File, Photo, find_files
from dupimg.files.sandbox import warm_up
from dupimg.options.tool_options import EmbedOptions
from dupimg.options.verbs import verb
from dupimg.plans.report import to_cell, write_table
from dupimg.plans.rows import UNREAD
from dupimg.progress import numbered
from dupimg.runs import preflight
from dupimg.wording import plural

PATHS, UNREADABLE = "paths.csv", "unreadable.csv"

_SHOWN = 5  # most unreadable files in the summary


@dataclass(frozen=True)
class EmbedResult:
    """The exported embeddings.

    Attributes
    ----------
    vectors : Path
        ``.npy`` file: float32 of shape (n_photos, n_features), rows of norm 1.
    paths : Path
        CSV file with the columns path and digest, a row for each row of `vectors`.
    n_photos, n_features : int
    unreadable : tuple of File
        Files that are not readable photos, with reasons; also written to `unreadable_csv`.
    seconds : float
    """

    vectors: Path
    paths: Path
    n_photos: int
    n_features: int
    unreadable: tuple[File, ...] = field(repr=False)
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether a file could not be read; files that are no photos do not count."""
        return any(file.reason.code in UNREAD for file in self.unreadable)

    @property
    def unreadable_csv(self) -> Path:
        """CSV file with the columns path and reason; omitted if empty."""
        return self.paths.with_name(UNREADABLE)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        n_other = len(self.unreadable)
        return {
            "counts": {"photos": self.n_photos, "features": self.n_features, "other": n_other},
            "paths": {
                "vectors": str(self.vectors),
                "paths": str(self.paths),
                "unreadable": str(self.unreadable_csv) if n_other else None,
            },
            "seconds": {"total": round(self.seconds, 3)},
        }

    def summary(self) -> str:
        """Return the lines printed at the end."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        rate = self.n_photos / max(self.seconds, 1e-9)
        yield f"embedded {self.n_photos:>8,} {plural(self.n_photos, 'photo')}"
        if self.unreadable:
            n = len(self.unreadable)
            yield f"other    {n:>8,} no readable photo, see {self.unreadable_csv}"
            yield from (f"  {file.path}: {file.reason}" for file in self.unreadable[:_SHOWN])
            if n > _SHOWN:
                yield f"  … and {n - _SHOWN:,} more"
        yield f"took     {self.seconds:>8,.1f} s, {rate:,.1f} photos per second"
        yield f"vectors  {self.vectors}: float32, {self.n_photos:,} × {self.n_features:,}"
        yield f"paths    {self.paths}"


@verb(EmbedOptions)
def embed(options: EmbedOptions) -> EmbedResult:
    """Write the embeddings of a folder of photos to a ``.npy`` file, and their paths beside it.

    Returns
    -------
    EmbedResult

    Raises
    ------
    UsageError
        Refused, or no photo is readable; nothing was written.

    Examples
    --------
    >>> from dupimg import embed
    >>> embed("photos", "vectors.npy", embedding="scenes")  # doctest: +SKIP
    """
    start = time.perf_counter()
    preflight.check_input(options.folder, "folder")
    paths, unreadable = (options.vectors.with_name(name) for name in (PATHS, UNREADABLE))
    if options.vectors.suffix != ".npy":
        raise UsageError(f"Got vectors={options.vectors}, expected a name that ends in .npy.")
    for file in (options.vectors, paths, unreadable):
        if file.exists():
            raise UsageError(f"Got {file}, which exists. Choose another folder for vectors.")

    warm_up()
    from dupimg.decide.embed import read_and_embed
    from dupimg.decide.evidence import Evidence

    found = find_files(options.folder)
    with (
        numbered("reading", "embedding"),
        Evidence(options.cache, jobs=options.jobs, quiet=options.quiet) as evidence,
    ):
        listing, embedded = read_and_embed(options, Inputs.join([options.folder]), found, evidence)
    if not embedded.photos:
        raise UsageError(f"Got folder={options.folder} without a readable photo.")
    features = embedded.of_each_photo
    vectors = features.vector if options.embedding == "duplicates" else features.scene_vector
    options.vectors.parent.mkdir(parents=True, exist_ok=True)
    if listing.others:
        reasons = [to_cell(str(file.reason), may_look_like_data=False) for file in listing.others]
        write_table({"path": _path_cells(listing.others), "reason": reasons}, unreadable)
    digests = [photo.digest for photo in embedded.photos]
    write_table({"path": _path_cells(embedded.photos), "digest": digests}, paths)
    with write_durably(options.vectors) as npy:
        np.save(npy, vectors)
    n_photos, n_features = vectors.shape
    seconds = time.perf_counter() - start
    return EmbedResult(options.vectors, paths, n_photos, n_features, listing.others, seconds)


def _path_cells(files: Iterable[File | Photo]) -> list[str]:
    return [to_cell(file.path) for file in files]
