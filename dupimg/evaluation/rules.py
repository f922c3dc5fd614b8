"""Apply each duplicate rule to photos as a run would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.decide.duplicates import DuplicateSearch
from dupimg.decide.embedded import Embedded
from dupimg.decide.evidence import Evidence
from dupimg.decide.group import rank_photos
from dupimg.decide.made_of_others import duplicates_by_detail
from dupimg.evaluation.metrics import Truth, removal_figures
from dupimg.options.analysis_options import RunOptions
from dupimg.plans.plan import Groups
from dupimg.progress import progress_bar

TURNED = "verified, turned, mirrored"

# Name of a rule → its options.
RULES: dict[str, dict[str, Any]] = {
    **{rule: {"duplicate_rule": rule} for rule in ("careful", "verified", "cosine")},
    TURNED: {"duplicate_rule": "verified", "rotations": True, "mirrored": True},
}


def decide_by_rules(
    collections: Sequence[Embedded], options: RunOptions
) -> list[dict[str, Groups]]:
    """Find the duplicates of collections of photos by each rule.

    Parameters
    ----------
    collections : sequence of Embedded
    options : RunOptions
        The cache must be a file with the previews of the photos; it stores the pairs compared by
        several rules.

    Returns
    -------
    list of dict of str to Groups
        For each collection, the groups found by each rule.
    """
    decided: list[dict[str, Groups]] = [{} for _ in collections]
    total = len(RULES) * len(collections)
    with progress_bar(total, "deciding", unit="times", quiet=options.quiet) as bar:
        for name, changes in RULES.items():
            of_rule = replace(options, quiet=True, **changes)
            with Evidence(
                options.cache, jobs=options.jobs, quiet=True, mirrored=of_rule.mirrored
            ) as evidence:
                for photos, by_rule in zip(collections, decided, strict=True):
                    by_rule[name] = decide(replace(photos, evidence=evidence), of_rule)
                    bar.update()
    return decided


def decide(embedded: Embedded, options: RunOptions) -> Groups:
    """Find the duplicates among photos like a run with these options."""
    groups, _ = duplicates_by_detail(
        embedded,
        lambda made: rank_photos(embedded, made=made),
        DuplicateSearch(embedded, options),
    )
    return groups


def removal_table(
    decided: Mapping[str, Groups], embedded: Embedded, truth: Truth, folders: NDArray[np.str_]
) -> pd.DataFrame:
    """Tabulate the photos that each rule removes in favour of another picture.

    Parameters
    ----------
    decided : mapping of str to Groups
        The groups found by each rule.
    embedded : Embedded
        n photos without copies, except byte-identical ones.
    truth : Truth
        The truth about these photos.
    folders : ndarray of shape (n,), str

    Returns
    -------
    DataFrame
        For each folder and rule the number of removals in favour of another view of the scene, of
        a photo of a related group, and of an unrelated photo.
    """
    lines = []
    for folder in dict.fromkeys(folders.tolist()):
        for rule, groups in decided.items():
            goes, keepers = removed_pairs(groups, embedded)
            here = folders[goes] == folder
            line = {"folder": folder, "rule": rule, "photos": np.count_nonzero(folders == folder)}
            figures = removal_figures(truth, goes[here], keepers[here])
            lines.append(line | {name.split(" ")[0]: value for name, value, _ in figures})
    return pd.DataFrame(lines)


def removed_pairs(
    groups: Groups, embedded: Embedded
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the photos that go and their keepers, without byte-identical ones."""
    goes = np.flatnonzero(embedded.inverse[groups.keepers] != embedded.inverse)
    return goes, groups.keepers[goes]


def share_table(
    decided: Mapping[str, Groups], pairs: Mapping[str, NDArray[np.int64]]
) -> pd.DataFrame:
    """Tabulate the share of pairs that share a keeper, by rule.

    Parameters
    ----------
    decided : mapping of str to Groups
        The groups found by each rule.
    pairs : mapping of str to ndarray of shape (2, k), int64
        Kinds of pairs of the photos.
    """
    lines = []
    for rule, groups in decided.items():
        line: dict[str, object] = {"rule": rule}
        for kind, (i, j) in pairs.items():
            line[kind] = (groups.keepers[i] == groups.keepers[j]).mean() if len(i) else np.nan
        lines.append(line)
    return pd.DataFrame(lines)
