"""The options of the commands beside a run: measure, tune, fit, show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dupimg.options.analysis_options import RunOptions
from dupimg.options.converters import (
    one_of,
    optional,
    to_flag,
    to_path,
    to_share,
    to_text,
    to_whole_number,
    to_whole_numbers,
)
from dupimg.options.fields import Options, debug_option, jobs_option, option, quiet_option


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
    jobs: int | None = jobs_option()
    quiet: bool = quiet_option()
    debug: bool = debug_option()


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
    debug: bool = debug_option()


@dataclass(frozen=True)
class DemoOptions(Options):
    """Make a folder of about 40 photos, organize it and say where to look. Needs no network."""

    output_dir: Path = option(
        to_path, "folder for the demo, new or empty", default="dupimg-demo", positional=True
    )
    quiet: bool = quiet_option()
    debug: bool = debug_option()


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
    debug: bool = debug_option()
