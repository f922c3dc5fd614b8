"""Keep the previews of photos while pairs are compared."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO

from dupimg.files.cache import Cache


class Pictures:
    """The previews of the photos of a run: in the cache, or else in a temporary file.

    Parameters
    ----------
    cache : Cache
        Must be entered. Previews in the cache need no space in the temporary file.

    Notes
    -----
    About 30 KB a photo, at most 60. On a full disk the run continues without further previews.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._file: BinaryIO | None = None
        self._places: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()
        self._file, self._places = None, {}

    def write(self, digest: str, content: bytes) -> None:
        """Store the preview of a content unless the cache has it."""
        if self._cache.is_open:
            return
        with self._lock:
            try:
                if self._file is None:
                    self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
                start = self._file.seek(0, 2)
                self._file.write(content)
                self._places[digest] = (start, len(content))
            except OSError:
                return

    def keeping(
        self, keep_preview: Callable[[str, bytes], object] | None
    ) -> Callable[[str, bytes], None]:
        """Return a function that stores a preview here and passes it on."""

        def keep(digest: str, content: bytes) -> None:
            self.write(digest, content)
            if keep_preview is not None:
                keep_preview(digest, content)

        return keep

    def read(self, digest: str) -> bytes | None:
        """Return the preview of a content; None if it is unknown."""
        with self._lock:
            place = self._places.get(digest)
            if place is not None and self._file is not None:
                self._file.seek(place[0])
                return self._file.read(place[1])
        return next((content for _, content in self._cache.previews([digest])), None)
