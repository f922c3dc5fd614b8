"""Find duplicate photos and group photos of the same scene, on an ordinary CPU."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Imported when first used: `dupimg --help` must not wait for torch or scikit-learn.
_PUBLIC = {
    "DuplicateFinder": "dupimg.groups.duplicates",
    "OrganizeOptions": "dupimg.options.run_options",
    "PhotoEmbedder": "dupimg.model.embedder",
    "Result": "dupimg.runs.result",
    "SceneGrouper": "dupimg.groups.scenes",
    "UnreadablePhoto": "dupimg.files.images",
    "organize": "dupimg.runs.organize",
    "plot_groups": "dupimg.pages.plots",
    "plot_similarity_histogram": "dupimg.pages.plots",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dupimg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_PUBLIC]
