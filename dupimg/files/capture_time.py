"""Choose the capture time of a photo among the dates in its metadata, companions and name.

A capture time is the local time of the camera's clock: names, order and `--scene_gap` use it,
whatever its offset from UTC and the time zone of this machine. Only a time in UTC is converted: to
the time zone of the photo's coordinates, or else of `--time_zone`.

Dates of clocks that were never set or are ahead are passed over in favour of the next date.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dupimg.messages import Message, message
from dupimg.options.time_zones import find_zone, machine_zone, offset_zone

# Sources of dates, the most trusted first, with their values of `taken_from`.
FIELDS = {
    "sidecar_original": "sidecar",  # exif:DateTimeOriginal of an XMP file beside the photo
    "exif_original": "exif",  # EXIF DateTimeOriginal
    "sidecar_created": "sidecar",  # photoshop:DateCreated
    "xmp": "xmp",  # in the photo: exif:DateTimeOriginal, photoshop:DateCreated
    "iptc": "iptc",  # DateCreated and TimeCreated
    "digitized": "digitized",  # EXIF DateTimeDigitized, xmp:CreateDate
    "sidecar_digitized": "sidecar",  # xmp:CreateDate
    "png": "png",  # a PNG's text "Creation Time"
    "quicktime": "quicktime",  # a video's creation time
    "gps": "gps",  # date and time of the satellites
    "takeout": "takeout",  # photoTakenTime of Google Takeout's JSON beside the photo
    "name": "name",  # the name of the file
    "edited": "edited",  # EXIF DateTime: when the photo was last written
}
# `taken_from` without a plausible date, when the earliest time of the file itself counts.
FILE_TIME = "file"

_ORDER = {field: place for place, field in enumerate(FIELDS)}

# Default dates of clocks that were never set: the epochs of QuickTime, Unix, FAT and many cameras,
# and those of GPS.
_RESETS = tuple(datetime(year, 1, 1) for year in (1904, 1970, 1980, 2000))
_SATELLITE_RESETS = (datetime(1980, 1, 6), datetime(1999, 8, 22))
_RESET_MINUTES = timedelta(minutes=15)
# Epochs that are often written in an unknown local time.
_ZEROS = (datetime(1904, 1, 1), datetime(1970, 1, 1))
_ZERO_MINUTES = timedelta(minutes=5)
# The oldest surviving photograph is from 1826.
_FIRST_PHOTO = datetime(1826, 1, 1)
# Clocks of other time zones are up to 14 hours ahead of UTC.
_AHEAD = timedelta(days=1)

_DATE = re.compile(
    r"\s*(\d{4})(?:\s*$|\D(\d\d?)(?:\s*$|\D(\d\d?)(?!\d)))"
    r"(?:\D+(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?"
)


@dataclass(frozen=True)
class Stamp:
    """A date and time from one source.

    Attributes
    ----------
    field : str
        Its source; a key of `FIELDS`.
    moment : datetime or None
        With its offset from UTC if that is given. None for a date of zeros.
    is_utc : bool
        Whether it is in UTC instead of the camera's local time.
    is_day : bool
        Whether it is a date without a time.
    """

    field: str
    moment: datetime | None
    is_utc: bool = False
    is_day: bool = False

    @property
    def source(self) -> str:
        """The value of `taken_from`."""
        return FIELDS[self.field]

    def to_json(self) -> list[Any]:
        """Return the stamp as JSON values."""
        moment = self.moment.isoformat() if self.moment else ""
        return [self.field, moment, self.is_utc, self.is_day]

    @staticmethod
    def from_json(values: Sequence[Any]) -> Stamp:
        """Return the stamp from the values of `to_json`."""
        field, moment, is_utc, is_day = values
        return Stamp(field, datetime.fromisoformat(moment) if moment else None, is_utc, is_day)


class Taken(NamedTuple):
    """The capture time of a photo.

    Attributes
    ----------
    at : datetime
        Local time of the camera's clock, with the offset from UTC if known.
    source : str
        One of the values of `FIELDS`, or "file".
    passed_over : Message or None
        The implausible dates that were passed over.
    """

    at: datetime
    source: str
    passed_over: Message | None = None


@dataclass(frozen=True)
class Dating:
    """The rules by which the photos of a run are dated.

    Attributes
    ----------
    zone : tzinfo
        Time zone for file times, and for UTC times of photos without coordinates.
    now : datetime
        Latest plausible capture time; in UTC, without an offset.
    """

    zone: tzinfo
    now: datetime

    @classmethod
    def of(cls, time_zone: str | None = None) -> Dating:
        """Return the rules as of now, for a time zone or that of this machine."""
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        return cls(find_zone(time_zone or machine_zone()), now)

    def date(
        self,
        stamps: Iterable[Stamp],
        place: tuple[float, float] | None,
        file_time: datetime,
    ) -> Taken:
        """Choose the most trusted plausible date.

        Parameters
        ----------
        stamps : iterable of Stamp
            In any order; of one field, the first counts.
        place : (float, float) or None
            Latitude and longitude of the photo in degrees, if known.
        file_time : datetime
            Used if there is no plausible date, see `file_time`.

        Returns
        -------
        Taken
        """
        passed_over: dict[datetime | None, Message] = {}
        for stamp in sorted(stamps, key=lambda stamp: (_ORDER[stamp.field], stamp.is_day)):
            if (doubt := self._doubt(stamp)) is None:
                return Taken(self._placed(stamp, place), stamp.source, _joined(passed_over))
            passed_over.setdefault(stamp.moment, _passed_over(stamp, doubt))
        return Taken(file_time, FILE_TIME, _joined(passed_over))

    def file_time(self, status: os.stat_result) -> datetime:
        """Return the earliest time in a file's status as a local time without offset."""
        times = [status.st_mtime, status.st_ctime, getattr(status, "st_birthtime", status.st_mtime)]
        try:
            return datetime.fromtimestamp(min(times), self.zone).replace(tzinfo=None)
        except (OverflowError, OSError, ValueError):
            return datetime(1970, 1, 1)

    def _doubt(self, stamp: Stamp) -> Message | None:
        """Return the reason why a date is implausible; None if it is plausible."""
        if stamp.moment is None:
            return message("date.never_set")
        clock = stamp.moment.replace(tzinfo=None)
        if clock > self.now + _AHEAD:
            return message("date.future")
        if clock < _FIRST_PHOTO or (not stamp.is_day and _is_reset(clock, stamp.field)):
            return message("date.never_set")
        return None

    def _placed(self, stamp: Stamp, place: tuple[float, float] | None) -> datetime:
        """Return a date as the local time of the camera."""
        assert stamp.moment is not None
        if not stamp.is_utc:
            return stamp.moment
        zone = zone_of_place(*place) if place else None
        return stamp.moment.replace(tzinfo=timezone.utc).astimezone(zone or self.zone)


def _is_reset(clock: datetime, field: str) -> bool:
    """Return whether a clock shows the first minutes after a reset."""
    resets = (*_RESETS, *_SATELLITE_RESETS) if field == "gps" else _RESETS
    if any(timedelta(0) <= clock - reset < _RESET_MINUTES for reset in resets):
        return True
    return any(
        timedelta(hours=-12) <= clock - zero < timedelta(hours=14) + _ZERO_MINUTES
        and (clock - zero) % timedelta(minutes=30) < _ZERO_MINUTES
        for zero in _ZEROS
    )


def source_name(source: str) -> Message:
    """Return the name of a source of dates for use in a sentence."""
    return message(
        {
            "sidecar": "source.sidecar",
            "exif": "source.exif",
            "xmp": "source.xmp",
            "iptc": "source.iptc",
            "digitized": "source.digitized",
            "png": "source.png",
            "quicktime": "source.quicktime",
            "gps": "source.gps",
            "takeout": "source.takeout",
            "name": "source.name",
            "edited": "source.edited",
            "file": "source.file",
        }[source]
    )


def _passed_over(stamp: Stamp, doubt: Message) -> Message:
    moment = stamp.moment
    date = moment.replace(tzinfo=None).isoformat(" ", "seconds") if moment else "0000-00-00"
    return message("reason.passed_over", date=date, source=source_name(stamp.source), doubt=doubt)


def _joined(messages: dict[datetime | None, Message]) -> Message | None:
    joined: Message | None = None
    for told in reversed(messages.values()):
        joined = told if joined is None else message("reason.both", first=told, second=joined)
    return joined


def zone_of_place(latitude: float, longitude: float) -> tzinfo | None:
    """Return the time zone of a place on earth; None if this system lacks it.

    Examples
    --------
    >>> zone_of_place(35.68, 139.77).key
    'Asia/Tokyo'
    """
    import tzfpy  # its table takes 0.2 s and 5 MB, and few photos need it

    try:
        return ZoneInfo(tzfpy.get_tz(longitude, latitude))
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


def parse_stamp(
    field: str, date: str, *, fraction: str = "", offset: str = "", is_utc: bool = False
) -> Stamp | None:
    """Read a date as EXIF, XMP, IPTC and PNG write it.

    Parameters
    ----------
    field : str
        A key of `FIELDS`.
    date : str
        Year, month and day, and perhaps the time, with a fraction and an offset. Months and days
        that are missing or zero count as the first.
    fraction, offset : str
        The fraction of a second and the offset, if they are stored separately.
    is_utc : bool
        Whether the time is in UTC if no other offset is given.

    Returns
    -------
    Stamp or None
        None if the text is no date.

    Examples
    --------
    >>> parse_stamp("xmp", "2022-01-10T15:15:44.31-04:00").moment.isoformat()
    '2022-01-10T15:15:44.310000-04:00'
    >>> parse_stamp("exif_original", "1991:06:01").is_day
    True
    >>> parse_stamp("exif_original", "0000:00:00 00:00:00").moment is None
    True
    """
    found = _DATE.match(date.rstrip("\0 "))
    if found is None:
        return None
    if not int(found[1]):
        return Stamp(field, None)
    moment = _moment(found, fraction.strip() or found[7] or "")
    if moment is None:
        return None
    if found[4] is None:
        return Stamp(field, moment, is_day=True)
    zone = offset_zone(found[8] or offset)
    is_utc = is_utc and zone in (None, timezone.utc)
    return Stamp(field, moment.replace(tzinfo=zone), is_utc)


def _moment(found: re.Match[str], fraction: str) -> datetime | None:
    """Return the date and time of a match of `_DATE`; None for an impossible date."""
    year, month, day, hour, minute, second = (int(number or 0) for number in found.groups()[:6])
    digits = re.match(r"\d*", fraction)
    microsecond = int(digits.group()[:6].ljust(6, "0")) if digits else 0
    try:
        return datetime(year, month or 1, day or 1, hour, minute, second, microsecond)
    except ValueError:
        return None
