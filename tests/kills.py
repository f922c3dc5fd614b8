"""Kill dupimg at random moments and look whether every file is still there.

Processes run `dupimg apply`, `add`, `trash` and `undo` on small folders. Each is killed with
SIGKILL after a random part of the time that it takes; the next one goes on from what is left on
disk. After every kill all files are read. The processes are forked from one that has imported
everything, so that the kills meet the work and not the start of Python. A kill does not lose what
the system has yet to write to the disk, as a power cut does: against that stand the calls of
fsync, which no test here can prove.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from files import make_files, sample, save, snapshot
from PIL import Image
from planned import row_of, write_planned
from tqdm import tqdm

from dupimg.cli.main import main
from dupimg.files.inputs import Inputs
from dupimg.plans.rows import Row
from dupimg.runs.journal import APPLIED, APPLYING, UNDOING, UNDONE, Journal

_OTHER_DISK = "/dev/shm"
_STARTS_OF_A_LIFE = 20
_PRECIOUS = {"processed/mine.jpg": b"the user's own", "other/a/mine.txt": b"the user's own, too"}
_MEGABYTES = 12

# A better copy of this photo is among the new ones.
_SMALL, _LARGE = "small.jpg", "large.jpg"


@dataclass(frozen=True)
class Kind:
    """What happens in a life.

    Attributes
    ----------
    name : str
    flag : str
        How files get to their places.
    n_files : int
        A new name takes so little time that kills hit only a long row of them.
    elsewhere : bool
        Whether the output is on another disk.
    folders : sequence of str
        The inputs, and protected folders outside of them.
    protected : sequence of str
        Folders in which everything stays as it is.
    settings : mapping of str to str
        Of the plan.
    actions : sequence of str
        Of files in turn; one that is removed goes in favour of the file before.
    then : {"", "add", "trash"}
        What follows an apply.
    """

    name: str
    flag: str = "--process_mode=move"
    n_files: int = 400
    elsewhere: bool = False
    folders: tuple[str, ...] = ("in",)
    protected: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    actions: tuple[str, ...] = ("keep", "remove", "other", "keep")
    then: str = ""

    @property
    def verbs(self) -> tuple[str, ...]:
        """What a life without a kill consists of: an addition is taken back alone."""
        return ("apply", *filter(None, [self.then]), "undo", *["undo"] * (self.then == "add"))


_THREE_FOLDERS = {"folders": ("in", "more", "best"), "protected": ("in/1", "best")}
_TEMPLATE = "{taken:%Y}/{folder}/{scene:03} {name}"

KINDS = (
    Kind("copy", "--process_mode=copy", n_files=40),
    Kind("move"),
    Kind("move to another disk", n_files=40, elsewhere=True),
    Kind("hard_link", "--hard_link"),
    Kind("tree, protected", **_THREE_FOLDERS, settings={"layout": "tree"}),
    Kind("template, protected", **_THREE_FOLDERS, settings={"layout": _TEMPLATE}),
    Kind("in place, protected", **_THREE_FOLDERS, settings={"only": "duplicates"}),
    Kind("add", n_files=60, actions=("other",), then="add"),
    Kind("trash", n_files=60, then="trash"),
)

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    ["dupimg.cli.main", "dupimg.runs.organize", "dupimg.runs.add", "dupimg.decide.group", "kills"]
)


def _run(words: list[str], home: Path) -> None:
    tqdm.set_lock(threading.RLock())  # its own one, between processes, would outlive a kill
    os.environ["XDG_DATA_HOME"] = str(home)
    sys.exit(main([*words, "--quiet"]))


@dataclass
class Counts:
    """What was done to one kind."""

    lives: int = 0
    starts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    midway: int = 0


class Life:
    """Folders from their plan to their undo, with kills on the way.

    Parameters
    ----------
    kind : Kind
    home, output : Path
        Empty; `home` holds the input folders, a folder with new photos, and the trash.
    choice : random.Random
    """

    def __init__(self, kind: Kind, home: Path, output: Path, choice: random.Random) -> None:
        self.kind, self.output, self._choice = kind, output, choice
        self._home, self.source, self._new = home, home / "files", home / "files" / "new"
        self.moves = "move" in kind.flag
        folders = [self.source / folder for folder in kind.folders]
        protected = [self.source / folder for folder in kind.protected]
        self._inputs = Inputs.join(folders, protected)
        self._seen: list[str] = []
        places = [f"{kind.folders[n % len(kind.folders)]}/{n % 7}/{n}.bin"
                  for n in range(kind.n_files)]  # fmt: skip
        size = (_MEGABYTES << 20) // kind.n_files
        contents = {place: choice.randbytes(choice.randrange(size)) for place in places}
        contents["in/again.bin"] = contents[places[0]]  # one content may be there twice
        make_files(self.source, contents, mtime=1.2e9)
        with Image.open(sample("china.jpg")) as picture:
            save(picture, self._new / _LARGE, quality=95)
            save(picture.resize((320, 213)), folders[0] / _SMALL, quality=90)
        make_files(self.output, _PRECIOUS)
        self.rows = self._plan(list(contents))
        make_files(self.source, {"in/new.bin": b"came after the plan"})
        make_files(self._new, {f"{n}.bin": choice.randbytes(2000) for n in range(300)})
        self.before = snapshot(self.source)

    def _plan(self, places: Iterable[str]) -> tuple[Row, ...]:
        """Write a plan without looking at a picture."""
        small = self._inputs.name(self.source / self.kind.folders[0] / _SMALL)
        rows = [row_of(self._inputs, small, "keep", width=320, height=213)]
        for number, place in enumerate(places):
            path = self._inputs.name(self.source / place)
            action = self.kind.actions[number % len(self.kind.actions)]
            if self._inputs.is_protected(path):
                rows.append(row_of(self._inputs, path, "leave", protected=True))
            elif action == "remove":
                rows.append(row_of(self._inputs, path, action, keeper=rows[-1].path))
            else:
                rows.append(row_of(self._inputs, path, action))
        return write_planned(self._inputs, self.output, rows, settings=self.kind.settings)

    def start(self, verb: str) -> multiprocessing.process.BaseProcess:
        """Start a command on the output in a process of its own."""
        words = {
            "apply": ["apply", self.output, "--jobs=2", self.kind.flag],
            "add": ["add", self._new, self.output, "--jobs=2", self.kind.flag],
            "trash": ["trash", self.output, "--yes"],
            "undo": ["undo", self.output, "--jobs=2"],
        }[verb]
        words += [f"--cache={self._home}/cache.sqlite"] * (verb != "trash")
        process = _PROCESSES.Process(target=_run, args=([str(word) for word in words], self._home))
        process.start()
        return process

    def finish(self, verb: str) -> float:
        """Run a command to its end; return the seconds that it took."""
        start = time.perf_counter()
        process = self.start(verb)
        process.join(timeout=300)
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

    def _journals(self) -> Iterator[Journal]:
        """Yield the journal of the last run, of the one that it added to, and so on."""
        if Journal.exists(self.output):
            yield (journal := Journal(self.output))
            while journal.earlier:
                yield (journal := Journal(self.output, journal.earlier))

    def _steps(self, rows: Iterable[Row], inputs: Inputs) -> dict[str, str]:
        """Return where files may be in the output, and where they come from."""
        return {
            row.destination: (inputs / row.path).relative_to(self.source).as_posix()
            for row in rows
            if row.destination
        }

    def check_nothing_is_lost(self) -> bool:
        """Read every file after a kill; return whether it changed where files are."""
        old, new = snapshot(self.source), _results(self.output)
        trashed = list(snapshot(self._home / "Trash/files").values())
        known = self._steps(self.rows, self._inputs)
        for journal in self._journals():
            known |= self._steps(journal.record.rows, journal.record.run.inputs)
        for name, found in new.items():
            whole = (_PRECIOUS[name], found[1]) if name in _PRECIOUS else self.before[known[name]]
            assert found == whole, f"{name} is no whole file"
        assert _PRECIOUS.keys() <= new.keys()
        for name, found in old.items():
            assert _is_part(name) or found == self.before[name], f"{name} is no whole file"
        safe = {known[name] for name in new.keys() & known.keys()} | old.keys()
        for name, content in self.before.items():
            assert name in safe or content in trashed, f"{name} is lost"
        assert self._unmoved(old) == self._unmoved(self.before)
        before, self._seen = self._seen, [*old, *new]
        return before != self._seen

    def _unmoved(self, files: Mapping[str, tuple[bytes, int]]) -> dict[str, tuple[bytes, int]]:
        """Return those files that no command of this life may take away."""
        stay = tuple(f"{folder}/" for folder in self.kind.protected) if self.moves else ("",)
        return {name: found for name, found in files.items() if name.startswith(stay)}

    def next_verb(self) -> str:
        """Look where the run stands, and choose what to do next."""
        journal = next(self._journals(), None)
        if journal is None or journal.state == UNDONE:
            self.check_undone()
            return "apply"
        if journal.state == APPLYING:  # mostly go on, sometimes take the half back
            onward = "add" if journal.earlier else "apply"
            return self._choice.choices([onward, "undo"], [3, 1])[0]
        if journal.state == APPLIED:
            self.check_applied()
        ahead = journal.state == APPLIED and self.kind.then and not journal.earlier
        return self._choice.choices([self.kind.then, "undo"], [3, 1])[0] if ahead else "undo"

    def is_midway(self, verb: str) -> bool:
        """Return whether a command has more to do."""
        if verb == "trash":
            return any(name.startswith("remove/") for name in _results(self.output))
        return next(self._journals()).state in (APPLYING, UNDOING)

    def check_applied(self) -> None:
        """See that a finished run has put everything in its place, and touched nothing else."""
        journal = next(self._journals())
        rows = journal.record.rows
        places = self._steps(rows, journal.record.run.inputs)
        gone = {rows[n].destination for n in journal.trashed}
        perhaps = {rows[n].destination for n in journal.trashing}  # a kill came at this moment
        found = {n: f for n, f in _all_results(self.output).items() if n not in _PRECIOUS}
        wanted = {name: self.before[place] for name, place in places.items()}
        for name in gone | (perhaps - found.keys()):
            del wanted[name]
        assert found == wanted
        left = self.before.keys() - (places.values() if self.moves else ())
        assert snapshot(self.source) == {name: self.before[name] for name in left}

    def check_undone(self) -> None:
        """See that everything is as it was before."""
        assert snapshot(self.source) == self.before
        assert {name: found[0] for name, found in _all_results(self.output).items()} == _PRECIOUS

    def take_back(self) -> None:
        """Undo what there is to undo, to the end."""
        while next(self._journals()).state != UNDONE:
            self.finish("undo")
        self.check_undone()


def _all_results(output: Path) -> dict[str, tuple[bytes, int]]:
    return {name: found for name, found in snapshot(output).items() if "/" in name}


def _results(output: Path) -> dict[str, tuple[bytes, int]]:
    return {name: found for name, found in _all_results(output).items() if not _is_part(name)}


def _is_part(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith(".dupimg-") and name.endswith(".part")


def torture(kills: int, seed: int) -> dict[str, Counts]:
    """Kill until every kind of life had its share of kills.

    Parameters
    ----------
    kills : int
        In all.
    seed : int
        Of what is random here: contents, moments, what comes next. Not of the machine's timing.

    Returns
    -------
    dict of str to Counts
        For each kind. An AssertionError says that something was lost.
    """
    first = _PROCESSES.Process()  # waits until the one to fork from is ready
    first.start()
    first.join()
    choice = random.Random(seed)
    counts = {kind.name: Counts() for kind in KINDS}
    for number, kind in enumerate(KINDS):
        count = counts[kind.name]
        share = kills // len(KINDS) + (number < kills % len(KINDS))
        elsewhere = _OTHER_DISK if kind.elsewhere else None
        while count.kills.total() < share:
            with (
                tempfile.TemporaryDirectory() as here,
                tempfile.TemporaryDirectory(dir=elsewhere) as there,
            ):
                _live(Life(kind, Path(here), Path(there), choice), count, share)
    return counts


def _live(life: Life, count: Counts, share: int) -> None:
    """Run every command once, then kill them in turns, and let all come to their end at last."""
    count.lives += 1
    longest: dict[str, float] = {}
    for verb in life.kind.verbs:
        longest[verb] = max(life.finish(verb), longest.get(verb, 0))
        life.check_nothing_is_lost()
        life.next_verb()
    life.check_undone()
    verb = "apply"
    for _ in range(_STARTS_OF_A_LIFE):
        if count.kills.total() == share:
            break
        count.starts += 1
        killed = life.kill(verb, longest[verb])
        changed = life.check_nothing_is_lost()
        if killed:
            count.kills[verb] += 1
            count.midway += changed and life.is_midway(verb)
        verb = life.next_verb()
    if verb != "undo":
        life.finish(verb)
        life.check_applied()
    life.take_back()


def table(counts: dict[str, Counts]) -> str:
    """Return what `torture` counted as lines of text."""
    verbs = ("apply", "add", "trash", "undo")
    names = ("lives", "starts", "kills", *verbs, "midway")
    lines = [f"{'kind':<22}" + "".join(f"{name:>8}" for name in names)]
    for kind, count in counts.items():
        kills = [count.kills[verb] for verb in verbs]
        numbers = (count.lives, count.starts, count.kills.total(), *kills, count.midway)
        lines.append(f"{kind:<22}" + "".join(f"{number:>8}" for number in numbers))
    return "\n".join(lines)
