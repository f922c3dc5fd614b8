"""The page on which a person looks a run over: ``report.html``, one file beside its thumbnails.

Layout, styles and behaviour are plain files in ``dupimg/web``; here they become one file together
with the rows. The page needs no network and its content security policy allows none: scripts and
styles are only those whose hash it names, pictures come from this machine.
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

# A later rule wins, so the rules for narrow screens come last.
_STYLES = (
    "style.css",
    "sheets.css",
    "lists.css",
    "summary.css",
    "viewer.css",
    "review.css",
    "narrow.css",
)

# One scope for all, in the order in which they are run.
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
# What the page needs of a row: the report, where an earlier run put the file, whether it failed,
# whether it is a video, which photo of a scene is most like it.
_COLUMNS = (*COLUMNS, "earlier", "failed", "video", "nearest_in_scene")
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'"
_PICTURES = {
    False: "img-src 'self' file: data:; media-src 'self' file:",
    True: "img-src 'self' data:; media-src 'self'; connect-src 'self'",
}


@dataclass(frozen=True)
class PageInfo:
    """What a page says about the run as a whole.

    Attributes
    ----------
    inputs : Inputs
    state : {"planned", "applied", "dry run"}
        Of an applied run, photos are shown where they are now, else where they were found.
    duplicate_threshold, scene_threshold, link_threshold : float
        Cosines.
    rule : {"cosine", "verified"}
        For duplicates.
    model : str
    seconds : float
        That the run took; 0 where nobody knows any more.
    notes : tuple of Message
        What else a person should know.
    only : {"duplicates", "scenes"} or None
        What the run does alone.
    review : bool
        Whether a server takes decisions and hands out the photos.
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
        """Return what a page says about a run that was remembered."""
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
    """Turn rows into columns, which take half the room of a list of objects.

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
    for name in ("destination", "earlier"):  # where a file is: not there any more
        columns[name] = ["" if row.trashed else getattr(row, name) for row in rows]
    columns["reason"] = [row.reason and row.reason.to_json() for row in rows]
    return columns


def page_data(
    rows: Sequence[Row], about: PageInfo, *, input_urls: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what the page shows, ready to be written as JSON.

    Parameters
    ----------
    rows : sequence of Row
    about : PageInfo
    input_urls : mapping of str to str, optional
        Where the page finds the input folders, quoted, by label; a review server needs none.

    Returns
    -------
    dict
        ``about``, ``rows`` as `to_columns` gives them, and ``linked``: the numbers of the rows that
        are names of one file.
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
        Of `page_data`. Without it the page is that of a review, and fetches ``data`` from beside
        its own address.

    Returns
    -------
    str
        HTML in ASCII but for its own words: what comes from file names is escaped.
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
    """Put a page of ``dupimg/web`` together: one text that may load nothing else but pictures.

    Parameters
    ----------
    template : str
        Name of the file of the page.
    scripts, styles, texts : sequence of str
        Names of files, in their order; `texts` hold its words, by language and key.
    data : mapping or None
        JSON values for the script.
    pictures : str
        What the content security policy says of pictures and connections; pictures within the
        page, of which its icon is one, must be allowed.

    Returns
    -------
    str
        HTML.
    """
    script, style = _joined(scripts), _joined(styles)
    policy = f"{_POLICY}; {pictures}"
    return Template(_joined([template])).substitute(
        policy=f"{policy}; script-src {_source_hash(script)}; style-src {_source_hash(style)}",
        # Within the page: a browser would ask a server for favicon.ico, and may not.
        icon=f"data:image/svg+xml,{quote(_joined(['icon.svg']))}",
        style=style,
        text=_json(_merged([json.loads(_joined([name])) for name in texts])),
        data=_json(data),
        script=script,
    )


def _joined(names: Sequence[str]) -> str:
    """Return files of the page, one after the other."""
    return "\n".join((files("dupimg") / "web" / name).read_text("utf-8") for name in names)


def _merged(texts: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return the words of several files by language and key."""
    return {
        language: {key: word for words in texts for key, word in words[language].items()}
        for language in texts[0]
    }


def _json(value: Any) -> str:
    """Write JSON that ends no script element, whatever the names of the files.

    ASCII, so that surrogates that stand for bytes that are no UTF-8 survive.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _source_hash(source: str) -> str:
    """Name a script or style in a content security policy."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def write_page(rows: Sequence[Row], output_dir: Path, about: PageInfo) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    rows : sequence of Row
    output_dir : Path
        Existing. Thumbnails are looked for in ``.dupimg/thumbs`` in it.
    about : PageInfo

    Returns
    -------
    Path
        The page. It appears in one step and replaces that of an earlier run.
    """
    page = output_dir / PAGE
    input_urls = _input_urls(about.inputs, output_dir)
    with write_durably(page) as file:
        file.write(page_html(page_data(rows, about, input_urls=input_urls)).encode())
    return page


def served_page(output_dir: Path, inputs: Inputs) -> str:
    """Return the page of a result for a server, which has files of input folders below ``in/``.

    Parameters
    ----------
    output_dir : Path
        Holds the page, as `write_page` wrote it.
    inputs : Inputs

    Returns
    -------
    str
        HTML. The file of a row that is in its input folder has the address ``in/`` and its path.
    """
    beside = _input_urls(inputs, output_dir)
    served = {label: quote(f"in/{label}".rstrip("/")) for label in beside}
    before, after = (f'"input_urls":{_json(urls)}' for urls in (beside, served))
    return (output_dir / PAGE).read_text("utf-8").replace(before, after)


def _input_urls(inputs: Inputs, output_dir: Path) -> dict[str, str]:
    return {label: _url(Path(folder), output_dir) for label, folder in inputs.folders.items()}


def _url(folder: Path, page_dir: Path) -> str:
    """Return the address of a folder for a page in another.

    Relative where possible, so that both can move to another machine together.
    """
    try:
        relative = os.path.relpath(folder, page_dir)
    except ValueError:  # another drive of Windows
        return folder.as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")))
