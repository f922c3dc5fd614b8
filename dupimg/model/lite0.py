"""EfficientNet-Lite0 for OpenVINO, built from its weights without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupimg.model.checkpoint import read_tensors
from dupimg.model.import_openvino import import_openvino
from dupimg.model.models import Model, WeightsError, fetch_weights, source

# For each stage the stride of its first block, and the number of blocks.
_STAGES = ((1, 1), (2, 2), (2, 2), (2, 3), (1, 3), (2, 4), (1, 1))

_EPSILON = np.float32(1e-3)  # of TensorFlow's batch normalization


def build_lite0(model: Model) -> Any:
    """Return the graph of the network that `dupimg.model.networks.load_network` builds with torch.

    Parameters
    ----------
    model : Model
        A model with the weights of EfficientNet-Lite0.

    Returns
    -------
    openvino.Model
        Takes a picture from a decoder, uint8 (1, input_size, input_size, 3), and returns float32
        (1, output_size).

    Raises
    ------
    WeightsError
        See `fetch_weights`; or the file does not fit the network.

    Notes
    -----
    Its outputs are bit-identical to those of the network that OpenVINO converts from torch.
    """
    path = fetch_weights(model)
    try:
        return _Layers(read_tensors(path)).graph(model)
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is no state dict of {model.name}. Replace it by {source(model)}."
        ) from error


class _Layers:
    """The layers of the network, each with its weights."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors
        openvino = import_openvino()
        # Constants are made directly, as the functions of `opset8` convert arrays to lists first.
        self._ops, self._constant = openvino.opset8, openvino.op.Constant

    def graph(self, model: Model) -> Any:
        """Return the whole network."""
        ops, size = self._ops, model.input_size
        picture = ops.parameter([1, size, size, 3], np.uint8)
        maps = ops.transpose(ops.convert(picture, "f32"), [0, 3, 1, 2])
        maps = ops.divide(ops.subtract(maps, _by_channel(model.mean)), _by_channel(model.std))
        maps = self._relu6(self._convolution(maps, "_conv_stem", "_bn0", stride=2))
        means = []
        for stage_maps in self._stages(maps):
            means.append(self._mean(maps := stage_maps))
        maps = self._relu6(self._convolution(maps, "_conv_head", "_bn1"))
        outputs = [self._generalized_mean(maps, size // 32), ops.sqrt(self._mean(maps))]
        outputs += [means[stage] for stage in model.stages]
        return import_openvino().Model(ops.concat(outputs, axis=1), [picture], model.name)

    def _stages(self, maps: Any) -> Iterator[Any]:
        """Yield the feature maps after each stage."""
        number = 0
        for first_stride, n_blocks in _STAGES:
            for i in range(n_blocks):
                maps = self._block(maps, f"_blocks.{number}.", stride=1 if i else first_stride)
                number += 1
            yield maps

    def _block(self, maps: Any, name: str, *, stride: int) -> Any:
        """Return the maps after an inverted residual block."""
        given = maps
        if f"{name}_expand_conv.weight" in self._tensors:
            maps = self._relu6(self._convolution(maps, f"{name}_expand_conv", f"{name}_bn0"))
        maps = self._convolution(maps, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride)
        maps = self._convolution(self._relu6(maps), f"{name}_project_conv", f"{name}_bn2")
        repeats = maps.get_output_shape(0) == given.get_output_shape(0)
        return self._ops.add(maps, given) if repeats else maps

    def _convolution(self, maps: Any, conv: str, norm: str, *, stride: int = 1) -> Any:
        """Return the maps after a convolution, with the batch normalization behind it folded in.

        As in TensorFlow, padding before a stride of 2 is one row and column less at the start.
        """
        scale, shift, mean, variance = (
            self._tensors[f"{norm}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        # In the order of `torch.nn.utils.fusion`, for identical bits.
        per_deviation = 1 / np.sqrt(variance + _EPSILON)
        kernel = self._tensors[f"{conv}.weight"] * _by_kernel(scale * per_deviation)
        bias = -mean * per_deviation * scale + shift
        convolve = self._ops.convolution
        if kernel.shape[1] == 1:
            kernel, convolve = kernel[:, None], self._ops.group_convolution
        end = kernel.shape[-1] // 2
        begin = end - (stride - 1)
        kernel = self._constant(np.ascontiguousarray(kernel))
        maps = convolve(maps, kernel, [stride] * 2, [begin] * 2, [end] * 2, [1, 1])
        return self._ops.add(maps, self._constant(_by_channel(bias)))

    def _relu6(self, maps: Any) -> Any:
        return self._ops.clamp(maps, 0.0, 6.0)

    def _mean(self, maps: Any) -> Any:
        """Return the mean of each map over its positions."""
        return self._ops.reduce_mean(maps, [2, 3])

    def _generalized_mean(self, maps: Any, side: int) -> Any:
        """Return the cube root of the sum of cubes of each map, like `torch.nn.LPPool2d`."""
        ops, window = self._ops, [side, side]
        cubes = ops.avg_pool(ops.power(maps, np.float32(3)), window, [0, 0], [0, 0], window, True)
        sums = ops.multiply(cubes, np.float32(side * side))
        return ops.power(ops.reshape(sums, [1, -1], special_zero=False), np.float32(1 / 3))


def _by_channel(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(1, -1, 1, 1)


def _by_kernel(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(-1, 1, 1, 1)
