"""The HTTP views of the app.

Answers are JSON. Status 422 refuses a request: ``message`` gives the reason, as a message of
`dupimg.messages`, and ``field`` the option that is wrong, where that is known. Other errors
are those of `dupimg.pages.local_server`. In a window of its own, a refusal is a page.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flask import Response, abort, request, send_file

from dupimg.app.form import advanced_fields, filled_in
from dupimg.app.places import list_folder, places, suggest_output
from dupimg.app.results import describe, files_to_bring_back, history, read_rows, result_card
from dupimg.app.runs import ROOMS, Run, Runs
from dupimg.demo.demo import make_demo_photos
from dupimg.errors import MessageError, UsageError
from dupimg.files.durable import STATE_FOLDER
from dupimg.files.previews import PreviewFolder
from dupimg.messages import message
from dupimg.options.command_text import written_command
from dupimg.options.run_options import PlanOptions, ReviewOptions
from dupimg.pages.contact_sheet import PAGE, fill_page, served_page
from dupimg.pages.local_server import LocalServer, answer_refusal
from dupimg.pages.opening import open_on_this_machine
from dupimg.pages.photo_views import input_file
from dupimg.runs import preflight

_MOST_RESULTS = 40


class AppServer:
    """The views of the app.

    Parameters
    ----------
    server : LocalServer
    runs : Runs
    """

    def __init__(self, server: LocalServer, runs: Runs) -> None:
        self._server, self._runs = server, runs
        server.add("", app_page)
        server.add("preview/<name>/<int:number>", self.preview)
        server.add("report/<name>/<path:file>", self.report)
        asked = (self.home, self.folder, self.form, self.run, self.result, self.thumb,
                 self.files, self.alive)  # fmt: skip
        sent = (self.command, self.start, self.start_verb, self.resume, self.pause, self.go_on,
                self.stop, self.answer, self.room, self.samples, self.show_folder,
                self.open_page, self.quit)  # fmt: skip
        views: tuple[tuple[tuple[Callable[..., Any], ...], str], ...] = (
            (asked, "GET"),
            (sent, "POST"),
        )
        for group, method in views:
            for view in group:
                server.add(view.__name__, view, method=method)
        server.app.register_error_handler(UsageError, explain)

    # GET: what the page shows.

    def home(self) -> dict[str, Any]:
        """Answer with the known results, latest first, with recent folders and places."""
        latest: dict[Path, list[Run]] = {}
        for run in self._runs:
            if run.verb != "tune":
                latest.setdefault(run.output_dir, []).append(run)
        recent = sorted(latest.values(), key=lambda runs: -runs[-1].about["started"])
        inputs = [d for runs in recent for run in runs[::-1] for d in run.about["input_dirs"]]
        return {
            "results": list(filter(None, map(result_card, recent[:_MOST_RESULTS]))),
            "recent": [d for d in dict.fromkeys(inputs) if Path(d).is_dir()][:8],
            "places": places(),
            "running": [run.to_json() for run in self._runs.running],
        }

    def folder(self) -> dict[str, Any]:
        """Answer with the subfolders of ``path``, see `dupimg.app.places`."""
        return list_folder(Path(request.args.get("path") or Path.home()))

    def form(self) -> dict[str, Any]:
        """Answer with the fields of the form, and suggest an output folder for ``input``."""
        given = request.args.get("input")
        return {
            "advanced": advanced_fields(),
            "output_dir": str(suggest_output(Path(given))) if given else "",
        }

    def run(self) -> dict[str, Any]:
        """Answer with the progress of the run ``id``."""
        return self._run(request.args.get("id")).progress()

    def result(self) -> dict[str, Any]:
        """Answer with the state and the history of an output ``folder``.

        ``runs`` holds the runs of this app; ``history`` also those of the terminal, in order.
        """
        folder = _result_folder(request.args.get("folder"))
        runs = [run for run in self._runs.at(folder) if run.verb not in ROOMS]
        return describe(folder) | {
            "runs": [run.to_json() for run in runs],
            "history": history(folder, runs),
            "name": _encode_folder(folder),
        }

    def files(self) -> dict[str, Any]:
        """Answer with the files that undo can bring back whose path contains ``search``."""
        folder = _result_folder(request.args.get("folder"))
        return files_to_bring_back(folder, request.args.get("search", ""))

    def thumb(self) -> Response:
        """Answer with the preview of the photo with a ``digest``."""
        folder = _result_folder(request.args.get("folder"))
        digest = request.args.get("digest", "")
        if not re.fullmatch("[0-9a-f]{64}", digest):
            abort(403, "Got a digest of no photo.")
        return _picture(PreviewFolder(folder).file(digest), folder / STATE_FOLDER)

    def preview(self, name: str, number: int) -> Response:
        """Answer with preview `number` of a run."""
        run = self._run(name)
        previews = run.log.previews
        if number >= len(previews):
            abort(404, "The run has told of no such picture.")
        return _picture(previews[number], run.output_dir / STATE_FOLDER)

    def report(self, name: str, file: str) -> Response:
        """Answer with the report of a result, or with a file that the report shows."""
        try:
            given = os.fsdecode(base64.urlsafe_b64decode(name))
        except ValueError:
            abort(403, "Got the name of no result.")
        folder = _result_folder(given)
        record = read_rows(folder)
        if file == PAGE and not (folder / PAGE).is_file():
            abort(404, message("why.gone", path=str(folder / PAGE)))
        if file == PAGE and record is not None:
            return Response(served_page(folder, record.run.inputs), mimetype="text/html")
        if file.startswith(f"{STATE_FOLDER}/"):
            return _picture(folder / file, folder / STATE_FOLDER)
        photos = [] if record is None else [row for row in record.rows if row.is_media]
        if record is not None and file in {f"in/{row.path}" for row in photos}:
            return _send(input_file(record.run.inputs, file.removeprefix("in/")))
        if file not in {row.destination for row in photos}:
            abort(403, "Got a file that the report does not show.")
        return _send_inside(folder / file, folder)

    # POST: what the page does.

    def command(self) -> dict[str, Any]:
        """Answer with the command line for a ``verb`` and its ``values``."""
        return {"command": filled_in(_required_text("verb"), _values())[1]}

    def start(self) -> dict[str, Any]:
        """Start to plan, or to tune, with the ``values`` of the form."""
        values = _values()
        options, command = filled_in("plan", values)
        assert isinstance(options, PlanOptions)
        preflight.check_inputs(options.input_dir, options.protect, "input_dir")
        inputs = [*map(str, options.input_dir)]
        if values.get("tune"):
            return self._tune(values, inputs)
        output_dir = Path(values["output_dir"])
        if not output_dir.is_absolute():
            raise UsageError(
                message("refused.whole_path", folder=str(output_dir)), field="output_dir"
            )
        return self._start_run(command, output_dir, inputs, values)

    def _tune(self, values: dict[str, Any], inputs: list[str]) -> dict[str, Any]:
        output_dir = Path(inputs[0]).parent / f"{Path(inputs[0]).name} tuned"
        given = values | {"output_dir": str(output_dir)}
        _, command = filled_in("tune", given)
        return self._start_run(command, output_dir, inputs, values)

    def start_verb(self) -> dict[str, Any]:
        """Start a ``verb`` on an output folder, with its ``values``."""
        verb, values = _required_text("verb"), _values()
        folder = _result_folder(values.get("plan") or values.get("output_dir"))
        if verb == "trash":
            command = shlex.join(["dupimg", "trash", str(folder), "--yes"])
        elif verb in ("apply", "add", "undo"):
            command = filled_in(verb, values)[1]
        else:
            abort(400, f"Got the verb {verb!r}, expected apply, add, undo or trash.")
        return self._start_run(command, folder)

    def resume(self) -> dict[str, Any]:
        """Resume the interrupted command of an output ``folder``."""
        folder = _result_folder(_required_text("folder"))
        told = describe(folder)
        if told["state"] == "undoing":
            command = shlex.join(["dupimg", "undo", str(folder)])
        elif told["state"] == "applying" or (told["state"] == "applied" and not told["resume"]):
            command = shlex.join(["dupimg", "apply", str(folder)])
        elif told["resume"]:
            command = told["resume"]
        else:
            before = [run for run in self._runs.at(folder) if run.verb == "plan"]
            if not before:
                raise UsageError(message("refused.nothing_interrupted", folder=str(folder)))
            command = shlex.join(["dupimg", *before[-1].about["words"]])
        earlier = next((r for r in self._runs.at(folder) if r.about["input_dirs"]), None)
        about = earlier.about if earlier else {"input_dirs": [], "values": {}}
        return self._start_run(command, folder, about["input_dirs"], about["values"])

    def room(self) -> dict[str, Any]:
        """Open the review of an output ``folder``; the progress of its run has its ``address``."""
        folder = _result_folder(_required_text("folder"))
        for run in self._runs.at(folder):
            if run.verb == "review" and run.is_joinable:
                return {"id": run.id}
        options = ReviewOptions(plan=folder)
        return self._start_run(written_command("review", options), folder)

    def pause(self) -> dict[str, Any]:
        """Pause the run ``id``."""
        self._run(_required_text("id")).pause()
        return {}

    def go_on(self) -> dict[str, Any]:
        """End the pause of the run ``id``."""
        self._run(_required_text("id")).go_on()
        return {}

    def stop(self) -> dict[str, Any]:
        """Stop the run ``id``; it can be resumed later."""
        self._run(_required_text("id")).stop()
        return {}

    def answer(self) -> dict[str, Any]:
        """Pass the user's ``answer``, yes or no, to the run ``id``."""
        self._run(_required_text("id")).answer(_required_text("answer") == "yes")
        return {}

    def samples(self) -> dict[str, Any]:
        """Make the demo photos unless they exist, and answer with their folder."""
        home = next(place["path"] for place in places() if place["kind"] in ("pictures", "home"))
        folder = Path(home) / "dupimg demo"
        if not folder.exists():
            make_demo_photos(folder)
        return {"folder": str(folder)}

    def show_folder(self) -> dict[str, Any]:
        """Open an output ``folder`` in the file manager of this machine."""
        open_on_this_machine(_result_folder(_required_text("folder")))
        return {}

    def open_page(self) -> dict[str, Any]:
        """Open another page of the app, because it was started a second time."""
        self._server.open_page()
        return {}

    def quit(self) -> dict[str, Any]:
        """End the app; its runs are stopped and can be resumed later."""
        self._server.end()
        return {}

    def alive(self) -> Response:
        """Stream the ids of the running runs each second while the page is open."""

        def news() -> Iterator[tuple[str, str]]:
            while True:
                yield "ping", ",".join(run.id for run in self._runs.running)

        return self._server.stream(news())

    def _run(self, name: str | None) -> Run:
        run = self._runs.find(name or "")
        if run is None:
            raise UsageError(message("refused.no_such_run"))
        return run

    def _start_run(
        self,
        command: str,
        output_dir: Path,
        inputs: list[str] | None = None,
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        going = [r for r in self._runs.at(output_dir) if r.is_joinable and r.verb != "review"]
        run = going[0] if going else self._runs.start(
            command, output_dir=output_dir, input_dirs=inputs, values=values
        )  # fmt: skip
        return {"id": run.id}


def app_page() -> str:
    """Return the HTML of the app."""
    return fill_page(
        "app/page.html",
        scripts=(
            "text.js",
            "elements.js",
            "app/server.js",
            "app/parts.js",
            "app/folders.js",
            "app/home.js",
            "app/form.js",
            "app/run.js",
            "app/result.js",
            "app/rooms.js",
        ),
        styles=(
            "style.css",
            "sheets.css",
            "app/style.css",
            "app/home.css",
            "app/form.css",
            "app/run.css",
            "app/result.css",
            "app/narrow.css",
        ),
        texts=("messages.json", "page_messages.json", "app/text.json"),
        data=None,
        pictures="img-src 'self' data:; connect-src 'self'",
    )


def explain(error: MessageError) -> tuple[Response, int]:
    """Answer with an error, see `answer_refusal`."""
    field = getattr(error, "field", "")
    return answer_refusal("refused", error.messages, field=field), 422


def _result_folder(given: Any) -> Path:
    """Return `given` as a path; raise UsageError unless it is an output folder."""
    folder = Path(given) if isinstance(given, str) and given else Path()
    if not folder.is_absolute() or not (folder / STATE_FOLDER).is_dir():
        raise UsageError(message("refused.no_result", folder=str(folder)), field="folder")
    return folder


def _encode_folder(folder: Path) -> str:
    """Return an output folder encoded for use in an address."""
    return base64.urlsafe_b64encode(os.fsencode(folder)).decode()


def _picture(file: Path, folder: Path) -> Response:
    """Return a picture made by a run; the browser may cache it."""
    if file.suffix.lower() not in (".jpg", ".jpeg", ".webp", ".png"):
        abort(403, "Got what is no picture of a run.")
    response = _send_inside(file, folder)
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def _send_inside(file: Path, folder: Path) -> Response:
    """Return a regular file within a folder; refuse links that lead out of it."""
    if not file.resolve().is_relative_to(folder.resolve()):
        abort(403, "Got a file outside the folder.")
    if not file.is_file():
        abort(404, message("why.gone", path=str(file)))
    return _send(file)


def _send(file: Path) -> Response:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return send_file(file.resolve(), mimetype=kind)


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _required_text(name: str) -> str:
    value = _body().get(name)
    if not isinstance(value, str) or not value:
        abort(400, f"Got {name}={value!r}, expected a text.")
    return value


def _values() -> dict[str, Any]:
    values = _body().get("values")
    if not isinstance(values, dict):
        abort(400, "Got no values, expected those of the form.")
    missing = [n for n in ("input_dir", "output_dir") if n in values and not values[n]]
    if missing:
        told = message(
            {"input_dir": "refused.choose_photos", "output_dir": "refused.choose_output"}[
                missing[0]
            ]
        )
        raise UsageError(told, field=missing[0])
    return values
