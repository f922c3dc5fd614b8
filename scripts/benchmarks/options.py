"""The options of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dupimg.options.converters import optional, to_path, to_text, to_whole_number, to_whole_numbers
from dupimg.options.fields import Options, choice, option


@dataclass(frozen=True)
class BenchmarkOptions(Options):
    """Measure photos per second here, against the straightforward way and decoding alone.

    `--what=search` measures how vectors are searched and clustered, against bare matrix products,
    scikit-learn and faiss, each in a process of its own. `--what=folders` measures time and memory
    of plan, page, review, move and undo on very many tiny photos.
    """

    what: str = choice("photos", "search", "folders", about="what to measure")
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
