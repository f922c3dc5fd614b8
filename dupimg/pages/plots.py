"""Plots for notebooks and reports, drawn with matplotlib (``pip install matplotlib``).

Each draws into one axes, its own or a given one, and returns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from dupimg.files.images import UnreadablePhoto, read_photo
from dupimg.search.similarity import cosine_graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACCENT, _QUIET, _FAINT = "#1f5fd0", "#6b7280", "#d1d5db"

# Pixels of the longer side of a photo on a contact sheet.
_PHOTO_SIZE = 192


def plot_groups(
    paths: Sequence[str | PathLike[str]],
    labels: ArrayLike,
    *,
    max_groups: int = 8,
    max_photos: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw the photos of the largest groups of duplicates or scenes, a row each.

    Parameters
    ----------
    paths : sequence of str or path-like, of length n_photos
        The photos.
    labels : array-like of shape (n_photos,), int
        The group of each photo, as from `DuplicateFinder` and `SceneGrouper`. Groups of one photo
        are not drawn, nor is -1, which some clusterers use for noise.
    max_groups : int, default=8
        Number of rows.
    max_photos : int, default=8
        Photos in a row; the number of further ones is written after them.
    ax : matplotlib Axes, default=None
        To draw in. By default one in a new figure.

    Returns
    -------
    matplotlib Axes
        With an image for every photo drawn; an unreadable one is a grey field.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    ValueError
        The numbers of labels and paths differ.
    """
    labels = np.asarray(labels)
    check_consistent_length(paths, labels)
    names, counts = np.unique(labels[labels != -1], return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:max_groups]
    shown = [name for name in names[largest] if counts[names == name] > 1]
    n_columns = max([min(counts.max(), max_photos) for _ in shown], default=1)
    ax = _axes(ax, (1.35 * n_columns + 1.2, 1.35 * max(len(shown), 1)))
    for row, name in enumerate(shown):
        members = np.flatnonzero(labels == name)
        for column, member in enumerate(members[:max_photos]):
            _draw_photo(ax, paths[member], row, column)
        if len(members) > max_photos:
            more = f"+{len(members) - max_photos:,}"
            ax.text(max_photos - 0.42, row, more, va="center", color=_QUIET)
    ax.set_yticks(range(len(shown)), [f"{name}" for name in shown], color=_QUIET)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.5, n_columns - 0.5), ylim=(max(len(shown), 1) - 0.5, -0.5), aspect="equal")
    ax.set_ylabel("group")
    return ax


def _draw_photo(ax: Axes, path: str | PathLike[str], row: int, column: int) -> None:
    """Draw a photo in the middle of its square of side 1, with a margin."""
    try:
        photo = read_photo(path, _PHOTO_SIZE)
        photo.thumbnail((_PHOTO_SIZE, _PHOTO_SIZE))
    except UnreadablePhoto:
        photo = Image.new("RGB", (1, 1), _FAINT)
    width, height = 0.46 * np.array(photo.size) / max(photo.size)
    extent = (column - width, column + width, row + height, row - height)
    ax.imshow(np.asarray(photo), extent=extent, interpolation="lanczos")


def plot_similarity_histogram(
    vectors_or_estimator: ArrayLike | Any,
    *,
    thresholds: Sequence[float] = (0.95, 0.7),
    ax: Axes | None = None,
) -> Axes:
    """Draw a histogram of the highest cosine of each photo, with the thresholds.

    Parameters
    ----------
    vectors_or_estimator : array-like of shape (n_photos, d) or DuplicateFinder
        Vectors of any norm but zero, or an estimator fitted on them.
    thresholds : sequence of float, default=(0.95, 0.7)
        Cosine similarities to mark, each with the number of photos that reach it.
    ax : matplotlib Axes, default=None
        To draw in. By default one in a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    ValueError
        There are fewer than two vectors, one of them is zero, or the estimator is not fitted.
    """
    if isinstance(vectors_or_estimator, BaseEstimator):
        check_is_fitted(vectors_or_estimator)
    nearest = getattr(vectors_or_estimator, "nearest_cosine_", None)
    if nearest is None:
        vectors = check_array(
            vectors_or_estimator, dtype=[np.float32, np.float64], ensure_min_samples=2
        )
        nearest = cosine_graph(vectors, 1.0).nearest_cosine
    ax = _axes(ax, (7, 3.6))
    lowest = min(np.floor(nearest.min() * 20) / 20, *thresholds)
    ax.hist(nearest, bins=np.linspace(lowest, 1, 61).tolist(), color=_ACCENT, alpha=0.75)
    for threshold in thresholds:
        reached = np.count_nonzero(nearest >= threshold)
        ax.axvline(threshold, color=_QUIET, linestyle="--", linewidth=1)
        ax.text(
            threshold,
            1.01,
            f"≥ {threshold:g}: {reached:,}",
            ha="center",
            va="bottom",
            color=_QUIET,
            transform=ax.get_xaxis_transform(),
        )
    ax.set(xlabel="cosine similarity to the most similar photo", ylabel="photos", xlim=(lowest, 1))
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the given axes, or those of a new figure of `size` in inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return plt.subplots(figsize=size, layout="constrained")[1]
