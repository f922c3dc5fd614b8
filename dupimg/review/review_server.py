"""Serve the page for the review of a plan to the browser of this machine.

The views of `ReviewServer` document their answers, which are JSON. Status 403: the request comes
from another page, or is about a file that is no photo of the plan. 409: the plan is not the one
that the user saw. 422: a decision is impossible, with the reasons. Messages have the form of
`dupimg.messages.Message.to_json`.
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
from dupimg.review.edited_plan import Choice, NotInPlan, Refused, ReviewState
from dupimg.review.pair_views import PairViews
from dupimg.review.review_session import PlanChanged, ReviewOver, ReviewSession, Saved
from dupimg.runs import disk_space
from dupimg.runs.result import Result, command_line

T = TypeVar("T")
View = Callable[[], Any]

# Worker processes: the two photos of a comparison are decoded at the same time.
_DECODERS = 2
_SECONDS_TO_DECODE = 60.0


def review(options: ReviewOptions, *, announce: Callable[[str], object] = print) -> Result | None:
    """Serve the review of a plan in the browser until the page is closed.

    Parameters
    ----------
    options : ReviewOptions
    announce : callable
        Receives the lines with the address of the page.

    Returns
    -------
    Result or None
        The result of applying the plan, if that was done.

    Raises
    ------
    UsageError
        There is no plan, it was applied already, or the port is not free.
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
    """Disable the garbage collector, then freeze what was allocated."""
    with _gc_paused():
        yield
        gc.freeze()


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """Disable the garbage collector, which finds nothing in rows and takes 3 s of 100,000."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class ReviewServer:
    """The views of a review.

    Parameters
    ----------
    server : LocalServer
    session : ReviewSession
    decode : callable
        See `dupimg.files.sandbox.Sandbox.map`.
    remembers : bool
        Whether later runs will remember distinct photos.
    command : str
        The command that restarts the review.
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

    def data(self) -> Response:
        """Answer with the content of the page, see `dupimg.pages.contact_sheet.page_data`.

        Additional fields: the ``stamp`` required for decisions, the numbers of steps to undo and
        redo, the problems of the plan, the pairs of digests declared distinct (``apart``), the
        number of the first ``new_scene``, whether the plan ``names_scenes``, the originally
        ``decided`` actions, the numbers of ``reviewed`` groups, and the commands that restart the
        review (``command``), show the state of the result (``status``) and ``resume`` applying.
        """
        with _gc_paused():
            return jsonify(self._shown(self._session.current()))

    def _shown(self, state: ReviewState) -> dict[str, Any]:
        return page_data(state.rows, self._about) | {
            "stamp": state.file.stamp,
            "undo": len(self._session.done),
            "redo": len(self._session.undone),
            "problems": _problems_json(state.problems),
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
        """Make ``changes`` as one step, each with a path and an action, a scene or a scene name.

        Every answer to a step contains the new ``stamp``, the changed ``rows`` (columns as in
        `data`), the numbers of steps to undo and redo, and the problems.
        """
        changes = [_decision(change) for change in _request_item("changes", list)]
        return self._answer(
            self._session.decide(self._stamp(), changes, _request_item("label", str, ""))
        )

    def not_duplicate(self) -> dict[str, Any]:
        """Keep the photo at ``path``, and store that it is no duplicate of its keeper."""
        saved = self._session.not_duplicate(
            self._stamp(), _request_item("path", str), _request_item("label", str, "")
        )
        note = None if self._remembers else message("note.this_plan_only").to_json()
        return self._answer(saved) | {"note": note}

    def undo(self) -> dict[str, Any]:
        """Undo the last step."""
        return self._answer(self._session.undo(self._stamp()))

    def redo(self) -> dict[str, Any]:
        """Redo the step that was undone last."""
        return self._answer(self._session.redo(self._stamp()))

    def changes(self) -> dict[str, Any]:
        """Answer with a preview of applying the plan.

        Fields: the user's ``changes`` and their ``consequences`` as messages, the ``folder`` of the
        result, the ``bytes`` to transfer, the ``space`` that they take by mode, and the ``free``
        bytes. `check` finds the problems.
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
        """Answer with the ``problems`` for which `apply` would refuse a ``mode``."""
        found = obstacles(self._session, self._stamp(), self._options().mode)
        return {"problems": _problems_json(found)}

    def apply(self) -> tuple[dict[str, Any], int]:
        """Start to apply the plan in a ``mode``: copy, move, hard_link or reflink."""
        options = self._options()
        state = self._session.expect(self._stamp())
        if state.problems:
            raise Refused(*state.problems)
        self.applying.start(options)
        return self.applying.progress(), 202

    def take_back(self) -> tuple[dict[str, Any], int]:
        """Start to undo the applied plan; afterwards decisions can continue.

        With paths in ``files``, only these are undone.
        """
        files = [path for path in _request_item("files", list, []) if isinstance(path, str)]
        self.applying.take_back(self._session.output_dir, self._cache, files)
        return self.applying.progress(), 202

    def show_result(self) -> dict[str, Any]:
        """Open the ``folder`` or the ``report`` of the result with the programs of this machine."""
        folder = self._session.output_dir
        open_on_this_machine(folder / PAGE if _request_item("what", str) == "report" else folder)
        return {}

    def reviewed(self) -> dict[str, Any]:
        """Mark duplicate ``groups``, given by number, as ``reviewed`` (1) or not (0)."""
        numbers = [number for number in _request_item("groups", list) if isinstance(number, int)]
        try:
            self._session.reviewed.mark(numbers, reviewed=bool(_request_item("reviewed", int)))
        except OSError as error:
            folder = str(self._session.output_dir)
            raise UsageError(message("refused.not_written", plan=folder, why=why(error))) from error
        return {"reviewed": sorted(self._session.reviewed.numbers)}

    def alike(self, number: int) -> dict[str, Any]:
        """Answer with the numbers of ``scenes`` most similar to the photo of a row, best first."""
        rows = self._session.current().rows
        if number >= len(rows) or not rows[number].is_media:
            abort(403, "Got the number of no photo of the plan.")
        return {"scenes": alike_scenes(rows, number, self._pairs.alike)}

    def app(self) -> dict[str, Any]:
        """Answer with the ``address`` of the result in the app; empty if no app runs."""
        return {"address": view_in_app("result", folder=str(self._session.output_dir.resolve()))}

    def _placed(self, path: str) -> str:
        """Return the place of a file below the output folder after the plan was applied."""
        rows = self.applying.result.rows if self.applying.result else ()
        return next((row.destination for row in rows if row.path == path), "")

    def _options(self) -> ApplyOptions:
        mode = _request_item("mode", str)
        return ApplyOptions(
            plan=self._session.plan,
            process_mode="copy" if mode in ("hard_link", "reflink") else mode,
            hard_link=mode == "hard_link",
            reflink=mode == "reflink",
            quiet=True,
            cache=self._cache,
        )

    def progress(self) -> dict[str, Any]:
        """Answer with the progress of applying, see `BackgroundApply.progress`."""
        if self.applying.state == TAKEN_BACK:
            self._session.reopen()
        return self.applying.progress()

    def alive(self) -> Response:
        """Stream a ``ping`` each second while the page is open.

        It contains the ``stamp`` of the plan and whether it is ``applying``. A ``changed`` event
        instead means that others have changed the plan, so that the page must reload its data.
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
        """Return values that only change if others change the plan, and the stamp."""
        try:
            stamp, error = self._session.current().file.stamp, ""
        except (UsageError, ReviewOver) as problem:
            stamp, error = "", str(problem)
        return (self._session.foreign_changes, error), stamp

    def _stamp(self) -> str:
        """Return the stamp in the request of a decision."""
        if self.applying.begun:
            raise ReviewOver(message("refused.carried_out"))
        return _request_item("stamp", str)

    def _answer(self, saved: Saved) -> dict[str, Any]:
        return {
            "stamp": saved.state.file.stamp,
            "rows": to_columns(saved.changed),
            "undo": saved.undo,
            "redo": saved.redo,
            "problems": _problems_json(saved.state.problems),
        }

    def _explain(self, error: Exception) -> tuple[Response, int]:
        """Answer with an error as JSON."""
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
        return jsonify(error="refused", problems=_problems_json(error.problems), **steps), 422


def _problems_json(problems: Iterable[Problem]) -> list[list[Any]]:
    """Return problems as JSON values."""
    return [problem.full_message.to_json() for problem in problems]


def _request_item(name: str, kind: type[T], default: T | None = None) -> T:
    """Return an item of the JSON object of a request; 400 if it has another type."""
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
