"""A row of a plan: what happens to one file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dupimg.files.durable import REMOVED_FOLDER
from dupimg.messages import Message

KEEP, REMOVE, OTHER, LEAVE = "keep", "remove", "other", "leave"
FOLDERS = {KEEP: "processed", REMOVE: REMOVED_FOLDER, OTHER: "other"}

# Reasons of files and folders that a disk or a share did not give.
UNREAD = ("reason.not_read", "reason.not_looked_at", "reason.folder_not_listed")


@dataclass(frozen=True)
class Row:
    """What happens to one file; a row of the report.

    Attributes
    ----------
    path : str
        Relative to the input folder, with forward slashes; absolute for what `dupimg add` found in
        another folder. See `dupimg.files.inputs`.
    action : {"keep", "remove", "other", "leave"}
        ``leave`` is for a person to choose, and for protected files: the file stays where it is.
    destination : str
        Relative to the output folder; empty where the file stays where it is.
    scene : int or None
        From 1 on, in order of the first kept photo; None for what is no photo.
    scene_name : str
        The name that a person gave the scene; empty if there is none.
    duplicate_group : int or None
        From 1 on; None for a photo without duplicates.
    keeper : str
        Path of the photo that stays in favour of this one; empty unless removed.
    cosine_to_keeper, nearest_cosine : float or None
        Cosine similarity to the keeper, and to the most similar other photo.
    taken_at : str
        ISO 8601: the time that the camera's clock showed, with its offset from UTC where it is
        known.
    taken_from : str
        Where that was found: "sidecar" (an XMP file beside the photo), "exif" (its original date),
        "xmp", "iptc", "digitized" (EXIF, or xmp:CreateDate), "png" (a text), "quicktime", "gps",
        "takeout" (Google's JSON beside the photo), "name", "edited" (EXIF's last edit), "file"
        (the earliest time of the file itself); empty for what is no photo.
    event : str
        Date and folder of the event that it belongs to, see `dupimg.plans.events`; empty if nobody
        knows when it was taken.
    width, height : int or None
        Pixels, upright.
    bytes : int
    digest : str
        SHA-256, hexadecimal.
    reason : Message or None
        Why it is so; the report has it in English.
    companion_of : str
        Path of the photo that this file belongs to. It goes with that photo or, where that one is
        removed, mostly with its keeper.
    compared_with : str
        Path of the photo that the next five are about: the keeper of a removed photo, the most
        similar one of a kept photo. Empty where none is similar enough to be compared.
    thumb_correlation : float or None
        Correlation of the two thumbnails.
    verdict : {"identical bytes", "identical pixels", "copy", "cropped copy", "edited copy", \
        "near duplicate", "same scene", ""}
        What a second look says, see `dupimg.groups.second_look`.
    overlap, difference : float or None
        Share of this photo that the other one covers, and of what overlaps that shows something
        else; None where the pictures were not laid over each other.
    shared_details : int or None
        How many matched details the two share; None where these were not looked for.
    nearest_scene_cosine : float or None
        Cosine similarity, by the embedding that scenes are found by, to the most similar other
        photo of those that stay and may share a scene. None for a photo that does not stay, and
        where scenes are found by the embedding of `nearest_cosine`.
    nearest_in_scene : str
        Path of the photo that `nearest_scene_cosine` is about; not in the report.
    input : str
        The folder that the file comes from; empty where there is one only, and then not in the
        report.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC; not in the report.
    identity : str
        Of the file that was read, see `dupimg.files.identity.identity_of`; empty in plans of
        version 0.1.0. Not in the report.
    earlier : str
        Where an earlier run has put the file, relative to the output folder; empty where it is
        still at its path. Not in the report.
    video : bool
        Whether the file is a video on its own; not in the report.
    own_taken_at, own_taken_from : str
        The photo's own date, where `taken_at` is that of one of its duplicates; else empty. Not in
        the report.
    frames : int
        Pages or frames; not in the report.
    metadata : str
        The kinds of metadata that the file knows, see `dupimg.files.traits.Traits`, separated by
        spaces. Not in the report.
    camera : str
        Make and model, see `dupimg.files.traits.tidy_camera`; not in the report.
    known : str
        What the photo knows that can be merged into the metadata of another, as JSON; empty if
        nothing is to be merged. Not in the report.
    sidecar : str
        The content of a new XMP file beside the photo; empty for none. Not in the report.
    protected : bool
        Whether the file stays as it is in any case. Not in the report.
    failed : bool
        Whether the file could not be brought to its destination, and stayed where it was. Not in
        the report.
    trashed : bool
        Whether the file was sent to the system's trash: `destination` is where it was then, and
        empty in the report. Not in the report.
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
        """Whether carrying the row out means to do something."""
        return bool(self.destination) and self.destination != self.earlier

    @property
    def is_unread(self) -> bool:
        """Whether the row is about a file or a folder that could not be read."""
        return self.reason is not None and self.reason.code in UNREAD

    @property
    def stays(self) -> bool:
        """Whether others may go in favour of the file: it is kept, or protected."""
        return self.action == KEEP or self.protected

    @property
    def is_media(self) -> bool:
        """Whether the row is about a photo or a video: not a companion or another file."""
        return self.scene is not None and not self.companion_of

    @property
    def is_photo(self) -> bool:
        """Whether the row is about a photo."""
        return self.is_media and not self.video

    @property
    def is_video(self) -> bool:
        """Whether the row is about a video on its own."""
        return self.is_media and self.video

    @property
    def is_companion(self) -> bool:
        """Whether the file belongs to a photo or a video and goes with it."""
        return bool(self.companion_of)

    @property
    def goes_with(self) -> str:
        """Path of the photo that a companion goes with: its own, or the one that stays for it."""
        with_keeper = self.action in (KEEP, LEAVE) and self.keeper
        return self.keeper if with_keeper else self.companion_of

    def having(self, **values: Any) -> Row:
        """Return the row with other values; itself, at no cost, where it has them already."""
        if all(getattr(self, name) == value for name, value in values.items()):
            return self
        return replace(self, **values)
