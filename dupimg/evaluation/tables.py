"""Tables that compare ways to judge: embeddings and linkages for scenes, rules for duplicates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from dupimg.evaluation.edits import EDITS, SIZE, save_edit
from dupimg.evaluation.metrics import Truth, are_among, scene_figures
from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.scenes import LINKAGES, SceneGrouper
from dupimg.model.features import Features
from dupimg.model.remote import stream_photos
from dupimg.model.stream import PhotoStream
from dupimg.options.analysis_options import RunOptions

THRESHOLDS = np.arange(0.5, 0.92, 0.04).round(2)

# A way to call photos duplicates: which vectors of `Features` it compares, and how.
Rule = tuple[str, DuplicateFinder]


def scene_curves(
    truth: Truth, embeddings: Mapping[str, NDArray[np.float32]], grouper: SceneGrouper
) -> pd.DataFrame:
    """Form scenes with every embedding, linkage and threshold, and compare them with the truth.

    Parameters
    ----------
    truth : Truth
        Of n photos.
    embeddings : mapping of str to ndarray of shape (n, d)
        By name.
    grouper : SceneGrouper
        Its other parameters are used, and its threshold is among those tried.

    Returns
    -------
    DataFrame
        Columns embedding, linkage, threshold, precision, recall, F1.
    """
    rows = []
    for name, vectors in embeddings.items():
        for linkage in LINKAGES:
            for threshold in np.union1d(THRESHOLDS, [grouper.threshold]):
                parameters = grouper.get_params() | {"linkage": linkage, "threshold": threshold}
                scenes = SceneGrouper(**parameters).fit_predict(vectors)
                figures = [value for _, value, _ in scene_figures(truth, scenes)]
                rows.append((name, linkage, float(threshold), *figures[:3]))
    columns = ["embedding", "linkage", "threshold", "precision", "recall", "F1"]
    return pd.DataFrame(rows, columns=columns)


def summarize_curves(curves: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return a line for each embedding and linkage: at the threshold, and at the best one."""
    curve = ["embedding", "linkage"]
    at = curves[curves["threshold"] == threshold].set_index(curve)
    best = curves.loc[curves.groupby(curve, sort=False)["F1"].idxmax()].set_index(curve)
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
    for number, ((name, linkage), curve) in enumerate(
        curves.groupby(["embedding", "linkage"], sort=False)
    ):
        style = "-" if number < len(LINKAGES) else "--"
        color = f"C{number % len(LINKAGES)}"
        label = f"embedding for {name}, {linkage}"
        axes.plot(curve["recall"], curve["precision"], style, color=color, label=label)
        here = curve[curve["threshold"] == threshold]
        axes.plot(here["recall"], here["precision"], "o", color=color)
    axes.set(xlabel="recall of scene pairs", ylabel="precision of scene pairs")
    axes.set_title(f"Scenes; dots at the threshold {threshold:g}")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=100)


def make_rules(options: RunOptions) -> dict[str, Rule]:
    """Return the rules for duplicates that are compared, at the thresholds of the options."""
    cosine = DuplicateFinder(
        threshold=options.duplicate_threshold,
        candidate_threshold=options.candidate_threshold,
        copy_threshold=options.copy_threshold,
    )
    verified = clone(cosine).set_params(rule="verified")
    turned = clone(verified).set_params(rotations=True, mirrored=True)
    return {
        "cosine": ("vector", cosine),
        "cosine of scenes": ("scene_vector", cosine),
        "verified": ("vector", verified),
        "verified, turned, mirrored": ("vector", turned),
    }


def rule_table(
    features: Features,
    rules: Mapping[str, Rule],
    pairs: Mapping[str, NDArray[np.int64]],
    unrelated: Truth | None = None,
    rows: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Count what rules for duplicates do to copies, to views of a scene and to other photos.

    Parameters
    ----------
    features : Features
        Of n photos.
    rules : mapping of str to Rule
    pairs : mapping of str to ndarray of shape (2, k)
        Kinds of pairs of the n photos, the smaller number first, of which the share is to be
        shown that a rule calls duplicates.
    unrelated : Truth, optional
        Of the photos `rows`.
    rows : ndarray of shape (m,), optional

    Returns
    -------
    DataFrame
        A line for each rule, a column for each kind of pairs, and the number of unrelated pairs.
    """
    lines = []
    for name, rule in rules.items():
        found = _called_duplicates(features, rule)
        line: dict[str, object] = {"rule": name}
        for kind, (low, high) in pairs.items():
            line[kind] = are_among(low, high, *found).mean() if len(low) else np.nan
        if unrelated is not None and rows is not None and len(rows):
            i, j = _called_duplicates(features[rows], rule)
            line["unrelated pairs"] = int(unrelated.are_unrelated(i, j).sum())
        lines.append(line)
    return pd.DataFrame(lines)


def edit_table(
    stream: PhotoStream, paths: Sequence[Path], rules: Mapping[str, Rule]
) -> pd.DataFrame:
    """Edit photos in all ways of `EDITS`, and count the copies that rules recognize.

    Parameters
    ----------
    stream : PhotoStream
    paths : sequence of Path
        Originals; those that cannot be read count nowhere.
    rules : mapping of str to Rule

    Returns
    -------
    DataFrame
        A line for each edit, a column for each rule with the share that it finds.
    """
    with tempfile.TemporaryDirectory() as name:
        edited = []
        for number, path in enumerate(paths):
            try:
                photo = read_photo(path, SIZE, max_pixels=stream.max_pixels)
            except UnreadablePhoto:
                continue
            edited.append([path])
            for place, edit in enumerate(EDITS):
                edited[-1].append(Path(name) / f"{number}-{place}.jpg")
                save_edit(photo, edit, edited[-1][-1])
        if not edited:
            return pd.DataFrame()
        results = dict(stream_photos(stream, [str(path) for photos in edited for path in photos]))
    features = Features.stack(
        [known for _, known in sorted(results.items()) if isinstance(known, Features)]
    )
    low = np.repeat(np.arange(len(edited)) * (1 + len(EDITS)), len(EDITS))
    high = low + np.tile(np.arange(1, 1 + len(EDITS)), len(edited))
    table: dict[str, object] = {"edit": list(EDITS)}
    for rule_name, rule in rules.items():
        found = are_among(low, high, *_called_duplicates(features, rule))
        table[rule_name] = found.reshape(len(edited), -1).mean(axis=0)
    return pd.DataFrame(table)


def _called_duplicates(
    features: Features, rule: Rule
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows, the smaller number first, that a rule calls duplicates."""
    vectors, finder = rule
    graph = finder.pair_graph(getattr(features, vectors), thumbnails=features.thumbnail)
    pairs = sparse.triu(graph, k=1).tocoo()
    return pairs.row.astype(np.int64), pairs.col.astype(np.int64)
