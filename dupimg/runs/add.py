"""The verb add: bring new photos into the result of an earlier run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from dupimg.decide.additions import add_rows
from dupimg.decide.collection import Collection, photo_of
from dupimg.decide.embed import (
    embed_listing,
    known_apart,
    make_stream,
    read_known,
    read_listing,
)
from dupimg.decide.evidence import Evidence
from dupimg.errors import UsageError
from dupimg.files.inputs import Inputs, find_inputs
from dupimg.files.photos import File, Found, Listing, Photo, Video, find_files
from dupimg.files.previews import PreviewFolder
from dupimg.messages import Message, message
from dupimg.options.command_text import written_command
from dupimg.options.run_options import AddOptions, PlanOptions, searched
from dupimg.options.verbs import verb
from dupimg.plans.counts import Counts
from dupimg.plans.placing import DUPLICATES
from dupimg.plans.plan import check_plan
from dupimg.plans.record import Record, Run
from dupimg.plans.report import PATHS, write_report
from dupimg.plans.rows import KEEP, REMOVE, Row
from dupimg.progress import numbered
from dupimg.runs import disk_space, preflight
from dupimg.runs.begin import DECIDING, announces, can_go_on, check_run, looking
from dupimg.runs.ends import told_at_end
from dupimg.runs.execute import carrying_out, finish
from dupimg.runs.journal import APPLIED, Journal, locked
from dupimg.runs.mounts import Folders
from dupimg.runs.result import ADDED, REPORT, Result, command_line
from dupimg.runs.transfer import is_readable_whole

T = TypeVar("T", File, Photo, Video)


@verb(AddOptions)
@told_at_end()
def add(
    options: AddOptions,
    *,
    announce: Callable[[Message], object] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> Result:
    """Bring new photos into the result of an earlier run, with the options of that run.

    Returns
    -------
    Result
        The result, with rows for all files, old and new.

    Raises
    ------
    UsageError
        Refused; nothing was touched.
    """
    start = time.perf_counter()
    output_dir = options.output_dir
    preflight.check_inputs(options.new_dir, options.protect, "new_dir")
    check_run(output_dir)
    with locked(output_dir):
        journal = Journal(output_dir)
        _check_apart(options, journal.record.run)
        if can_go_on(journal):
            with journal:
                result = finish(journal, output_dir, options, start)
            if not any(find_files(folder).files for folder in options.new_dir):
                return result  # everything had been moved before
            journal = Journal(output_dir)
        if journal.state != APPLIED or journal.failed:
            status = command_line("status", output_dir)
            told = message("refused.trash_unfinished", folder=str(output_dir), status=status)
            raise UsageError(told, field="output_dir")
        announce = announce or announces(options)
        folders = ", ".join(map(str, options.new_dir))
        announce(message("note.folders", inputs=folders, output=str(output_dir)))
        with numbered(*DECIDING, carrying_out(options.mode)):
            check_move = partial(disk_space.check_move, announce=announce, confirm=confirm)
            record = replace(journal.record, rows=journal.rows)
            return _add(record, options, start, check_move)


def _add(
    record: Record, options: AddOptions, start: float, check_move: Callable[..., object]
) -> Result:
    """Decide about new files, and apply the changes."""
    output_dir = options.output_dir
    inputs = record.run.inputs.protecting(options.protect)
    folders = Folders(Inputs.join(options.new_dir, options.protect), output_dir)
    find = partial(find_files, **searched(record.run.settings))
    found = find_inputs(
        inputs,
        within=options.new_dir,
        output_dir=output_dir,
        known=_known_folders(record.rows, inputs),
        find=find,
    )
    preflight.check_found(found, options.new_dir, "new_dir")
    settings = PlanOptions(
        input_dir=tuple(map(Path, inputs.folders.values())),
        output_dir=output_dir,
        cache=options.cache,
        jobs=options.jobs,
        quiet=options.quiet,
        **record.run.settings,
    )
    earlier = tuple(replace(row, earlier=row.destination) for row in record.rows)
    command = written_command("add", options)
    with (
        looking(output_dir, command, dry_run=options.dry_run),
        Evidence(
            options.cache, jobs=options.jobs, quiet=options.quiet, mirrored=settings.mirrored
        ) as evidence,
    ):
        portable = record.run.portable or preflight.refuses_names(output_dir)
        rows, earlier, notes, passed_over = _decide(
            evidence, settings, inputs, found, earlier, portable, _added_from(inputs, options)
        )
        folders.check(command)
    rows = _with_inputs(rows, inputs, [*options.new_dir, *options.protect])
    notes = (*found.notes, *notes)
    run = replace(record.run, inputs=inputs, mode=options.mode, portable=portable, notes=notes)
    notes = (*_what_happens(earlier, rows), *notes)
    result = Result(rows, output_dir / REPORT, time.perf_counter() - start, notes=notes)
    if options.dry_run:
        report, notes = output_dir / ADDED, (*notes, message("note.dry_run"))
        known = {row.path for row in earlier}
        write_report([row for row in rows if row.has_step or row.path not in known], report)
        result = replace(result, report=report, notes=notes)
    elif _is_anything_new(earlier, rows):
        preflight.check_means(rows, inputs, output_dir, options.mode)
        check_move(disk_space.sizes_of(rows, inputs), output_dir, options.mode)
        with Journal.begin(output_dir, Record(run, rows), adds=True) as journal:
            result = replace(finish(journal, output_dir, options, start), notes=notes)
    seen = {path for path, _ in found.files} | {other.path for other in found.others}
    return replace(
        result,
        system_folders=found.system_folders,
        system_files=found.system_files,
        passed_over=found.passed_over + len(passed_over),
        unread=sum(row.is_unread and row.path in seen for row in rows),
    )


def _with_inputs(rows: Sequence[Row], inputs: Inputs, folders: Sequence[Path]) -> tuple[Row, ...]:
    """Note in all rows the folder that they come from, once there is more than one."""
    first = next(iter(inputs.folders.values()))
    places = [folder.resolve() for folder in folders]

    def folder(row: Row) -> str:
        around = (str(place) for place in places if Path(row.path).is_relative_to(place))
        return row.input or next(around, first)

    found = [folder(row) for row in rows]
    if len(set(found)) < 2:
        return tuple(rows)
    return tuple(row.having(input=place) for row, place in zip(rows, found, strict=True))


def _known_folders(rows: Sequence[Row], inputs: Inputs) -> list[str]:
    """Return the paths of the source folders of the earlier run, inputs last."""
    folders = {row.path.rpartition("/")[0] for row in rows}
    return [*sorted(folders - inputs.folders.keys()), *inputs.folders]


def _added_from(inputs: Inputs, options: AddOptions) -> tuple[str, ...]:
    """Return the new source folders with distinct names, without known ones."""
    names = (inputs.name(folder.resolve()) for folder in options.new_dir)
    outside = [name for name in names if Path(name).is_absolute()]
    count = Counter(Path(name).name for name in outside)
    return tuple(name for name in outside if count[Path(name).name] == 1)


def _check_apart(options: AddOptions, run: Run) -> None:
    """Raise UsageError if new or protected folders overlap with the result."""
    in_place = run.only == DUPLICATES
    for folder in options.new_dir:
        preflight.check_apart(folder, options.output_dir, "new_dir", may_be_inside=in_place)
    known = map(Path, run.inputs.folders.values())
    preflight.check_not_protected(known, options.protect, "input_dir")
    for folder in options.protect:
        preflight.check_apart(folder, options.output_dir, "protect")


def _decide(
    evidence: Evidence,
    options: PlanOptions,
    inputs: Inputs,
    found: Found,
    earlier: Sequence[Row],
    portable: bool,
    added_from: tuple[str, ...],
) -> tuple[tuple[Row, ...], tuple[Row, ...], tuple[Message, ...], tuple[str, ...]]:
    """Return a checked plan, the rows of the earlier run, notes, and the paths passed over.

    The rows of the earlier run are under the paths of the plan.
    """
    rows, listing, collection = _read(evidence, options, inputs, found, earlier)
    decide = partial(
        add_rows,
        rows,
        listing,
        options=options,
        inputs=inputs,
        portable=portable,
        added_from=added_from,
    )
    place = partial(_place, inputs=inputs, output_dir=options.output_dir)
    decided, notes = decide(collection=collection)
    while broken := _broken_keepers(decided, collection.rows, place):
        # Decide again without changed photos.
        collection = collection.without(broken)
        decided, notes = decide(collection=collection)
    if problems := check_plan(decided):
        raise RuntimeError(f"The plan is not safe to carry out: {problems}")
    notes = (*notes, *_not_compared(rows, collection.rows, options.output_dir))
    return decided, rows, notes, listing.passed_over


def _not_compared(
    rows: Sequence[Row], known: Mapping[str, Row], output_dir: Path
) -> Iterator[Message]:
    """Yield a note about changed photos of the earlier run."""
    lost = [
        row.earlier or row.path
        for row in rows
        if _was_placed(row) and not row.trashed and row.path not in known
    ]
    if lost:
        paths = ", ".join(lost[:3]) + ", …" * (len(lost) > 3)
        yield message("note.not_compared", count=len(lost), folder=str(output_dir), paths=paths)


def _read(
    evidence: Evidence,
    options: PlanOptions,
    inputs: Inputs,
    found: Found,
    earlier: Sequence[Row],
) -> tuple[tuple[Row, ...], Listing, Collection]:
    """Return the rows of the earlier run, the new files, and all comparable photos."""
    output_dir = options.output_dir
    stream = make_stream(options, options.model)
    listing = read_listing(options, inputs, found, evidence.cache)
    rows, listing = _only_new(earlier, listing, output_dir)
    placed = {_place(row, inputs, output_dir): row for row in rows if _was_placed(row)}
    there = {place.as_posix(): row for place, row in placed.items() if _is_there(row, place)}
    old = [replace(photo_of(row), path=path) for path, row in there.items()]
    old = read_known(options, inputs, old, evidence.cache)
    listing, embedded = embed_listing(
        stream,
        inputs,
        replace(listing, photos=(*old, *listing.photos)),
        quiet=options.quiet,
        evidence=evidence,
        keep_preview=PreviewFolder(output_dir).write,
    )
    listing = replace(listing, others=tuple(f for f in listing.others if f.path not in there))
    known = {
        there[photo.path].path: there[photo.path] for photo in listing.photos if photo.path in there
    }
    photos = tuple(
        replace(photo, path=there[photo.path].path) if photo.path in there else photo
        for photo in listing.photos
    )
    apart = tuple(known_apart(photos, options.cache))
    collection = Collection(
        photos,
        embedded.features,
        embedded.inverse,
        known,
        apart,
        frozenset(p.path for p in photos if _is_protected(p.path, known, inputs)),
        evidence=evidence,
        wholes=embedded.wholes,
    )
    return rows, listing, collection


def _was_placed(row: Row) -> bool:
    """Return whether a photo was kept or removed, or is protected."""
    return row.is_photo and (row.action in (KEEP, REMOVE) or row.protected)


def _is_protected(path: str, known: Mapping[str, Row], inputs: Inputs) -> bool:
    """Return whether a photo is protected, by its row if it is known."""
    return known[path].protected if path in known else inputs.is_protected(path)


def _only_new(
    earlier: Sequence[Row], listing: Listing, output_dir: Path
) -> tuple[tuple[Row, ...], Listing]:
    """Remove the files of the earlier run from a listing.

    A new file may have the path of an old one that was moved or changed since. Then the row of the
    old one gets its place in the output as path.
    """
    digests = {row.path: row.digest for row in earlier}
    files: tuple[File | Photo | Video, ...] = (
        *listing.photos,
        *listing.videos,
        *listing.others,
        *listing.companions,
    )
    # Drop the rows of files that were unreadable then and are readable now.
    read = {f.path for f in files if f.digest and digests.get(f.path) == ""}
    folders = {row.path for row in earlier if row.is_unread and not row.digest} - read
    if folders:
        read |= folders & {str(p) for f in files for p in PurePosixPath(f.path).parents}
    earlier = [row for row in earlier if row.path not in read]
    digests = {path: digest for path, digest in digests.items() if path not in read}
    taken = {f.path for f in files if digests.get(f.path, f.digest) != f.digest}
    names = {
        row.path: (output_dir.absolute() / row.earlier).as_posix()
        if row.destination
        else f"{row.path} (before)"
        for row in earlier
        if row.path in taken
    }
    rows = tuple(
        replace(
            row,
            **{name: names.get(getattr(row, name), getattr(row, name)) for name in PATHS},
        )
        for row in earlier
    )
    known = digests.keys() - taken

    def new(files: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(file for file in files if file.path not in known)

    return rows, replace(
        listing,
        photos=new(listing.photos),
        others=new(listing.others),
        companions=new(listing.companions),
        videos=new(listing.videos),
    )


def _place(row: Row, inputs: Inputs, output_dir: Path) -> Path:
    """Return the current place of the file of a row: in the output or in its input folder."""
    return output_dir.absolute() / row.earlier if row.earlier else inputs / row.path


def _is_there(row: Row, place: Path) -> bool:
    """Return whether a file exists at its place with the expected size."""
    try:
        return place.lstat().st_size == row.bytes
    except OSError:
        return False


def _broken_keepers(
    decided: Sequence[Row], known: Mapping[str, Row], place: Callable[[Row], Path]
) -> set[str]:
    """Return the keepers of newly removed photos that have changed on the disk."""
    keepers = {row.keeper for row in decided if row.has_step} & known.keys()
    return {k for k in keepers if not is_readable_whole(place(known[k]), known[k].digest)}


def _is_anything_new(earlier: Sequence[Row], decided: Sequence[Row]) -> bool:
    """Return whether there is a file to transfer or to record."""
    known = {row.path for row in earlier}
    return any(row.has_step or row.path not in known for row in decided)


def _what_happens(earlier: Sequence[Row], decided: Sequence[Row]) -> Iterator[Message]:
    """Yield lines about new files and moves."""
    if not _is_anything_new(earlier, decided):
        yield message("note.nothing_new")
        return
    known = {row.path for row in earlier}
    new = [row for row in decided if row.path not in known]
    counts = Counts.of(new)
    scenes = {row.scene for row in new if row.action == KEEP} - {row.scene for row in earlier}
    added = message(
        "note.added",
        count=counts.found,
        number=f"{counts.found:>8,}",
        kept=counts.kept,
        scenes=message("note.new_scenes", count=len(scenes)),
        removed=counts.removed,
        other=counts.other,
    )
    yield message("note.added_and_left", added=added, count=counts.left) if counts.left else added
    yield from _what_moves(row for row in decided if row.path in known)


def _what_moves(known: Iterable[Row]) -> Iterator[Message]:
    """Yield lines about the moves of photos of the earlier run."""
    moved = [row for row in known if row.has_step and not row.is_companion]
    for row in moved:
        if row.action == REMOVE:
            before = row.earlier or row.path
            yield message("note.replaced", before=before, after=row.destination)
    for row in moved:
        if row.action == KEEP:
            yield message("note.brought_back", before=row.earlier, after=row.destination)
