"""Write the page of a run, ``report.html``: one file beside the folder of its previews.

Layout, styles and behaviour are plain files in ``dupimg/web``; here they are joined with the rows
into one file. The page needs no network, and its content security policy allows none: only scripts
and styles with a listed hash run, and pictures come from this machine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from operator import attrgetter
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from dupimg.files.durable import write_durably
from dupimg.files.inputs import Inputs
from dupimg.messages import Message
from dupimg.options.run_options import PlanOptions
from dupimg.plans.counts import names_of_one_file
from dupimg.plans.record import Run
from dupimg.plans.report import COLUMNS, COSINES, SHARES
from dupimg.plans.rows import Row

PAGE = "report.html"

# Later rules win, so the rules for narrow screens come last.
_STYLES = (
    "style.css",
    "sheets.css",
    "lists.css",
    "summary.css",
    "viewer.css",
    "review.css",
    "narrow.css",
)

# The scripts share one scope and run in this order.
_SCRIPTS = (
    "text.js",
    "addresses.js",
    "borderline.js",
    "model.js",
    "elements.js",
    "lines.js",
    "layout.js",
    "views.js",
    "titles.js",
    "tiles.js",
    "histogram.js",
    "summary.js",
    "zoom.js",
    "facts.js",
    "marks.js",
    "pictures.js",
    "viewer.js",
    "to_app.js",
    "saving.js",
    "review.js",
    "group_decisions.js",
    "review_keys.js",
    "controls.js",
    "scene_dialog.js",
    "prefer_dialog.js",
    "outcome.js",
    "apply_dialog.js",
    "page.js",
    "keys.js",
    "app.js",
)
# The fields of a row that the page needs: the report's columns, the place by an earlier run,
# whether it failed or is a video, and the most similar photo of its scene.
_COLUMNS = (*COLUMNS, "earlier", "failed", "video", "nearest_in_scene")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
_PICTURES = {
    False: "img-src 'self' file: data:; media-src 'self' file:",
    True: "img-src 'self' data:; media-src 'self'; connect-src 'self'",
}


@dataclass(frozen=True)
class PageInfo:
    """The facts about the run as a whole.

    Attributes
    ----------
    inputs : Inputs
    state : {"planned", "applied", "dry run"}
        Photos of an applied run are shown at their new places, others at the old ones.
    duplicate_threshold, scene_threshold, link_threshold : float
        Thresholds of cosines.
    rule : {"cosine", "verified"}
        Rule for duplicates.
    model : str
    seconds : float
        Duration of the run; 0 if unknown.
    notes : tuple of Message
        Hints for the user.
    only : {"duplicates", "scenes"} or None
        The single task of the run; None for both.
    review : bool
        Whether a server takes decisions and serves the photos.
    """

    inputs: Inputs
    state: str
    duplicate_threshold: float
    scene_threshold: float
    link_threshold: float
    rule: str
    model: str
    seconds: float
    notes: tuple[Message, ...] = ()
    only: str | None = None
    review: bool = False

    @classmethod
    def of(
        cls,
        run: Run,
        state: str,
        *,
        seconds: float = 0,
        notes: Sequence[Message] = (),
        review: bool = False,
    ) -> PageInfo:
        """Return the facts about a recorded run."""
        defaults = PlanOptions(input_dir=(Path(),), output_dir=Path())

        def setting(name: str) -> Any:
            return run.settings.get(name, getattr(defaults, name))

        return cls(
            run.inputs,
            state,
            setting("duplicate_threshold"),
            setting("scene_threshold"),
            setting("link_threshold"),
            setting("duplicate_rule"),
            setting("model"),
            seconds,
            tuple(dict.fromkeys((*run.notes, *notes))),
            run.only,
            review,
        )


def to_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Convert rows to columns, which take half the space of a list of objects.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    dict of str to list
        The columns of the report, ``earlier``, ``failed`` and ``video``; cosines and shares are
        rounded as in the report, reasons are messages.

    Examples
    --------
    >>> to_columns([Row("a.jpg", "keep", nearest_cosine=0.12345678)])["nearest_cosine"]
    [0.123457]
    """
    columns = {name: list(map(attrgetter(name), rows)) for name in _COLUMNS}
    for name in (*COSINES, *SHARES):
        columns[name] = [None if cosine is None else round(cosine, 6) for cosine in columns[name]]
    for name in ("destination", "earlier"):  # only if the file is still there
        columns[name] = ["" if row.trashed else getattr(row, name) for row in rows]
    columns["reason"] = [row.reason and row.reason.to_json() for row in rows]
    return columns


def page_data(
    rows: Sequence[Row], about: PageInfo, *, input_urls: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the content of the page as JSON values.

    Parameters
    ----------
    rows : sequence of Row
    about : PageInfo
    input_urls : mapping of str to str, optional
        Quoted addresses of the input folders by label; a review server needs none.

    Returns
    -------
    dict
        ``about``, ``rows`` from `to_columns`, and ``linked``: the numbers of rows that are hard
        links to one file.
    """
    notes = [note.to_json() for note in about.notes]
    told = vars(about) | {
        "notes": notes,
        "inputs": dict(about.inputs.folders),
        "protected": [str(about.inputs / path) for path in about.inputs.protected],
        "input_urls": dict(input_urls or {}),
    }
    return {"about": told, "rows": to_columns(rows), "linked": names_of_one_file(rows)}


def page_html(data: Mapping[str, Any] | None = None) -> str:
    """Return the page as one text.

    Parameters
    ----------
    data : mapping, optional
        The result of `page_data`. Without it the page is that of a review, and fetches ``data``
        from its server.

    Returns
    -------
    str
        HTML; all data from file names is escaped to ASCII.
    """
    return fill_page(
        "page.html",
        scripts=_SCRIPTS,
        styles=_STYLES,
        texts=("text.json", "messages.json", "page_messages.json"),
        data=data,
        pictures=_PICTURES[data is None],
    )


def fill_page(
    template: str,
    *,
    scripts: Sequence[str],
    styles: Sequence[str],
    texts: Sequence[str],
    data: Mapping[str, Any] | None,
    pictures: str,
) -> str:
    """Assemble a page of ``dupimg/web`` as one text, which may load only pictures besides.

    Parameters
    ----------
    template : str
        File name of the page.
    scripts, styles, texts : sequence of str
        File names, in order; `texts` contain the words of the page by language and key.
    data : mapping or None
        JSON values for the script.
    pictures : str
        The part of the content security policy on pictures and connections; it must allow pictures
        within the page, such as its icon.

    Returns
    -------
    str
        HTML.
    """
    script, style = _joined(scripts), _joined(styles)
    policy = f"{_POLICY}; {pictures}"
    return Template(_joined([template])).substitute(
        policy=f"{policy}; script-src {_source_hash(script)}; style-src {_source_hash(style)}",
        # The icon is in the page, as browsers would request favicon.ico, which is refused.
        icon=f"data:image/svg+xml,{quote(_joined(['icon.svg']))}",
        style=style,
        text=_json(_merged([json.loads(_joined([name])) for name in texts])),
        data=_json(data),
        script=script,
    )


def _joined(names: Sequence[str]) -> str:
    """Return the concatenated files of the page."""
    return "\n".join((files("dupimg") / "web" / name).read_text("utf-8") for name in names)


def _merged(texts: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Merge the words of several files by language and key."""
    return {
        language: {key: word for words in texts for key, word in words[language].items()}
        for language in texts[0]
    }


def _json(value: Any) -> str:
    """Return JSON that cannot close a script element, whatever the file names.

    It is ASCII, so that surrogates for bytes that are not UTF-8 survive.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _source_hash(source: str) -> str:
    """Return the hash of a script or style for the content security policy."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def write_page(rows: Sequence[Row], output_dir: Path, about: PageInfo) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    rows : sequence of Row
    output_dir : Path
        An existing folder, with previews in ``.dupimg/thumbs``.
    about : PageInfo

    Returns
    -------
    Path
        The page, which is written atomically and replaces that of an earlier run.
    """
    page = output_dir / PAGE
    input_urls = _input_urls(about.inputs, output_dir)
    with write_durably(page) as file:
        file.write(page_html(page_data(rows, about, input_urls=input_urls)).encode())
    return page


def served_page(output_dir: Path, inputs: Inputs) -> str:
    """Return the page of a result for a server that serves input folders below ``in/``.

    Parameters
    ----------
    output_dir : Path
        The folder with the page from `write_page`.
    inputs : Inputs

    Returns
    -------
    str
        HTML. A file in an input folder has the address ``in/`` followed by its path.
    """
    beside = _input_urls(inputs, output_dir)
    served = {label: quote(f"in/{label}".rstrip("/")) for label in beside}
    before, after = (f'"input_urls":{_json(urls)}' for urls in (beside, served))
    return (output_dir / PAGE).read_text("utf-8").replace(before, after)


def _input_urls(inputs: Inputs, output_dir: Path) -> dict[str, str]:
    return {label: _url(Path(folder), output_dir) for label, folder in inputs.folders.items()}


def _url(folder: Path, page_dir: Path) -> str:
    """Return the address of a folder for a page in another folder.

    It is relative if possible, so that both can be moved together.
    """
    try:
        relative = os.path.relpath(folder, page_dir)
    except ValueError:  # another drive of Windows
        return folder.as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")))
