"""Threads that Ctrl-C ends in order.

Python raises KeyboardInterrupt wherever its main thread happens to be. Where that has just taken a
lock of a pool of threads, the lock stays taken, and the program waits for itself forever.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")

# How long Ctrl-C may wait for the main thread to look for it.
SECONDS_BETWEEN_LOOKS = 0.1

_is_pressed = False


class Threads(ThreadPoolExecutor):
    """A pool of threads that can be used and ended safely while Ctrl-C is pressed.

    As a context manager in the main thread it lets the first Ctrl-C wait until `each` or
    `raise_if_pressed` is called, or until its end. The second Ctrl-C does not wait. What has not
    begun by then is not begun.

    Parameters
    ----------
    n_threads : int
    name : str, optional
        Of the threads.

    Examples
    --------
    >>> with Threads(2) as threads:
    ...     list(threads.each(abs, [-1, -2]))
    [1, 2]
    """

    def __init__(self, n_threads: int, name: str = "dupimg") -> None:
        super().__init__(n_threads, thread_name_prefix=name)
        self._holds = False

    def each(self, function: Callable[..., T], *items: Iterable[object]) -> Iterator[T]:
        """Call a function for each item, or with items of several kinds, and yield the results.

        All calls are handed to the threads at once. The results come in the order of the items.

        Raises
        ------
        KeyboardInterrupt
            Ctrl-C was pressed; in the main thread only.
        """
        futures = [self.submit(function, *item) for item in zip(*items, strict=True)]
        return (_result(future) for future in futures)

    def __enter__(self) -> Threads:
        """Let Ctrl-C wait."""
        super().__enter__()
        # Whoever handles it in another way knows why; in an outer pool it waits already.
        self._holds = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        )
        if self._holds:
            signal.signal(signal.SIGINT, _press)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what has begun."""
        global _is_pressed
        try:
            self.shutdown(cancel_futures=kind is not None)
        finally:
            was_pressed = _is_pressed
            if self._holds:
                _is_pressed = False
                signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._holds and was_pressed and kind is None:
            raise KeyboardInterrupt


def raise_if_pressed() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed while a pool lets it wait.

    Only in the main thread, as Python does.
    """
    if _is_pressed and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _press(number: int, frame: FrameType | None) -> None:
    global _is_pressed
    if _is_pressed:
        signal.default_int_handler(number, frame)
    _is_pressed = True


def _result(future: Future[T]) -> T:
    while not future.done():
        wait([future], SECONDS_BETWEEN_LOOKS)
        raise_if_pressed()
    return future.result()
