"""Keep the colours and details of photos while pairs are compared."""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import BinaryIO

import numpy as np

from dupimg.decide.looker import Glanced
from dupimg.groups.details import Details
from dupimg.groups.pictures import Glance

# Most photos in memory: 60 KB each.
_AT_ONCE = 4096

# Share of the free disk for those that no longer fit into memory.
_SHARE_OF_DISK = 0.25


class Glances:
    """The colours and details of photos, by content; close it at the end.

    Notes
    -----
    The latest are in memory, earlier ones in a temporary file: computing details takes 4 ms, and
    a photo of a large collection is compared with a dozen others at very different times. What
    finds no space on the disk is forgotten.
    """

    def __init__(self) -> None:
        self._latest: OrderedDict[str, Glanced | None] = OrderedDict()
        self._file: BinaryIO | None = None
        self._starts: dict[str, int] = {}
        self._space = 0
        self._lock = Lock()

    def close(self) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()
        self._latest.clear()

    def known(self, contents: Iterable[str]) -> dict[str, Glanced | None]:
        """Return what is kept of contents."""
        found = {}
        with self._lock:
            for content in contents:
                if content in self._latest:
                    self._latest.move_to_end(content)
                    found[content] = self._latest[content]
                elif content in self._starts:
                    found[content] = self._recall(content)
                    self._keep(content, found[content])
        return found

    def keep(self, content: str, glanced: Glanced | None) -> None:
        """Keep the colours and details of a content; None if it has no readable preview."""
        with self._lock:
            self._keep(content, glanced)

    def _keep(self, content: str, glanced: Glanced | None) -> None:
        self._latest[content] = glanced
        if len(self._latest) > _AT_ONCE:
            self._drop(*self._latest.popitem(last=False))

    def _recall(self, content: str) -> Glanced:
        assert self._file is not None
        self._file.seek(self._starts[content])
        sides, cells, white, points, descriptors = (np.load(self._file) for _ in range(5))
        return Glanced(Glance(sides, cells, float(white)), Details(points, descriptors))

    def _drop(self, content: str, glanced: Glanced | None) -> None:
        """Move the oldest to the temporary file."""
        if glanced is None or content in self._starts:
            return
        glance, details = glanced
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
                free = shutil.disk_usage(tempfile.gettempdir()).free
                self._space = int(free * _SHARE_OF_DISK)
            start = self._file.seek(0, 2)
            if start < self._space:
                arrays = (glance.sides, glance.cells, glance.white)
                for values in (*arrays, details.points, details.descriptors):
                    np.save(self._file, values)
                self._starts[content] = start
        except OSError:  # on a full disk, details are computed again
            self._space = 0
