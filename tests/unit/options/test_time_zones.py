from __future__ import annotations

import time

import pytest

from dupimg.options.time_zones import find_zone, machine_zone


@pytest.mark.parametrize(
    ("setting", "name"),
    [("Asia/Tokyo", "Asia/Tokyo"), ("UTC", "UTC"), (":Europe/Berlin", "Europe/Berlin")],
)
def test_the_zone_of_the_machine_has_a_name(monkeypatch, setting, name):
    monkeypatch.setenv("TZ", setting)
    assert machine_zone() == name


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows takes no time zone from TZ")
def test_a_zone_without_a_name_is_its_offset(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-5:30")
        time.tzset()
        assert machine_zone() == "+05:30"
    time.tzset()


@pytest.mark.parametrize("name", ["Europe/Berlim", "+25:00", "", "../etc/passwd", "5", "Z", "/"])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(ValueError, match="no time zone is called"):
        find_zone(name)
