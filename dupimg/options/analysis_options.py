"""The options of every command that reads, embeds and compares photos."""

from __future__ import annotations

from dataclasses import dataclass

from dupimg.errors import UsageError
from dupimg.messages import message
from dupimg.options.converters import (
    optional,
    to_bytes,
    to_cosine,
    to_duration,
    to_flag,
    to_text,
    to_time_zone,
    to_whole_number,
)
from dupimg.options.fields import WorkOptions, cache_option, choice, option


@dataclass(frozen=True)
class EmbeddingOptions(WorkOptions):
    """The options of every command that reads and embeds photos."""

    model: str = option(
        to_text,
        "network that embeds the photos; `dupimg models` lists them",
        default="efficientnet_lite0",
        values="NAME",
    )
    scene_head: str = option(
        to_text,
        "embedding for scenes that `dupimg fit_head` wrote",
        default="",
        values="FILE",
    )
    backend: str = choice(
        "auto",
        "torch",
        "openvino",
        about="what computes the network; auto: OpenVINO if it is installed",
    )
    precision: str = choice(
        "float32",
        "bfloat16",
        about="bfloat16: twice as fast on new processors, changes cosines by up to 0.035",
    )
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
    time_zone: str | None = option(
        optional(to_time_zone),
        "where times in UTC and times of files are read: Europe/Berlin, +09:00",
        default=None,
        no_value="that of this machine",
        values="ZONE",
        accepts="str",
    )
    cache: str | None = cache_option()


@dataclass(frozen=True)
class RunOptions(EmbeddingOptions):
    """The options of every command that compares photos."""

    duplicate_threshold: float = option(
        to_cosine,
        "cosine similarity from which photos are duplicates",
        default=0.95,
        values="COSINE",
    )
    duplicate_rule: str = choice(
        "careful",
        "verified",
        "cosine",
        about="duplicates: proven copies from the threshold on; such from low cosines on, too; "
        "or the cosine alone",
    )
    edited_copies: str = choice(
        "keep",
        "remove",
        about="copies of which a part differs: a caption, a watermark, something painted over",
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
    scene_method: str = choice(
        "agglomerative",
        "hdbscan",
        about="how scenes are formed",
    )
    linkage: str = choice(
        "chained",
        "average",
        "complete",
        "single",
        about="agglomerative: which similarity of two sets of photos counts",
    )
    link_threshold: float = option(
        to_cosine,
        "chained: cosine similarity from which two photos always share a scene",
        default=0.9,
        values="COSINE",
    )
    scene_gap: int | None = option(
        optional(to_duration),
        "photos taken further apart never share a scene: 90m, 6h, 2d",
        default=None,
        no_value="no limit",
        values="TIME",
        accepts="str or int",
    )
    time_evidence: bool = option(
        to_flag,
        "fairly alike photos that one camera took within seconds share a scene, too",
        default=True,
    )
    same_folder: bool = option(
        to_flag, "photos of different folders never share a scene", default=False
    )
    min_scene_size: int = option(
        to_whole_number(2), "hdbscan: fewest photos of a scene", default=2, values="PHOTOS"
    )
    memory: int | None = option(
        optional(to_bytes),
        "what comparing photos may take beside their embeddings",
        default=None,
        no_value="a quarter of what is free, if that is of use",
        values="500MB|4GB",
        accepts="str or int",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scene_threshold > self.duplicate_threshold:
            raise UsageError(
                message(
                    "refused.scene_above_duplicate",
                    scene=str(self.scene_threshold),
                    duplicate=str(self.duplicate_threshold),
                ),
                field="scene_threshold",
            )
