"""Read the capture time in file names given by phones, computers and messengers.

Other names are ignored: their digits may be anything, such as a phone number.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from dupimg.files.capture_time import Stamp

# No digit may precede or follow a date.
_YEAR, _MONTH, _DAY = r"(?<!\d)(?P<y>(?:19|20)\d\d)", r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>[0-3]\d)"
_HOUR, _MINUTE, _SECOND = r"(?P<H>[01]\d|2[0-3])", r"(?P<M>[0-5]\d)", r"(?P<S>[0-5]\d)"
_DIGITS_DATE = rf"{_YEAR}{_MONTH}{_DAY}"
_DASHED_DATE = rf"{_YEAR}-{_MONTH}-{_DAY}"
_DIGITS_TIME = rf"{_HOUR}{_MINUTE}{_SECOND}"
_AFTER = r"(?!\d)"
_MILLISECONDS = r"(?P<ms>\d{3})?"
_CAMERAS = r"(?:IMG|VID|PANO|MVIMG|BURST|SAVE|DSC|PIC|TRIM|LRV|Screenshot|Screenrecorder|Record)"

_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # PXL_20210605_081502123: in UTC
        rf"^(?P<utc>PXL)_{_DIGITS_DATE}_{_DIGITS_TIME}{_MILLISECONDS}{_AFTER}",
        # IMG_20170102_030405, IMG_20170102_030405123, Screenshot_20200131-081502_Chrome
        rf"^{_CAMERAS}[_-]?{_DIGITS_DATE}[_-]?{_DIGITS_TIME}{_MILLISECONDS}{_AFTER}",
        # 20170102_030405, 20170102-030405(0)
        rf"(?:^|[ _-]){_DIGITS_DATE}[_-]{_DIGITS_TIME}{_AFTER}",
        # Screenshot_2020-01-31-08-15-02-123, photo_2018-08-07_21-03-45, 2017-01-02 03.04.05,
        # Screenshot 2022-03-04 at 10.11.12, signal-2023-01-09-17-42-11-123, 截屏2022-03-04 10.11.12
        rf"{_DASHED_DATE}(?:[ _-]|T|[ _][^\W\d]{{1,4}}(?: [^\W\d]{{1,4}})?[ _])"
        rf"{_HOUR}(?P<by>[-.:_]){_MINUTE}(?P=by){_SECOND}{_AFTER}(?:\s*(?P<half>[ap])\.?m\b)?",
        # Screen Shot 2014-05-06 at 9.08.07 AM
        rf"{_DASHED_DATE} [^\W\d]{{1,4}} (?P<H>\d)\.{_MINUTE}\.{_SECOND}\s*(?P<half>[ap])\.?m\b",
        # signal-2023-01-09-174211
        rf"{_DASHED_DATE}[ _-]{_DIGITS_TIME}{_AFTER}",
        # WP_20150101_12_34_56_Pro
        rf"^WP_{_DIGITS_DATE}_{_HOUR}_{_MINUTE}_{_SECOND}{_AFTER}",
        # IMG-20190512-WA0003, IMG_20170102_…
        rf"^(?:IMG|VID|AUD|PTT|STK|PANO|MVIMG)[_-]{_DIGITS_DATE}(?:[_-]|$)",
        # 1985-06-01 Grandmother
        rf"^{_DASHED_DATE}{_AFTER}",
    )
)


def time_in_name(path: str) -> Stamp | None:
    """Return the date in the name of a file.

    Parameters
    ----------
    path : str
        With forward slashes; the names of its folders do not count.

    Returns
    -------
    Stamp or None
        None if the name has no known form.

    Examples
    --------
    >>> time_in_name("Camera/IMG_20170102_030405.jpg").moment.isoformat()
    '2017-01-02T03:04:05'
    >>> time_in_name("WhatsApp/IMG-20190512-WA0003.jpg").is_day
    True
    >>> time_in_name("20170102030405.jpg") is None
    True
    """
    stem = path.rpartition("/")[2]
    stem = stem.rpartition(".")[0] or stem
    for form in _FORMS:
        if (found := form.search(stem)) is not None:
            return _stamp(found.groupdict())
    return None


def _stamp(parts: dict[str, str | None]) -> Stamp | None:
    year, month, day, hour, minute, second = (int(parts.get(key) or 0) for key in "ymdHMS")
    half = (parts.get("half") or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "p")
    try:
        moment = datetime(year, month, day, hour, minute, second, int(parts.get("ms") or 0) * 1000)
    except ValueError:
        return None
    is_utc = bool(parts.get("utc"))
    moment = moment.replace(tzinfo=timezone.utc) if is_utc else moment
    return Stamp("name", moment, is_utc=is_utc, is_day=parts.get("H") is None)
