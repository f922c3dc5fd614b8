from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from dupimg.files.capture_time import FIELDS, FILE_TIME, Dating, Stamp, parse_stamp, zone_of_place

NOW = datetime(2026, 7, 1, 12)
WRITTEN = datetime(2026, 6, 1)
TOKYO = Dating(ZoneInfo("Asia/Tokyo"), NOW)
UTC = timezone.utc


def taken(*stamps, dating=TOKYO, place=None):
    return dating.date(stamps, place, WRITTEN)


@pytest.mark.parametrize(
    ("date", "fraction", "offset", "expected"),
    [
        ("2025:06:13 23:07:56", "", "", "2025-06-13T23:07:56"),
        ("2025:06:13 23:07:56\0", "444", "", "2025-06-13T23:07:56.444000"),
        ("2025-06-13T23:07:56.5+02:00", "", "", "2025-06-13T23:07:56.500000+02:00"),
        ("2025-06-13T23:07:56Z", "", "", "2025-06-13T23:07:56+00:00"),
        ("2025:06:13 23:07", "", "", "2025-06-13T23:07:00"),
        ("2025:06:13 01:02:03", "x", "", "2025-06-13T01:02:03"),
        ("2025:06:13 01:02:03", "1234567890", "", "2025-06-13T01:02:03.123456"),
        ("2025:06:13 01:02:03", "", "Z", "2025-06-13T01:02:03+00:00"),
        ("2025:06:13 01:02:03", "", "-05:30", "2025-06-13T01:02:03-05:30"),
        ("2025:06:13 01:02:03", "", "+99:00", "2025-06-13T01:02:03"),
        ("1991:06:01", "", "", "1991-06-01T00:00:00"),
        ("1991:06:01   :  :  ", "", "", "1991-06-01T00:00:00"),
        ("1950", "", "", "1950-01-01T00:00:00"),
        ("1950-06", "", "", "1950-06-01T00:00:00"),
        ("1987-00-00", "", "", "1987-01-01T00:00:00"),
    ],
)
def test_dates_are_read_as_they_are_written(date, fraction, offset, expected):
    stamp = parse_stamp("exif_original", date, fraction=fraction, offset=offset)
    assert stamp.moment.isoformat() == expected
    assert Stamp.from_json(stamp.to_json()) == stamp


@pytest.mark.parametrize(
    "date",
    ["", "    :  :     :  :  ", "not a date", "17", "2025:02:30 10:00:00", "20250613", "1234567",
     "2025 and more", "2025:06:13 25:00:00"],
)  # fmt: skip
def test_what_is_no_date_is_none(date):
    assert parse_stamp("exif_original", date) is None


def test_the_most_trusted_field_counts_whatever_the_order():
    stamps = [Stamp(field, datetime(2000 + i, 6, 1, 12)) for i, field in enumerate(FIELDS, start=1)]
    for first in range(len(stamps)):
        for order in (stamps[first:], stamps[first:][::-1]):
            assert taken(*order) == (stamps[first].moment, stamps[first].source, None)


def test_without_any_date_the_time_of_the_file_counts():
    assert taken() == (WRITTEN, FILE_TIME, None)


@pytest.mark.parametrize(
    ("field", "moment", "is_right"),
    [
        ("exif_original", None, False),
        ("exif_original", datetime(1, 1, 1), False),
        ("exif_original", datetime(1825, 12, 31), False),
        ("exif_original", datetime(1826, 6, 1), True),
        ("exif_original", datetime(1950, 1, 1), True),
        ("exif_original", datetime(1970, 1, 1), False),
        ("exif_original", datetime(1970, 1, 1, 0, 14, 59), False),
        ("exif_original", datetime(1970, 1, 1, 0, 15), True),
        ("exif_original", datetime(1970, 1, 1, 1, 0, 2), False),  # zero, in Paris
        ("exif_original", datetime(1969, 12, 31, 16), False),  # zero, in California
        ("exif_original", datetime(1970, 1, 1, 5, 30), False),  # zero, in India
        ("exif_original", datetime(1970, 1, 1, 15, 12, 40), True),
        ("exif_original", datetime(1980, 1, 1, 0, 3), False),
        ("exif_original", datetime(1980, 1, 6), True),
        ("gps", datetime(1980, 1, 6), False),
        ("exif_original", datetime(1985, 1, 1), True),
        ("exif_original", datetime(2000, 1, 1, 0, 0, 12), False),
        ("exif_original", datetime(2000, 1, 1, 8), True),
        ("exif_original", datetime(2015, 1, 1, 0, 1), True),  # fireworks
        ("exif_original", NOW + timedelta(days=1), True),  # somewhere it is that late
        ("exif_original", NOW + timedelta(days=1, seconds=1), False),
        ("exif_original", datetime(2099, 1, 1, tzinfo=UTC), False),
        ("quicktime", datetime(1904, 1, 1, tzinfo=UTC), False),
    ],
)
def test_clocks_that_cannot_be_right_are_passed_over_and_said_so(field, moment, is_right):
    edited = Stamp("edited", datetime(2019, 5, 12))
    outcome = taken(Stamp(field, moment), edited)
    assert (outcome.source == "edited") == (not is_right)
    assert (outcome.passed_over is None) == is_right
    if field == "exif_original" and moment == datetime(2000, 1, 1, 0, 0, 12):
        told = "passed over 2000-01-01 00:00:12 from EXIF: a clock that was not set"
        assert str(outcome.passed_over) == told


def test_a_day_that_a_person_wrote_is_no_reset_clock():
    assert taken(parse_stamp("exif_original", "1980:01:01")).source == "exif"


def test_each_date_passed_over_is_told_once():
    reset, late = datetime(2000, 1, 1), datetime(2199, 1, 1)
    stamps = [Stamp("exif_original", reset), Stamp("digitized", reset), Stamp("gps", late)]
    for order in permutations(stamps):
        assert str(taken(*order).passed_over) == (
            "passed over 2000-01-01 00:00:00 from EXIF: a clock that was not set; "
            "passed over 2199-01-01 00:00:00 from GPS: in the future"
        )


def test_only_times_in_utc_are_moved_to_a_zone():
    noon = datetime(2020, 7, 1, 12)
    clock, utc = Stamp("exif_original", noon), Stamp("gps", noon, is_utc=True)
    at_plus_2 = Stamp("xmp", noon.replace(tzinfo=timezone(timedelta(hours=2))))
    assert taken(clock).at.isoformat() == "2020-07-01T12:00:00"
    assert taken(at_plus_2).at.isoformat() == "2020-07-01T12:00:00+02:00"
    assert taken(utc).at.isoformat() == "2020-07-01T21:00:00+09:00"
    assert taken(utc, place=(39.1, -108.4)).at.isoformat() == "2020-07-01T06:00:00-06:00"
    assert taken(clock, place=(39.1, -108.4)).at == noon


def test_no_place_has_no_zone():
    assert zone_of_place(float("nan"), 0) is None


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 10), ("Asia/Tokyo", 19), ("-03:30", 7)])
def test_the_time_of_a_file_is_its_earliest_in_the_zone(tmp_path, zone, hour):
    path = tmp_path / "a.jpg"
    path.touch()
    ten = datetime(2010, 3, 4, 10, 30, tzinfo=UTC).timestamp()
    os.utime(path, (ten, ten))
    moment = Dating.of(zone).file_time(path.stat())
    assert (moment.hour, moment.tzinfo) == (hour, None)
