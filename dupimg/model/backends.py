"""The backends that compute networks: torch, or OpenVINO where it is installed.

A backend turns a model into a callable from pictures to rows of values. The values of different
backends differ in their last bits; within a backend a photo always has the same bits, whatever the
batch, the thread and the number of threads.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dupimg.messages import message
from dupimg.model.installed import BackendError, is_installed, require_torch
from dupimg.model.models import Model

TORCH, OPENVINO = "torch", "openvino"
FLOAT32, BFLOAT16 = "float32", "bfloat16"

# torch chooses its kernels by shape and number of threads, and their results differ in the last
# bits. So its networks always get this many photos, filled up with black ones, and one thread for
# each call: then a photo has the same bits every time, for all models of the registry. Larger
# batches cost more: the activations of 8 exceed the cache and are mapped into memory anew for each
# call (11 instead of 9 ms a photo on 2 cores). OpenVINO gets one photo at a time: 4 at once are 5
# to 10 % slower, 8 are 20 %.
AT_ONCE = {TORCH: 4, OPENVINO: 1}


class Network(Protocol):
    """A loaded network; thread-safe."""

    def __call__(self, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed pictures of shape (input_size, input_size, 3).

        Returns
        -------
        ndarray of shape (n_pictures, model.output_size), float32
            Each row has the embedding, not yet normalized, then the pooled feature maps.
        """
        ...

    def one_core_a_thread(self) -> AbstractContextManager[None]:
        """Use one core for each calling thread within the context."""
        ...


def choose_backend(name: str, model: Model) -> str:
    """Return the backend of this name; for "auto" the fastest that is installed.

    Parameters
    ----------
    name : {"auto", "torch", "openvino"}
    model : Model
        The model to compute; the networks of torchvision need torch.

    Raises
    ------
    BackendError
        The backend, or the library that builds the network, is not installed; the message says how
        to install it.
    ValueError
        There is no such backend.

    Examples
    --------
    >>> from dupimg.model.models import get_model
    >>> choose_backend("openvino", get_model("efficientnet_lite0"))
    'openvino'
    """
    if name not in ("auto", TORCH, OPENVINO):
        raise ValueError(f"Got backend={name!r}, expected 'auto', 'torch' or 'openvino'.")
    installed = is_installed(OPENVINO)
    if not installed and (name == OPENVINO or (name == "auto" and not is_installed(TORCH))):
        raise BackendError(message("refused.no_openvino", backend=repr(name)), field="backend")
    chosen = TORCH if name == TORCH or not installed else OPENVINO
    if model.library == "torchvision":
        require_torch(model.library, by=f"model={model.name!r}")
    elif chosen == TORCH:
        require_torch(model.library, by=f"backend={name!r}")
    return chosen


def check_precision(precision: str) -> None:
    """Check that a precision exists and that this processor has instructions for it.

    Raises
    ------
    BackendError
        This processor has no bfloat16 instructions.
    ValueError
        There is no such precision.
    """
    if precision not in (FLOAT32, BFLOAT16):
        raise ValueError(f"Got precision={precision!r}, expected 'float32' or 'bfloat16'.")
    if precision == BFLOAT16 and not has_bfloat16():
        raise BackendError(message("refused.no_bfloat16"), field="precision")


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor multiplies bfloat16; only known on Linux on x86.

    Parameters
    ----------
    cpuinfo : Path
        Linux's description of the processors.
    """
    if platform.system() != "Linux":
        return False
    flags = cpuinfo.read_text().partition("flags")[2].partition("\n")[0].split()
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def open_network(model: Model, backend: str, precision: str, n_threads: int) -> Network:
    """Load a network.

    Parameters
    ----------
    model : Model
    backend : {"torch", "openvino"}
    precision : {"float32", "bfloat16"}
    n_threads : int
        Number of threads that will call it at once.

    Raises
    ------
    WeightsError
        The weights are missing, or not the published ones.
    BackendError
        This machine lacks the backend or the precision.
    """
    check_precision(precision)
    if choose_backend(backend, model) == TORCH:
        return TorchNetwork(model, precision)
    from dupimg.model.openvino import OpenVINONetwork

    return OpenVINONetwork(model, precision, n_threads)


class TorchNetwork:
    """A network of `dupimg.model.networks`, computed by torch. See `Network`."""

    def __init__(self, model: Model, precision: str) -> None:
        from dupimg.model.networks import load_network, turn_network

        self._model = model
        self._network = load_network(model)
        self._turned = model.library == "timm"
        if self._turned:
            turn_network(self._network)
        self._bfloat16 = precision == BFLOAT16

    def __call__(self, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed pictures; see `Network`."""
        rows = [np.empty((0, self._model.output_size), np.float32)]
        for start in range(0, len(squares), AT_ONCE[TORCH]):
            rows.append(self._compute(squares[start : start + AT_ONCE[TORCH]]))
        return np.concatenate(rows)

    def _compute(self, squares: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        import torch

        size = self._model.input_size
        pictures = np.zeros((AT_ONCE[TORCH], size, size, 3), dtype=np.uint8)
        pictures[: len(squares)] = squares
        if self._turned:
            pictures = np.ascontiguousarray(pictures[:, ::-1, ::-1])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            # torch calls the memory layout (n, size, size, 3) channels_last
            outputs = self._network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
            return outputs.float().numpy()[: len(squares)]

    @contextlib.contextmanager
    def one_core_a_thread(self) -> Iterator[None]:
        """Make torch use one core for each thread within the context."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
