"""Photos of an earlier run and new ones, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.embedded import Embedded
from dupimg.files.photos import Photo
from dupimg.files.traits import Traits
from dupimg.plans.dates import own_date
from dupimg.plans.rows import Row


@dataclass(frozen=True, eq=False)
class Collection(Embedded):
    """Embedded photos of an earlier run and new ones, with the paths of their rows.

    Attributes
    ----------
    rows : mapping of str to Row
        The rows of the earlier run by path; a photo without a row is new.
    apart : tuple of (str, str)
        See `dupimg.decide.embed.known_apart`.
    protected : frozenset of str
        Paths of protected photos, which always stay.
    """

    rows: Mapping[str, Row]
    apart: tuple[tuple[str, str], ...] = ()
    protected: frozenset[str] = frozenset()

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """Whether each photo is new."""
        return np.array([photo.path not in self.rows for photo in self.photos], dtype=bool)

    def __getitem__(self, rows: NDArray[np.int64]) -> Collection:
        """Return a selection of the photos, with their features only."""
        chosen = super().__getitem__(rows)
        digests = {photo.digest for photo in chosen.photos}
        apart = tuple(pair for pair in self.apart if digests.issuperset(pair))
        return Collection(
            chosen.photos,
            chosen.features,
            chosen.inverse,
            self.rows,
            apart,
            self.protected,
            evidence=self.evidence,
            wholes=self.wholes,
        )

    def without(self, paths: Set[str]) -> Collection:
        """Return the collection without these photos of the earlier run."""
        left = [i for i, photo in enumerate(self.photos) if photo.path not in paths]
        rows = {path: row for path, row in self.rows.items() if path not in paths}
        return replace(self[np.array(left, dtype=np.int64)], rows=rows)


def photo_of(row: Row) -> Photo:
    """Return the photo described by a row."""
    assert row.width is not None and row.height is not None
    taken_at, taken_from = own_date(row)
    return Photo(
        row.path,
        row.bytes,
        row.digest,
        row.width,
        row.height,
        datetime.fromisoformat(taken_at),
        taken_from,
        row.modified_ns,
        traits=Traits(row.frames, metadata=tuple(row.metadata.split())),
    )
