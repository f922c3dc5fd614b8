"""The app ends by itself where nobody looks and nothing runs."""

from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from files import make_files

from dupimg.app.app import run_app
from dupimg.options.tool_options import AppOptions


def send(address: str, path: str, **body: object) -> dict:
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"{url.path}{path}", json.dumps(body), headers)
    return json.loads(connection.getresponse().read())


def test_it_ends_without_a_page_but_not_while_a_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_files(tmp_path / "in", {"a.txt": b"a"})
    told: list[str] = []
    app = threading.Thread(
        target=run_app,
        daemon=True,
        args=(AppOptions(browser=False),),
        kwargs={"announce": told.append, "seconds_to_end": 2.0},
    )
    app.start()
    while not told:
        time.sleep(0.01)
    address = told[0].split()[-1]
    values = {"input_dir": [str(tmp_path / "in")], "output_dir": str(tmp_path / "out")}
    run = send(address, "start", values=values)["id"]
    send(address, "pause", id=run)
    app.join(4)
    assert app.is_alive()
    send(address, "stop", id=run)
    app.join(20)
    assert not app.is_alive()
