"""The default network as OpenVINO computes it, built from its weights."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import shutil

import numpy as np
import pytest
from files import sample
from lean import needs_torch

from dupimg.files.images import read_square
from dupimg.model.checkpoint import read_tensors
from dupimg.model.import_openvino import import_openvino
from dupimg.model.lite0 import build_lite0
from dupimg.model.models import WeightsError, find_weights, get_model
from dupimg.model.openvino import OpenVINONetwork

MODEL = get_model("efficientnet_lite0")


@needs_torch
def test_the_tensors_are_those_that_torch_reads():
    import torch

    expected = torch.load(find_weights(MODEL), weights_only=True)
    tensors = read_tensors(find_weights(MODEL))
    assert list(tensors) == list(expected)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, expected[name].numpy(), strict=True)


@needs_torch
def test_the_network_has_the_bits_of_the_one_that_is_converted_from_torch(monkeypatch):
    from dupimg.model.converted import read_converted

    squares = [read_square(sample(name), 224) for name in ("chelsea.png", "china.jpg")]
    built = OpenVINONetwork(MODEL, "float32", 1)(squares)
    converted = read_converted(MODEL, import_openvino().Core())
    monkeypatch.setattr("dupimg.model.openvino.build_lite0", lambda model: converted)
    np.testing.assert_array_equal(built, OpenVINONetwork(MODEL, "float32", 1)(squares))


class _Code:
    def __reduce__(self):
        return print, ("code in a file was called",)


@pytest.mark.parametrize("damage", ["cut off", "code", "another format", "other tensors"])
def test_a_file_that_does_not_fit_is_an_error_and_runs_no_code(
    damage, tmp_path, monkeypatch, capsys
):
    path = tmp_path / "efficientnet_lite0.pth"
    shutil.copy(find_weights(MODEL), path)
    whole = path.read_bytes()
    header = b"".join(pickle.dumps(value, 2) for value in (1, 1001, {}))
    path.write_bytes(
        {
            "cut off": whole[: len(whole) // 2],
            "code": header + pickle.dumps({"a": _Code()}, 2) + pickle.dumps([], 2),
            "another format": b"PK\3\4" + whole,
            "other tensors": header + pickle.dumps({}, 2) + pickle.dumps([], 2),
        }[damage]
    )
    monkeypatch.setenv("DUPIMG_MODELS", str(tmp_path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="is no state dict of efficientnet_lite0"):
        build_lite0(dataclasses.replace(MODEL, sha256=digest))
    assert capsys.readouterr().out == ""
