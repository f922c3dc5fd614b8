"""A network computed by OpenVINO: converted once from torch, then kept in the user's cache folder.

From the second time on torch is not needed any more, neither the seconds that importing it takes
nor its memory.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from queue import LifoQueue
from types import ModuleType
from typing import Any, NamedTuple, cast
from zipfile import BadZipFile

import numpy as np
import platformdirs
from numpy.typing import NDArray

from dupimg.model.models import Model, fingerprint

# Part of the names of kept networks: count it up whenever the conversion changes.
_CONVERSION = 1

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

# A network with one stream computes in the thread that calls it; one with several hands each photo
# to threads of its own, and cores stand idle until it is taken up and given back: 1 to 2 of 14 ms
# a photo on 2 cores. So each thread gets a network with weights of its own, up to so many in all:
# some 50 threads with the default model.
_MOST_MEGABYTES = 1000.0

_FILE_ERRORS = (OSError, KeyError, ValueError, EOFError, BadZipFile)


class OpenVINONetwork:
    """A network computed by OpenVINO. See `dupimg.model.backends.Network`.

    Parameters
    ----------
    model : Model
    precision : {"float32", "bfloat16"}
    n_threads : int
        Number of threads that will call it at a time; each has one core.
    """

    def __init__(self, model: Model, precision: str, n_threads: int) -> None:
        converted = _converted(model)
        graph = (core := import_openvino().Core()).read_model(converted.graph, converted.weights)
        n_networks = n_threads if n_threads * model.megabytes <= _MOST_MEGABYTES else 1
        n_streams = n_threads // n_networks
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "NUM_STREAMS": n_streams,
            "INFERENCE_NUM_THREADS": n_streams,
            # The cores are not ours alone: worker processes decode on them.
            "ENABLE_CPU_PINNING": False,
        }
        self._output_size = model.output_size
        self._requests: LifoQueue[_Request] = LifoQueue()
        with ThreadPoolExecutor(n_networks) as pool:
            networks = pool.map(
                lambda _: core.compile_model(graph, "CPU", settings), range(n_networks)
            )
        for network in networks:
            for _ in range(n_streams):
                self._requests.put(_Request(network, model.input_size))

    def __call__(self, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed pictures; see `dupimg.model.backends.Network`."""
        rows = np.empty((len(squares), self._output_size), np.float32)
        request = self._requests.get()
        try:
            for row, square in zip(rows, squares, strict=True):
                row[:] = request.compute(square)
        finally:
            self._requests.put(request)
        return rows

    def one_core_a_thread(self) -> AbstractContextManager[None]:
        """Do nothing: the network was compiled for one core a thread."""
        return contextlib.nullcontext()


class _Request:
    """One call of a compiled network at a time, with memory of its own for input and output.

    The constructor makes the first call: if two threads do that at once, OpenVINO's bindings may
    wait for each other forever.
    """

    def __init__(self, compiled: Any, size: int) -> None:
        self._picture = np.zeros((1, size, size, 3), np.uint8)
        self._request = compiled.create_infer_request()
        tensor = import_openvino().Tensor(self._picture, shared_memory=True)
        self._request.set_input_tensor(tensor)
        self._request.infer()
        self._output = self._request.get_output_tensor().data

    def compute(self, square: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the network's output for a picture; the next call overwrites it."""
        self._picture[0] = square
        self._request.infer()
        return self._output[0]


@cache
def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which would send usage data to its makers."""
    # None says that a package is missing, and OpenVINO works without this one.
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    found = modules.setdefault("openvino_telemetry", None)
    try:
        import openvino
    finally:
        if found is None:
            del modules["openvino_telemetry"]
    return openvino


class _Converted(NamedTuple):
    """A network as OpenVINO's own two files hold it."""

    graph: bytes
    weights: bytes


def _converted(model: Model) -> _Converted:
    """Return the converted network of a model: the file in the cache folder, or convert anew."""
    path = kept_network(model)
    try:
        # A ZIP file: what was damaged since is noticed by its checksums.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return _Converted(arrays["graph"].tobytes(), arrays["weights"].tobytes())
    except _FILE_ERRORS:
        converted = _convert(model)
    with contextlib.suppress(OSError):  # a full disk, or a home that cannot be written
        _keep(path, converted)
    return converted


def kept_network(model: Model) -> Path:
    """Return the path of the file for the converted network of a model."""
    version = import_openvino().get_version().partition("-")[0]
    name = f"{fingerprint(model)}-openvino-{version}-{_CONVERSION}.npz"
    return Path(platformdirs.user_cache_dir("dupimg")) / name


def _keep(path: Path, converted: _Converted) -> None:
    """Write the file in one step, so that it is never there half written."""
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
    graph = _fed_with_bytes(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.xml"
        openvino.save_model(graph, path, compress_to_fp16=False)
        return _Converted(path.read_bytes(), path.with_suffix(".bin").read_bytes())


def _fed_with_bytes(graph: Any) -> Any:
    """Let a graph take pictures as decoders return them: uint8 (1, size, size, 3)."""
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(graph)
    steps.input().tensor().set_element_type(openvino.Type.u8)
    steps.input().tensor().set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    return steps.build()
