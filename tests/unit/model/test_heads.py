import pickle

import numpy as np
import pytest
from files import sample
from lean import needs_torch
from PIL import Image

from dupimg.model.colours import COLOURS, N_ADDED
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.heads import HeadError, SceneHead, fit_head, load_head, shipped_head
from dupimg.model.models import MODELS, fingerprint, get_model


def features(n=500, seed=0, sizes=(300, 200)):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((n, 60)) @ rng.standard_normal((60, sum(sizes)))
    return (mixed + rng.standard_normal(mixed.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def head():
    return fit_head(features(), (300, 200), network="net-1", fitted_on="random numbers")


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Three overlapping parts of each of seven scenes: paths, and the scene of each."""
    folder = tmp_path_factory.mktemp("views")
    names = ["china.jpg", "flower.jpg", "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
    names += ["motorcycle_left.png"]
    paths = []
    for name in names:
        with Image.open(sample(name)) as photo:
            photo = photo.convert("RGB")
            for left, top in ((0, 0), (0.12, 0.05), (0.25, 0.1)):
                x, y = int(left * photo.width), int(top * photo.height)
                part = photo.crop((x, y, x + photo.width * 3 // 4, y + photo.height * 9 // 10))
                paths.append(folder / f"{len(paths)}.jpg")
                part.save(paths[-1], quality=90)
    return paths, np.repeat(np.arange(len(names)), 3)


def test_the_shipped_head_is_the_one_that_was_measured():
    head = shipped_head("efficientnet_lite0")
    assert head.fingerprint == "5c909d26cce14f78"
    assert head.fitted_on == "598 unrelated small photos and their quarters"
    assert head.embedding_size == 385
    for model in MODELS.values():
        if model.head:
            head = shipped_head(model.head)
            assert head.network == fingerprint(model)
            assert head.sizes == model.feature_sizes


def test_the_shipped_head_tells_scenes_apart(views):
    paths, scene = views
    vectors = PhotoEmbedder(embedding="scenes").fit_transform(paths)
    assert vectors.shape == (21, 385 + N_ADDED)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors.T
    same = scene[:, None] == scene
    # Measured: 0.74 and 0.576.
    assert cosines[same].min() > 0.72
    assert cosines[~same].max() < 0.60


def test_one_pass_gives_both_embeddings_and_a_parameter_chooses(views):
    paths = views[0][:2]
    embedder = PhotoEmbedder()
    both = dict(embedder.stream(paths))
    for name, embedding in (("vector", "duplicates"), ("scene_vector", "scenes")):
        rows = [getattr(both[i], name) for i in range(2)]
        np.testing.assert_array_equal(PhotoEmbedder(embedding=embedding).transform(paths), rows)
    assert embedder.set_params(embedding="scenes").get_feature_names_out().shape == (385 + N_ADDED,)


def test_a_row_does_not_depend_on_the_others_to_the_bit(head):
    rows = features(9, seed=1)
    whole = head.transform(rows)
    for i in range(9):
        np.testing.assert_array_equal(head.transform(rows[i : i + 1])[0], whole[i])
    assert whole.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)


def test_the_projection_is_that_of_the_definition(head):
    rows = features(20, seed=2).astype(np.float64)
    parts = np.split(rows - head.centre.astype(float), [300], axis=1)
    unit = np.hstack([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts])
    components = unit @ head.projection.astype(float) - head.offset.astype(float)
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    squared = (0.7 - 0.53) / 0.3
    expected = (components @ components.T + squared) / (1 + squared)
    vectors = head.transform(rows.astype(np.float32))
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=2e-6)


def test_fitting_twice_gives_the_same_head(head):
    again = fit_head(features(), (300, 200), network="net-1", fitted_on="the same numbers")
    assert again.fingerprint == head.fingerprint


def test_fitting_shrinks_the_directions_that_vary_most(head):
    rows = features()
    parts = np.split(rows - head.centre.astype(np.float32), [300], axis=1)
    unit = np.hstack([part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts])
    variances = (unit @ head.projection.astype(float)).var(axis=0)
    plain = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False)[:384] ** 2 / (len(rows) - 1)
    # Dividing by variance ** 0.35 leaves variance ** 0.3.
    np.testing.assert_allclose(variances, plain**0.3, rtol=0.02)


def test_a_head_survives_its_file(head, tmp_path):
    head.save(tmp_path / "head.npz")
    read = load_head(tmp_path / "head.npz")
    assert (read.network, read.fitted_on, read.sizes) == ("net-1", "random numbers", (300, 200))
    assert read.fingerprint == head.fingerprint
    np.testing.assert_array_equal(read.transform(features(3)), head.transform(features(3)))


def test_the_fingerprint_follows_every_value(head):
    changed = head.projection.copy()
    changed[7, 7] += np.float16(0.5)
    other = SceneHead(head.network, "elsewhere", head.sizes, head.centre, changed, head.offset)
    same = SceneHead(
        head.network, "elsewhere", head.sizes, head.centre, head.projection, head.offset
    )
    assert other.fingerprint != head.fingerprint == same.fingerprint


def test_too_few_rows_to_fit():
    with pytest.raises(ValueError, match="Got 384 rows, expected more than 384"):
        fit_head(features(384), (300, 200), network="", fitted_on="")


def test_files_that_hold_no_head(head, tmp_path):
    (tmp_path / "text.npz").write_text("no head")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with (tmp_path / "pickle.npz").open("wb") as file:
        pickle.dump(head, file)
    np.savez(tmp_path / "object.npz", about=np.array({"a": 1}, dtype=object))
    wrong = SceneHead("n", "", (300, 201), head.centre, head.projection, head.offset)
    wrong.save(tmp_path / "wrong.npz")
    infinite = head.offset.copy()
    infinite[0] = np.inf
    SceneHead("n", "", head.sizes, head.centre, head.projection, infinite).save(
        tmp_path / "infinite.npz"
    )
    names = ["text", "other", "pickle", "object", "wrong", "infinite", "missing"]
    for name in names:
        with pytest.raises(HeadError, match=f"{name}.npz, expected a file that `dupimg fit_head`"):
            load_head(tmp_path / f"{name}.npz")


@needs_torch
def test_a_head_of_another_network_is_refused(head, tmp_path):
    head.save(tmp_path / "head.npz")
    for model in ("efficientnet_lite0", "squeezenet1_1"):
        with pytest.raises(HeadError, match=r"fitted for net-1, expected .*dupimg fit_head"):
            PhotoEmbedder(model, scene_head=tmp_path / "head.npz").fit([])


@needs_torch
def test_a_network_without_a_head_has_one_embedding():
    model = get_model("squeezenet1_1")
    embedder = PhotoEmbedder(model, embedding="scenes")
    assert embedder.get_feature_names_out().shape == (1000,)
    assert "5c909d26cce14f78" not in embedder.fingerprint
    assert PhotoEmbedder().fingerprint.endswith(f"-5c909d26cce14f78-{COLOURS}")
