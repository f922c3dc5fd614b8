"""Compute networks with OpenVINO."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import LifoQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupimg.model.converted import read_converted
from dupimg.model.import_openvino import import_openvino
from dupimg.model.lite0 import build_lite0
from dupimg.model.models import Model

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

# A network with one stream computes in the calling thread; one with several passes each photo to
# its own threads, and the handover leaves cores idle for 1 to 2 of 14 ms a photo on 2 cores. So
# each thread gets a network with its own weights, up to this total number of bytes: some 50 threads
# with the default model.
_MOST_MEGABYTES = 1000.0


class OpenVINONetwork:
    """A network computed by OpenVINO. See `dupimg.model.backends.Network`.

    Parameters
    ----------
    model : Model
    precision : {"float32", "bfloat16"}
    n_threads : int
        Number of threads that will call it at once; each has one core.
    """

    def __init__(self, model: Model, precision: str, n_threads: int) -> None:
        core = import_openvino().Core()
        graph = build_lite0(model) if model.library == "timm" else read_converted(model, core)
        n_networks = n_threads if n_threads * model.megabytes <= _MOST_MEGABYTES else 1
        n_streams = n_threads // n_networks
        settings = {
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "NUM_STREAMS": n_streams,
            "INFERENCE_NUM_THREADS": n_streams,
            # Worker processes decode on the same cores.
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
    """An inference request of a compiled network, with its own memory for input and output.

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
