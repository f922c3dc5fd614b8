"""Networks that OpenVINO converts from torch."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
from files import sample

from dupimg.files.images import read_square
from dupimg.model import backends
from dupimg.model.converted import kept_network
from dupimg.model.models import get_model

torch = pytest.importorskip("torch", reason="needs torch, which a lean install lacks")
torchvision = pytest.importorskip("torchvision", reason="needs torch, which a lean install lacks")


@pytest.fixture(scope="module")
def squares():
    return [read_square(sample(name), 224) for name in ("astronaut.png", "chelsea.png")]


@pytest.fixture
def with_weights(tmp_path, monkeypatch):
    """Return a function from the name of a network to its model with random weights."""

    def write(name):
        torch.manual_seed(0)
        monkeypatch.setenv("DUPIMG_MODELS", str(tmp_path))
        path = tmp_path / f"{name}.pth"
        torch.save(torchvision.models.get_model(name, weights=None).state_dict(), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return dataclasses.replace(get_model(name), sha256=digest)

    return write


@pytest.fixture
def model(with_weights):
    return with_weights("squeezenet1_1")


@pytest.fixture
def kept(model, monkeypatch, tmp_path):
    """Return where the converted network is kept, in an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return kept_network(model)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "squeezenet1_1"])
def test_torchvisions_networks_are_the_same_in_both_backends(squares, name, with_weights):
    model = with_weights(name)
    ours, theirs = (
        backends.open_network(model, backend, "float32", 2)(squares)
        for backend in ("torch", "openvino")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * np.abs(ours).max())


def test_a_converted_network_is_kept_and_a_damaged_one_converted_anew(model, squares, kept):
    expected = backends.open_network(model, "openvino", "float32", 1)(squares[:1])
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    whole = kept.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:9000] + b"\0\0\0\0" + whole[9004:]):
        kept.write_bytes(damaged)
        network = backends.open_network(model, "openvino", "float32", 1)
        np.testing.assert_array_equal(network(squares[:1]), expected)
        assert kept.read_bytes() != damaged


def test_a_cache_folder_that_cannot_be_written_does_no_harm(model, squares, kept):
    kept.parent.parent.mkdir(exist_ok=True)
    kept.parent.write_text("a file where the folder should be")
    network = backends.open_network(model, "openvino", "float32", 1)
    assert network(squares[:1]).shape == (1, model.output_size)
