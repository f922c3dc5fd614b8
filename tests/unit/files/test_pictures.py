from __future__ import annotations

from dupimg.files.cache import Cache
from dupimg.files.pictures import Pictures


def test_pictures_are_kept_without_a_cache():
    pictures = Pictures(Cache(None))
    handed_on = {}
    keep = pictures.keeping(handed_on.__setitem__)
    keep("a", b"first")
    keep("b", b"second, longer")
    assert [pictures.read(name) for name in "abc"] == [b"first", b"second, longer", None]
    assert handed_on == {"a": b"first", "b": b"second, longer"}
    pictures.close()
    assert pictures.read("a") is None


def test_the_cache_keeps_them_where_there_is_one(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as cache:
        pictures = Pictures(cache)
        cache.remember_preview("a", b"first")
        pictures.write("a", b"first")
        assert pictures.read("a") == b"first"
        pictures.close()
        assert pictures.read("a") == b"first"
