"""Check everything that can be refused before any file is touched."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import permutations, product
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.files.durable import STATE_FOLDER, finds_no_space
from dupimg.files.inputs import Inputs, find_inputs
from dupimg.files.photos import Found, content_digest, find_files
from dupimg.messages import Message, message, why
from dupimg.options.run_options import PlanOptions
from dupimg.options.tool_options import TuneOptions
from dupimg.plans.free_names import acceptable_path
from dupimg.plans.plan import Problem
from dupimg.plans.rows import FOLDERS, REMOVE, Row
from dupimg.progress import MakeBar, progress_bar
from dupimg.runs.disk_space import check_space, existing_parent, sizes_of
from dupimg.runs.transfer import probe
from dupimg.threads import Threads


def check_input(input_dir: Path, name: str = "input_dir") -> None:
    """Raise UsageError unless `input_dir` is a readable folder; `name` is its option.

    Raises
    ------
    UsageError
    """
    folder = str(input_dir)
    if not input_dir.exists():
        raise UsageError(message("refused.no_folder", name=name, folder=folder), field=name)
    if not input_dir.is_dir():
        raise UsageError(message("refused.file", name=name, folder=folder), field=name)
    if not os.access(input_dir, os.R_OK | os.X_OK):
        raise UsageError(message("refused.unreadable_folder", name=name, folder=folder), field=name)


def check_inputs(folders: Sequence[Path], protected: Sequence[Path], name: str) -> None:
    """Raise UsageError for missing, repeated or nested folders.

    Parameters
    ----------
    folders : sequence of Path
        The folders of the option `name`.
    protected : sequence of Path
        They may be inside of the others, but not contain one.
    name : str

    Raises
    ------
    UsageError
    """
    for folder in folders:
        check_input(folder, name)
    for folder in protected:
        check_input(folder, "protect")
    for one, other in permutations(folders, 2):
        if _is_inside(one.resolve(), other.resolve()):
            same = _same_folder(one.resolve(), other.resolve())
            raise UsageError(
                message("refused.same_folder", name=name, folder=str(one), other=str(other))
                if same
                else message("refused.inside", name=name, folder=str(one), other=str(other)),
                field=name,
            )
    check_not_protected(folders, protected, name)


def check_not_protected(folders: Iterable[Path], protected: Sequence[Path], name: str) -> None:
    """Raise UsageError for folders of the option `name` inside a protected one.

    Raises
    ------
    UsageError
    """
    for folder, around in product(folders, protected):
        inside, outside = folder.resolve(), around.resolve()
        if inside != outside and _is_inside(inside, outside):
            raise UsageError(
                message(
                    "refused.inside_protected", name=name, folder=str(folder), other=str(around)
                ),
                field=name,
            )


def check_output(output_dir: Path) -> None:
    """Raise UsageError for an output folder with earlier results, or a read-only one.

    Raises
    ------
    UsageError
    """
    if output_dir.exists() and not output_dir.is_dir():
        told = message("refused.file", name="output_dir", folder=str(output_dir))
        raise UsageError(told, field="output_dir")
    held = [name for name in FOLDERS.values() if (output_dir / name).exists()]
    if held:
        told = message("refused.holds_results", folder=str(output_dir), held=", ".join(held))
        raise UsageError(told, field="output_dir")
    parent = existing_parent(output_dir)
    if not os.access(parent, os.W_OK | os.X_OK):
        told = message("refused.no_permission", folder=str(output_dir), parent=str(parent))
        raise UsageError(told, field="output_dir")


def check_apart(
    input_dir: Path, output_dir: Path, name: str = "input_dir", *, may_be_inside: bool = False
) -> None:
    """Raise UsageError if output and input are nested; `name` is the option of the input.

    Raises
    ------
    UsageError
    """
    source, target = input_dir.resolve(), output_dir.resolve()
    for near, far, relation in ((source, target, "inside"), (target, source, "around")):
        if _is_inside(far, near):
            if relation == "inside" and may_be_inside and not _same_folder(near, far):
                continue
            relation = "equal to" if _same_folder(near, far) else relation
            told = message(
                {
                    "inside": "refused.output_inside_input",
                    "around": "refused.output_around_input",
                    "equal to": "refused.output_is_input",
                }[relation],
                output=str(output_dir),
                name=name,
                folder=str(input_dir),
            )
            raise UsageError(told, field="output_dir")


def check_found(found: Found, folders: Sequence[Path], name: str = "input_dir") -> None:
    """Raise UsageError for folders without files.

    Raises
    ------
    UsageError
    """
    if found.first is None:
        passed_over = found.passed_over + len(found.excluded)
        shown = ", ".join(map(str, folders))
        if passed_over:
            told = message("refused.all_passed_over", name=name, folders=shown, count=passed_over)
        else:
            told = message("refused.no_files", name=name, folders=shown)
        raise UsageError(told, field=name)


def find_input(
    options: PlanOptions | TuneOptions, folders: Sequence[Path], inputs: Inputs
) -> Found:
    """Find the files of the input folders; raise UsageError if a folder is unsuitable.

    Raises
    ------
    UsageError
    """
    output_dir = options.output_dir
    in_place = isinstance(options, PlanOptions) and options.only == "duplicates"
    for folder in folders:
        check_apart(folder, output_dir, may_be_inside=in_place)
    for folder in options.protect if isinstance(options, PlanOptions) else ():
        check_apart(folder, output_dir, "protect")
    check_output(output_dir)
    searched = options.searched if isinstance(options, PlanOptions) else {}
    find = partial(find_files, **searched)
    found = find_inputs(inputs, output_dir=output_dir, find=find)
    check_found(found, folders)
    return found


def check_files(
    rows: Sequence[Row],
    inputs: Inputs,
    output_dir: Path,
    *,
    unsafe: Collection[str],
    jobs: int,
    quiet: bool,
    progress: MakeBar = progress_bar,
    contents: bool = True,
) -> list[Problem]:
    """Find problems of a plan on the disk: see `check_places` and `check_unchanged`.

    Parameters
    ----------
    rows : sequence of Row
    inputs : Inputs
    output_dir : Path
    unsafe : collection of str
        Paths of rows with problems by `check_plan`, whose destinations are not checked.
    jobs, quiet, progress, contents
        See `check_unchanged`.

    Returns
    -------
    list of Problem

    Raises
    ------
    UsageError
        An input folder is gone.
    """
    for folder in inputs.places:
        check_input(folder)
    safe = [row for row in rows if row.path not in unsafe]
    return [
        *check_places(safe, output_dir),
        *check_unchanged(
            rows, inputs, jobs=jobs, quiet=quiet, progress=progress, contents=contents
        ),
    ]


def check_means(rows: Sequence[Row], inputs: Inputs, output_dir: Path, mode: str) -> None:
    """Raise UsageError if a mode lacks space or is not supported by a file system.

    Parameters
    ----------
    rows : sequence of Row
        Only rows to apply whose files come from the inputs count.
    inputs : Inputs
    output_dir : Path
        Must have its state folder and be locked.
    mode : {"copy", "move", "hard_link", "reflink"}

    Raises
    ------
    UsageError
    """
    concerned = [row for row in rows if row.has_step and not row.earlier]
    check_space(sizes_of(concerned, inputs), output_dir, mode)
    probe_each((row.path for row in concerned), inputs, output_dir, mode)


def probe_each(paths: Iterable[str], inputs: Inputs, output_dir: Path, mode: str) -> None:
    """Raise UsageError if the file system of an input does not support a mode, see `probe`."""
    first = {inputs.root(path): path for path in reversed([*paths])}
    for path in first.values():
        probe(mode, inputs / path, output_dir)


def check_places(rows: Sequence[Row], output_dir: Path) -> Iterator[Problem]:
    """Find destinations that exist already or lead through a symbolic link.

    Parameters
    ----------
    rows : sequence of Row
        Rows without problems by `check_plan`.
    output_dir : Path

    Yields
    ------
    Problem
    """
    root = output_dir.resolve()
    inside: dict[Path, bool] = {}
    for row in rows:
        if not row.destination:
            continue
        place = root / row.destination
        if place.parent not in inside:
            inside[place.parent] = os.path.realpath(place.parent) == str(place.parent)
        if not inside[place.parent]:
            told = message("problem.behind_link", destination=repr(row.destination))
            yield Problem(row.path, told)
        elif os.path.lexists(place):
            told = message("problem.taken", destination=repr(row.destination))
            yield Problem(row.path, told)


# A name that exFAT, NTFS and network shares refuse or silently change.
_NOT_EVERYWHERE = {'a<b>c:d"e|f?g*h\\i', "dot.", "space "}


def refuses_names(output_dir: Path) -> bool:
    """Return whether a disk refuses or changes names that others allow, by a trial.

    Parameters
    ----------
    output_dir : Path
        The output folder, which need not exist yet.
    """
    state = output_dir / STATE_FOLDER  # where a kill may leave the trial behind
    parent = state if state.is_dir() else existing_parent(output_dir)
    try:
        trial = Path(tempfile.mkdtemp(prefix=".dupimg-", dir=parent))
    except OSError:
        return False  # not writable, which is reported elsewhere
    try:
        for name in sorted(_NOT_EVERYWHERE):
            (trial / name).touch(exist_ok=False)
        return {path.name for path in trial.iterdir()} != _NOT_EVERYWHERE
    except OSError as error:
        return not finds_no_space(error)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def check_names(rows: Sequence[Row]) -> Iterator[Problem]:
    """Find destinations edited by hand that the disk refuses.

    Parameters
    ----------
    rows : sequence of Row

    Yields
    ------
    Problem
    """
    for row in rows:
        if (accepted := acceptable_path(row.destination)) != row.destination:
            told = message(
                "problem.refused_name",
                destination=repr(row.destination),
                accepted=repr(accepted),
            )
            yield Problem(row.path, told)


def check_unchanged(
    rows: Sequence[Row],
    inputs: Inputs,
    *,
    jobs: int,
    quiet: bool,
    progress: MakeBar = progress_bar,
    contents: bool = True,
) -> list[Problem]:
    """Find files that have changed since the plan was made.

    Parameters
    ----------
    rows : sequence of Row
        Files that stay at their places do not count, unless they are keepers.
    inputs : Inputs
    jobs : int
        Number of threads.
    quiet : bool
        Whether to hide the progress bar.
    progress : callable
        Creates the progress bar.
    contents : bool, default=True
        Whether to read every file, which takes about as long as copying it. Otherwise only changes
        of size or time are found.

    Returns
    -------
    list of Problem
        Size and time are compared first, then the content.
    """
    keepers = {row.keeper for row in rows if row.action == REMOVE and row.destination}
    concerned = [row for row in rows if row.destination or row.path in keepers]
    with (
        progress(len(concerned), "checking", unit="files", quiet=quiet) as bar,
        Threads(jobs) as threads,
    ):

        def check(row: Row) -> Message | None:
            bar.update()
            return _change(row, inputs / row.path, contents=contents)

        changes = list(threads.each(check, concerned))
    return [Problem(row.path, what) for row, what in zip(concerned, changes, strict=True) if what]


def _change(row: Row, path: Path, *, contents: bool) -> Message | None:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return message("problem.no_file")
        if status.st_size != row.bytes:
            now, planned = str(status.st_size), str(row.bytes)
            return message("problem.other_size", now=now, planned=planned)
        if status.st_mtime_ns != row.modified_ns:
            return message("problem.other_time")
        if contents and content_digest(path) != row.digest:
            return message("problem.other_content")
    except FileNotFoundError:
        return message("problem.vanished")
    except OSError as error:
        return message("problem.unreadable", why=why(error))
    return None


def _is_inside(folder: Path, other: Path) -> bool:
    """Return whether a resolved folder equals another one or is inside of it."""
    return any(_same_folder(other, parent) for parent in (folder, *folder.parents))


def _same_folder(a: Path, b: Path) -> bool:
    # By identity if both exist, as names may differ in case or lead through a mount.
    return a == b or (a.exists() and b.exists() and a.samefile(b))
