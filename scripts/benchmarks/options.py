"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dupimg.options.converters import optional, to_path, to_text, to_whole_number, to_whole_numbers
from dupimg.options.fields import Options, choice, option


@dataclass(frozen=True)
class BenchmarkOptions(Options):
    """Measure each stage of a run and whole commands, against decoding the same photos alone.

    `--what=embedding` compares networks and what computes them with the straightforward way;
    `--what=search` measures how vectors are searched and clustered, against bare matrix products,
    scikit-learn and faiss, each in a process of its own. `--what=folders` measures time and memory
    of plan, page, review, move and undo on very many tiny photos.
    """

    what: str = choice("stages", "embedding", "search", "folders", about="what to measure")
    camera: tuple[int, ...] = option(
        to_whole_numbers(1),
        "numbers of photos of camera size, made on the spot; embedding: the first one counts",
        default=(36, 150),
        values="N,N,…",
    )
    web: int = option(to_whole_number(1), "number of photos of web size", default=1500, values="N")
    web_from: Path | None = option(
        optional(to_path),
        "stages: folder with photos to make those of web size from",
        default=None,
        no_value="they are drawn",
        values="FOLDER",
    )
    against: Path | None = option(
        optional(to_path),
        "stages: another checkout, of which the same commands are timed in turn",
        default=None,
        values="FOLDER",
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
    tiny: tuple[int, ...] = option(
        to_whole_numbers(2),
        "folders: numbers of tiny photos, ascending; 50 are in a folder",
        default=(12_500, 50_000),
        values="N,N,…",
    )
    model: str = option(to_text, "network to measure", default="efficientnet_lite0", values="NAME")
    output: Path | None = option(
        optional(to_path), "CSV file to write the table to, too", default=None, values="CSV"
    )
