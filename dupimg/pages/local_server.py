"""Serve a page to the user's browser on this machine only, as long as it is open.

Possible intruders: programs of other users on this machine (they lack the token), pages of other
sites in the same browser (they lack the token and have another origin), and sites whose name
resolves to this machine (they have another host). All of them get 403 without any details. The
command line of the browser, which other users can read, contains only a file that its owner can
read.
"""

from __future__ import annotations

import contextlib
import hmac
import html
import os
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import ClosingIterator

from dupimg.errors import UsageError
from dupimg.messages import Message, message, templates
from dupimg.pages.secret_link import SecretLink
from dupimg.progress_file import tell

# A reloaded page is away for a moment; a closed one is noticed at the second ping.
_GRACE_SECONDS = 5.0

# Wait for the first page, whose address the user may have to copy.
_PATIENCE_SECONDS = 600.0

_PING_SECONDS = 1.0

# Interval at which the end is checked.
_POLL_SECONDS = 0.1

# Most time for answers that are on their way when the server ends.
_SECONDS_TO_ANSWER = 5.0

# Largest request: a decision about 100,000 photos is smaller.
_LONGEST_REQUEST_BYTES = 32 * 1024 * 1024

_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# The page of an error.
_PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>dupimg</title>
<p>{lines}
</html>
"""


class LocalServer:
    """A web server on 127.0.0.1 that only answers requests to a secret address.

    Parameters
    ----------
    port : int, default=0
        0 for any free port.

    Attributes
    ----------
    app : Flask
        The application; `add` registers views. Pages declare in a meta element what they may load.
    token : str
        The first part of the path of every address.
    address : str
        Address of the page.

    Raises
    ------
    UsageError
        The port is not free.

    Examples
    --------
    >>> server = LocalServer()
    >>> server.add("", lambda: "<title>a page</title>")
    >>> server.address.startswith("http://127.0.0.1:")
    True
    >>> server.close()
    """

    def __init__(self, port: int = 0) -> None:
        self.app = Flask("dupimg", static_folder=None)
        self.app.config["MAX_CONTENT_LENGTH"] = _LONGEST_REQUEST_BYTES
        self.app.before_request(self._refuse_strangers)
        self.app.after_request(_add_headers)
        self.app.after_request(self._note_request)
        self.app.register_error_handler(HTTPException, _explain)
        try:
            # Bind the port here, as werkzeug would end the program if it is taken.
            with socket.create_server(("127.0.0.1", port)) as bound:
                port = bound.getsockname()[1]
                self._server = make_server(
                    "127.0.0.1",
                    port,
                    self.app,
                    threaded=True,
                    request_handler=_Quiet,
                    fd=bound.fileno(),
                )
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise UsageError(
                f"Got port={port}, which cannot be used ({why}), expected a free one. Leave it out "
                "to get one."
            ) from error
        self.token = secrets.token_urlsafe(32)
        self.address = f"http://127.0.0.1:{port}/{self.token}/"
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._visits, self._answers = _Visits(), _Answers()
        self.app.wsgi_app = self._answers.counted(self.app.wsgi_app)  # type: ignore[method-assign]
        self._closing, self._ended = threading.Event(), threading.Event()
        self._link: SecretLink | None = None

    def add(self, path: str, view: Callable[..., Any], *, method: str = "GET") -> None:
        """Register a view for a path below the token, with or without ``<parameters>``."""
        self.app.add_url_rule(
            f"/{self.token}/{path}", endpoint=f"{method} {path}", view_func=view, methods=[method]
        )

    def stream(self, news: Iterator[tuple[str, str]]) -> Response:
        """Answer with an event each second, as long as the page is open.

        Parameters
        ----------
        news : iterator of (str, str)
            Names and data of events, in one line each; evaluated lazily.

        Notes
        -----
        `serve` counts a page as open as long as it reads such a stream.
        """

        def events() -> Iterator[str]:
            with self._visits.one():
                yield "retry: 1000\n\n"  # milliseconds: browsers wait for up to 5 seconds
                for name, data in news:
                    yield f"event: {name}\ndata: {data}\n\n"
                    if self._closing.wait(_PING_SECONDS):
                        return

        return Response(events(), mimetype="text/event-stream")

    def serve(
        self,
        *,
        open_browser: bool,
        busy: Callable[[], bool] = lambda: False,
        grace_seconds: float = _GRACE_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        """Serve until the last page is closed, or on Ctrl-C; then close.

        Requests that are being answered then are answered first, for a few seconds: the threads
        that answer end with the program, which loses the answer and may hang in what they compute.

        Parameters
        ----------
        open_browser : bool
            Whether to open the page.
        busy : callable
            Returns whether work is going on for which a page may come back.
        grace_seconds : float, default=5
            How long all pages may be away, such as for a reload.
        patience_seconds : float, default=600
            How long to wait for the first page.
        """
        threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        ).start()
        if open_browser:
            self.open_page()
        try:
            with contextlib.suppress(KeyboardInterrupt):
                while not self._ended.is_set() and self._is_wanted(
                    busy, grace_seconds, patience_seconds
                ):
                    time.sleep(_POLL_SECONDS)
        finally:
            self._remove_link()
            self._closing.set()
            tell(closed=True)
            self._server.shutdown()
            self._answers.wait_for_end(_SECONDS_TO_ANSWER)

    def open_page(self) -> None:
        """Open the page in the browser of this machine."""
        self._remove_link()
        self._link = link = SecretLink(self.address)
        self._visits_before = self._visits.count
        # In a thread, because a text browser would occupy the terminal.
        threading.Thread(target=webbrowser.open, args=(link.uri,), daemon=True).start()

    def end(self) -> None:
        """Make `serve` return."""
        self._ended.set()

    def _is_wanted(
        self, busy: Callable[[], bool], grace_seconds: float, patience_seconds: float
    ) -> bool:
        if self._link and self._visits.count > self._visits_before:
            self._remove_link()
        if busy():
            self._visits.touch()
            return True
        return not self._visits.over(grace_seconds, patience_seconds)

    def _note_request(self, response: Response) -> Response:
        """Restart the time without a page: one with many photos opens its stream late."""
        if response.status_code != 403:
            self._visits.touch()
        return response

    def _remove_link(self) -> None:
        if self._link:
            self._link.remove()
        self._link = None

    def close(self) -> None:
        """Release the port of a server that does not serve."""
        self._server.server_close()

    def _refuse_strangers(self) -> None:
        """Abort requests without the token, or from pages of other servers."""
        headers = request.headers
        token = request.path.split("/")[1]
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            abort(403, message("refused.address"))
        if headers.get("Host") not in self._hosts:
            abort(403, message("refused.other_host"))
        origins = {None, *(f"http://{host}" for host in self._hosts)}
        # Following a link to the page does not count as a request by the linking page.
        site = headers.get("Sec-Fetch-Site")
        if headers.get("Origin") not in origins or not (
            site in (None, "none", "same-origin") or _is_opened()
        ):
            abort(403, "Got a request from another site.")
        # A form of another site cannot send this type.
        if request.method == "POST" and request.mimetype != "application/json":
            abort(403, f"Got {request.mimetype!r}, expected 'application/json'.")


class _Visits:
    """Counts the open pages, and the time without any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self.count = 0
        self._empty_since = time.monotonic()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        with self._lock:
            self._open += 1
            self.count += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                self._empty_since = time.monotonic()

    def touch(self) -> None:
        """Restart the time without a page."""
        with self._lock:
            self._empty_since = time.monotonic()

    def over(self, grace_seconds: float, patience_seconds: float) -> bool:
        with self._lock:
            limit = grace_seconds if self.count else patience_seconds
            return not self._open and time.monotonic() - self._empty_since > limit


class _Answers:
    """Counts the requests that are being answered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = 0

    @contextlib.contextmanager
    def _one(self) -> Iterator[None]:
        with self._changed:
            self._open += 1
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def counted(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., ClosingIterator]:
        """Return a WSGI application that counts each request until its answer is sent."""

        def answer(environ: Any, start_response: Any) -> ClosingIterator:
            with contextlib.ExitStack() as stack:
                stack.enter_context(self._one())
                parts = app(environ, start_response)
                return ClosingIterator(parts, stack.pop_all().close)

        return answer

    def wait_for_end(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)


class _Quiet(WSGIRequestHandler):
    """A handler that does not log requests."""

    def log(self, type: str, message: str, *args: object) -> None:
        pass


def _add_headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    # Pages declare what they may load themselves; framing can only be forbidden in a header.
    policy = "" if response.mimetype == "text/html" else "default-src 'none'; "
    response.headers["Content-Security-Policy"] = f"{policy}frame-ancestors 'none'"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _explain(error: HTTPException) -> tuple[Response, int]:
    """Answer with an error, see `answer_refusal`; what only programs ask for is in English."""
    told: Message | str | None = error.description
    if isinstance(told, Message):
        return answer_refusal(error.name, [told]), error.code or 500
    return jsonify(error=error.name, message=told), error.code or 500


def answer_refusal(error: str, messages: Sequence[Message], **more: str) -> Response:
    """Answer with messages as JSON, or as a page if the user has opened the address itself.

    Parameters
    ----------
    error : str
        The kind of the error.
    messages : sequence of Message
    **more : str
        Further values of the JSON object.
    """
    if _is_opened():
        known = {tag.split("-")[0]: tag for tag in templates()}
        language = known[request.accept_languages.best_match(known, default="en")]
        lines = (html.escape(told.in_language(language)) for told in messages)
        return Response(_PAGE.format(language=language, lines="\n<p>".join(lines)))
    first, *parts = (told.to_json() for told in messages)
    return jsonify(error=error, message=first, parts=parts, **more)


def _is_opened() -> bool:
    """Return whether the user has opened the address, so that the answer takes up the window."""
    return request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
