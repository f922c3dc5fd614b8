"""Compare pictures at full size: all pixels, all frames, transparency, the finest detail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from dupimg.files.brightened import BRIGHTENED_VERSION, brightened_ways
from dupimg.files.cache import Cache
from dupimg.files.enlarged import ENLARGED_VERSION, is_enlarged
from dupimg.files.sandbox import Map, open_sandbox
from dupimg.files.saved_again import SAVED_AGAIN_VERSION, is_saved_again
from dupimg.files.spots import SPOTS_VERSION, differ_in_a_spot
from dupimg.files.whole import WHOLE_VERSION, Whole, read_whole
from dupimg.progress import progress_bar
from dupimg.threads import Threads

# Digests of two contents, and the answer about them: yes, no or unknown.
Contents = tuple[str, str]
Answer = bool | None

# The answers in the cache.
_CODES: dict[Answer, bytes] = {False: b"\0", True: b"\1", None: b"\2"}


class WholePictures:
    """Reads and compares all pixels of contents; close it at the end.

    Parameters
    ----------
    paths : mapping of str to Path
        A file for each content, by digest.
    cache : Cache
        Stores the summary of each content: a few hundred bytes, and 1 KB compressed for each frame
        of an animation.
    max_pixels : int
    time_limit : float or None
        See `dupimg.files.sandbox`: pictures are decoded in worker processes.
    jobs : int or None
        Number of threads; None is one for each core.
    quiet : bool
        Whether to hide the progress bar.
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
        self._max_pixels = max_pixels
        self._time_limit = time_limit
        self._jobs = jobs or joblib.cpu_count()
        self._quiet = quiet
        self._known: dict[str, Whole | None] = {}
        self._answered: defaultdict[str, dict[Contents, Any]] = defaultdict(dict)
        self._workers = ExitStack()
        self._in_sandbox: Map | None = None

    def close(self) -> None:
        """End the worker processes, which stay alive between calls."""
        self._in_sandbox = None
        self._workers.close()

    def of(self, digests: Iterable[str]) -> dict[str, Whole | None]:
        """Return the summaries of all pixels of contents.

        Parameters
        ----------
        digests : iterable of str

        Returns
        -------
        dict of str to (Whole or None)
            None for a content that cannot be decoded: it is gone, takes too long or has too many
            frames.
        """
        wanted = dict.fromkeys(digests)
        new = [digest for digest in wanted if digest not in self._known]
        for digest, remembered in self._cache.headers(new, self._reader).items():
            with suppress(ValueError, TypeError):  # damaged: read anew
                self._known[digest] = Whole.from_json(remembered)
        new = [digest for digest in new if digest not in self._known]
        read = partial(_read_whole, max_pixels=self._max_pixels)
        for (digest,), whole in self._ask(read, [(digest,) for digest in new]):
            self._known[digest] = whole if isinstance(whole, Whole) else None
            if isinstance(whole, Whole):
                self._cache.remember_header(digest, self._reader, whole.to_json())
        return {digest: self._known[digest] for digest in wanted}

    def enlarged(self, pairs: Iterable[Contents]) -> set[Contents]:
        """Return the pairs (larger, smaller) whose larger picture is enlarged from the smaller.

        Parameters
        ----------
        pairs : iterable of (str, str)
            Digests; see `is_enlarged`.
        """
        answers = self._answers(pairs, _is_enlarged, ENLARGED_VERSION)
        return {pair for pair, answer in answers.items() if answer}

    def saved_again(self, pairs: Iterable[Contents]) -> dict[Contents, bool | None]:
        """Return whether pictures were made from JPEGs and saved again, None in doubt.

        Parameters
        ----------
        pairs : iterable of (str, str)
            Digests; see `is_saved_again`.
        """
        return self._answers(pairs, _is_saved_again, SAVED_AGAIN_VERSION)

    def brightened(self, pairs: Iterable[Contents]) -> set[Contents]:
        """Return the pairs whose second picture is the first with another brightness.

        Parameters
        ----------
        pairs : iterable of (str, str)
            Digests; see `brightened_ways`.
        """
        answers = self._answers(pairs, _is_brightened, BRIGHTENED_VERSION)
        return {pair for pair, answer in answers.items() if answer}

    def differing(self, pairs: Iterable[Contents]) -> dict[Contents, bool | None]:
        """Return whether copies differ in a spot, however small.

        Parameters
        ----------
        pairs : iterable of (str, str)
            Digests; see `differ_in_a_spot`.

        Returns
        -------
        dict of (str, str) to (bool or None)
            None if that is unknown or a picture cannot be read.
        """
        return self._answers(pairs, _differ_in_a_spot, SPOTS_VERSION)

    def _answers(
        self, pairs: Iterable[Contents], ways: Callable[..., tuple[Answer, Answer]], version: str
    ) -> dict[Contents, Answer]:
        """Return the answers about pairs, from the cache or computed; None if unknown.

        `ways` reads two pictures once and answers for both of their orders.
        """
        wanted = list(dict.fromkeys(pairs))
        answers = self._answered[version]
        known = self._cache.pairs([pair for pair in wanted if pair not in answers], version)
        of_code = {code: answer for answer, code in _CODES.items()}
        answers |= {pair: of_code.get(code) for pair, code in known.items()}
        new = {frozenset(pair): pair for pair in wanted if pair not in answers}
        ask = partial(ways, max_pixels=self._max_pixels)
        for (one, other), both in self._ask(ask, list(new.values())):
            if isinstance(both, tuple):
                for pair, answer in zip(((one, other), (other, one)), both, strict=True):
                    answers[pair] = answer
                    self._cache.remember_pair(pair, version, _CODES[answer])
        return {pair: answers.get(pair) for pair in wanted}

    def _ask(
        self, function: Callable[[tuple[Path, ...]], Any], contents: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield digests and the result of a function on their files; errors count as results."""
        if not contents:
            return
        if self._in_sandbox is None:
            sandbox = open_sandbox(self._jobs, self._time_limit)
            self._in_sandbox = self._workers.enter_context(sandbox)
        in_sandbox = self._in_sandbox
        unit = "photos" if len(contents[0]) == 1 else "pairs"
        with (
            progress_bar(len(contents), "pictures", unit=unit, quiet=self._quiet) as bar,
            Threads(self._jobs) as threads,
        ):

            def ask(digests: tuple[str, ...]) -> Any:
                paths = tuple(self._paths[d] for d in digests if d in self._paths)
                answers = in_sandbox(function, [paths]) if len(paths) == len(digests) else []
                return next(iter(answers), None)

            for digests, answer in zip(contents, threads.each(ask, contents), strict=True):
                bar.update()
                yield digests, answer


def _read_whole(paths: tuple[Path, ...], max_pixels: int) -> Whole:
    return read_whole(*paths, max_pixels=max_pixels)


def _is_enlarged(paths: tuple[Path, ...], max_pixels: int) -> tuple[bool, bool]:
    return is_enlarged(*paths, max_pixels=max_pixels), False


def _is_saved_again(paths: tuple[Path, ...], max_pixels: int) -> tuple[Answer, Answer]:
    one, other = paths
    return (
        is_saved_again(one, other, max_pixels=max_pixels),
        is_saved_again(other, one, max_pixels=max_pixels),
    )


def _is_brightened(paths: tuple[Path, ...], max_pixels: int) -> tuple[bool, bool]:
    return brightened_ways(*paths, max_pixels=max_pixels)


def _differ_in_a_spot(paths: tuple[Path, ...], max_pixels: int) -> tuple[Answer, Answer]:
    differ = differ_in_a_spot(*paths, max_pixels=max_pixels)
    return differ, differ
