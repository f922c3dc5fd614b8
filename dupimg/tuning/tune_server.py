"""Serve the page with questions about pairs of photos to the browser of this machine."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from flask import Response, abort, request

from dupimg.files.inputs import Inputs
from dupimg.files.photos import Photo
from dupimg.files.sandbox import Map, Sandbox
from dupimg.messages import message, why
from dupimg.options.tool_options import TuneOptions
from dupimg.pages.app_address import view_in_app
from dupimg.pages.contact_sheet import fill_page
from dupimg.pages.local_server import LocalServer, answer_refusal
from dupimg.pages.photo_views import PhotoViews
from dupimg.plans.record import Record, Run
from dupimg.plans.rows import KEEP, Row
from dupimg.progress_file import progress_file
from dupimg.tuning.pair_labels import SKIPPED
from dupimg.tuning.questions import ANSWERS, ThresholdEvidence
from dupimg.tuning.report import Tuned
from dupimg.tuning.tuning_session import LABELS, Question, TuningSession

# Worker processes: both photos of a pair are decoded at the same time.
_DECODERS = 2
_SECONDS_TO_DECODE = 60.0

# Further pairs when the user wants to continue.
_MORE = 10


def ask_in_browser(
    session: TuningSession, options: TuneOptions, say: Callable[[str], object]
) -> None:
    """Ask questions on a page until it is closed or Ctrl-C is pressed.

    Parameters
    ----------
    session : TuningSession
    options : TuneOptions
    say : callable
        Prints the line with the address of the page.
    """
    server = LocalServer()
    with Sandbox(_DECODERS, _SECONDS_TO_DECODE) as sandbox:
        TuneServer(server, session, options, sandbox.map)
        say(f"tune     {server.address}")
        say("Every answer is saved at once. Close the page to finish, or press Ctrl-C.")
        server.serve(open_browser=options.browser)


class TuneServer:
    """The views of the page.

    Parameters
    ----------
    server : LocalServer
    session : TuningSession
    options : TuneOptions
    decode : callable
        See `dupimg.files.sandbox.Sandbox.map`.
    """

    def __init__(
        self, server: LocalServer, session: TuningSession, options: TuneOptions, decode: Map
    ) -> None:
        self._server, self._session, self._options = server, session, options
        self._lock = threading.Lock()
        self._finished = False
        inputs = Inputs.join([options.input_dir])
        record = Record(Run(inputs, ""), tuple(map(_row, session.photos)))
        server.add("", _page)
        server.add("photo/<int:number>", PhotoViews(record, options.output_dir, decode).photo)
        for view in (self.state, self.alive, self.app):
            server.add(view.__name__, view)
        for view in (self.answer, self.back, self.finish, self.more, self.done):
            server.add(view.__name__, view, method="POST")
        server.app.register_error_handler(OSError, self._explain)

    def state(self) -> dict[str, Any]:
        """Answer with the question, or with the result once there are enough answers."""
        with self._lock:
            return self._state()

    def answer(self) -> dict[str, Any]:
        """Store an ``answer`` about the photos in ``rows``; 409 if the question is another one."""
        sent = request.get_json(silent=True)
        body = sent if isinstance(sent, dict) else {}
        answer = body.get("answer")
        if answer not in (*ANSWERS, SKIPPED):
            abort(400, f"Got the answer {answer!r}, expected {', '.join((*ANSWERS, SKIPPED))}.")
        with self._lock:
            question = self._session.question
            if question is None or body.get("rows") != [*question.rows]:
                abort(409, message("refused.other_pair"))
            self._session.answer(answer)
            said = {
                "answer": answer,
                "cosine": question.cosine,
                "scene_cosine": question.scene_cosine,
            }
            return self._state() | {"said": said}

    def back(self) -> dict[str, Any]:
        """Undo the last answer, or go back from the result to the questions."""
        with self._lock:
            if self._finished and self._session.question is not None:
                self._finished = False
            else:
                self._session.back()
            return self._state()

    def finish(self) -> dict[str, Any]:
        """Show the result of the answers so far."""
        with self._lock:
            self._finished = True
            return self._state()

    def more(self) -> dict[str, Any]:
        """Ask about ten more pairs."""
        with self._lock:
            self._finished = False
            if self._session.question is None:
                self._session.ask_more(_MORE)
            return self._state()

    def done(self) -> dict[str, Any]:
        """Answer with the result, write it to the output folder and end the server."""
        with self._lock:
            self._finished = True
            state = self._state()
        self._server.end()
        return state

    def app(self) -> dict[str, Any]:
        """Answer with the address of the form in the app, from which the questions can go on later.

        It is empty if no app runs.
        """
        return {"address": _form_in_app(left="yes")}

    def alive(self) -> Response:
        """Stream events while the page is open."""
        return self._server.stream(("ping", str(number)) for number in itertools.count())

    def _explain(self, error: OSError) -> tuple[Response, int]:
        """Answer that an answer could not be saved."""
        file = str(self._options.output_dir / LABELS)
        told = message("refused.not_written", plan=file, why=why(error))
        return answer_refusal("refused", [told]), 422

    def _state(self) -> dict[str, Any]:
        question = self._session.question
        done = self._finished or question is None
        return {
            "folder": str(self._options.input_dir),
            "answers": self._session.n_answers,
            "skipped": self._session.n_skipped,
            "finished": _form_in_app(answered="yes"),
            "can_go_back": bool(self._session.labels) or (done and question is not None),
            "question": None if question is None or done else _question_json(question),
            "result": self._result() if done else None,
        }

    def _result(self) -> dict[str, Any]:
        options = self._options
        tuned = Tuned.of(self._session, options)
        return {
            "duplicates": _evidence_json(tuned.duplicates, options.duplicate_threshold),
            "scenes": _evidence_json(tuned.scenes, options.scene_threshold),
            "precision": options.target,
            "command": tuned.command,
            "output_dir": str(options.output_dir),
            "more": not self._session.exhausted,
        }


def _form_in_app(**how: str) -> str:
    """Return the address of the form in the app from which the run came; empty without one."""
    run = progress_file()
    return "" if run is None else view_in_app("run", id=run.name, **how)


def _page() -> str:
    return fill_page(
        "tune/page.html",
        scripts=(
            "text.js",
            "elements.js",
            "to_app.js",
            "tune/chart.js",
            "tune/result.js",
            "tune/app.js",
        ),
        styles=("style.css", "sheets.css", "tune/style.css"),
        texts=("messages.json", "page_messages.json", "tune/text.json"),
        data=None,
        pictures="img-src 'self' data:; connect-src 'self'",
    )


def _row(photo: Photo) -> Row:
    return Row(
        photo.path,
        KEEP,
        scene=1,
        width=photo.width,
        height=photo.height,
        bytes=photo.bytes,
        digest=photo.digest,
    )


def _question_json(question: Question) -> dict[str, Any]:
    """Return a question as JSON, without its cosines, which must not bias the answer."""
    return {
        "number": question.number,
        "total": question.total,
        "rows": question.rows,
        "photos": [
            {
                "path": photo.path,
                "width": photo.width,
                "height": photo.height,
                "bytes": photo.bytes,
                "taken": photo.local_time.isoformat() if photo.has_capture_time else "",
            }
            for photo in question.photos
        ],
    }


def _evidence_json(evidence: ThresholdEvidence, in_use: float) -> dict[str, Any]:
    return {
        "in_use": in_use,
        "recommended": evidence.recommended,
        "answers": [
            [round(float(cosine), 4), bool(right)]
            for cosine, right in zip(evidence.cosines, evidence.together, strict=True)
        ],
        "table": evidence.table.round(4).to_dict("list"),
    }
