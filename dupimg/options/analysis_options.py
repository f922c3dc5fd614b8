"""The options of every command that reads and compares photos."""

from __future__ import annotations

from dataclasses import dataclass

from dupimg.errors import UsageError
from dupimg.options.converters import (
    one_of,
    optional,
    to_bytes,
    to_cosine,
    to_duration,
    to_flag,
    to_text,
    to_whole_number,
)
from dupimg.options.fields import (
    Options,
    cache_option,
    debug_option,
    jobs_option,
    option,
    quiet_option,
)


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
    jobs: int | None = jobs_option()
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
    cache: str | None = cache_option()
    quiet: bool = quiet_option()
    debug: bool = debug_option()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scene_threshold > self.duplicate_threshold:
            raise UsageError(
                f"Got scene_threshold={self.scene_threshold} above "
                f"duplicate_threshold={self.duplicate_threshold}, expected at most that: "
                "duplicates are the more similar photos. Lower the one or raise the other."
            )
