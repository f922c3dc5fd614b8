"""Wire the steps together: folder → photos → vectors → groups → plan → files and report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np

from dupimg import preflight
from dupimg.apply import apply_plan
from dupimg.duplicates import DuplicateFinder
from dupimg.embedding import PhotoEmbedder
from dupimg.images import UnreadablePhoto
from dupimg.keepers import keeper_order
from dupimg.models import WeightsError, fetch_weights, get_model
from dupimg.options import OrganizeOptions, RunOptions, UsageError
from dupimg.photos import File, Listing, Photo, find_files, read_files
from dupimg.plan import KEEP, OTHER, REMOVE, Groups, Row, check_plan, make_plan
from dupimg.progress import progress_bar
from dupimg.report import keep_earlier_report, write_report
from dupimg.scenes import SceneGrouper


@dataclass(frozen=True)
class Result:
    """What a run did.

    Attributes
    ----------
    rows : tuple of Row
        One for each file found.
    report : Path
    failures : int
        Files that could not be copied or moved; they are where they were.
    system_folders, system_files : int
        Passed over: thumbnails, bins, indexes.
    seconds : float
    options : OrganizeOptions
    """

    rows: tuple[Row, ...]
    report: Path
    failures: int
    system_folders: int
    system_files: int
    seconds: float
    options: OrganizeOptions

    def count(self, action: str) -> int:
        """Return how many files have an action."""
        return sum(row.action == action for row in self.rows)

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""
        kept, removed, other = (self.count(action) for action in (KEEP, REMOVE, OTHER))
        scenes = len({row.scene for row in self.rows if row.action == KEEP})
        freed = sum(row.bytes for row in self.rows if row.action == REMOVE)
        rate = (kept + removed) / max(self.seconds, 1e-9)
        output = self.options.output_dir
        lines = [
            f"found    {len(self.rows):>8,} files = kept + removed + other",
            f"kept     {kept:>8,} photos in {scenes:,} scenes      {output / 'processed'}",
            f"removed  {removed:>8,} duplicates, {freed / 1e6:,.1f} MB      {output / 'remove'}",
            f"other    {other:>8,} files that are no readable photo      {output / 'other'}",
        ]
        if self.system_folders:
            lines.append(
                f"skipped  {self.system_files:>8,} files in {self.system_folders:,} system folders"
            )
        if self.failures:
            lines.append(
                f"FAILED   {self.failures:>8,} files, left where they were; see the report"
            )
        lines.append(f"took     {self.seconds:>8,.1f} s, {rate:,.1f} photos per second")
        if self.options.dry_run:
            lines.append("dry run: no file was copied or moved")
        lines.append(f"report   {self.report}")
        return "\n".join(lines)


def organize(options: OrganizeOptions) -> Result:
    """Sort a folder of photos, as `OrganizeOptions` says.

    Parameters
    ----------
    options : OrganizeOptions

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        Refused; nothing was touched.
    """
    start = time.perf_counter()
    jobs = options.jobs or joblib.cpu_count()
    input_dir, output_dir = options.input_dir, options.output_dir
    preflight.check_input(input_dir)
    preflight.check_output(input_dir, output_dir)
    embedder = make_embedder(options, options.model)
    found = find_files(input_dir)
    preflight.check_found(found, input_dir, output_dir, options.process_mode)

    with progress_bar(len(found.files), "reading", unit="files", quiet=options.quiet) as bar:
        listing = read_files(
            input_dir,
            found,
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=jobs,
            advance=bar.update,
        )
    listing, vectors, inverse = embed(embedder, input_dir, listing, quiet=options.quiet)
    groups = find_groups(listing.photos, vectors, inverse, options)
    rows = make_plan(listing, groups, options.keep)
    if problems := check_plan(rows, listing):
        raise RuntimeError("The plan is not safe to carry out: " + " ".join(problems))

    output_dir.mkdir(parents=True, exist_ok=True)
    report = output_dir / "report.csv"
    failures = 0
    keep_earlier_report(report)
    write_report(rows, report)
    if not options.dry_run:
        with progress_bar(len(rows), "copying", unit="files", quiet=options.quiet) as bar:
            placed = apply_plan(
                rows,
                input_dir,
                output_dir,
                mode=options.process_mode,
                jobs=jobs,
                advance=bar.update,
            )
        rows, failures = placed.rows, placed.failures
        write_report(rows, report)
    return Result(
        rows,
        report,
        failures,
        found.system_folders,
        found.system_files,
        time.perf_counter() - start,
        options,
    )


def make_embedder(options: RunOptions, model: str) -> PhotoEmbedder:
    """Return the embedder that the options describe; its network is loaded at first use.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    try:
        fetch_weights(get_model(model))
    except (ValueError, WeightsError) as error:
        raise UsageError(str(error)) from error
    return PhotoEmbedder(
        model,
        batch_size=options.batch_size,
        n_jobs=options.jobs,
        max_pixels=options.max_megapixels * 1_000_000,
    )


def embed(
    embedder: PhotoEmbedder, folder: Path, listing: Listing, *, quiet: bool
) -> tuple[Listing, np.ndarray, np.ndarray]:
    """Embed the photos of a listing, byte-identical ones once.

    Returns
    -------
    listing : Listing
        Photos that turned out to be unreadable are now among the others.
    vectors : ndarray of shape (n_contents, d), float32
    inverse : ndarray of shape (n_photos,), int64
        Row of `vectors` for each photo of the returned listing.
    """
    first = {photo.digest: photo for photo in reversed(listing.photos)}
    contents = list(first)
    vectors = np.empty((len(contents), get_model(embedder.model).embedding_size), np.float32)
    unreadable: dict[str, str] = {}
    with progress_bar(len(contents), "embedding", unit="photos", quiet=quiet) as bar:
        for i, outcome in embedder.stream([folder / photo.path for photo in first.values()]):
            if isinstance(outcome, UnreadablePhoto):
                unreadable[contents[i]] = str(outcome)
            else:
                vectors[i] = outcome
            bar.update()
    if unreadable:
        vectors = vectors[[digest not in unreadable for digest in contents]]
        contents = [digest for digest in contents if digest not in unreadable]
    rows = {digest: row for row, digest in enumerate(contents)}
    photos = tuple(photo for photo in listing.photos if photo.digest in rows)
    demoted = [
        File(photo.path, photo.bytes, photo.digest, unreadable[photo.digest])
        for photo in listing.photos
        if photo.digest in unreadable
    ]
    others = tuple(sorted((*listing.others, *demoted), key=lambda other: other.path))
    inverse = np.array([rows[photo.digest] for photo in photos], dtype=np.int64)
    return replace(listing, photos=photos, others=others), vectors, inverse


def find_groups(
    photos: Sequence[Photo], vectors: np.ndarray, inverse: np.ndarray, options: OrganizeOptions
) -> Groups:
    """Find duplicates, and scenes among the photos that stay.

    Parameters
    ----------
    photos : sequence of Photo
    vectors : ndarray of shape (n_contents, d)
    inverse : ndarray of shape (n_photos,)
        Row of `vectors` for each photo.
    options : OrganizeOptions

    Returns
    -------
    Groups
    """
    if not photos:
        nothing = np.empty(0, np.int64)
        return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
    order = np.array(keeper_order(photos, options.keep))
    # The best photo stands for all of the same content, and contents go in order of their best.
    contents, position = np.unique(inverse[order], return_index=True)
    best = order[position]
    finder = DuplicateFinder(options.duplicate_threshold)
    finder.fit(vectors, keeper_order=contents[np.argsort(position)])
    kept = np.flatnonzero(finder.keepers_ == contents)
    grouper = SceneGrouper(
        options.scene_threshold,
        method=options.scene_method,
        linkage=options.linkage,
        min_size=options.min_scene_size,
    )
    scenes = np.zeros(len(contents), np.int64)
    scenes[kept] = grouper.fit_predict(vectors[kept])
    keepers = finder.keepers_[inverse]
    copies = np.bincount(inverse)[inverse]
    return Groups(
        keepers=best[keepers],
        cosine_to_keeper=finder.cosine_to_keeper_[inverse],
        nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
        scenes=scenes[keepers],
    )
