from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from files import sample, save
from PIL import Image
from sklearn.exceptions import NotFittedError

from dupimg import DuplicateFinder, plot_groups, plot_similarity_histogram

matplotlib.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    with Image.open(sample("chelsea.png")) as cat:
        paths = [save(cat.resize((60, 40 + i)), folder / f"{i}.png") for i in range(8)]
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    return [*paths, folder / "broken.jpg"]


def drawn(ax) -> list[tuple[int, int]]:
    """Return row and column of every photo that was drawn."""
    places = [(image.get_extent(), image) for image in ax.images]
    return sorted(
        (round((top + bottom) / 2), round((left + right) / 2))
        for (left, right, bottom, top), _ in places
    )


def test_groups_are_rows_with_the_largest_first(photos):
    ax = plot_groups(photos[:8], [5, 7, 7, 5, 7, 2, -1, -1])
    assert drawn(ax) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["7", "5"]
    first = ax.images[0]
    assert first.get_array().shape[:2] == (41, 60)  # photo 1, in its own proportions
    left, right, bottom, top = first.get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(60 / 41)


def test_what_does_not_fit_is_counted(photos):
    ax = plot_groups(photos[:8], [0, 0, 0, 0, 0, 1, 1, 1], max_groups=1, max_photos=3)
    assert drawn(ax) == [(0, 0), (0, 1), (0, 2)]
    assert [text.get_text() for text in ax.texts] == ["+2"]


def test_unreadable_photos_are_grey(photos):
    ax = plot_groups(photos[-2:], [0, 0])
    assert ax.images[1].get_array().shape == (1, 1, 3)
    ax.figure.canvas.draw()


def test_no_group_is_no_photo(photos):
    ax = plot_groups(photos[:3], [0, 1, 2])
    assert not ax.images
    assert not plot_groups([], []).images


def test_draws_into_given_axes(photos):
    figure, axes = plt.subplots(1, 2)
    assert plot_groups(photos[:2], [0, 0], ax=axes[0]) is axes[0]
    vectors = np.eye(3) + 0.5
    assert plot_similarity_histogram(vectors, ax=axes[1]) is axes[1]
    assert axes[0].images
    assert axes[1].patches
    assert plt.get_fignums() == [figure.number]


def test_labels_and_paths_must_match(photos):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        plot_groups(photos, [0, 1])


def test_histogram_counts_photos_by_their_nearest(recwarn):
    angles = np.radians([0, 10, 60, 62])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    ax = plot_similarity_histogram(vectors, thresholds=(0.99, 0.5))
    assert sum(patch.get_height() for patch in ax.patches) == 4
    assert [text.get_text() for text in ax.texts] == ["≥ 0.99: 2", "≥ 0.5: 4"]
    fitted = plot_similarity_histogram(DuplicateFinder().fit(vectors), thresholds=(0.99, 0.5))
    heights = [[patch.get_height() for patch in axes.patches] for axes in (ax, fitted)]
    assert heights[0] == heights[1]


def test_histogram_refuses_what_is_too_little():
    with pytest.raises(NotFittedError):
        plot_similarity_histogram(DuplicateFinder())
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        plot_similarity_histogram(np.eye(1))


def test_importing_dupimg_does_not_import_matplotlib_and_its_lack_is_explained():
    code = (
        "import sys, numpy; sys.modules['matplotlib.pyplot'] = None\n"
        "import dupimg, dupimg.pages.plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "try: dupimg.plot_similarity_histogram(numpy.eye(2))\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install matplotlib" in done.stdout
