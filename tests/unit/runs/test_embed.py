import csv

import numpy as np
import pytest
from files import make_files, read_files, sample, save
from PIL import Image

import dupimg
from dupimg.cli.main import main


@pytest.fixture
def photos(tmp_path):
    for name in ("china.jpg", "flower.jpg"):
        save(Image.open(sample(name)), tmp_path / "in" / name)
    whole = (tmp_path / "in/china.jpg").read_bytes()
    make_files(
        tmp_path / "in",
        {"again/china.jpg": whole, "cut.jpg": whole[:9000], "a,b.txt": "text"},
    )
    return tmp_path / "in"


def table(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("embedding", ["duplicates", "scenes"])
def test_the_vectors_are_those_of_the_embedder(photos, tmp_path, embedding):
    result = dupimg.embed(photos, tmp_path / "new/vectors.npy", embedding=embedding, quiet=True)
    vectors = np.load(tmp_path / "new/vectors.npy")
    paths = [line["path"] for line in table(tmp_path / "new/paths.csv")]
    assert sorted(paths) == ["again/china.jpg", "china.jpg", "flower.jpg"]
    embedder = dupimg.PhotoEmbedder(embedding=embedding)
    expected = embedder.fit_transform([photos / path for path in paths])
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, expected)
    assert (result.n_photos, result.n_features) == vectors.shape


def test_unreadable_files_are_named_and_do_not_stop_it(photos, tmp_path, capsys):
    before = read_files(photos)
    assert main(["embed", str(photos), str(tmp_path / "v.npy")]) == 0
    said = capsys.readouterr().out
    assert "embedded        3 photos" in said
    assert "other           2 no readable photo" in said
    assert "cut.jpg: " in said
    reasons = {line["path"]: line["reason"] for line in table(tmp_path / "unreadable.csv")}
    assert set(reasons) == {"a,b.txt", "cut.jpg"}
    assert "truncated" in reasons["cut.jpg"]
    digests = {line["path"]: line["digest"] for line in table(tmp_path / "paths.csv")}
    assert digests["china.jpg"] == digests["again/china.jpg"] != digests["flower.jpg"]
    assert read_files(photos) == before


@pytest.mark.parametrize("name", ["v.npy", "paths.csv", "unreadable.csv"])
def test_nothing_is_overwritten(photos, tmp_path, name):
    make_files(tmp_path, {name: "mine"})
    with pytest.raises(dupimg.UsageError, match=f"{name}, which exists"):
        dupimg.embed(photos, tmp_path / "v.npy", quiet=True)
    assert {path.name for path in tmp_path.iterdir()} == {"in", name}


def test_what_cannot_be_meant_is_refused(photos, tmp_path):
    with pytest.raises(dupimg.UsageError, match=r"expected a name that ends in \.npy"):
        dupimg.embed(photos, tmp_path / "v.csv")
    make_files(photos, {"again/china.jpg": "text"})
    with pytest.raises(dupimg.UsageError, match="without a readable photo"):
        dupimg.embed(photos / "again", tmp_path / "v.npy", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
