import importlib.util
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from lean import needs_torch
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags

import dupimg
from dupimg.files.images import UnreadablePhoto, read_views
from dupimg.model.embedder import PhotoEmbedder

# The checks of scikit-learn that need no numbers as input, and thus say something about a
# transformer of paths. `check_estimator` runs one of them for it and skips the rest.
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return eleven different photos."""
    folder = tmp_path_factory.mktemp("photos")
    data = Path(importlib.util.find_spec("skimage").submodule_search_locations[0], "data")
    paths = []
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        with Image.open(data / name) as photo:
            for turn in range(3):
                paths.append(folder / f"{turn}-{name}")
                photo.transpose(turn).save(paths[-1])
    return paths[:11]


@pytest.fixture(scope="module")
def embedder():
    return PhotoEmbedder()


@pytest.fixture(scope="module")
def vectors(embedder, photos):
    return embedder.fit_transform(photos)


def embedding_threads():
    return [t for t in threading.enumerate() if t.name.startswith("dupimg-embed")]


def test_one_unit_row_for_each_path(vectors, photos):
    assert vectors.shape == (len(photos), 1280)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    off_diagonal = vectors @ vectors.T - 2 * np.eye(len(photos))
    assert -1 < off_diagonal.max() < 0.999


@pytest.mark.parametrize(("batch_size", "n_jobs"), [(1, 1), (3, 2), (8, 1), (32, 3), (5, -1)])
def test_vectors_do_not_depend_on_batch_or_threads_to_the_bit(
    embedder, photos, vectors, batch_size, n_jobs
):
    embedder = clone(embedder).set_params(batch_size=batch_size, n_jobs=n_jobs)
    np.testing.assert_array_equal(embedder.transform(photos[::-1])[::-1], vectors)
    np.testing.assert_array_equal(embedder.transform(photos[4:5]), vectors[4:5])


@needs_torch
def test_torch_threads_make_no_difference_and_are_restored(photos):
    import torch

    embedder = PhotoEmbedder(backend="torch")
    vectors = embedder.transform(photos)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        np.testing.assert_array_equal(embedder.transform(photos), vectors)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_copies_are_near_and_other_photos_are_not(embedder, photos, vectors, tmp_path):
    with Image.open(photos[0]) as photo:
        photo.save(tmp_path / "recompressed.jpg", quality=50)
        photo.resize((400, 400)).save(tmp_path / "resized.webp")
        photo.quantize().save(tmp_path / "palette.gif")
    cosines = embedder.transform(sorted(tmp_path.iterdir())) @ vectors.T
    assert cosines[:, 0].min() >= 0.95
    assert cosines[:, 3:].max() < 0.7


def test_str_path_array_and_generator_are_all_paths(embedder, photos, vectors):
    names = [str(path) for path in photos[:2]]
    for paths in (names, tuple(photos[:2]), np.array(names), np.array(names, object), iter(names)):
        np.testing.assert_array_equal(embedder.transform(paths), vectors[:2])


def test_equal_paths_are_read_once_and_scattered_back(embedder, photos, vectors, monkeypatch):
    read = []
    monkeypatch.setattr(
        "dupimg.model.stream.read_views",
        lambda path, **how: read.append(path) or read_views(path, **how),
    )
    order = [1, 0, 1, 1, 2, 0]
    paths = [str(photos[1]), photos[0], photos[1], str(photos[1]), photos[2], photos[0]]
    np.testing.assert_array_equal(embedder.transform(paths), vectors[order])
    assert sorted(read) == sorted(str(path) for path in photos[:3])


def test_no_paths_make_an_empty_matrix(embedder):
    assert embedder.transform([]).shape == (0, 1280)
    assert list(embedder.stream([])) == []


def test_unreadable_photos_do_not_stop_the_stream(embedder, photos, vectors, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    paths = [tmp_path / "text.jpg", photos[0], tmp_path / "missing.jpg", photos[1]]
    results = dict(embedder.stream(paths))
    assert sorted(results) == [0, 1, 2, 3]
    assert str(results[0]) == "not a picture"
    assert "No such file" in str(results[2])
    np.testing.assert_array_equal([results[1].vector, results[3].vector], vectors[:2])
    with pytest.raises(UnreadablePhoto, match=r"text\.jpg: not a picture"):
        embedder.transform([photos[2], *paths])
    assert all(isinstance(result, UnreadablePhoto) for _, result in embedder.stream(paths[:1]))


@pytest.fixture
def broken(photos, tmp_path):
    """Return paths of photos, of which the second and the last two are cut off or missing."""
    for number in (0, 3):
        content = photos[number].read_bytes()
        (tmp_path / f"cut-{number}.png").write_bytes(content[: len(content) // 3])
    cut = [tmp_path / "cut-0.png", tmp_path / "cut-3.png"]
    return [photos[0], cut[0], *photos[1:4], cut[1], tmp_path / "missing.jpg"]


def test_errors_may_leave_a_row_of_nan_or_none(embedder, broken, vectors):
    rows = clone(embedder).set_params(errors="nan")
    with_nan = rows.transform(broken)
    np.testing.assert_array_equal(with_nan[[0, 2, 3, 4]], vectors[:4])
    assert np.isnan(with_nan[[1, 5, 6]]).all()
    few = clone(embedder).set_params(errors="skip", batch_size=1, n_jobs=3)
    np.testing.assert_array_equal(few.transform(broken), vectors[:4])
    for photos in (rows, few):
        assert list(photos.unreadable_) == [1, 5, 6]
        assert "truncated" in str(photos.unreadable_[1])
        assert "No such file" in str(photos.unreadable_[6])
    assert few.transform(broken[5:]).shape == (0, 1280)
    np.testing.assert_array_equal(few.transform(broken[:1]), vectors[:1])
    assert few.unreadable_ == {}
    assert not hasattr(clone(few), "unreadable_")


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_raising_names_the_first_broken_photo_and_reads_few_behind_it(
    embedder, broken, monkeypatch, n_jobs
):
    read = []
    monkeypatch.setattr(
        "dupimg.model.stream.read_views",
        lambda path, **how: read.append(path) or read_views(path, **how),
    )
    strict = clone(embedder).set_params(batch_size=1, n_jobs=n_jobs)
    links = [broken[0].parent / f"{n_jobs}-{number}.png" for number in range(100)]
    for link in links:
        link.symlink_to(broken[0])
    with pytest.raises(UnreadablePhoto, match=r"cut-0\.png: truncated") as caught:
        strict.transform([*broken, *links])
    assert type(caught.value) is UnreadablePhoto
    assert len(read) < 30
    assert not embedding_threads()
    assert not hasattr(strict, "unreadable_")


def test_a_generator_of_paths_may_be_fitted_and_transformed(photos, vectors):
    np.testing.assert_array_equal(PhotoEmbedder().fit_transform(iter(photos[:2])), vectors[:2])


def test_pixel_limit(embedder, photos):
    small = clone(embedder).set_params(max_pixels=1000)
    with pytest.raises(UnreadablePhoto, match="more than the limit"):
        small.transform(photos)


def test_closing_the_stream_stops_the_threads(embedder, photos, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        "dupimg.model.stream.read_views",
        lambda path, **how: read.append(path) or read_views(path, **how),
    )
    links = [tmp_path / f"{number}.jpg" for number in range(200)]
    for link in links:
        link.symlink_to(photos[0])
    stream = clone(embedder).set_params(batch_size=1, n_jobs=2).stream(links)
    next(stream)
    assert embedding_threads()
    stream.close()
    assert not embedding_threads()
    assert len(read) <= 8  # two threads, twice that many batches ahead


def test_pickle_carries_no_weights(embedder, photos, vectors):
    data = pickle.dumps(embedder)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).transform(photos[:1]), vectors[:1])


def test_works_in_a_pipeline_and_with_pandas(photos, vectors):
    pipeline = make_pipeline(PhotoEmbedder(), FunctionTransformer(lambda rows: rows[:, :3]))
    np.testing.assert_array_equal(pipeline.fit_transform(photos[:2]), vectors[:2, :3])
    frame = PhotoEmbedder().set_output(transform="pandas").fit_transform(photos[:2])
    assert list(frame.columns) == list(PhotoEmbedder().get_feature_names_out())
    assert frame.columns[-1] == "photoembedder1279"


@needs_torch
def test_another_model_is_loaded_when_it_is_set(embedder):
    assert len(clone(embedder).set_params(model="squeezenet1_1").get_feature_names_out()) == 1000


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("model", "resnet", "Got model='resnet', expected one of"),
        ("embedding", "scene", "Got embedding='scene', expected 'duplicates' or 'scenes'"),
        ("errors", None, "Got errors=None, expected 'raise' or 'nan' or 'skip'"),
        ("batch_size", 0, "Got batch_size=0, expected a positive integer"),
        ("batch_size", 2.5, r"Got batch_size=2\.5"),
        ("n_jobs", 0, "Got n_jobs=0, expected None or an integer other than 0"),
        ("n_jobs", "2", "Got n_jobs='2'"),
        ("max_pixels", -1, "Got max_pixels=-1"),
        ("time_limit", 0, "Got time_limit=0, expected None or a positive number of seconds"),
        ("time_limit", float("inf"), "Got time_limit=inf"),
        ("time_limit", "60", "Got time_limit='60'"),
        ("backend", "onnx", "Got backend='onnx', expected 'auto', 'torch' or 'openvino'"),
        ("precision", "float16", "Got precision='float16', expected 'float32' or 'bfloat16'"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_read(parameter, value, message):
    embedder = PhotoEmbedder().set_params(**{parameter: value})
    for method in (embedder.fit, embedder.transform, embedder.stream):
        with pytest.raises(ValueError, match=message):
            method(["missing.jpg"])


@pytest.mark.parametrize("paths", ["photo.jpg", Path("photo.jpg"), b"photo.jpg", [1], [None]])
def test_what_is_no_list_of_paths_is_refused(embedder, paths):
    for method in (embedder.fit, embedder.transform, embedder.stream):
        with pytest.raises(TypeError, match="expected a"):
            method(paths)


def test_importing_it_imports_no_torch():
    code = "import sys, dupimg; dupimg.PhotoEmbedder(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
    assert dupimg.PhotoEmbedder is PhotoEmbedder


def test_scikit_learns_checks():
    ran = []
    for name in CHECKS:
        getattr(estimator_checks, name)("PhotoEmbedder", PhotoEmbedder())
        ran.append(name)
    assert len(ran) == 10
    tags = get_tags(PhotoEmbedder())
    assert tags.input_tags.string
    assert not tags.requires_fit


def test_fitting_learns_nothing_and_returns_the_transformer(photos):
    embedder = PhotoEmbedder()
    assert embedder.fit(photos) is embedder
    assert not [name for name in vars(embedder) if name.endswith("_")]


def test_orientations_of_one_photo_are_duplicates(embedder, shared_photos):
    folder = shared_photos / "nasty" / "recurser+exif-orientation-examples"
    for name in ("Landscape", "Portrait"):
        rows = embedder.transform(sorted(folder.glob(f"{name}_*.jpg")))
        assert len(rows) >= 7
        assert (rows @ rows.T).min() >= 0.95
