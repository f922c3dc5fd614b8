"""Run threads that Ctrl-C can end without a deadlock.

Python raises KeyboardInterrupt anywhere in its main thread. If that happens just after it has taken
a lock of a thread pool, the lock is never released, and the program hangs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType, TracebackType
from typing import TypeVar

T = TypeVar("T")

# Longest delay until the main thread notices Ctrl-C.
SECONDS_BETWEEN_LOOKS = 0.1

_is_pressed = False


class Threads(ThreadPoolExecutor):
    """A pool of threads that can be used and ended safely while Ctrl-C is pressed.

    As a context manager in the main thread it delays the first Ctrl-C until `each` or
    `raise_if_pressed` is called, or until its end. The second Ctrl-C is not delayed. Calls that
    have not started by then are cancelled.

    Parameters
    ----------
    n_threads : int
    name : str, optional
        Name of the threads.

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
        """Call a function for each item, like `map`, and yield the results.

        All calls are submitted at once. The results are in the order of the items.

        Raises
        ------
        KeyboardInterrupt
            Ctrl-C was pressed; in the main thread only.
        """
        futures = [self.submit(function, *item) for item in zip(*items, strict=True)]
        return (_result(future) for future in futures)

    def __enter__(self) -> Threads:
        """Delay Ctrl-C."""
        super().__enter__()
        # Respect other handlers; an outer pool delays it already.
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
        """Wait for the calls that have started."""
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
    """Raise KeyboardInterrupt if Ctrl-C was pressed while a pool delays it.

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
