"""The options of the other commands: measure, tune, fit, show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dupimg.options.analysis_options import EmbeddingOptions, RunOptions
from dupimg.options.converters import (
    optional,
    to_flag,
    to_path,
    to_paths,
    to_share,
    to_text,
    to_whole_number,
)
from dupimg.options.fields import (
    Options,
    ScriptOptions,
    WorkOptions,
    cache_option,
    choice,
    option,
    quiet_option,
)


@dataclass(frozen=True)
class EmbedOptions(EmbeddingOptions, ScriptOptions):
    """Write the embeddings of a folder of photos to a .npy file, for work of your own.

    VECTORS holds a row of norm 1 for each readable photo, float32. Beside it, paths.csv says in the
    same order which photos these are (path and SHA-256), and unreadable.csv which files are no
    readable photos, and why. Nothing is overwritten.
    """

    folder: Path = option(
        to_path, "folder with the photos, searched with its subfolders", positional=True
    )
    vectors: Path = option(
        to_path, "file to write, ending in .npy", default="vectors.npy", positional=True
    )
    embedding: str = choice(
        "duplicates", "scenes", about="embedding that tells duplicates, or that tells scenes"
    )


@dataclass(frozen=True)
class CompareOptions(RunOptions, ScriptOptions):
    """Find which photos of folder B are in folder A, too: test photos in a training set, say.

    Writes a CSV file with a row for each pair: path_a and path_b (relative to the two folders),
    cosine, verdict and correlation of the thumbnails. Both folders stay as they are.
    """

    a: Path = option(to_path, "folder with photos, searched with its subfolders", positional=True)
    b: Path = option(to_path, "folder whose photos are looked for in A", positional=True)
    output: Path = option(
        to_path, "CSV file to write, which must not exist", default="pairs.csv", values="CSV"
    )


@dataclass(frozen=True)
class EvaluateOptions(RunOptions, ScriptOptions):
    """Measure how well duplicates and scenes are found, on photos with known answers.

    Several folders are one collection. Each has a labels.csv with the columns path (relative to the
    folder), set (scenes, copies or distractors), group, related_group, and kind (the edit of a
    copy). Groups that name one related_group (place:…), or each other, are neither one scene nor
    two. The labels of a single folder may also be path_a, path_b and answer (same photo, same scene
    or different), as `dupimg tune` writes them.
    """

    folders: tuple[Path, ...] = option(
        to_paths,
        "folder or folders with photos and labels",
        positional=True,
        many=True,
        accepts="str, Path or sequence of them",
    )
    labels: Path | None = option(
        optional(to_path),
        "CSV file with the known answers about a single folder",
        default=None,
        no_value="labels.csv in each folder",
        values="CSV",
    )
    among: Path | None = option(
        optional(to_path),
        "folder with more photos, unrelated to those of the labels",
        default=None,
        values="FOLDER",
    )
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
        to_flag,
        "make 12 edited copies of up to 100 originals, to see which are found",
        default=True,
    )
    plot: Path | None = option(
        optional(to_path),
        "PNG file for a plot of precision against recall; needs matplotlib",
        default=None,
        values="PNG",
    )
    cache: str | None = cache_option(
        "what was read, embedded and compared", no_value="nothing is, and the speed is measured"
    )


@dataclass(frozen=True)
class TuneOptions(RunOptions, ScriptOptions):
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
        "folder for answers and table, created if it does not exist",
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
    browser: bool = option(
        to_flag, "open the page in the browser, not only show its address", default=True
    )


@dataclass(frozen=True)
class FitHeadOptions(WorkOptions, ScriptOptions):
    """Fit the embedding for scenes on photos of your own; they need no labels.

    `dupimg organize --scene_head=OUTPUT` uses it then. At least 100 photos; a few thousand are
    better.
    """

    folder: Path = option(to_path, "folder with photos, as unrelated as can be", positional=True)
    output: Path = option(
        to_path, "file to write, ending in .npz", default="head.npz", positional=True
    )
    model: str = option(
        to_text, "network that embeds the photos", default="efficientnet_lite0", values="NAME"
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


@dataclass(frozen=True)
class DemoOptions(Options):
    """Make a folder of about 40 photos, organize it and say where to look. Needs no network."""

    output_dir: Path = option(
        to_path, "folder for the demo, new or empty", default="dupimg-demo", positional=True
    )
    quiet: bool = quiet_option()


@dataclass(frozen=True)
class AppOptions(Options):
    """Open dupimg as an application in your browser: choose folders, look, decide, undo.

    It is on this machine only, for who has its address. A second start opens the one that runs.
    Runs go on when its page is closed; without a page and a run it ends after ten minutes.
    """

    port: int = option(
        to_whole_number(0, 65_535), "of the page; 0: any free one", default=0, values="PORT"
    )
    browser: bool = option(to_flag, "open the page in your browser", default=True)


@dataclass(frozen=True)
class ModelsOptions(ScriptOptions):
    """List the networks and where their weights are; `dupimg models fetch NAME` gets them."""

    action: str = choice(
        "list", "fetch", about="list them, or fetch the weights of one", positional=True
    )
    name: str = option(to_text, "the network whose weights to fetch", default="", positional=True)
