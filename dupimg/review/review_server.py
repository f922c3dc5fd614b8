"""The page on which a person decides about a plan, served to the browser of this machine.

What an address below the token answers is documented at the view of `ReviewServer` behind it.
Answers are JSON. 403 means that a request comes from no page of ours, or is about a file that is
no photo of the plan; 409 that the plan is not the one that the person saw; 422 that a decision
cannot be, with the reasons. Messages are as `dupimg.messages.Message.to_json` writes them.
"""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from flask import Response, abort, jsonify, request

from dupimg.errors import MessageError, UsageError
from dupimg.files.cache import Cache, cache_path
from dupimg.files.sandbox import Map, Sandbox, warm_up
from dupimg.messages import message, why
from dupimg.options.command_text import written_command
from dupimg.options.run_options import ApplyOptions, ReviewOptions
from dupimg.pages.app_address import view_in_app
from dupimg.pages.contact_sheet import PAGE, PageInfo, page_data, page_html, to_columns
from dupimg.pages.local_server import LocalServer
from dupimg.pages.opening import open_on_this_machine
from dupimg.pages.photo_views import PhotoViews
from dupimg.plans.counts import Counts
from dupimg.plans.plan import Problem
from dupimg.plans.plan_file import SCENE_NAME
from dupimg.review.alike_scenes import alike_scenes
from dupimg.review.background import TAKEN_BACK, BackgroundApply, obstacles
from dupimg.review.edited_plan import Choice, NotInPlan, Refused
from dupimg.review.pair_views import PairViews
from dupimg.review.review_session import PlanChanged, ReviewOver, ReviewSession, Saved
from dupimg.runs import disk_space
from dupimg.runs.result import Result, command_line

T = TypeVar("T")
View = Callable[[], Any]

# The two photos that a person compares are decoded at once.
_DECODERS = 2
_SECONDS_TO_DECODE = 60.0


def review(options: ReviewOptions, *, announce: Callable[[str], object] = print) -> Result | None:
    """Let a person decide about a plan in the browser, until the page is closed.

    Parameters
    ----------
    options : ReviewOptions
    announce : callable
        Is given the lines that say where the page is.

    Returns
    -------
    Result or None
        Of carrying the plan out, if that was done.

    Raises
    ------
    UsageError
        There is no plan, or it was carried out, or the port is not free.
    """
    cache = Cache(cache_path(options.cache))
    with gc_frozen():
        session = ReviewSession(options.plan, cache)
    server = LocalServer(options.port)
    warm_up()
    with cache, Sandbox(_DECODERS, _SECONDS_TO_DECODE) as sandbox:
        page = ReviewServer(
            server,
            session,
            sandbox.map,
            remembers=cache.is_open,
            command=written_command("review", options),
            cache=options.cache,
        )
        announce(f"review   {server.address}")
        announce("Every decision is saved at once. Close the page to stop, or press Ctrl-C.")
        server.serve(open_browser=options.browser, busy=lambda: page.applying.running)
        if page.applying.running:  # Ctrl-C
            announce("The plan is being carried out; that is finished first.")
            page.applying.wait()
    if page.applying.errors:
        announce("\n  ".join(map(str, page.applying.errors)))
    return page.applying.result


@contextlib.contextmanager
def gc_frozen() -> Iterator[None]:
    """Disable the garbage collector, then freeze what was allocated.

    With 100,000 rows, collecting takes 2 of 5 seconds, and finds nothing.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()


class ReviewServer:
    """The views of a review.

    Parameters
    ----------
    server : LocalServer
    session : ReviewSession
    decode : callable
        See `dupimg.files.sandbox.Sandbox.map`.
    remembers : bool
        Whether later runs will know what is no duplicate.
    command : str
        Starts the review again.
    cache : str or None
        See `dupimg.files.cache.cache_path`.

    Attributes
    ----------
    applying : BackgroundApply
    """

    def __init__(
        self,
        server: LocalServer,
        session: ReviewSession,
        decode: Map,
        *,
        remembers: bool,
        command: str,
        cache: str | None = None,
    ) -> None:
        self.applying = BackgroundApply()
        self._server, self._session, self._remembers = server, session, remembers
        self._command, self._cache = command, cache
        self._about = PageInfo.of(session.record.run, "planned", review=True)
        photos = PhotoViews(session.record, session.output_dir, decode, self._placed)
        server.add("", page_html)
        server.add("thumb/<digest>.jpg", photos.thumb)
        server.add("photo/<int:number>", photos.photo)
        server.add("photo/<int:number>/whole", photos.whole)
        self._pairs = PairViews(session.record, session.output_dir, photos.spots)
        server.add("pair/<int:first>/<int:second>", self._pairs.pair)
        server.add("alike/<int:number>", self.alike)
        asked: tuple[View, ...] = (self.data, self.changes, self.progress, self.alive, self.app)
        sent: tuple[View, ...] = (
            self.decide,
            self.not_duplicate,
            self.undo,
            self.redo,
            self.check,
            self.apply,
            self.reviewed,
            self.take_back,
            self.show_result,
        )
        for views, method in ((asked, "GET"), (sent, "POST")):
            for view in views:
                server.add(view.__name__, view, method=method)
        for error in (PlanChanged, ReviewOver, Refused, NotInPlan, UsageError):
            server.app.register_error_handler(error, self._explain)

    def data(self) -> dict[str, Any]:
        """Answer with what the page shows, see `dupimg.pages.contact_sheet.page_data`.

        Beside that: the ``stamp`` that decisions must come with, how many steps can be undone and
        redone, the problems of the plan, the pairs of digests that are known to be ``apart``, the
        number of the first ``new_scene``, whether the plan ``names_scenes``, the actions that were
        ``decided`` at first, the numbers of the groups that are ``reviewed``, the ``command`` that
        starts the review again, and those that say how far carrying out is (``status``) and go on
        with it (``resume``).
        """
        state = self._session.current()
        return page_data(state.rows, self._about) | {
            "stamp": state.file.stamp,
            "undo": len(self._session.done),
            "redo": len(self._session.undone),
            "problems": _told(state.problems),
            "apart": self._session.apart(),
            "new_scene": state.decided.scenes.decided + 1,
            "names_scenes": SCENE_NAME in state.file.names,
            "decided": [row.action for row in state.decided.rows],
            "reviewed": sorted(self._session.reviewed.numbers),
            "command": self._command,
            "status": command_line("status", self._session.output_dir),
            "resume": command_line("apply", self._session.output_dir),
        }

    def decide(self) -> dict[str, Any]:
        """Take ``changes``, each with a path and an action, a scene or a name for it, as one step.

        Every answer to a step holds the new ``stamp``, the ``rows`` that are not what they were
        (columns as in `data`), how many steps can be undone and redone, and the problems.
        """
        changes = [_decision(change) for change in _got("changes", list)]
        return self._answer(self._session.decide(self._stamp(), changes, _got("label", str, "")))

    def not_duplicate(self) -> dict[str, Any]:
        """Keep the photo at ``path``, and remember that it is no duplicate of its keeper."""
        saved = self._session.not_duplicate(
            self._stamp(), _got("path", str), _got("label", str, "")
        )
        note = None if self._remembers else message("note.this_plan_only").to_json()
        return self._answer(saved) | {"note": note}

    def undo(self) -> dict[str, Any]:
        """Take the last step back."""
        return self._answer(self._session.undo(self._stamp()))

    def redo(self) -> dict[str, Any]:
        """Take the step again that was undone last."""
        return self._answer(self._session.redo(self._stamp()))

    def changes(self) -> dict[str, Any]:
        """Answer with what would be carried out, and with messages that say what is changed.

        These are the ``changes`` that the person made, and the ``consequences`` of that; then the
        ``folder`` of the result, the ``bytes`` that would be brought there, the ``space`` that they
        take by mode, and how many bytes are ``free``.

        What stands in the way of that is found by `check`.
        """
        state = self._session.current()
        planned = state.planned
        sizes = disk_space.sizes_of(planned.rows, self._session.record.run.inputs)
        folder = self._session.output_dir
        return {
            "stamp": state.file.stamp,
            "changes": [change.to_json() for change in planned.changes],
            "consequences": [change.to_json() for change in planned.consequences],
            "counts": Counts.of(state.rows).by_action,
            "bytes": sum(sizes.values()),
            "folder": str(folder),
            "free": shutil.disk_usage(folder).free,
            "space": {
                mode: disk_space.space_needed(sizes, folder, mode)
                for mode in ("copy", "move", "hard_link", "reflink")
            },
        }

    def check(self) -> dict[str, Any]:
        """Answer with the ``problems`` for which `apply` would refuse the plan in a ``mode``."""
        found = obstacles(self._session, self._stamp(), self._options().mode)
        return {"problems": _told(found)}

    def apply(self) -> tuple[dict[str, Any], int]:
        """Begin to carry the plan out in a ``mode``: copy, move, hard_link or reflink."""
        options = self._options()
        state = self._session.expect(self._stamp())
        if state.problems:
            raise Refused(*state.problems)
        self.applying.start(options)
        return self.applying.progress(), 202

    def take_back(self) -> tuple[dict[str, Any], int]:
        """Begin to take back what was carried out; decisions go on when that is done.

        With paths as ``files``, only these go back.
        """
        files = [path for path in _got("files", list, []) if isinstance(path, str)]
        self.applying.take_back(self._session.output_dir, self._cache, files)
        return self.applying.progress(), 202

    def show_result(self) -> dict[str, Any]:
        """Open the ``folder`` or the ``report`` of the result with the programs of this machine."""
        folder = self._session.output_dir
        open_on_this_machine(folder / PAGE if _got("what", str) == "report" else folder)
        return {}

    def reviewed(self) -> dict[str, Any]:
        """Note that duplicate ``groups``, by their numbers, are ``reviewed`` (1) or not (0)."""
        numbers = [number for number in _got("groups", list) if isinstance(number, int)]
        try:
            self._session.reviewed.mark(numbers, reviewed=bool(_got("reviewed", int)))
        except OSError as error:
            folder = str(self._session.output_dir)
            raise UsageError(message("refused.not_written", plan=folder, why=why(error))) from error
        return {"reviewed": sorted(self._session.reviewed.numbers)}

    def alike(self, number: int) -> dict[str, Any]:
        """Answer with the numbers of ``scenes``, most like the photo of a row first."""
        rows = self._session.current().rows
        if number >= len(rows) or not rows[number].is_media:
            abort(403, "Got the number of no photo of the plan.")
        return {"scenes": alike_scenes(rows, number, self._pairs.alike)}

    def app(self) -> dict[str, Any]:
        """Answer with the ``address`` of the result in the app; empty where no app runs."""
        return {"address": view_in_app("result", folder=str(self._session.output_dir.resolve()))}

    def _placed(self, path: str) -> str:
        """Return where a file is once the plan was carried out, below the output folder."""
        rows = self.applying.result.rows if self.applying.result else ()
        return next((row.destination for row in rows if row.path == path), "")

    def _options(self) -> ApplyOptions:
        mode = _got("mode", str)
        return ApplyOptions(
            plan=self._session.plan,
            process_mode="copy" if mode in ("hard_link", "reflink") else mode,
            hard_link=mode == "hard_link",
            reflink=mode == "reflink",
            quiet=True,
            cache=self._cache,
        )

    def progress(self) -> dict[str, Any]:
        """Answer with how far carrying out is, see `BackgroundApply.progress`."""
        if self.applying.state == TAKEN_BACK:
            self._session.reopen()
        return self.applying.progress()

    def alive(self) -> Response:
        """Answer as long as the page is open: each second ``ping``.

        It comes with the ``stamp`` of the plan, and tells whether it is ``applying`` that.
        ``changed`` instead says that the page must fetch its data anew: somebody else has
        changed the plan.
        """
        return self._server.stream(self._news())

    def _news(self) -> Iterator[tuple[str, str]]:
        seen = self._condition()
        while True:
            now = seen if self.applying.begun else self._condition()
            news = {"stamp": now[1], "applying": self.applying.running}
            yield "ping" if now[0] == seen[0] else "changed", json.dumps(news)
            seen = now

    def _condition(self) -> tuple[tuple[int, str], str]:
        """Return what only changes by what somebody else does, and the stamp."""
        try:
            stamp, error = self._session.current().file.stamp, ""
        except (UsageError, ReviewOver) as problem:
            stamp, error = "", str(problem)
        return (self._session.foreign_changes, error), stamp

    def _stamp(self) -> str:
        """Return the stamp that a decision comes with."""
        if self.applying.begun:
            raise ReviewOver(message("refused.carried_out"))
        return _got("stamp", str)

    def _answer(self, saved: Saved) -> dict[str, Any]:
        return {
            "stamp": saved.state.file.stamp,
            "rows": to_columns(saved.changed),
            "undo": saved.undo,
            "redo": saved.redo,
            "problems": _told(saved.state.problems),
        }

    def _explain(self, error: Exception) -> tuple[Response, int]:
        """Answer an error as the page reads it."""
        if isinstance(error, NotInPlan):
            return jsonify(error="Forbidden", message=str(error)), 403
        assert isinstance(error, MessageError)
        told = error.message.to_json()
        if isinstance(error, PlanChanged):
            return jsonify(error="changed", message=told, stamp=error.stamp), 409
        if isinstance(error, ReviewOver):
            return jsonify(error="carried out", message=told), 409
        if not isinstance(error, Refused):
            return jsonify(error="refused", message=told, problems=[]), 422
        steps = {"undo": len(self._session.done), "redo": len(self._session.undone)}
        return jsonify(error="refused", problems=_told(error.problems), **steps), 422


def _told(problems: Iterable[Problem]) -> list[list[Any]]:
    """Return problems as the page reads them."""
    return [problem.full_message.to_json() for problem in problems]


def _got(name: str, kind: type[T], default: T | None = None) -> T:
    """Return an item of the JSON object of a request; what is not of its kind is a 400."""
    body = request.get_json(silent=True)
    item = body.get(name, default) if isinstance(body, dict) else None
    if not isinstance(item, kind) or isinstance(item, bool):
        abort(400, f"Got {name}={item!r}, expected a JSON object with {name} as {kind.__name__}.")
    return item


def _decision(change: Any) -> Choice:
    kinds = {"path": str, "action": str, "scene": int, "scene_name": str}
    fits = isinstance(change, dict) and all(
        isinstance(value, kinds.get(name, ())) and not isinstance(value, bool)
        for name, value in change.items()
    )
    if not fits or "path" not in change or len(change) == 1:
        abort(400, f"Got the change {change!r}, expected path with action, scene or scene_name.")
    return Choice(**change)
