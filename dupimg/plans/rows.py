"""Define the row of a plan: the decision about one file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dupimg.files.durable import REMOVED_FOLDER
from dupimg.messages import Message

KEEP, REMOVE, OTHER, LEAVE = "keep", "remove", "other", "leave"
FOLDERS = {KEEP: "processed", REMOVE: REMOVED_FOLDER, OTHER: "other"}

# Reasons of files and folders that could not be read from their disk.
UNREAD = ("reason.not_read", "reason.not_looked_at", "reason.folder_not_listed")


@dataclass(frozen=True)
class Row:
    """The decision about one file; a row of the report.

    Attributes
    ----------
    path : str
        Relative to the input folder, with forward slashes; absolute for what `dupimg add` found in
        another folder. See `dupimg.files.inputs`.
    action : {"keep", "remove", "other", "leave"}
        ``leave`` is chosen by the user or for protected files: the file stays at its place.
    destination : str
        Relative to the output folder; empty if the file stays at its place.
    scene : int or None
        From 1 on, in order of the first kept photo; None for other files.
    scene_name : str
        The user's name of the scene; empty if there is none.
    duplicate_group : int or None
        From 1 on; None for a photo without duplicates.
    keeper : str
        Path of the photo that stays instead; empty unless this one is removed.
    cosine_to_keeper, nearest_cosine : float or None
        Cosine similarity to the keeper, and to the most similar other photo.
    taken_at : str
        ISO 8601: the time that the camera's clock showed, with its offset from UTC where it is
        known.
    taken_from : str
        Source of that time: "sidecar" (an XMP file beside the photo), "exif" (its original date),
        "xmp", "iptc", "digitized" (EXIF, or xmp:CreateDate), "png" (a text), "quicktime", "gps",
        "takeout" (Google's JSON beside the photo), "name", "edited" (EXIF's last edit), "file"
        (the earliest time of the file itself); empty for other files.
    event : str
        Date and folder of its event, see `dupimg.plans.events`; empty without a capture time.
    width, height : int or None
        Pixels, upright.
    bytes : int
    digest : str
        SHA-256, hexadecimal.
    reason : Message or None
        The reason of the decision; in English in the report.
    companion_of : str
        Path of the photo that this file belongs to. It goes with that photo or, if that is removed,
        usually with its keeper.
    compared_with : str
        Path of the photo compared in the next five fields: the keeper of a removed photo, the most
        similar one of a kept photo. Empty if none is similar enough.
    thumb_correlation : float or None
        Correlation of the two thumbnails.
    verdict : {"identical bytes", "identical pixels", "copy", "cropped copy", "edited copy", \
        "near duplicate", "same scene", ""}
        The verdict on the two, see `dupimg.groups.second_look`.
    overlap, difference : float or None
        Share of this photo that the other covers, and share of the overlap that differs; None if
        the pictures were not aligned.
    shared_details : int or None
        Number of matched details of the two; None if these were not searched.
    nearest_scene_cosine : float or None
        Scene cosine to the most similar other kept photo that may share a scene. None for a photo
        that does not stay, and if scenes use the same embedding as `nearest_cosine`.
    nearest_in_scene : str
        Path of the photo with `nearest_scene_cosine`; not in the report.
    input : str
        The input folder of the file; empty if there is only one, and then not in the report.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC; not in the report.
    identity : str
        Of the file that was read, see `dupimg.files.identity.identity_of`; empty in plans of
        version 0.1.0. Not in the report.
    earlier : str
        Place of the file by an earlier run, relative to the output folder; empty if it is still at
        its path. Not in the report.
    video : bool
        Whether the file is a video and no companion; not in the report.
    own_taken_at, own_taken_from : str
        The photo's own date if `taken_at` is that of one of its duplicates; else empty. Not in the
        report.
    frames : int
        Pages or frames; not in the report.
    metadata : str
        The kinds of metadata in the file, see `dupimg.files.traits.Traits`, separated by
        spaces. Not in the report.
    camera : str
        Make and model, see `dupimg.files.traits.tidy_camera`; not in the report.
    known : str
        The metadata of the photo to merge into that of its keeper, as JSON; empty without merging.
        Not in the report.
    sidecar : str
        The content of a new XMP file beside the photo; empty for none. Not in the report.
    protected : bool
        Whether the file is in a protected folder. Not in the report.
    failed : bool
        Whether the file could not be transferred and stayed at its place. Not in the report.
    trashed : bool
        Whether the file was sent to the system's trash from its `destination`, which is then empty
        in the report. Not in the report.
    """

    path: str
    action: str
    destination: str = ""
    scene: int | None = None
    scene_name: str = ""
    duplicate_group: int | None = None
    keeper: str = ""
    cosine_to_keeper: float | None = None
    nearest_cosine: float | None = None
    taken_at: str = ""
    taken_from: str = ""
    event: str = ""
    width: int | None = None
    height: int | None = None
    bytes: int = 0
    digest: str = ""
    reason: Message | None = None
    companion_of: str = ""
    compared_with: str = ""
    thumb_correlation: float | None = None
    verdict: str = ""
    overlap: float | None = None
    difference: float | None = None
    shared_details: int | None = None
    nearest_scene_cosine: float | None = None
    nearest_in_scene: str = field(default="", metadata={"in_report": False})
    input: str = field(default="", metadata={"in_report": False})
    modified_ns: int = field(default=0, metadata={"in_report": False})
    identity: str = field(default="", metadata={"in_report": False})
    earlier: str = field(default="", metadata={"in_report": False})
    video: bool = field(default=False, metadata={"in_report": False})
    own_taken_at: str = field(default="", metadata={"in_report": False})
    own_taken_from: str = field(default="", metadata={"in_report": False})
    frames: int = field(default=1, metadata={"in_report": False})
    metadata: str = field(default="", metadata={"in_report": False})
    camera: str = field(default="", metadata={"in_report": False})
    known: str = field(default="", metadata={"in_report": False})
    sidecar: str = field(default="", metadata={"in_report": False})
    protected: bool = field(default=False, metadata={"in_report": False})
    failed: bool = field(default=False, metadata={"in_report": False})
    trashed: bool = field(default=False, metadata={"in_report": False})

    @property
    def has_step(self) -> bool:
        """Whether applying the row transfers a file."""
        return bool(self.destination) and self.destination != self.earlier

    @property
    def is_unread(self) -> bool:
        """Whether it is a file or folder that could not be read."""
        return self.reason is not None and self.reason.code in UNREAD

    @property
    def stays(self) -> bool:
        """Whether the file is kept or protected, so that it can be a keeper."""
        return self.action == KEEP or self.protected

    @property
    def is_media(self) -> bool:
        """Whether it is a photo or a video, not a companion or another file."""
        return self.scene is not None and not self.companion_of

    @property
    def is_photo(self) -> bool:
        """Whether it is a photo."""
        return self.is_media and not self.video

    @property
    def is_video(self) -> bool:
        """Whether it is a video and no companion."""
        return self.is_media and self.video

    @property
    def is_companion(self) -> bool:
        """Whether the file belongs to a photo or a video and goes with it."""
        return bool(self.companion_of)

    @property
    def goes_with(self) -> str:
        """Path of the photo that a companion goes with: its own or the keeper of that."""
        with_keeper = self.action in (KEEP, LEAVE) and self.keeper
        return self.keeper if with_keeper else self.companion_of

    @property
    def leader(self) -> str:
        """Path of the photo that gives the file its group and event: keeper, photo or itself."""
        return self.keeper or self.companion_of or self.path

    def having(self, **values: Any) -> Row:
        """Return the row with other values; the same object if nothing changes."""
        if all(getattr(self, name) == value for name, value in values.items()):
            return self
        return replace(self, **values)
