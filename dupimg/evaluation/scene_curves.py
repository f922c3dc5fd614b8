"""Compare ways to form scenes at many thresholds, with the evidence of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dupimg.decide.embedded import Embedded
from dupimg.decide.group import find_scenes
from dupimg.evaluation.metrics import Truth, scene_figures
from dupimg.evaluation.rules import decide
from dupimg.groups.scenes import LINKAGES
from dupimg.options.analysis_options import RunOptions
from dupimg.progress import progress_bar

THRESHOLDS = np.arange(0.5, 0.92, 0.04).round(2)

# Way to form scenes → its options.
_WAYS: dict[str, dict[str, Any]] = {
    **{linkage: {"scene_method": "agglomerative", "linkage": linkage} for linkage in LINKAGES},
    "hdbscan": {"scene_method": "hdbscan"},
}


def scene_curves(truth: Truth, embedded: Embedded, options: RunOptions) -> pd.DataFrame:
    """Form scenes in every way and at every threshold, and compare them with the truth.

    Parameters
    ----------
    truth : Truth
        The truth about n photos.
    embedded : Embedded
        The same photos. Duplicates share the scene of their keeper.
    options : RunOptions
        Its scene threshold is also tried.

    Returns
    -------
    DataFrame
        Columns way, threshold, precision, recall, F1.
    """
    kept, place = np.unique(decide(embedded, options).keepers, return_inverse=True)
    thresholds = np.union1d(THRESHOLDS, [options.scene_threshold])
    thresholds = thresholds[thresholds <= options.duplicate_threshold]
    rows = []
    total = len(_WAYS) * len(thresholds)
    with progress_bar(total, "grouping", unit="times", quiet=options.quiet) as bar:
        for way, changes in _WAYS.items():
            for threshold in thresholds.tolist():
                of_way = replace(options, scene_threshold=threshold, quiet=True, **changes)
                scenes = find_scenes(embedded, kept, of_way)[place]
                precision, recall, f1, _ = (value for _, value, _ in scene_figures(truth, scenes))
                rows.append((way, threshold, precision, recall, f1))
                bar.update()
    return pd.DataFrame(rows, columns=["way", "threshold", "precision", "recall", "F1"])


def summarize_curves(curves: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return the figures of each way at the threshold and at its best threshold."""
    at = curves[curves["threshold"] == threshold].set_index("way")
    best = curves.loc[curves["F1"].fillna(0).groupby(curves["way"], sort=False).idxmax()]
    best = best.set_index("way")
    return pd.DataFrame(
        {
            f"F1 at {threshold:g}": at["F1"],
            "precision": at["precision"],
            "recall": at["recall"],
            "best F1": best["F1"],
            "at": best["threshold"],
        }
    ).reset_index()


def plot_curves(curves: pd.DataFrame, threshold: float, path: Path) -> None:
    """Draw precision against recall, with a dot at the threshold, as a PNG.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for number, (way, curve) in enumerate(curves.groupby("way", sort=False)):
        axes.plot(curve["recall"], curve["precision"], color=f"C{number}", label=way)
        here = curve[curve["threshold"] == threshold]
        axes.plot(here["recall"], here["precision"], "o", color=f"C{number}")
    axes.set(xlabel="recall of scene pairs", ylabel="precision of scene pairs")
    axes.set_title(f"Scenes; dots at the threshold {threshold:g}")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=100)
