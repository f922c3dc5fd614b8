from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from dupimg.errors import UsageError
from dupimg.pages.local_server import LocalServer


def news():
    return (("ping", str(number)) for number in itertools.count())


@contextmanager
def serving(**how):
    """Yield a server that serves, and the thread that it does that in."""
    server = LocalServer()
    server.add("", lambda: "<title>page</title>")
    server.add("echo/<word>", lambda word: {"word": word})
    server.add("save", lambda: {"saved": True}, method="POST")
    server.add("alive", lambda: server.stream(news()))
    how = {"open_browser": False, "patience_seconds": 60} | how
    thread = threading.Thread(target=lambda: server.serve(**how))
    thread.start()
    try:
        yield server, thread
    finally:
        server.end()
        thread.join(5)
        assert not thread.is_alive()


def ask(server, path="", method="GET", *, token=None, **headers):
    """Return status, headers and body of an answer; `headers` with underscores for dashes."""
    url = urlsplit(server.address)
    with closing(http.client.HTTPConnection(url.hostname, url.port, timeout=10)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"{}" if method == "POST" else None
        address = url.path if token is None else f"/{token}"
        connection.request(method, f"{address}{path}", body, named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_a_request_that_ends_the_server_is_answered_before_the_end():
    with serving() as (server, thread):

        def end():
            server.end()
            time.sleep(1)  # works on: by then, the server would have ended
            return {"ended": thread.is_alive()}

        server.add("end", end, method="POST")
        status, _, body = ask(server, "end", "POST", Content_Type="application/json")
        assert (status, json.loads(body)) == (200, {"ended": True})
        thread.join(5)
        assert not thread.is_alive()


def test_who_knows_the_address_gets_the_page():
    with serving() as (server, _):
        status, headers, body = ask(server)
        assert (status, body) == (200, b"<title>page</title>")
        assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"
        status, headers, body = ask(server, "echo/%E7%8C%AB")
        assert (status, json.loads(body)) == (200, {"word": "猫"})
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers
        assert ask(server, "save", "POST", Content_Type="application/json")[0] == 200
        assert ask(server, "nowhere")[0] == 404
        assert len(server.token) >= 43  # 256 bits


JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"token": ""}),
        ("GET", {"token": "guess"}),
        ("GET", {"token": "guess/"}),
        ("GET", {"token": "%E7%8C%AB/"}),
        ("GET", {"Host": "evil.example"}),
        ("GET", {"Host": "evil.example:{port}"}),
        ("GET", {"Host": "127.0.0.1:1"}),
        ("GET", {"Host": "127.0.0.1"}),
        ("GET", {"Host": ""}),
        ("GET", {"Origin": "http://evil.example"}),
        ("GET", {"Sec_Fetch_Site": "cross-site"}),
        ("GET", {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"}),
        ("POST", JSON | {"Origin": "http://evil.example"}),
        ("POST", JSON | {"Origin": "null"}),
        ("POST", JSON | {"Origin": "https://127.0.0.1:{port}"}),
        ("POST", JSON | {"Origin": "http://127.0.0.1:1"}),
        ("POST", JSON | {"Sec_Fetch_Site": "cross-site"}),
        ("POST", JSON | {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}),
        ("POST", JSON | {"Host": "evil.example:{port}"}),
        ("POST", JSON | {"token": "guess/"}),
        ("POST", {"Content_Type": "text/plain"}),
        ("POST", {"Content_Type": "application/x-www-form-urlencoded"}),
        ("POST", {}),
    ],
)
def test_strangers_are_refused(server_once, method, headers):
    port = str(urlsplit(server_once.address).port)
    headers = {name: value.replace("{port}", port) for name, value in headers.items()}
    path = "save" if method == "POST" else ""
    status, _, body = ask(server_once, path, method, **headers)
    assert status == 403
    assert json.loads(body)["error"] == "Forbidden"
    assert server_once.token.encode() not in body


@pytest.mark.parametrize(
    ("languages", "told"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "请打开 dupimg 显示的完整地址"),
        ("zh-TW", "请打开"),
        ("de,en;q=0.5", "Open the whole address"),
        ("fr", "Open the whole address"),
    ],
)
def test_who_opens_half_an_address_is_told_in_a_language_of_theirs(server_once, languages, told):
    opened = {"Accept_Language": languages, "Sec_Fetch_Mode": "navigate"}
    status, headers, body = ask(server_once, "", token="half/", **opened)
    assert (status, headers["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert told in body.decode()


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"}),
        ("GET", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}),
        ("GET", {"Host": "localhost:{port}"}),
        ("POST", JSON | {"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin"}),
        ("POST", JSON | {"Origin": "http://localhost:{port}", "Host": "localhost:{port}"}),
        ("POST", {"Content_Type": "application/json; charset=utf-8"}),
    ],
)
def test_the_page_and_the_person_are_not(server_once, method, headers):
    port = str(urlsplit(server_once.address).port)
    headers = {name: value.replace("{port}", port) for name, value in headers.items()}
    assert ask(server_once, "save" if method == "POST" else "", method, **headers)[0] == 200


@pytest.fixture(scope="module")
def server_once():
    with serving() as (server, _):
        yield server


def test_it_is_not_reached_from_another_address(server_once):
    port = urlsplit(server_once.address).port
    with socket.socket() as other:
        other.settimeout(1)
        assert other.connect_ex(("127.0.0.2", port)) != 0  # it is not bound to all addresses


def open_page(server):
    """Hold the stream of a page open; return its connection and its first lines."""
    url = urlsplit(server.address)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.request("GET", f"{url.path}alive")
    answer = connection.getresponse()
    lines = [answer.readline() for _ in range(4)]
    return connection, answer, lines


def leave(connection, answer):
    answer.close()
    connection.close()


def test_it_ends_when_the_last_page_has_gone():
    with serving(grace_seconds=0.5) as (server, thread):
        first = open_page(server)
        assert first[2] == [b"retry: 1000\n", b"\n", b"event: ping\n", b"data: 0\n"]
        second = open_page(server)
        leave(*first[:2])
        thread.join(3)
        assert thread.is_alive()  # one page is still open
        leave(*second[:2])
        thread.join(6)
        assert not thread.is_alive()
        with pytest.raises(ConnectionError):
            ask(server)


def test_it_outlives_the_reload_of_a_page():
    with serving(grace_seconds=3) as (server, thread):
        for _ in range(3):
            page = open_page(server)
            leave(*page[:2])
            time.sleep(0.3)
        assert thread.is_alive()


def test_a_page_that_asks_but_does_not_listen_yet_is_open():
    with serving(grace_seconds=0.5) as (server, thread):
        leave(*open_page(server)[:2])
        for _ in range(6):
            time.sleep(0.2)
            assert ask(server)[0] == 200
        thread.join(6)
        assert not thread.is_alive()


def test_it_waits_for_the_first_page_only_so_long():
    start = time.monotonic()
    with serving(patience_seconds=0.5, grace_seconds=0) as (_, thread):
        thread.join(5)
        assert not thread.is_alive()
    assert time.monotonic() - start > 0.5


def test_what_is_under_way_is_not_cut_off():
    busy = threading.Event()
    busy.set()
    with serving(patience_seconds=0, busy=busy.is_set) as (server, thread):
        time.sleep(0.5)
        assert ask(server)[0] == 200
        busy.clear()
        thread.join(3)
        assert not thread.is_alive()


def test_a_port_that_is_taken_is_refused():
    with closing(LocalServer()) as server:
        port = urlsplit(server.address).port
        with pytest.raises(UsageError, match=f"Got port={port}, which cannot be used"):
            LocalServer(port)


PROGRAM = """
from dupimg.pages.local_server import LocalServer
server = LocalServer()
server.add("", lambda: "page")
print(server.address, flush=True)
server.serve(open_browser=False)
print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_ends_it_in_order():
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ, text=True
    ) as program:
        program.stdout.readline()
        time.sleep(0.3)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=10) == ("ended\n", "")
    assert program.returncode == 0
