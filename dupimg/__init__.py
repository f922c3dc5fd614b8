"""Find duplicate photos and group photos of the same scene, on an ordinary CPU."""

from __future__ import annotations

import importlib

# Type checkers take it for true. To import it from typing takes 10 ms at the start of a command, in
# which Ctrl-C would end with a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dupimg.errors import UsageError as UsageError
    from dupimg.files.images import UnreadablePhoto as UnreadablePhoto
    from dupimg.groups.duplicates import DuplicateFinder as DuplicateFinder
    from dupimg.groups.scenes import SceneGrouper as SceneGrouper
    from dupimg.model.embedder import PhotoEmbedder as PhotoEmbedder
    from dupimg.pages.plots import plot_groups as plot_groups
    from dupimg.pages.plots import plot_similarity_histogram as plot_similarity_histogram
    from dupimg.runs.add import add as add
    from dupimg.runs.apply import apply as apply
    from dupimg.runs.compare import compare as compare
    from dupimg.runs.embed import embed as embed
    from dupimg.runs.organize import organize as organize
    from dupimg.runs.plan import plan as plan
    from dupimg.runs.result import Result as Result
    from dupimg.runs.status import status as status
    from dupimg.runs.trash import trash as trash
    from dupimg.runs.undo import undo as undo

__version__ = "0.1.0"

# Imported when first used: `dupimg --help` must not wait for torch or scikit-learn.
_PUBLIC = {
    "DuplicateFinder": "dupimg.groups.duplicates",
    "PhotoEmbedder": "dupimg.model.embedder",
    "Result": "dupimg.runs.result",
    "SceneGrouper": "dupimg.groups.scenes",
    "UnreadablePhoto": "dupimg.files.images",
    "UsageError": "dupimg.errors",
    "add": "dupimg.runs.add",
    "apply": "dupimg.runs.apply",
    "compare": "dupimg.runs.compare",
    "embed": "dupimg.runs.embed",
    "organize": "dupimg.runs.organize",
    "plan": "dupimg.runs.plan",
    "plot_groups": "dupimg.pages.plots",
    "plot_similarity_histogram": "dupimg.pages.plots",
    "status": "dupimg.runs.status",
    "trash": "dupimg.runs.trash",
    "undo": "dupimg.runs.undo",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'dupimg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
