from __future__ import annotations

import pytest

from dupimg.files.name_times import time_in_name


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("IMG-20190512-WA0003.jpg", "2019-05-12T00:00:00"),
        ("WhatsApp Image 2019-05-12 at 10.11.12.jpeg", "2019-05-12T10:11:12"),
        ("Screenshot_20200131-081502.jpg", "2020-01-31T08:15:02"),
        ("Screenshot_20200131-081502_Chrome.png", "2020-01-31T08:15:02"),
        ("Screenshot_2020-01-31-08-15-02-123_com.android.chrome.jpg", "2020-01-31T08:15:02"),
        ("PXL_20210605_081502123.jpg", "2021-06-05T08:15:02.123000+00:00"),
        ("PXL_20210605_081502123.PORTRAIT-01.COVER.jpg", "2021-06-05T08:15:02.123000+00:00"),
        ("Screenshot 2022-03-04 at 10.11.12.png", "2022-03-04T10:11:12"),
        ("Screen Shot 2014-05-06 at 9.08.07 PM.png", "2014-05-06T21:08:07"),
        ("Screenshot 2022-03-04 at 12.11.12\u202fAM.png", "2022-03-04T00:11:12"),
        ("Bildschirmfoto 2022-03-04 um 10.11.12.png", "2022-03-04T10:11:12"),
        ("Captura de pantalla 2022-03-04 a las 10.11.12.png", "2022-03-04T10:11:12"),
        ("截屏2022-03-04 10.11.12.png", "2022-03-04T10:11:12"),
        ("signal-2023-01-09-174211.jpg", "2023-01-09T17:42:11"),
        ("signal-2023-01-09-17-42-11-123.jpg", "2023-01-09T17:42:11"),
        ("photo_2018-08-07_21-03-45.jpg", "2018-08-07T21:03:45"),
        ("photo_2018-08-07_21-03-45 (2).jpg", "2018-08-07T21:03:45"),
        ("20170102_030405.jpg", "2017-01-02T03:04:05"),
        ("20170102_030405(0).jpg", "2017-01-02T03:04:05"),
        ("IMG_20170102_030405.jpg", "2017-01-02T03:04:05"),
        ("IMG_20170102_030405_HDR.jpg", "2017-01-02T03:04:05"),
        ("IMG_20170102_030405678.jpg", "2017-01-02T03:04:05.678000"),
        ("IMG20170102030405.jpg", "2017-01-02T03:04:05"),
        ("IMG_20170102_edited.jpg", "2017-01-02T00:00:00"),
        ("VID_20170102_030405.mp4", "2017-01-02T03:04:05"),
        ("2017-01-02 03.04.05.jpg", "2017-01-02T03:04:05"),
        ("2017-01-02 03.04.05-1.jpg", "2017-01-02T03:04:05"),
        ("WP_20150101_12_34_56_Pro.jpg", "2015-01-01T12:34:56"),
        ("1985-06-01 Grandmother.jpg", "1985-06-01T00:00:00"),
        ("20190101/IMG_20170102_030405.jpg", "2017-01-02T03:04:05"),
    ],
)
def test_names_of_phones_computers_and_messengers(name, moment):
    assert time_in_name(f"folder/{name}").moment.isoformat() == moment


@pytest.mark.parametrize(
    "name",
    [
        "IMG_0001.jpg", "DSC_20170.jpg", "20170102.jpg", "20170102030405.jpg", "+4915112345678.jpg",
        "2017010203.jpg", "IMG_4915112345678.jpg", "FB_IMG_1500000000000.jpg",
        "20171302_030405.jpg", "20170132_030405.jpg", "20170102_250000.jpg", "20170102_030460.jpg",
        "120170102_030405.jpg", "20170102_0304056.jpg", "12345678_1012345678901234_n.jpg",
        "image-0001-20250613230756444.jpg", "2017-13-01 03.04.05.jpg", "IMG-20190532-WA0003.jpg",
        "invoice 2017-01.jpg", "5550123-2017.jpg", "1920x1080.jpg", "folder.2017-01-02/a.jpg",
    ],
)  # fmt: skip
def test_numbers_of_other_kinds_are_left_alone(name):
    assert time_in_name(name) is None


def test_a_pixel_writes_utc_and_messengers_write_days():
    assert time_in_name("PXL_20210605_081502123.jpg").is_utc
    assert not time_in_name("IMG_20170102_030405.jpg").is_utc
    assert time_in_name("IMG-20190512-WA0003.jpg").is_day
    assert not time_in_name("20170102_000000.jpg").is_day
