"""Build the networks of the registry with torch, for inference only.

Importing this module imports torch, which takes seconds, so do it only where a network is needed.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dupimg.model.models import Model, WeightsError, fetch_weights, source

if TYPE_CHECKING:
    from timm.models.efficientnet import EfficientNet


def build_network(model: Model) -> nn.Module:
    """Build the network of a model without weights; nothing is downloaded.

    Its parameters take no memory until `load_state_dict(..., assign=True)` assigns them.
    """
    with torch.device("meta"):
        if model.library == "timm":
            import timm

            return timm.create_model(model.architecture, pretrained=False)
        import torchvision

        return torchvision.models.get_model(model.architecture, weights=None)


def load_network(model: Model) -> nn.Module:
    """Return the network of a model, ready to embed.

    Returns
    -------
    torch.nn.Module
        Takes float32 (n, 3, input_size, input_size) with values 0..255 and returns float32
        (n, embedding_size + sum(feature_sizes)): the embedding, not yet normalized, followed by the
        pooled feature maps for the scene head. In evaluation mode, memory format channels_last,
        with batch normalizations folded into the convolutions before them.

    Raises
    ------
    WeightsError
        See `fetch_weights`; or the file does not fit the network.
    """
    path = fetch_weights(model)
    network = build_network(model)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        if model.library == "timm":
            # The package uses other names for the tensors; order and shapes are timm's.
            weights = dict(zip(network.state_dict(), weights.values(), strict=True))
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, ValueError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"{path} is no state dict of {model.library}'s {model.architecture}. "
            f"Replace it by {source(model)}."
        ) from error
    if model.layer == "gem":
        _pool_generalized_mean(network, model.input_size)
    if model.feature_sizes:
        network = _WithFeatureMaps(cast("EfficientNet", network), model.stages)
    network = nn.Sequential(_Normalize(model.mean, model.std), network).eval()
    _fold_batch_norm(network)
    return network.requires_grad_(False).to(memory_format=torch.channels_last)


def turn_network(network: nn.Module) -> None:
    """Turn a network by 180°, so that it computes the same output for turned pictures.

    TensorFlow pads an even map before a convolution with stride 2 by one row and column less at the
    start than at the end. Turned by 180°, torch's own symmetric padding has the same effect,
    because the stride never reaches its last row and column. This saves a separate padding step,
    which copies the whole map: `tf_efficientnet_lite0` takes 10 to 25 % less time.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place. Its output must not depend on positions.
    """
    from timm.layers import Conv2dSame

    for name, child in network.named_children():
        if isinstance(child, nn.Conv2d):
            turned = child.weight.flip(2, 3).contiguous(memory_format=torch.channels_last)
            child.weight = nn.Parameter(turned, requires_grad=False)
        if isinstance(child, Conv2dSame):
            setattr(network, name, _with_torchs_padding(child))
        turn_network(child)


def _with_torchs_padding(conv: nn.Conv2d) -> nn.Conv2d:
    height, width = conv.kernel_size
    down, right = conv.stride
    with torch.device("meta"):
        same = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            (height, width),
            (down, right),
            (height // 2, width // 2),
            groups=conv.groups,
        )
    same.weight, same.bias = conv.weight, conv.bias
    return same.eval()


class _Normalize(nn.Module):
    """Shift and scale each channel."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return (pictures - self.mean) / self.std


class _WithFeatureMaps(nn.Module):
    """A timm network that also returns the inputs of the scene head from the same pass.

    These are the square root of the mean of the last feature map over its positions (the root
    limits the weight of a few strong channels), and the means of earlier stages.
    """

    def __init__(self, network: EfficientNet, stages: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.stages = stages

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        network = self.network
        maps = network.bn1(network.conv_stem(pictures))
        means = {}
        for stage, block in enumerate(network.blocks):
            maps = block(maps)
            if stage in self.stages:
                means[stage] = maps.mean((2, 3))
        maps = network.bn2(network.conv_head(maps))
        last = maps.mean((2, 3)).sqrt()
        vectors = network.forward_head(maps)
        return torch.cat([vectors, last, *(means[stage] for stage in self.stages)], dim=1)


def _pool_generalized_mean(network: nn.Module, input_size: int) -> None:
    """Make a timm network end in the generalized mean (p = 3) of its last feature map."""
    # LPPool2d uses the sum instead of the mean; normalizing the embedding removes this constant
    # factor. The map has 1/32 of the input's side.
    network.global_pool = nn.Sequential(nn.LPPool2d(3, input_size // 32), nn.Flatten())
    network.classifier = nn.Identity()


def _fold_batch_norm(module: nn.Module) -> None:
    """Merge every batch normalization into the convolution registered right before it.

    All networks of the registry apply them in this order.
    """
    children = list(module.named_children())
    for (name, conv), (next_name, norm) in itertools.pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(conv, norm))
            # timm's batch normalization contains the activation after it
            setattr(module, next_name, getattr(norm, "act", nn.Identity()))
    for _, child in children:
        _fold_batch_norm(child)
