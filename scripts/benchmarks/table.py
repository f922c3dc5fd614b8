"""Format tables of measurements for a terminal."""

from __future__ import annotations

import pandas as pd

# Column → its heading and its description.
_HEADINGS = {
    "photos_per_second": ("photos/s", ""),
    "times_decoding_alone": ("x decoding", "the time in units of decoding alone, on all cores"),
    "times_other_checkout": ("x other", "the time in units of the same of the other checkout"),
    "largest_change_of_cosine": ("change", "the largest one of a cosine, against torch in float32"),
    "peak_gb": ("peak GB", ""),
    "times_bare_products": (
        "x products",
        "the time in units of the bare matrix products of all pairs",
    ),
    "exponent": ("exponent", "the time grows with this power of the number of vectors"),
}


def table_text(table: pd.DataFrame) -> str:
    """Return a table of measurements as text, followed by descriptions of its columns.

    Parameters
    ----------
    table : DataFrame
        Rows with the same value in the first column form a section.

    Returns
    -------
    str

    Examples
    --------
    >>> rows = {"vectors": [5, 5], "way": ["a", "b"], "times_bare_products": [1.0, None]}
    >>> print(table_text(pd.DataFrame(rows)))
    5 vectors
    way  x products
    a          1.00
    b
    <BLANKLINE>
    x products: the time in units of the bare matrix products of all pairs
    """
    first = table.columns[0]
    known = [name for name in table.columns if name in _HEADINGS]
    parts = []
    for value, rows in table.groupby(first, sort=False):
        cells = rows.drop(columns=first).astype(object).map(_cell)
        cells = cells.rename(columns={name: _HEADINGS[name][0] for name in known})
        title = value if isinstance(value, str) else f"{value:,} {first}"
        parts.append(f"{title}\n{_aligned(cells)}")
    legend = [": ".join(_HEADINGS[name]) for name in known if _HEADINGS[name][1]]
    return "\n\n".join([*parts, "\n".join(legend)]).rstrip()


def _cell(value: object) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.0e}" if 0 < abs(value) < 0.005 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _aligned(cells: pd.DataFrame) -> str:
    """Align texts to the left and numbers to the right."""
    columns = []
    for name in cells.columns:
        side = "<" if cells[name].str.contains("[a-z]{2}").any() else ">"
        width = max(len(name), cells[name].str.len().max())
        columns.append([f"{cell:{side}{width}}" for cell in (name, *cells[name])])
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))
