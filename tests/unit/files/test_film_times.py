from __future__ import annotations

import io
import os
from datetime import datetime, timedelta, timezone

import pytest
from packets import box, film

from dupimg.files.film_times import Film, read_film

SECONDS = int((datetime(2021, 6, 5, 8, 15, 2) - datetime(1904, 1, 1)).total_seconds())


def test_the_creation_time_is_in_utc():
    (stamp,) = read_film(io.BytesIO(film(SECONDS))).metadata.stamps
    assert (stamp.field, stamp.is_utc) == ("quicktime", True)
    assert stamp.moment == datetime(2021, 6, 5, 8, 15, 2, tzinfo=timezone.utc)


def test_apples_date_has_its_offset_and_comes_first_and_its_place_is_known():
    apple = {"creationdate": "2021-06-05T17:15:02+0900", "location_ISO6709": "+35.68+139.77+40/"}
    found = read_film(io.BytesIO(film(SECONDS, **apple))).metadata
    assert found.stamps[0].moment.isoformat() == "2021-06-05T17:15:02+09:00"
    assert found.stamps[1].moment - found.stamps[0].moment == timedelta(0)
    assert found.place == (35.68, 139.77)


def test_zero_is_no_date():
    assert [stamp.moment for stamp in read_film(io.BytesIO(film(0))).metadata.stamps] == [None]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\1moov",
        box(b"moov", box(b"mvhd", b"\0")),
        b"\xff\xff\xff\xffmoov" + bytes(99),
        box(b"free") * 10_000 + film(SECONDS),
        os.urandom(999),
    ],
)
def test_what_is_no_film_says_nothing(content):
    assert read_film(io.BytesIO(content)) == Film()


def test_every_byte_of_a_film_may_be_wrong():
    whole = film(SECONDS, creationdate="2021-06-05T17:15:02+0900")
    for i in range(len(whole)):
        for value in (0, 1, 255):
            read_film(io.BytesIO(whole[:i] + bytes([value]) + whole[i + 1 :]))
