"""Decide what happens to every file of a folder: embed, group, plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Thread

import numpy as np

from dupimg.decide.dask_cluster import connected
from dupimg.decide.embed import KeepPreview, known_apart, read_and_embed
from dupimg.decide.embedded import Embedded
from dupimg.decide.evidence import Evidence
from dupimg.files.inputs import Inputs
from dupimg.files.keep_rules import KeepRule, Ranking
from dupimg.files.photos import File, Found, Listing, Photo
from dupimg.messages import Message, message
from dupimg.options.run_options import PlanOptions
from dupimg.plans.layout import Layout
from dupimg.plans.plan import Groups, check_plan, make_plan
from dupimg.plans.rows import Row
from dupimg.search.blocks import Checkpoint


@dataclass(frozen=True)
class Decision:
    """The decision about every file of some folders.

    Attributes
    ----------
    rows : tuple of Row
        A checked plan.
    notes : tuple of Message
        Hints for the user.
    passed_over : tuple of str
        Paths of files that the options exclude; they have no row.
    """

    rows: tuple[Row, ...]
    notes: tuple[Message, ...] = ()
    passed_over: tuple[str, ...] = ()


def decide(
    options: PlanOptions,
    inputs: Inputs,
    found: Found,
    keep_preview: KeepPreview | None = None,
    checkpoint: Checkpoint | None = None,
    *,
    portable: bool = False,
) -> Decision:
    """Decide what happens to every file of some folders.

    Parameters
    ----------
    options : PlanOptions
    inputs : Inputs
    found : Found
        The files of the folders.
    keep_preview : callable, optional
        Receives the digest and the preview of each photo.
    checkpoint : Checkpoint, optional
        Saves the partial results of long searches.
    portable : bool, default=False
        Whether names must be valid on every file system.

    Returns
    -------
    Decision

    Raises
    ------
    UsageError
        There is no such model, or its weights are not available.
    """
    # Importing scikit-learn takes a second; do it while photos are decoded.
    Thread(target=import_module, args=["dupimg.decide.group"], daemon=True).start()
    first_file = inputs / found.first if found.first else inputs.places[0]
    with (
        connected(options.scheduler, first_file),
        Evidence(
            options.cache, jobs=options.jobs, quiet=options.quiet, mirrored=options.mirrored
        ) as evidence,
    ):
        listing, embedded = read_and_embed(options, inputs, found, evidence, keep_preview)
        from dupimg.decide.group import keep_rule

        rule = keep_rule(options)
        groups, ranking = _group(options, inputs, listing, embedded, rule, checkpoint)
    rows = make_plan(
        listing,
        groups,
        ranking,
        rule,
        inputs=inputs,
        only=options.only,
        merge_metadata=options.merge_metadata,
        portable=portable,
        layout=Layout(options.layout),
        event_gap=options.event_gap,
    )
    if problems := check_plan(rows):
        raise RuntimeError(f"The plan is not safe to carry out: {problems}")
    notes = (
        *found.notes,
        *_notes(groups, options.duplicate_rule),
        *_date_note(listing.photos),
        *_unread_note(listing.others),
    )
    return Decision(rows, notes, listing.passed_over)


def _group(
    options: PlanOptions,
    inputs: Inputs,
    listing: Listing,
    embedded: Embedded,
    rule: KeepRule,
    checkpoint: Checkpoint | None,
) -> tuple[Groups, Ranking]:
    """Find duplicates and scenes; return also the ranking of the photos."""
    from dupimg.decide.duplicates import DuplicateSearch
    from dupimg.decide.group import find_groups, rank_photos
    from dupimg.decide.made_of_others import duplicates_by_detail

    apart = known_apart(listing.photos, options.cache)
    companions = Counter(file.companion_of for file in listing.companions)
    protected = {p.path for p in listing.photos if inputs.is_protected(p.path)}
    search = DuplicateSearch(
        embedded,
        options,
        apart=apart,
        protected=protected,
        checkpoint=checkpoint,
        with_other_rules=True,
    )
    duplicates, ranking = duplicates_by_detail(
        embedded,
        lambda made: rank_photos(embedded, rule, companions, made=made, protected=protected),
        search,
    )
    return find_groups(embedded, options, ranking, duplicates, checkpoint), ranking


def _notes(groups: Groups, rule: str) -> tuple[Message, ...]:
    """Return notes on the spared photos, and on the results of the other duplicate rules."""
    notes = [message("note.spared", count=len(groups.spared))] if groups.spared else []
    unread = sum(reason.code == "reason.spared_unread" for reason in groups.spared.values())
    if unread:
        notes.append(message("note.spared_unread", count=unread))
    for other, would_go in groups.removed_by.items():
        removed = groups.removed_by[rule]
        more = int(np.count_nonzero(would_go & ~removed))
        spared = int(np.count_nonzero(removed & ~would_go))
        if more and spared and other != "verified":
            notes.append(message("note.other_rule", rule=other, count=more, spared=spared))
            continue
        if more and other == "verified":  # the only rule that searches from low cosines on
            notes.append(message("note.verified_removes", rule=other, count=more))
        elif more:
            notes.append(message("note.other_rule_removes", rule=other, count=more))
        if spared:
            notes.append(message("note.other_rule_spares", rule=other, count=spared))
    return tuple(message("note.labelled", note=note) for note in notes)


def _unread_note(files: Sequence[File]) -> tuple[Message, ...]:
    """Return a note on files that could not be read from their disk."""
    codes = ("reason.not_read", "reason.not_looked_at")  # the summary separates them by folder
    failed = [file.path for file in files if file.reason.code in codes]
    if not failed:
        return ()
    note = message("note.not_read", count=len(failed), path=min(failed))
    return (message("note.labelled", note=note),)


def _date_note(photos: Sequence[Photo]) -> tuple[Message, ...]:
    """Return a note on photos with an impossible date."""
    doubted = [photo.path for photo in photos if photo.passed_over is not None]
    if not doubted:
        return ()
    note = message("note.passed_over", count=len(doubted), path=min(doubted))
    return (message("note.labelled", note=note),)
