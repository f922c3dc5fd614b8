"""Find time zones by name, and that of this machine."""

from __future__ import annotations

import re
import warnings
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

# No place on earth is further than 14 hours from UTC.
_MOST_MINUTES = 14 * 60


def offset_zone(offset: str) -> timezone | None:
    """Return the zone of an offset from UTC, such as ``+09:00``, ``-0530`` or ``Z``.

    Parameters
    ----------
    offset : str
        The text; anything after the offset is ignored.

    Returns
    -------
    timezone or None
        None if the text does not begin with an offset.

    Examples
    --------
    >>> offset_zone("-05:30").utcoffset(None).total_seconds() / 3600
    -5.5
    >>> offset_zone("+99:00") is None
    True
    """
    found = re.match(r"\s*([+-])(\d\d):?(\d\d)", offset)
    if found is None:
        return timezone.utc if offset.strip() == "Z" else None
    minutes = int(found[2]) * 60 + int(found[3])
    return (
        timezone(timedelta(minutes=int(found[1] + str(minutes))))
        if minutes <= _MOST_MINUTES
        else None
    )


def find_zone(name: str) -> tzinfo:
    """Return the time zone with this name.

    Parameters
    ----------
    name : str
        A name of the IANA database, such as ``Europe/Berlin``, or an offset such as ``+09:00``.

    Raises
    ------
    ValueError
        There is no such zone.

    Examples
    --------
    >>> find_zone("Asia/Tokyo").key
    'Asia/Tokyo'
    """
    if re.fullmatch(r"[+-]\d\d:\d\d", name) and (zone := offset_zone(name)) is not None:
        return zone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"no time zone is called {name!r}") from None


def machine_zone() -> str:
    """Return the name of this machine's time zone, or else its current offset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about contradictory configuration files
        try:
            tzlocal.reload_localzone()  # TZ may have changed
            name = str(tzlocal.get_localzone_name())
            find_zone(name)
            return name
        except (ZoneInfoNotFoundError, OSError, ValueError):
            offset = datetime.now().astimezone().strftime("%z")
            return f"{offset[:3]}:{offset[3:5]}"
