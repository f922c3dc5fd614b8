"""Kill dupimg at random moments and look whether every file is still there.

Processes run `dupimg apply` and `dupimg undo` on a small folder. Each is killed with SIGKILL
after a random part of the time that it takes; the next one goes on from what is left on disk.
After every kill all files are read. The processes are forked from one that has imported
everything, so that the kills meet the work and not the start of Python. A kill does not lose what
the system has yet to write to the disk, as a power cut does: against that stand the calls of
fsync, which no test here can prove.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from files import make_files, snapshot
from planned import row_of, write_planned
from tqdm import tqdm

from dupimg.cli.main import main
from dupimg.runs.journal import APPLIED, APPLYING, UNDONE, Journal

MODES = ("copy", "move", "move to another disk", "hard_link")
_OTHER_DISK = "/dev/shm"
_STARTS_OF_A_LIFE = 20
_PRECIOUS = {"processed/mine.jpg": b"the user's own", "other/a/mine.txt": b"the user's own, too"}


_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["dupimg.cli.main", "dupimg.runs.organize", "kills"])


def _run(words: list[str]) -> None:
    tqdm.set_lock(threading.RLock())  # its own one, between processes, would outlive a kill
    sys.exit(main([*words, "--quiet"]))


@dataclass
class Counts:
    """What was done to one mode."""

    lives: int = 0
    starts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    kills_between_steps: int = 0


class Life:
    """One input folder from its plan to its undo, with kills on the way.

    Parameters
    ----------
    mode : str
        One of MODES.
    folder, output : Path
        Empty; `output` is on another filesystem for "move to another disk".
    choice : random.Random
    n_files : int
    """

    def __init__(
        self, mode: str, folder: Path, output: Path, choice: random.Random, n_files: int
    ) -> None:
        self.flag = "--hard_link" if mode == "hard_link" else f"--process_mode={mode[:4]}"
        self.moves = mode.startswith("move")
        self.source, self.output, self._choice = folder / "in", output, choice
        contents = {f"{n % 7}/{n}.bin": choice.randbytes(choice.randrange(12_000_000 // n_files))
                    for n in range(n_files)}  # fmt: skip
        contents["again.bin"] = contents["0/0.bin"]  # one content may be there twice
        make_files(self.source, contents, mtime=1.2e9)
        make_files(self.output, _PRECIOUS)
        rows = [row_of(self.source, path) for path in contents]
        self.rows = write_planned(self.source, self.output, rows)
        make_files(self.source, {"new.bin": b"came after the plan"})
        self.before = snapshot(self.source)

    def start(self, verb: str) -> multiprocessing.process.BaseProcess:
        """Start a command on the output in a process of its own."""
        flags = {"apply": ["--jobs=2", self.flag], "undo": ["--jobs=2"]}[verb]
        process = _PROCESSES.Process(target=_run, args=([verb, str(self.output), *flags],))
        process.start()
        return process

    def finish(self, verb: str) -> float:
        """Run a command to its end; return the seconds that it took."""
        start = time.perf_counter()
        process = self.start(verb)
        process.join(timeout=120)
        assert process.exitcode == 0, f"{verb} ends with {process.exitcode}"
        return time.perf_counter() - start

    def kill(self, verb: str, longest: float) -> bool:
        """Run a command and kill it on the way; return False where it was faster."""
        process = self.start(verb)
        time.sleep(self._choice.uniform(0, longest))
        process.kill()
        process.join(timeout=120)
        assert process.exitcode in (0, -signal.SIGKILL), f"{verb} ends with {process.exitcode}"
        return process.exitcode != 0

    def check_nothing_is_lost(self) -> int:
        """Read every file after a kill; return how many are at their destination."""
        old, new = snapshot(self.source), _results(self.output)
        names = {row.destination: self.before[row.path] for row in self.rows}
        for name, found in new.items():
            expected = names.get(name) or (_PRECIOUS[name], found[1])
            assert found == expected, f"{name} is no whole file"
        assert _PRECIOUS.keys() <= new.keys()
        if not self.moves:
            assert old == self.before
        for name, found in old.items():
            assert _is_part(name) or found == self.before[name], f"{name} is no whole file"
        for row in self.rows:
            assert row.path in old or row.destination in new, f"{row.path} is lost"
        return len(new) - len(_PRECIOUS)

    def next_verb(self) -> str:
        """Look where the run stands, and choose what to do next."""
        state = Journal(self.output).state if Journal.exists(self.output) else UNDONE
        if state == APPLIED:
            self.check_done()
        if state == UNDONE:
            self.check_undone()
        if state == APPLYING:  # mostly go on, sometimes take the half back
            return self._choice.choices(["apply", "undo"], [3, 1])[0]
        return "apply" if state == UNDONE else "undo"

    def check_done(self) -> None:
        """See that a finished run looks as if nothing had happened."""
        expected = {row.destination: self.before[row.path] for row in self.rows}
        assert {
            n: f for n, f in _all_results(self.output).items() if n not in _PRECIOUS
        } == expected
        left = {"new.bin": self.before["new.bin"]} if self.moves else self.before
        assert snapshot(self.source) == left

    def check_undone(self) -> None:
        """See that everything is as it was before."""
        assert snapshot(self.source) == self.before
        assert {name: found[0] for name, found in _all_results(self.output).items()} == _PRECIOUS


def _all_results(output: Path) -> dict[str, tuple[bytes, int]]:
    return {name: found for name, found in snapshot(output).items() if "/" in name}


def _results(output: Path) -> dict[str, tuple[bytes, int]]:
    return {name: found for name, found in _all_results(output).items() if not _is_part(name)}


def _is_part(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(".dupimg-") and name.endswith(".part")


def torture(kills: int, seed: int) -> dict[str, Counts]:
    """Kill until every mode had its share of kills.

    Parameters
    ----------
    kills : int
        In all.
    seed : int
        Of what is random here: contents, moments, what comes next. Not of the machine's timing.

    Returns
    -------
    dict of str to Counts
        For each mode. An AssertionError says that something was lost.
    """
    first = _PROCESSES.Process()  # waits until the one to fork from is ready
    first.start()
    first.join()
    choice = random.Random(seed)
    counts = {mode: Counts() for mode in MODES}
    for number, (mode, count) in enumerate(counts.items()):
        share = kills // len(MODES) + (number < kills % len(MODES))
        elsewhere = _OTHER_DISK if "another" in mode else None
        while sum(count.kills.values()) < share:
            with (
                tempfile.TemporaryDirectory() as here,
                tempfile.TemporaryDirectory(dir=elsewhere) as there,
            ):
                # A new name takes so little time that kills hit only a long row of them.
                n_files = 400 if mode in ("move", "hard_link") else 40
                life = Life(mode, Path(here), Path(there), choice, n_files)
                _live(life, count, choice, share)
    return counts


def _live(life: Life, count: Counts, choice: random.Random, share: int) -> None:
    """Kill apply and undo in turns, and let both come to their end at last."""
    count.lives += 1
    longest = {"apply": life.finish("apply")}
    life.check_done()
    longest["undo"] = life.finish("undo")
    life.check_undone()
    verb = "apply"
    for _ in range(_STARTS_OF_A_LIFE):
        if sum(count.kills.values()) == share:
            break
        count.starts += 1
        killed = life.kill(verb, longest[verb])
        placed = life.check_nothing_is_lost()
        if killed:
            count.kills[verb] += 1
            count.kills_between_steps += 0 < placed < len(life.rows)
        verb = life.next_verb()
    if verb == "apply":
        life.finish("apply")
        life.check_done()
    life.finish("undo")
    life.check_undone()


def table(counts: dict[str, Counts]) -> str:
    """Return what `torture` counted as lines of text."""
    lines = [
        f"{'mode':<22}{'lives':>7}{'starts':>8}{'kills':>7}{'apply':>7}{'undo':>6}{'midway':>8}"
    ]
    for mode, count in counts.items():
        kills = count.kills
        lines.append(
            f"{mode:<22}{count.lives:>8}{count.starts:>8}{sum(kills.values()):>8}"
            f"{kills['apply']:>8}{kills['undo']:>8}{count.kills_between_steps:>8}"
        )
    return "\n".join(lines)
