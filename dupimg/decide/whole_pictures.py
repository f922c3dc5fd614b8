"""Compare pictures whole: all pixels, all frames, transparency; each file is decoded once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import joblib

from dupimg.files.cache import Cache
from dupimg.files.sandbox import open_sandbox
from dupimg.files.whole import WHOLE_VERSION, Whole, read_whole
from dupimg.progress import progress_bar


class WholePictures:
    """Reads all pixels of contents, where two of them must be told apart.

    Parameters
    ----------
    paths : mapping of str to Path
        A file of each content, by digest.
    cache : Cache
        Remembers what all pixels of a content come down to: a few hundred bytes, and 1 KB for
        each frame of an animation, compressed.
    max_pixels : int
    time_limit : float or None
        See `dupimg.files.sandbox`: pictures are decoded in worker processes.
    jobs : int or None
        Threads; None is one for each core.
    quiet : bool
        Show no bar.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        cache: Cache,
        *,
        max_pixels: int,
        time_limit: float | None,
        jobs: int | None,
        quiet: bool,
    ) -> None:
        self._paths = paths
        self._cache = cache
        self._reader = f"whole {WHOLE_VERSION} up to {max_pixels}"
        self._read = partial(read_whole, max_pixels=max_pixels)
        self._time_limit = time_limit
        self._jobs = jobs or joblib.cpu_count()
        self._quiet = quiet
        self._known: dict[str, Whole | None] = {}

    def of(self, digests: Iterable[str]) -> dict[str, Whole | None]:
        """Return what all pixels of contents come down to.

        Parameters
        ----------
        digests : iterable of str

        Returns
        -------
        dict of str to (Whole or None)
            None for a content that could not be decoded: it is gone, takes too long, has too many
            frames.
        """
        wanted = dict.fromkeys(digests)
        new = [digest for digest in wanted if digest not in self._known]
        for digest, remembered in self._cache.headers(new, self._reader).items():
            with suppress(ValueError, TypeError):  # damaged: read anew
                self._known[digest] = Whole.from_json(remembered)
        new = [digest for digest in new if digest not in self._known]
        for digest, whole in self._read_new(new):
            self._known[digest] = whole
            if whole is not None:
                self._cache.remember_header(digest, self._reader, whole.to_json())
        return {digest: self._known[digest] for digest in wanted}

    def _read_new(self, digests: Sequence[str]) -> Iterator[tuple[str, Whole | None]]:
        if not digests:
            return
        with (
            progress_bar(len(digests), "pictures", unit="photos", quiet=self._quiet) as bar,
            ThreadPoolExecutor(self._jobs) as pool,
            open_sandbox(self._jobs, self._time_limit) as in_sandbox,
        ):

            def read(digest: str) -> Whole | None:
                path = self._paths.get(digest)
                answers = [] if path is None else in_sandbox(self._read, [path])
                return next((a for a in answers if isinstance(a, Whole)), None)

            for digest, whole in zip(digests, pool.map(read, digests), strict=True):
                bar.update()
                yield digest, whole
