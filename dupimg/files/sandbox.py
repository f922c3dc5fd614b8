"""Run decoders in worker processes, so that a hang, crash or leak affects one file only.

Each worker decodes one file after the other, answers over its own pipe, and is killed when a file
takes too long; another worker continues with the next file. Where the system allows it, workers
are forked from a small process that has imported what decoding needs (neither torch nor
scikit-learn); elsewhere they start afresh. They guard against accidents, not attacks: their
answers are trusted.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from queue import LifoQueue
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dupimg.files.images import UnreadableNow, UnreadablePhoto
from dupimg.messages import Message, message, why

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

# Address space for a file, beyond that of a fresh worker: a HEIC of 48 megapixels takes 0.5 GB, a
# PNG of 100 takes 0.8 GB. For the few files that need more, one worker at a time may use half of
# the machine's memory.
_MEMORY_BYTES = 1 << 30

# multiprocessing is not thread-safe when it starts processes or reads exit codes: each start polls
# all of them, and the system reports an exit code only once.
_processes = threading.Lock()

# Calls a function for each item: see `Sandbox.map`.
Map = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]


_NOT_STARTED = (
    "A process for decoding could not be started. May this user run the Python that dupimg is "
    "installed in?"
)


class DecoderLost(UnreadableNow):
    """A decoder hung or crashed on a file, which is not tried again."""


@contextlib.contextmanager
def open_sandbox(workers: int, time_limit: float | None) -> Iterator[Map]:
    """Yield a function that maps a decoder over files, in worker processes or in this one.

    Parameters
    ----------
    workers : int
        Number of processes, and of threads that can call `map` at once.
    time_limit : float or None
        Most seconds for a file. None decodes in this process, without any guard.

    Yields
    ------
    map : callable
        See `Sandbox.map`.

    Examples
    --------
    >>> with open_sandbox(2, time_limit=None) as map:
    ...     list(map(abs, [-1, -2]))
    [1, 2]
    """
    if time_limit is None:
        yield map_here
    else:
        with Sandbox(workers, time_limit) as sandbox:
            yield sandbox.map


def map_here(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """Call a function for each item in this process; see `Sandbox.map`."""
    return (_answer(function, item) for item in items)


def _answer(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except UnreadablePhoto as error:
        return error
    except MemoryError:
        return UnreadableNow(message("reason.no_memory", kind="file"))
    except OSError as error:
        return UnreadableNow(message("reason.not_read", why=why(error)))


def warm_up() -> None:
    """Start the process from which workers are forked, without waiting for it."""
    if _context().get_start_method() == "forkserver":
        forkserver.ensure_running()


def _context() -> ForkServerContext | SpawnContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "dupimg.files.decoders"])
    return context


class Sandbox:
    """Worker processes for functions that may hang, crash or leak memory.

    Use it as a context manager; calls still running at its end fail.

    Parameters
    ----------
    workers : int
        Number of processes. They start when they are first needed.
    time_limit : float
        Most seconds for a function call; after that its worker is killed.

    Notes
    -----
    The time limit starts when a worker is ready. Workers do not import the main module of the
    program: a script needs no ``if __name__ == "__main__"``, but its own functions cannot be
    called.
    """

    def __init__(self, workers: int, time_limit: float) -> None:
        self.time_limit = time_limit
        self._places: LifoQueue[_Worker | None] = LifoQueue()
        for _ in range(workers):
            self._places.put(None)
        self._started: list[_Worker] = []
        self._closed = False
        self._starting = threading.Lock()
        self._lent_memory = threading.Lock()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Call a function for each item in one worker, from any thread.

        Parameters
        ----------
        function : callable
            Defined at the top level of a module, or a partial of such a function.
        items : sequence of object
            Picklable. Each call costs 0.1 to 0.5 ms, so pass many items at once.

        Returns
        -------
        list of object
            For each item the function's result, or an UnreadablePhoto if the function raised
            one, took too long, died, or took too much memory.

        Raises
        ------
        RuntimeError
            Workers cannot be started, or the sandbox is closed.
        Exception
            Any other error that the function raised.
        """
        answers = self._map(function, items, lend_memory=False)
        # Decoders report lack of memory in many ways, so retry after any failure.
        again = [
            i
            for i, answer in enumerate(answers)
            if isinstance(answer, UnreadablePhoto) and not isinstance(answer, DecoderLost)
        ]
        if again:
            with self._lent_memory:
                once_more = self._map(function, [items[i] for i in again], lend_memory=True)
            for i, answer in zip(again, once_more, strict=True):
                answers[i] = answer
        return answers

    def _map(
        self, function: Callable[[Any], Any], items: Sequence[Any], *, lend_memory: bool
    ) -> list[Any]:
        answers: list[Any] = []
        while len(answers) < len(items):
            try:
                with self._worker() as worker:
                    worker.send((lend_memory, function, items[len(answers) :]))
                    while len(answers) < len(items):
                        answers.append(worker.receive(self.time_limit))
            except DecoderLost as error:
                answers.append(error)
        return answers

    @contextlib.contextmanager
    def _worker(self) -> Iterator[_Worker]:
        """Lend a worker; kill it if the caller fails before all answers have arrived."""
        worker = self._places.get()
        try:
            if worker is None or not worker.is_alive():
                worker = self._start()
            yield worker
        except BaseException:
            if worker is not None:
                worker.kill()
                worker = None
            raise
        finally:
            self._places.put(worker)

    def _start(self) -> _Worker:
        with self._starting:
            if self._closed:
                raise RuntimeError("Got a call for a closed sandbox, expected an open one.")
            self._started = [worker for worker in self._started if worker.is_alive()]
            self._started.append(worker := _Worker(self.time_limit))
        worker.wait_until_ready()
        return worker

    def close(self) -> None:
        """Kill all workers, even busy ones."""
        with self._starting:
            self._closed = True
            for worker in self._started:
                worker.kill()


@contextlib.contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep a starting process from importing the main module, which it does not need.

    A script without ``if __name__ == "__main__"`` would run again in each worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Worker:
    """A process that runs `_serve`, and the pipe to it."""

    def __init__(self, time_limit: float) -> None:
        context = _context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, time_limit), daemon=True)
        try:
            with _processes, _main_module_hidden():
                self._process.start()
        except OSError as error:
            raise RuntimeError(_NOT_STARTED) from error
        theirs.close()

    def wait_until_ready(self) -> None:
        try:
            self._pipe.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError(_NOT_STARTED) from error

    def is_alive(self) -> bool:
        with _processes:
            return self._process.is_alive()

    def send(self, task: tuple[Any, ...]) -> None:
        with contextlib.suppress(OSError):  # a dead worker: `receive` will report it
            self._pipe.send(task)

    def receive(self, time_limit: float) -> Any:
        """Return the next answer; raise DecoderLost if none arrives."""
        try:
            # In slices, so that only one of them elapses while this program is stopped (Ctrl-Z).
            if not any(self._pipe.poll(time_limit / 20) for _ in range(20)):
                raise DecoderLost(message("reason.too_slow", seconds=f"{time_limit:g}"))
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise DecoderLost(message("reason.crashed", why=self._cause_of_death())) from error
        if isinstance(answer, Exception) and not isinstance(answer, UnreadablePhoto):
            raise answer
        return answer

    def _cause_of_death(self) -> Message:
        with _processes:
            self._process.join()
            code = self._process.exitcode or 0
        return message("why.signal" if code < 0 else "why.exit_status", number=str(abs(code)))

    def kill(self) -> None:
        self._process.kill()


def _serve(pipe: Connection, time_limit: float) -> None:
    """Answer one task after the other, in a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    _die_with_parent()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C libraries print messages about broken files
    limit_memory = _memory_limiter()
    pipe.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            try:
                lend_memory, function, items = pipe.recv()
            except (AttributeError, ImportError) as error:  # no such function here
                pipe.send(error)
                continue
            limit_memory(lend_memory)
            for item in items:
                pipe.send(_answer_or_error(function, item, time_limit))


def _answer_or_error(function: Callable[[Any], Any], item: Any, time_limit: float) -> Any:
    # A backstop, in seconds of processor time: the parent may be gone while the decoder blocks the
    # thread that watches it.
    _set_timer(10 * time_limit)
    try:
        return _answer(function, item)
    except Exception as error:
        return error
    finally:
        _set_timer(0)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _set_timer(seconds: float) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _memory_limiter() -> Callable[[bool], None]:
    """Return a function that limits the memory of this process; True allows more."""
    if sys.platform != "linux":  # other systems ignore the limit or have none
        return lambda lend_memory: None
    import resource

    page = resource.getpagesize()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * page
    most = max(_MEMORY_BYTES, os.sysconf("SC_PHYS_PAGES") * page // 2)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)

    def limit(lend_memory: bool) -> None:
        soft = taken + (most if lend_memory else _MEMORY_BYTES)
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    return limit
