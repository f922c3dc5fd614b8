"""The options of every command: a frozen dataclass each, converted and checked before any work.

A field carries its own help line, so that the command line, its help and the Python API have one
source. Values arrive as strings from the command line and as objects from Python.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dupimg.converters import (
    Converter,
    one_of,
    optional,
    to_bytes,
    to_cosine,
    to_duration,
    to_flag,
    to_keep_rule,
    to_path,
    to_share,
    to_text,
    to_whole_number,
    to_whole_numbers,
)
from dupimg.plans.keepers import DEFAULT_RULE


class UsageError(ValueError):
    """What was asked for cannot be done; nothing was touched."""


def option(
    convert: Converter,
    about: str,
    *,
    default: Any = dataclasses.MISSING,
    no_value: str = "",
    values: str = "",
    aliases: tuple[str, ...] = (),
    positional: bool = False,
) -> Any:
    """Declare one field: converter, help line, default (and what None means), values, aliases."""
    return dataclasses.field(
        default=default,
        kw_only=not positional,
        metadata={
            "convert": convert,
            "about": about,
            "no_value": no_value,
            "values": values,
            "aliases": aliases,
        },
    )


@dataclass(frozen=True)
class Options:
    """Base of all options: converts and checks each field as it is stored."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            try:
                converted = field.metadata["convert"](value)
            except ValueError as error:
                expected, *hint = error.args
                raise UsageError(
                    f"Got {field.name}={value!r}, expected {expected}.{''.join(hint)}"
                ) from None
            object.__setattr__(self, field.name, converted)


def _debug() -> Any:
    return option(to_flag, "show the whole traceback of an error", default=False)


def _jobs() -> Any:
    return option(
        optional(to_whole_number(1, 1024)),
        "threads that read, decode and copy",
        default=None,
        no_value="one for each core",
        values="THREADS",
    )


def _cache(what: str = "what was read and embedded; none: nothing is") -> Any:
    return option(
        optional(to_text),
        f"remembers {what}",
        default=None,
        no_value="a file in your cache folder",
        values="FILE|none",
    )


def _quiet() -> Any:
    return option(to_flag, "no progress bars and no summary", default=False)


@dataclass(frozen=True)
class RunOptions(Options):
    """What every command takes that looks at photos."""

    model: str = option(
        to_text,
        "network that looks at the photos; `dupimg models` lists them",
        default="efficientnet_lite0",
        values="NAME",
    )
    duplicate_threshold: float = option(
        to_cosine,
        "cosine similarity from which photos are duplicates",
        default=0.95,
        values="COSINE",
    )
    duplicate_rule: str = option(
        one_of("cosine", "verified"),
        "duplicates: by cosine alone, or only copies that a second look confirms",
        default="cosine",
        values="cosine|verified",
    )
    candidate_threshold: float = option(
        to_cosine,
        "cosine similarity from which thumbnails are compared, too",
        default=0.8,
        values="COSINE",
    )
    copy_threshold: float = option(
        to_cosine,
        "correlation of thumbnails from which one photo is a copy of the other",
        default=0.97,
        values="CORRELATION",
    )
    rotations: bool = option(
        to_flag,
        "second look: find turned copies, too; compares several times the pairs",
        default=False,
    )
    mirrored: bool = option(
        to_flag, "second look: find mirrored copies, too; takes twice as long", default=False
    )
    scene_threshold: float = option(
        to_cosine, "cosine similarity from which photos share a scene", default=0.7, values="COSINE"
    )
    scene_method: str = option(
        one_of("agglomerative", "hdbscan"),
        "how scenes are formed",
        default="agglomerative",
        values="agglomerative|hdbscan",
    )
    linkage: str = option(
        one_of("chained", "average", "complete", "single"),
        "agglomerative: which similarity of two sets of photos counts",
        default="chained",
        values="chained|average|complete|single",
    )
    link_threshold: float = option(
        to_cosine,
        "chained: cosine similarity from which two photos always share a scene",
        default=0.8,
        values="COSINE",
    )
    scene_gap: int | None = option(
        optional(to_duration),
        "photos taken further apart never share a scene: 90m, 6h, 2d",
        default=None,
        no_value="no limit",
        values="TIME",
    )
    same_folder: bool = option(
        to_flag, "photos of different folders never share a scene", default=False
    )
    head: str = option(
        to_text,
        "embedding for scenes that `dupimg fit_head` wrote",
        default="",
        values="FILE",
    )
    min_scene_size: int = option(
        to_whole_number(2), "hdbscan: fewest photos of a scene", default=2, values="PHOTOS"
    )
    backend: str = option(
        one_of("auto", "torch", "openvino"),
        "what computes the network; auto: OpenVINO if it is installed",
        default="auto",
        values="auto|torch|openvino",
    )
    precision: str = option(
        one_of("float32", "bfloat16"),
        "bfloat16: twice as fast on new processors, changes cosines by up to 0.035",
        default="float32",
        values="float32|bfloat16",
    )
    memory: int | None = option(
        optional(to_bytes),
        "what comparing photos may take beside their embeddings",
        default=None,
        no_value="a quarter of what is free, if that is of use",
        values="500MB|4GB",
    )
    jobs: int | None = _jobs()
    batch_size: int = option(
        to_whole_number(1, 4096),
        "photos that pass through the network at once",
        default=8,
        values="PHOTOS",
    )
    max_megapixels: int = option(
        to_whole_number(1),
        "larger pictures are not opened: they may be decompression bombs",
        default=500,
        values="MEGAPIXELS",
    )
    time_limit: int = option(
        to_whole_number(1),
        "a picture that takes longer to decode is given up",
        default=60,
        values="SECONDS",
    )
    cache: str | None = _cache()
    quiet: bool = _quiet()
    debug: bool = _debug()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scene_threshold > self.duplicate_threshold:
            raise UsageError(
                f"Got scene_threshold={self.scene_threshold} above "
                f"duplicate_threshold={self.duplicate_threshold}, expected at most that: "
                "duplicates are the more similar photos. Lower the one or raise the other."
            )


@dataclass(frozen=True)
class PlacingOptions(Options):
    """How files get from the input to the output."""

    process_mode: str = option(
        one_of("copy", "move"),
        "copy the files, or move them out of the input folder",
        default="copy",
        values="copy|move",
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
        """The one way: copy, move, hard_link or reflink."""
        return "hard_link" if self.hard_link else "reflink" if self.reflink else self.process_mode


@dataclass(frozen=True)
class PlanOptions(RunOptions):
    """Decide what to do with a folder of photos, and write it to OUTPUT_DIR/plan.csv for review.

    Nothing is copied or moved. Look the plan over in the browser, with `dupimg review`, or in a
    spreadsheet: change actions (keep, remove or leave) and scene numbers, add notes, sort and move
    as you like. Then run `dupimg apply`.
    """

    input_dir: Path = option(
        to_path, "folder with the photos, searched with its subfolders", positional=True
    )
    output_dir: Path = option(
        to_path, "folder for the result, created if it does not exist", positional=True
    )
    keep: tuple[str, ...] = option(
        to_keep_rule,
        "which duplicate stays; the first difference decides",
        default=DEFAULT_RULE,
        values="RULE,RULE,…",
    )
    scheduler: str = option(
        to_text,
        "Dask scheduler whose workers embed the photos; they must see the folder, too",
        default="",
        values="ADDRESS",
    )


@dataclass(frozen=True)
class OrganizeOptions(PlanOptions, PlacingOptions):
    """Sort a folder of photos: duplicates out of sight, photos of a scene side by side.

    Writes OUTPUT_DIR/processed (the photos that stay, renamed so that similar ones stand
    together), OUTPUT_DIR/remove (duplicates), OUTPUT_DIR/other (what is no readable photo),
    OUTPUT_DIR/report.csv (what happened to every file, and why) and OUTPUT_DIR/report.html (the
    same to look at). Nothing is ever deleted.
    Interrupted? The same command again goes on where it stopped.
    """


@dataclass(frozen=True)
class ApplyOptions(PlacingOptions):
    """Carry out a plan that `dupimg plan` wrote and a person may have edited.

    The whole plan is checked first; every problem is listed with its row, and nothing is touched
    until there is none. After an interruption the same command goes on where it stopped.
    """

    plan: Path = option(to_path, "the plan.csv, or the folder that it is in", positional=True)
    jobs: int | None = _jobs()
    quiet: bool = _quiet()
    debug: bool = _debug()


@dataclass(frozen=True)
class AddOptions(PlacingOptions):
    """Bring new photos into the result of an earlier run, with the options of that run.

    Only the new photos are compared with all. Names and numbers that were given stay; a new photo
    joins its scene or begins a new one, and a better copy takes the place of the photo that was
    kept. NEW_DIR may be the input folder of that run with more photos in it. `dupimg undo` takes
    the addition back.
    """

    new_dir: Path = option(to_path, "folder with the new photos", positional=True)
    output_dir: Path = option(to_path, "the output folder of a finished run", positional=True)
    cache: str | None = _cache()
    jobs: int | None = _jobs()
    quiet: bool = _quiet()
    debug: bool = _debug()


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
    cache: str | None = _cache("which photos are no duplicates; none: nothing does")
    debug: bool = _debug()


@dataclass(frozen=True)
class UndoOptions(Options):
    """Take a run back, also an unfinished one, also weeks later.

    A file that was changed since is left, and OUTPUT_DIR/undo.csv says so.
    """

    output_dir: Path = option(to_path, "the output folder of the run", positional=True)
    jobs: int | None = _jobs()
    quiet: bool = _quiet()
    debug: bool = _debug()


@dataclass(frozen=True)
class StatusOptions(Options):
    """Say where things stand in an output folder, and what can be done next."""

    output_dir: Path = option(to_path, "the output folder of a run", positional=True)
    debug: bool = _debug()


@dataclass(frozen=True)
class EvaluateOptions(RunOptions):
    """Measure how well duplicates and scenes are found, on photos with known answers.

    LABELS is a CSV file with the columns path (relative to FOLDER), set (scenes, copies or
    distractors), group, related_group, and kind (the edit of a copy); or path_a, path_b and answer
    (same photo, same scene or different), as `dupimg tune` writes it.
    """

    folder: Path = option(to_path, "folder with the photos that the labels name", positional=True)
    labels: Path = option(to_path, "CSV file with the known answers", values="CSV")
    model: str = option(
        to_text,
        "network, or several side by side: NAME,NAME",
        default="efficientnet_lite0",
        values="NAME",
    )
    output: Path | None = option(
        optional(to_path), "CSV file to write the table to, too", default=None, values="CSV"
    )
    edits: bool = option(
        to_flag, "make 12 edited copies of each original, to see which are found", default=True
    )
    plot: Path | None = option(
        optional(to_path),
        "PNG file for a plot of precision against recall; needs matplotlib",
        default=None,
        values="PNG",
    )


@dataclass(frozen=True)
class TuneOptions(RunOptions):
    """Find the right thresholds for your photos: look at pairs of them and say what they are.

    Asks about 30 pairs, each chosen so that the answer tells most; then recommends thresholds, and
    shows how precise each one would be. Answers are saved one by one in OUTPUT_DIR/labels.csv, and
    the same command goes on with them. Your photos are not touched.
    """

    input_dir: Path = option(
        to_path, "folder with the photos, searched with its subfolders", positional=True
    )
    output_dir: Path = option(
        to_path,
        "folder for answers, table and curve, created if it does not exist",
        default="dupimg-tune",
        aliases=("output",),
        positional=True,
    )
    pairs: int = option(to_whole_number(1, 1000), "pairs to ask about", default=30, values="PAIRS")
    target: float = option(
        to_share,
        "share that is to be right, with a probability of 95 %",
        default=0.9,
        values="SHARE",
    )
    terminal: bool = option(
        to_flag, "show paths and ask here, instead of photos in the browser", default=False
    )
    browser: bool = option(
        to_flag, "open the page in the browser, not only show its address", default=True
    )


@dataclass(frozen=True)
class FitHeadOptions(Options):
    """Fit the embedding for scenes on photos of your own; they need no labels.

    `dupimg organize --head=OUTPUT` uses it then. At least 100 photos; a few thousand are better.
    """

    folder: Path = option(to_path, "folder with photos, as unrelated as can be", positional=True)
    output: Path = option(
        to_path, "file to write, ending in .npz", default="head.npz", positional=True
    )
    model: str = option(
        to_text, "network that looks at the photos", default="efficientnet_lite0", values="NAME"
    )
    about: str = option(
        to_text, "what to note in the file about the photos", default="", values="TEXT"
    )
    time_limit: int = option(
        to_whole_number(1),
        "a picture that takes longer to decode is given up",
        default=60,
        values="SECONDS",
    )
    jobs: int | None = _jobs()
    quiet: bool = _quiet()
    debug: bool = _debug()


@dataclass(frozen=True)
class BenchmarkOptions(Options):
    """Measure photos per second here, against the straightforward way and decoding alone.

    `--what=search` measures how vectors are searched and clustered, against bare matrix products,
    scikit-learn and faiss, each in a process of its own.
    """

    what: str = option(
        one_of("photos", "search"), "what to measure", default="photos", values="photos|search"
    )
    sizes: tuple[int, ...] = option(
        to_whole_numbers(2),
        "search: numbers of vectors, ascending",
        default=(5_000, 20_000, 50_000, 100_000),
        values="N,N,…",
    )
    minutes: int = option(
        to_whole_number(1),
        "search: ways that would take longer are left out, and a stretch ends",
        default=5,
        values="N",
    )
    stretch: int | None = option(
        optional(to_whole_number(2, 100_000_000)),
        "search: only begin to search so many vectors, and extrapolate",
        default=None,
        no_value="measure all ways at all sizes",
        values="N",
    )
    photos: int = option(
        to_whole_number(1),
        "photos of camera size, and 10 times as many of web size; they are made on the spot",
        default=36,
        values="N",
    )
    model: str = option(to_text, "network to measure", default="efficientnet_lite0", values="NAME")
    output: Path | None = option(
        optional(to_path), "CSV file to write the table to, too", default=None, values="CSV"
    )
    debug: bool = _debug()


@dataclass(frozen=True)
class DemoOptions(Options):
    """Make a folder of about 40 photos, organize it and say where to look. Needs no network."""

    output_dir: Path = option(
        to_path, "folder for the demo, new or empty", default="dupimg-demo", positional=True
    )
    quiet: bool = _quiet()
    debug: bool = _debug()


@dataclass(frozen=True)
class ModelsOptions(Options):
    """List the networks and where their weights are; `dupimg models fetch NAME` gets them."""

    action: str = option(
        one_of("list", "fetch"),
        "list them, or fetch the weights of one",
        default="list",
        positional=True,
    )
    name: str = option(to_text, "the network whose weights to fetch", default="", positional=True)
    debug: bool = _debug()
