"""Decide what happens to every file of a folder: embed, group, plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dupimg.decide.dask_cluster import connected
from dupimg.decide.embed import KeepPreview, read_and_embed
from dupimg.decide.evidence import Evidence
from dupimg.decide.group import find_groups, known_apart
from dupimg.files.photos import Found, Photo
from dupimg.messages import Message, message
from dupimg.options.run_options import PlanOptions
from dupimg.plans.plan import Groups, check_plan, make_plan
from dupimg.plans.rows import Row
from dupimg.search.blocks import Checkpoint


@dataclass(frozen=True)
class Decision:
    """What happens to every file of a folder.

    Attributes
    ----------
    rows : tuple of Row
        A checked plan.
    notes : tuple of Message
        What a person should know about it.
    """

    rows: tuple[Row, ...]
    notes: tuple[Message, ...] = ()


def decide(
    options: PlanOptions,
    found: Found,
    keep_preview: KeepPreview | None = None,
    checkpoint: Checkpoint | None = None,
    *,
    portable: bool = False,
) -> Decision:
    """Decide what happens to every file of a folder.

    Parameters
    ----------
    options : PlanOptions
    found : Found
        What the folder holds.
    keep_preview : callable, optional
        Takes the digest of each photo and a small JPEG of it.
    checkpoint : Checkpoint, optional
        Keeps what long searches have found.
    portable : bool, default=False
        Whether names must be those that every disk accepts.

    Returns
    -------
    Decision

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    first_file = options.input_dir / next((path for path, _ in found.files), ".")
    with (
        connected(options.scheduler, first_file),
        Evidence(
            options.cache, jobs=options.jobs, quiet=options.quiet, mirrored=options.mirrored
        ) as evidence,
    ):
        listing, embedded = read_and_embed(
            options, options.input_dir, found, evidence, keep_preview
        )
        apart = known_apart(listing.photos, options.cache)
        groups = find_groups(embedded, options, options.keep, apart, checkpoint)
    rows = make_plan(listing, groups, options.keep, portable=portable)
    if problems := check_plan(rows):
        raise RuntimeError(f"The plan is not safe to carry out: {problems}")
    notes = (*_notes(groups, options.duplicate_rule), *_doubted_dates(listing.photos))
    return Decision(rows, notes)


def _notes(groups: Groups, rule: str) -> tuple[Message, ...]:
    """Say how many photos the other rule for duplicates would have removed or spared."""
    second_look = groups.second_look
    if second_look is None:
        return ()
    removed = groups.keepers != np.arange(len(groups.keepers))
    more = int(np.count_nonzero(second_look.other_rule_removes & ~removed))
    spared = int(np.count_nonzero(removed & ~second_look.other_rule_removes))
    if rule == "careful":
        note = message("note.spared", count=groups.n_spared)
        return (message("note.labelled", note=note),) if groups.n_spared else ()
    other = "verified" if rule == "cosine" else "cosine"
    note = message("note.other_rule", rule=other, count=more, spared=spared)
    return (message("note.labelled", note=note),)


def _doubted_dates(photos: Sequence[Photo]) -> tuple[Message, ...]:
    """Say how many photos have a date that cannot be right."""
    doubted = [photo.path for photo in photos if photo.passed_over is not None]
    if not doubted:
        return ()
    note = message("note.passed_over", count=len(doubted), path=min(doubted))
    return (message("note.labelled", note=note),)
