"""Cache networks that OpenVINO converted from torch in the user's cache folder.

From the second run on, torch is not needed, which saves the seconds of its import and its memory.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import platformdirs

from dupimg.model.import_openvino import import_openvino
from dupimg.model.models import Model, fingerprint

# Part of the names of cached networks: count it up whenever the conversion changes.
_CONVERSION = 1

_FILE_ERRORS = (OSError, KeyError, ValueError, EOFError, BadZipFile)


class _Converted(NamedTuple):
    """A network in the form of OpenVINO's two files."""

    graph: bytes
    weights: bytes


def read_converted(model: Model, core: Any) -> Any:
    """Return the graph of a model, from the cache folder or newly converted.

    Parameters
    ----------
    model : Model
    core : openvino.Core

    Returns
    -------
    openvino.Model
        See `dupimg.model.lite0.build_lite0`.

    Raises
    ------
    WeightsError
        The weights are missing, or not the published ones.
    """
    converted = _cached_or_new(model)
    return core.read_model(converted.graph, converted.weights)


def _cached_or_new(model: Model) -> _Converted:
    path = kept_network(model)
    try:
        # The checksums of a ZIP file reveal any damage.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _Converted(arrays["graph"].tobytes(), arrays["weights"].tobytes())
    except _FILE_ERRORS:
        converted = _convert(model)
    with contextlib.suppress(OSError):  # full disk or read-only home
        _write(path, converted)
    return converted


def kept_network(model: Model) -> Path:
    """Return the path of the cached network of a model."""
    version = import_openvino().get_version().partition("-")[0]
    name = f"{fingerprint(model)}-openvino-{version}-{_CONVERSION}.npz"
    return Path(platformdirs.user_cache_dir("dupimg")) / name


def _write(path: Path, converted: _Converted) -> None:
    """Write the file atomically, so that it is never incomplete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            graph, weights = (np.frombuffer(part, np.uint8) for part in converted)
            np.savez(file, graph=graph, weights=weights)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _convert(model: Model) -> _Converted:
    import torch

    from dupimg.model.networks import load_network

    openvino = import_openvino()
    pictures = torch.zeros(1, 3, model.input_size, model.input_size)
    graph = openvino.convert_model(torch.export.export(load_network(model), (pictures,)))
    graph.reshape(list(pictures.shape))
    graph = _with_uint8_input(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        openvino.save_model(graph, path, compress_to_fp16=False)
        return _Converted(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _with_uint8_input(graph: Any) -> Any:
    """Make a graph accept pictures from decoders: uint8 (1, size, size, 3)."""
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(graph)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    steps.input().tensor().set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    return steps.build()
