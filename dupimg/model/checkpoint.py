"""Read tensors from a checkpoint of torch, without torch."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a state dict by name, in the order of the file.

    Parameters
    ----------
    path : Path
        A file in torch's format before version 1.6: three pickles about the format, then the state
        dict, the keys of its storages, and their numbers in a row.

    Raises
    ------
    ValueError
        The file has another format, is cut off, or contains more than tensors.
    """
    with path.open("rb") as file:
        try:
            _ = [_Unpickler(file).load() for _ in range(3)]
            names = _Unpickler(file)
            tensors = names.load()
            for key in _Unpickler(file).load():
                _fill(names.storages[key], file)
        except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no state dict: {error}") from error
    return dict(tensors)


class _Unpickler(pickle.Unpickler):
    """Unpickle only names, numbers and tensors, so that a file cannot run any code."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of a name in the file; refuse unknown names."""
        try:
            return _ALLOWED[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor") from None

    def persistent_load(self, saved: tuple[Any, ...]) -> NDArray[Any]:
        """Return the array of a storage, to be filled later."""
        _, dtype, key, _, n_values, _ = saved
        return self.storages.setdefault(key, np.zeros(n_values, dtype))


def _view(
    storage: NDArray[Any], start: int, shape: Sequence[int], steps: Sequence[int], *_: object
) -> NDArray[Any]:
    """Return a tensor as a view of its storage."""
    last = start + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    if not all(n > 0 and step >= 0 for n, step in zip(shape, steps, strict=True)) or not (
        0 <= start <= last < len(storage)
    ):
        raise pickle.UnpicklingError("a tensor reaches beyond its numbers")
    strides = [step * storage.itemsize for step in steps]
    return as_strided(storage[start:], shape, strides, writeable=False)


def _fill(storage: NDArray[Any], file: BinaryIO) -> None:
    n_values = int.from_bytes(file.read(8), "little")
    if n_values != len(storage) or file.readinto(storage.data) != storage.nbytes:  # type: ignore[attr-defined]
        raise EOFError("it is cut off")


_ALLOWED = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _view,
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.LongStorage": np.dtype("<i8"),
}
