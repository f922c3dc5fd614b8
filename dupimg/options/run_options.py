"""The options of the verbs that decide about files and move them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dupimg.errors import UsageError
from dupimg.messages import message
from dupimg.options.analysis_options import RunOptions
from dupimg.options.converters import (
    KEEP_WORDS,
    one_of,
    optional,
    to_duration,
    to_endings,
    to_flag,
    to_folders,
    to_folders_or_none,
    to_globs,
    to_keep_rule,
    to_path,
    to_pixels,
    to_size,
    to_text,
    to_texts,
    to_whole_number,
)
from dupimg.options.fields import Options, ScriptOptions, WorkOptions, cache_option, choice, option
from dupimg.options.templates import FIELDS, SCENES, to_layout


@dataclass(frozen=True)
class PlacingOptions(Options):
    """The options for transferring files to the output folder."""

    process_mode: str = choice(
        "copy",
        "move",
        about="copy the files, or move them out of the input folder",
        aliases=("process_type",),
    )
    hard_link: bool = option(
        to_flag, "link instead of copying: no space, but one content under two names", default=False
    )
    reflink: bool = option(
        to_flag, "copy without taking space, on filesystems that can (Btrfs, XFS)", default=False
    )
    dry_run: bool = option(to_flag, "write the report and touch nothing else", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen = [name for name in ("hard_link", "reflink") if getattr(self, name)]
        if len(chosen) + (self.process_mode == "move") > 1:
            raise UsageError(
                f"Got process_mode={self.process_mode} with {' and '.join(chosen)}, expected one "
                "way. Leave the others out."
            )

    @property
    def mode(self) -> str:
        """The transfer mode: copy, move, hard_link or reflink."""
        return "hard_link" if self.hard_link else "reflink" if self.reflink else self.process_mode


@dataclass(frozen=True)
class PlanOptions(RunOptions, ScriptOptions):
    """Decide what to do with a folder of photos, and write it to OUTPUT_DIR/plan.csv for review.

    Nothing is copied or moved. Look the plan over in the browser, with `dupimg review`, or in a
    spreadsheet: change actions (keep, remove or leave) and scene numbers, add notes, sort and move
    as you like. Then run `dupimg apply`.
    """

    input_dir: tuple[Path, ...] = option(
        to_folders,
        "folder or folders with the photos, searched with their subfolders",
        positional=True,
        many=True,
        accepts="str, Path or sequence of them",
    )
    output_dir: Path = option(
        to_path, "folder for the result, created if it does not exist", positional=True
    )
    layout: str = option(
        to_layout,
        "where photos that stay go: all in one folder, named by scene and time; under their own "
        "folders and names; or as a template of a path says, such as "
        "'{taken:%Y}/{event}/{scene:04}-{taken:%H%M%S}{ext}', with the fields "
        f"{' '.join(FIELDS)}",
        default=SCENES,
        values="scenes|tree|TEMPLATE",
    )
    event_gap: int = option(
        to_duration,
        "events are runs of photos that are no further apart in time: 90m, 6h, 2d",
        default="6h",
        values="TIME",
        accepts="str or int",
    )
    exclude: tuple[str, ...] = option(
        to_globs,
        "pass over files whose path is like one of these, and what belongs to them",
        default=(),
        values="GLOB,GLOB,…",
    )
    min_pixels: int = option(
        to_pixels,
        "pass over photos with fewer pixels, and what belongs to them: 300000 or 640x480",
        default=0,
        values="PIXELS",
        accepts="int or str",
    )
    min_bytes: int = option(
        to_size,
        "pass over photos and videos that are smaller, and what belongs to them: 50KB",
        default=0,
        values="BYTES",
        accepts="int or str",
    )
    recursive: bool = option(to_flag, "search subfolders, too", default=True)
    include_system: bool = option(
        to_flag,
        "take in trash and previews of phones, NAS and programs, and results of earlier runs, "
        "which are passed over else",
        default=False,
    )
    protect: tuple[Path, ...] = option(
        to_folders_or_none,
        "folders whose photos always stay as they are, and in whose favour others go",
        default=(),
        values="FOLDER,FOLDER,…",
        accepts="str, Path or sequence of them",
    )
    only: str | None = option(
        optional(one_of("duplicates", "scenes")),
        "duplicates: only these go, and everything else stays where it is; scenes: nothing is "
        "removed",
        default=None,
        no_value="both",
        values="duplicates|scenes",
        accepts="{'duplicates', 'scenes'}",
    )
    keep: tuple[str, ...] = option(
        to_keep_rule,
        "which duplicate stays; the first difference decides, then the default order",
        default=KEEP_WORDS,
        values="RULE,RULE,…",
    )
    prefer: tuple[str, ...] = option(
        to_globs,
        "of duplicates, rather keep files whose path is like one of these, the first most of all",
        default=(),
        values="GLOB,GLOB,…",
    )
    avoid: tuple[str, ...] = option(
        to_globs,
        "of duplicates, rather keep files whose path is like none of these",
        default=(),
        values="GLOB,GLOB,…",
    )
    merge_metadata: bool = option(
        to_flag,
        "what a photo that stays lacks and its duplicates know (date, place, rating, keywords, "
        "title) goes into a new XMP file beside it",
        default=False,
    )
    companion: tuple[str, ...] = option(
        to_endings,
        "more endings of files that belong to the photo of their name: .pp3,.dop",
        default=(),
        values="ENDING,ENDING,…",
    )
    videos: str = choice(
        "keep",
        "other",
        about="videos on their own: named by date beside the photos, or left among other files",
    )
    scheduler: str = option(
        to_text,
        "Dask scheduler whose workers embed the photos; they must see the folder, too",
        default="",
        values="ADDRESS",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.only and self.merge_metadata:
            raise UsageError(message("refused.merge_with_only", only=self.only))

    @property
    def searched(self) -> dict[str, Any]:
        """The settings of the file search, see `dupimg.files.photos.find_files`."""
        return searched(vars(self))


def searched(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the file search, which old plans lack."""
    names = ("exclude", "recursive", "include_system")
    return {name: settings[name] for name in names if name in settings}


@dataclass(frozen=True)
class OrganizeOptions(PlacingOptions, PlanOptions):
    """Sort a folder of photos: duplicates out of sight, photos of a scene side by side.

    Writes OUTPUT_DIR/processed (the photos that stay, renamed so that similar ones stand
    together), OUTPUT_DIR/remove (duplicates), OUTPUT_DIR/other (what is no readable photo),
    OUTPUT_DIR/report.csv (what happened to every file, and why) and OUTPUT_DIR/report.html (the
    same to look at). Nothing is ever deleted.
    Interrupted? The same command again goes on where it stopped.
    """


@dataclass(frozen=True)
class ApplyOptions(PlacingOptions, WorkOptions, ScriptOptions):
    """Carry out a plan that `dupimg plan` wrote and a person may have edited.

    The whole plan is checked first; every problem is listed with its row, and nothing is touched
    until there is none. After an interruption the same command goes on where it stopped.
    """

    plan: Path = option(to_path, "the plan.csv, or the folder that it is in", positional=True)
    cache: str | None = cache_option()


@dataclass(frozen=True)
class AddOptions(PlacingOptions, WorkOptions, ScriptOptions):
    """Bring new photos into the result of an earlier run, with the options of that run.

    Only the new photos are compared with all. Names and numbers that were given stay; a new photo
    joins its scene or begins a new one, and a better copy takes the place of the photo that was
    kept. NEW_DIR may be the input folder of that run with more photos in it. `dupimg undo` takes
    the addition back.
    """

    new_dir: tuple[Path, ...] = option(
        to_folders,
        "folder or folders with the new photos",
        positional=True,
        many=True,
        accepts="str, Path or sequence of them",
    )
    output_dir: Path = option(to_path, "the output folder of a finished run", positional=True)
    protect: tuple[Path, ...] = option(
        to_folders_or_none,
        "more folders whose photos always stay as they are; those of the run are known",
        default=(),
        values="FOLDER,FOLDER,…",
        accepts="str, Path or sequence of them",
    )
    cache: str | None = cache_option()


@dataclass(frozen=True)
class ReviewOptions(Options):
    """Look a plan over in the browser: keep, remove, leave, regroup, and carry it out.

    Every decision is in the plan.csv at once, beside what you change there in a spreadsheet. The
    page is on this machine only, for who has its address; closing it ends the command.
    """

    plan: Path = option(to_path, "the plan.csv, or the folder that it is in", positional=True)
    port: int = option(
        to_whole_number(0, 65_535), "of the page; 0: any free one", default=0, values="PORT"
    )
    browser: bool = option(to_flag, "open the page in your browser", default=True)
    cache: str | None = cache_option("which photos are no duplicates; none: nothing does")


@dataclass(frozen=True)
class UndoOptions(WorkOptions, ScriptOptions):
    """Take a run back, also an unfinished one, also weeks later.

    A file that was changed since is left, and OUTPUT_DIR/undo.csv says so. With --file, only what
    you name goes back to where it was, and the rest of the result stays.
    """

    output_dir: Path = option(to_path, "the output folder of the run", positional=True)
    file: tuple[str, ...] = option(
        to_texts,
        "bring back only these, with what belongs to them; a path of the report",
        default=(),
        no_value="all",
        values="PATH,PATH…",
        accepts="str or sequence of str",
    )
    cache: str | None = cache_option()


@dataclass(frozen=True)
class TrashOptions(WorkOptions, ScriptOptions):
    """Send the duplicates of a finished run, OUTPUT_DIR/remove, to the system's trash.

    Shows what goes, and asks; without a terminal it needs --yes. Only unchanged files go whose
    photo that stays is in its place and unchanged, too: all are read now. Others stay, and are
    named. Nothing is deleted: where a disk has no trash, nothing is touched. `dupimg undo` brings
    the files back from the trash.
    """

    output_dir: Path = option(to_path, "the output folder of the run", positional=True)


@dataclass(frozen=True)
class StatusOptions(ScriptOptions):
    """Say where things stand in an output folder, and what can be done next."""

    output_dir: Path = option(to_path, "the output folder of a run", positional=True)
