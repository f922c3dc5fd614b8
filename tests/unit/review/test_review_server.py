from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from files import make_files, read_files, sample, save, snapshot
from PIL import Image, ImageDraw, ImageFont
from planned import set_cells

from dupimg.cli.main import main
from dupimg.files.cache import Cache
from dupimg.files.sandbox import Sandbox
from dupimg.messages import Message
from dupimg.pages.local_server import LocalServer
from dupimg.review.review_server import ReviewServer
from dupimg.review.review_session import ReviewSession
from dupimg.runs.journal import locked

NO_UTF8 = os.fsdecode(b"caf\xe9.jpg")


def told(message):
    """Return a message of an answer in English."""
    return str(Message.from_json(message))


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Plan a small folder of photos for real; return the folder that holds both."""
    folder = tmp_path_factory.mktemp("planned")
    source = folder / "in"
    with Image.open(sample("china.jpg")) as china, Image.open(sample("chelsea.png")) as cat:
        save(china, source / "china.jpg", quality=90)
        save(china.resize((320, 214)), source / "small" / "china copy.jpg")
        save(china, source / "china.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        save(cat.convert("RGB"), source / "cat.tif", exif=exif)
        save(cat.convert("RGB").rotate(90), source / NO_UTF8, quality=80)
    shutil.copy(source / "china.jpg", source / "china again.jpg")
    make_files(source, {"china.xmp": "sidecar", "notes.txt": "notes"})
    rule = "--keep=pixels,bytes"  # not the photo with a sidecar
    assert main(["plan", str(source), str(folder / "out"), rule, "--quiet"]) == 0
    return folder


@pytest.fixture
def output(planned, tmp_path):
    """Return a copy of the output folder with its plan."""
    return shutil.copytree(planned / "out", tmp_path / "out")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(1, 30) as sandbox:
        yield sandbox


class Page:
    """Ask a server as its page does."""

    def __init__(self, address):
        self.url = urlsplit(address)
        self.load()

    def ask(self, path, body=None, **headers):
        """Return status, headers and body of an answer."""
        with closing(http.client.HTTPConnection(self.url.netloc, timeout=30)) as connection:
            method = "GET" if body is None else "POST"
            if body is not None:
                headers = {"Content-Type": "application/json"} | headers
                body = body if isinstance(body, bytes) else json.dumps(body)
            connection.request(method, self.url.path + path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def get(self, path):
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def load(self):
        self.data = self.get("data")
        self.rows = as_rows(self.data["rows"])
        self.stamp = self.data["stamp"]

    def post(self, path, /, **body):
        """Post a decision about what was seen last; return status and answer."""
        status, _, answer = self.ask(path, {"stamp": self.stamp} | body)
        answer = json.loads(answer)
        if "stamp" in answer and status == 200:
            self.stamp = answer["stamp"]
            self.rows |= as_rows(answer["rows"])
        return status, answer

    def decide(self, **actions):
        """Decide about actions of files, given by the stems of their names."""
        paths = {path.rpartition("/")[2].replace(".", "_"): path for path in self.rows}
        changes = [{"path": paths[name], "action": a} for name, a in actions.items()]
        return self.post("decide", changes=changes)

    def number(self, path):
        return self.data["rows"]["path"].index(path)

    def carry_out(self, mode):
        """Apply, and wait for the end; return the last progress."""
        status, answer = self.post("apply", mode=mode)
        assert status == 202, answer
        deadline = time.monotonic() + 30
        while (answer := self.get("progress"))["state"] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer


def as_rows(columns):
    """Turn columns into rows by path."""
    rows = (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))
    return {row["path"]: row for row in rows}


@pytest.fixture
def serve(sandbox, tmp_path):
    """Return a function that serves a plan and returns the address of its page."""
    ends = []

    def start(output, cache_file="cache.sqlite"):
        cache = Cache(cache_file and tmp_path / cache_file).__enter__()
        server = LocalServer()
        page = ReviewServer(
            server,
            ReviewSession(output, cache),
            sandbox.map,
            remembers=cache.is_open,
            command=f"dupimg review {output}",
        )
        how = {"open_browser": False, "grace_seconds": 2, "busy": lambda: page.applying.running}
        thread = threading.Thread(target=lambda: server.serve(**how))
        thread.start()
        ends.append((cache, server, thread))
        return server.address

    yield start
    for cache, server, thread in ends:
        server._visits.came, server._visits._empty_since = True, -1e9
        thread.join(30)
        cache.__exit__(None, None, None)
        assert not thread.is_alive()


@pytest.fixture
def page(serve, output):
    return Page(serve(output))


def test_the_page_and_its_data(page, output):
    status, headers, body = page.ask("")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<html" in body
    assert page.data["about"]["review"] is True
    assert page.data["about"]["duplicate_threshold"] == 0.95
    assert {path: row["action"] for path, row in page.rows.items()} == {
        "china.png": "keep", "china.jpg": "remove", "china again.jpg": "remove",
        "small/china copy.jpg": "remove", "china.xmp": "keep", "cat.tif": "keep",
        NO_UTF8: "keep", "notes.txt": "other",
    }  # fmt: skip
    assert (page.data["undo"], page.data["redo"], page.data["apart"]) == (0, 0, [])
    assert page.data["problems"] == []
    status, headers, _ = page.ask("data")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "application/json"


def test_decisions_undo_and_redo(page, output):
    status, answer = page.decide(china_png="remove", china_jpg="keep")
    assert status == 200
    assert sorted(as_rows(answer["rows"])) == [
        "china again.jpg", "china.jpg", "china.png", "china.xmp", "small/china copy.jpg",
    ]  # fmt: skip
    assert page.rows["china again.jpg"]["keeper"] == page.rows["china.png"]["keeper"] == "china.jpg"
    assert (answer["undo"], answer["redo"], answer["problems"]) == (1, 0, [])
    status, answer = page.post("decide", changes=[{"path": "cat.tif", "scene": 4}], label="split")
    assert (status, page.rows["cat.tif"]["scene"], answer["undo"]) == (200, 4, 2)
    for left in (1, 0):
        status, answer = page.post("undo")
        assert (status, answer["undo"], answer["redo"]) == (200, left, 2 - left)
    assert page.rows == as_rows(page.data["rows"])
    status, answer = page.post("undo")
    assert (status, told(answer["problems"][0])) == (422, "There is no step to take back.")
    assert page.post("redo")[1]["undo"] == 1
    assert main(["apply", str(output), "--dry_run", "--quiet"]) == 0


def test_what_is_refused_says_why_and_changes_nothing(page, output):
    before = snapshot(output)
    status, answer = page.decide(china_png="remove")
    assert status == 422
    (problem,) = answer["problems"]
    assert told(problem) == "china.png: duplicate group 1 would go as a whole, one must stay."
    assert (answer["undo"], answer["redo"]) == (0, 0)
    assert snapshot(output) == before


def test_no_duplicate_is_remembered(page, serve, output):
    path = "small/china copy.jpg"
    status, answer = page.post("not_duplicate", path=path)
    assert (status, answer["note"], page.rows[path]["action"]) == (200, None, "keep")
    page.load()
    pair = sorted([page.rows[path]["digest"], page.rows["china.png"]["digest"]])
    assert page.data["apart"] == [pair]
    assert Page(serve(output)).data["apart"] == [pair]  # another review knows it, too
    page.post("undo")
    page.load()
    assert page.data["apart"] == []


def test_without_a_cache_it_holds_for_this_plan(serve, output):
    page = Page(serve(output, cache_file=None))
    status, answer = page.post("not_duplicate", path="china.jpg")
    assert (status, page.rows["china.jpg"]["action"]) == (200, "keep")
    assert told(answer["note"]) == "Without a cache, this holds for this plan only."
    assert page.data["apart"] == []


def test_what_would_be_carried_out_is_shown_before(page):
    page.decide(cat_tif="leave")
    changes = page.get("changes")
    assert [told(change) for change in changes["changes"]] == [
        "cat.tif: keep → leave, stays where it is"
    ]
    assert changes["counts"] == {"keep": 3, "remove": 3, "other": 1, "leave": 1}
    sizes = [row["bytes"] for path, row in page.rows.items() if path != "cat.tif"]
    assert changes["bytes"] == sum(sizes)
    assert changes["stamp"] == page.stamp


def test_what_stands_in_the_way_is_found_before(own_source, serve):
    source, output = own_source
    page = Page(serve(output))
    before = snapshot(output)
    for mode in ("copy", "move", "hard_link"):
        assert page.post("check", mode=mode) == (200, {"problems": []})
    assert snapshot(output) == before
    (source / "china.png").write_bytes(b"another content")
    (source / "cat.tif").unlink()
    set_cells(output / "plan.csv", "notes.txt", action="dunno")
    assert page.post("check", mode="copy")[0] == 409
    page.load()
    status, answer = page.post("check", mode="copy")
    problems = sorted(told(problem) for problem in answer["problems"])
    assert (status, len(problems)) == (200, 3)
    assert problems[0].startswith("cat.tif: has vanished since the plan")
    assert problems[1].startswith("china.png: has 15 bytes now")
    assert re.match(r"row \d+: notes.txt: Got action 'dunno'", problems[2])
    assert page.post("check", mode="teleport")[0] == 422


def test_a_mode_that_the_disk_does_not_have_stands_in_the_way(own_source, serve):
    _, output = own_source
    page = Page(serve(output))
    _, answer = page.post("check", mode="reflink")
    if answer["problems"]:  # neither Btrfs nor XFS
        (problem,) = answer["problems"]
        assert "Leave --reflink out to copy" in told(problem)
    else:
        assert page.carry_out("reflink")["state"] == "done"


def test_a_folder_that_is_gone_or_at_work_stands_in_the_way(own_source, serve):
    source, output = own_source
    page = Page(serve(output))
    with locked(output):
        status, answer = page.post("check", mode="copy")
    assert (status, "another run is at work" in told(answer["message"])) == (422, True)
    source.rename(source.with_name("away"))
    _, answer = page.post("check", mode="copy")
    assert "which does not exist" in told(answer["problems"][0])


# Two pages, and a spreadsheet


def test_a_plan_changed_meanwhile_is_noticed_not_overwritten(page, output):
    set_cells(output / "plan.csv", "cat.tif", action="leave")
    before = snapshot(output)
    for path, body in (
        ("decide", {"changes": [{"path": "cat.tif", "action": "keep"}]}),
        ("not_duplicate", {"path": "china.jpg"}),
        ("undo", {}),
        ("redo", {}),
        ("apply", {"mode": "copy"}),
    ):
        status, answer = page.post(path, **body)
        assert (status, answer["error"]) == (409, "changed"), path
        assert snapshot(output) == before
    page.load()
    assert answer["stamp"] == page.stamp
    assert page.rows["cat.tif"]["action"] == "leave"
    assert page.decide(cat_tif="keep")[0] == 200


def test_two_pages_of_one_server_notice_each_other(page, serve, output):
    other = Page(page.url.geturl())
    assert page.decide(cat_tif="leave")[0] == 200
    assert other.decide(cat_tif="remove")[0] == 409
    other.load()
    assert other.post("undo")[0] == 200
    assert other.rows["cat.tif"]["action"] == "keep"


def events(page):
    """Yield the events of a page that is open."""
    connection = http.client.HTTPConnection(page.url.netloc, timeout=10)
    connection.request("GET", f"{page.url.path}alive")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    try:
        for line in answer:
            if line.startswith(b"event: "):
                data = json.loads(next(answer).removeprefix(b"data: "))
                assert data["applying"] is False
                yield line.removeprefix(b"event: ").strip().decode(), data["stamp"]
    finally:
        answer.close()
        connection.close()


def test_an_open_page_is_told_of_changes_by_others_only(page, output):
    with closing(events(page)) as seen:
        assert next(seen) == ("ping", page.stamp)
        page.decide(cat_tif="leave")
        assert next(seen) == ("ping", page.stamp)
        set_cells(output / "plan.csv", "cat.tif", action="remove")
        name, stamp = next(seen)
        assert name == "changed"
        assert next(seen) == ("ping", stamp)
        page.load()
        assert page.stamp == stamp
        whole = (output / "plan.csv").read_bytes()
        (output / "plan.csv").write_bytes(whole[:50])
        assert next(seen) == ("changed", "")
        status, _, body = page.ask("data")
        assert (status, json.loads(body)["problems"]) == (422, [])
        assert "without the column" in told(json.loads(body)["message"])
        (output / "plan.csv").write_bytes(whole)
        assert next(seen) == ("changed", stamp)
        main(["apply", str(output), "--quiet"])
        assert next(seen) == ("changed", "")
    status, _, body = page.ask("data")
    assert (status, json.loads(body)["error"]) == (409, "carried out")


# Photos


def test_every_photo_has_a_small_and_a_large_picture(page):
    shown = {}
    for path, row in page.rows.items():
        if row["width"]:
            status, headers, body = page.ask(f"thumb/{row['digest']}.jpg")
            assert (status, headers["Content-Type"]) == (200, "image/jpeg"), path
            assert 200 < max(Image.open(io.BytesIO(body)).size) <= 512
            status, headers, body = page.ask(f"photo/{page.number(path)}")
            assert status == 200, path
            assert headers["Cache-Control"] == "private, max-age=3600"
            assert headers["X-Content-Type-Options"] == "nosniff"
            with Image.open(io.BytesIO(body)) as picture:
                assert headers["Content-Type"] == f"image/{picture.format.lower()}"
                shown[path] = picture.format, picture.size
    assert shown["china.png"] == ("PNG", (640, 427))
    assert shown["china.jpg"] == ("JPEG", (640, 427))
    assert shown["cat.tif"] == ("JPEG", (300, 451))  # upright
    assert shown[NO_UTF8][0] == "JPEG"
    assert len(shown) == 6


def test_one_other_digit_of_a_page_is_kept_and_outlined(serve, tmp_path):
    for total in ("13.40", "18.40"):
        picture = Image.new("RGB", (1240, 1754), "white")
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
        for top in range(60, 1700, 36):
            draw.text((60, top), f"milk 12.80 bread 3.50 rent {top}.00 apples", "black", font)
        draw.text((800, 900), total, "black", font)
        save(picture, tmp_path / "in" / f"invoice {total}.jpg", quality=90)
    assert main(["plan", str(tmp_path / "in"), str(tmp_path / "out"), "--quiet"]) == 0
    page = Page(serve(tmp_path / "out"))
    assert {row["action"] for row in page.rows.values()} == {"keep"}
    assert {row["verdict"] for row in page.rows.values()} == {"edited copy"}
    found = page.get("pair/0/1")
    ((left, top, width, height),) = found["boxes"]
    assert found["other_boxes"] == found["boxes"]
    assert 800 <= (left + width / 2) * 1240 <= 850
    assert 890 <= (top + height / 2) * 1754 <= 930


def test_numbers_of_photos_stay_when_names_change(page, planned):
    page.post("decide", changes=[{"path": "cat.tif", "scene": 4}])
    before = page.data["rows"]["path"]
    page.load()
    assert page.data["rows"]["path"] == before
    _, _, body = page.ask(f"photo/{page.number('china.png')}")
    assert body == (planned / "in/china.png").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "photo/{notes}", "photo/{sidecar}", "photo/8", "photo/99999999999999999999",
        "thumb/" + "0" * 64 + ".jpg", "thumb/{notes_digest}.jpg", "thumb/..%2f..%2fplan.jpg",
    ],
)  # fmt: skip
def test_what_is_no_photo_of_the_plan_is_not_handed_out(page, output, path):
    digest = page.rows["notes.txt"]["digest"]
    make_files(output, {f".dupimg/thumbs/{digest[:2]}/{digest}.jpg": b"secret"})
    path = path.format(
        notes=page.number("notes.txt"), sidecar=page.number("china.xmp"), notes_digest=digest
    )
    status, _, body = page.ask(path)
    assert (status, json.loads(body)["error"]) in ((403, "Forbidden"), (404, "Not Found"))
    assert status == 403 or "%2f" in path
    assert b"secret" not in body


@pytest.mark.parametrize(
    "path", ["photo/-1", "photo/../plan.csv", "plan.csv", "photo/1/../../../etc/passwd", "data/.."]
)
def test_other_addresses_lead_nowhere(page, path):
    assert page.ask(path)[0] == 404


def test_unknown_paths_in_decisions_are_forbidden(page, output):
    before = snapshot(output)
    assert page.post("decide", changes=[{"path": "../x.jpg", "action": "keep"}])[0] == 403
    assert page.post("not_duplicate", path="/etc/passwd")[0] == 403
    assert snapshot(output) == before


@pytest.fixture
def own_source(tmp_path, planned):
    """Return a copy of the photos, and of their plan, that a test may change."""
    shutil.copytree(planned / "in", tmp_path / "in")
    output = shutil.copytree(planned / "out", tmp_path / "out")
    notes = output / ".dupimg/plan.jsonl"
    notes.write_text(notes.read_text().replace(str(planned / "in"), str(tmp_path / "in")))
    return tmp_path / "in", output


def test_photos_that_changed_since_are_no_way_out_of_the_folder(own_source, serve):
    source, output = own_source
    page = Page(serve(output))
    secret = source.parent / "secret.jpg"
    shutil.copy(source / "china.jpg", secret)
    numbers = {path: page.number(path) for path in page.rows}
    (source / "china.jpg").unlink()
    (source / "china.jpg").symlink_to(secret)
    shutil.rmtree(source / "small")
    (source / "small").symlink_to(source.parent)
    shutil.copy(secret, source.parent / "china copy.jpg")
    (source / "china.png").write_bytes(b"no photo any more")
    (source / "china again.jpg").unlink()
    (source / "cat.tif").unlink()
    os.mkfifo(source / "cat.tif")
    answers = {path: page.ask(f"photo/{number}") for path, number in numbers.items()}
    assert {path: status for path, (status, _, _) in answers.items()} == {
        "china.jpg": 403, "small/china copy.jpg": 403, "china.png": 404, "china again.jpg": 404,
        "cat.tif": 403, NO_UTF8: 200, "notes.txt": 403, "china.xmp": 403,
    }  # fmt: skip
    assert json.loads(answers["china.png"][2])["message"] == "china.png: not a picture"
    assert told(json.loads(answers["china again.jpg"][2])["message"]) == "china again.jpg is gone"


# Strangers, and requests that make no sense


def test_without_the_token_nothing_is_answered_nor_changed(page, output):
    before = snapshot(output)
    stranger = Page.__new__(Page)
    for token in ("", "guess/", page.url.path.strip("/")[:-1] + "/"):
        stranger.url = page.url._replace(path=f"/{token}")
        for path in ("", "data", "photo/0", "changes", "progress", "alive"):
            assert stranger.ask(path)[0] == 403
        for path in ("decide", "not_duplicate", "undo", "redo", "apply"):
            assert stranger.ask(path, {"stamp": page.stamp, "mode": "move"})[0] == 403
    for name, value in (("Origin", "http://evil.example"), ("Host", "evil.example")):
        body = {"stamp": page.stamp, "changes": [{"path": "cat.tif", "action": "leave"}]}
        assert page.ask("decide", body, **{name: value})[0] == 403
    assert page.ask("decide", body, **{"Content-Type": "text/plain"})[0] == 403
    assert snapshot(output) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("decide", b""),
        ("decide", b"{"),
        ("decide", b"[]"),
        ("decide", {"changes": []}),
        ("decide", {"stamp": "x"}),
        ("decide", {"stamp": "x", "changes": {}}),
        ("decide", {"stamp": "x", "changes": ["cat.tif"]}),
        ("decide", {"stamp": "x", "changes": [{"path": "cat.tif"}]}),
        ("decide", {"stamp": "x", "changes": [{"action": "keep"}]}),
        ("decide", {"stamp": "x", "changes": [{"path": "cat.tif", "scene": "2"}]}),
        ("decide", {"stamp": "x", "changes": [{"path": "cat.tif", "scene": True}]}),
        ("decide", {"stamp": "x", "changes": [{"path": "cat.tif", "digest": "x"}]}),
        ("not_duplicate", {"stamp": "x"}),
        ("undo", {"stamp": 1}),
        ("apply", {"stamp": "x"}),
    ],
)
def test_what_makes_no_sense_is_told(page, output, path, body):
    before = snapshot(output)
    status, _, answer = page.ask(path, body)
    assert (status, json.loads(answer)["error"]) == (400, "Bad Request")
    assert snapshot(output) == before


# Carrying it out


@pytest.mark.parametrize("mode", ["copy", "move", "hard_link"])
def test_the_plan_is_carried_out_as_it_was_decided(own_source, serve, mode):
    source, output = own_source
    before = read_files(source)
    page = Page(serve(output))
    page.decide(china_png="remove", china_jpg="keep", cat_tif="leave")
    answer = page.carry_out(mode)
    assert (answer["state"], answer["errors"]) == ("done", [])
    assert (answer["done"], answer["total"]) == (7, 7)
    counts = {"found": 8, "keep": 3, "remove": 3, "other": 1, "leave": 1, "failed": 0}
    assert answer["outcome"].items() >= (counts | {"scenes": 2}).items()
    assert answer["outcome"]["report"] == str(output / "report.csv")
    after = read_files(output)
    kept = sorted(content for name, content in after.items() if name.startswith("processed/"))
    assert kept == sorted(before[name] for name in ("china.jpg", "china.xmp", NO_UTF8))
    removed = {name.rpartition("--")[2] for name in after if name.startswith("remove/")}
    assert removed == {"china.png", "china again.jpg", "china copy.jpg"}
    assert read_files(source) == (before if mode != "move" else {"cat.tif": before["cat.tif"]})
    for path in ("china.jpg", "china.png", "cat.tif"):  # where they are now
        assert page.ask(f"photo/{page.number(path)}")[0] == 200
    for path in ("decide", "undo", "apply"):
        body = {"changes": [{"path": "cat.tif", "action": "keep"}], "mode": mode}
        status, refusal = page.post(path, **body)
        assert (status, refusal["error"]) == (409, "carried out")
    assert main(["undo", str(output), "--quiet"]) == 0
    assert read_files(source) == before


def test_a_plan_that_cannot_be_carried_out_says_why_and_stays_open(own_source, serve):
    source, output = own_source
    page = Page(serve(output))
    status = (source / "china.png").stat()
    content = (source / "china.png").read_bytes()
    (source / "china.png").write_bytes(content[::-1])
    os.utime(source / "china.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert page.post("check", mode="copy") == (200, {"problems": []})
    answer = page.carry_out("copy")
    assert (answer["state"], answer["outcome"]) == ("refused", None)
    assert "china.png: has another content than in the plan" in told(answer["errors"][1])
    assert not (output / "processed").exists()
    assert page.decide(cat_tif="leave")[0] == 200
    assert page.post("apply", mode="teleport")[0] == 422
    set_cells(output / "plan.csv", "cat.tif", action="dunno")
    page.load()
    status, answer = page.post("apply", mode="copy")
    assert (status, "Got action 'dunno'" in told(answer["problems"][0])) == (422, True)


# The command


def command(*words):
    return [sys.executable, "-m", "dupimg", "review", *map(str, words)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_the_command_prints_the_address_and_ends_with_ctrl_c(output, tmp_path):
    words = command(output, "--browser=no", f"--cache={tmp_path / 'cache.sqlite'}")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        address = re.fullmatch(r"review   (http://127\.0\.0\.1:[0-9]+/\S{43}/)\n",
                               program.stdout.readline())[1]  # fmt: skip
        assert program.stdout.readline().startswith("Every decision is saved at once. Close the")
        assert Page(address).decide(cat_tif="leave")[0] == 200
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=20) == ("", "")
    assert program.returncode == 0


def test_the_command_ends_when_the_page_is_closed_after_the_plan_is_carried_out(
    own_source, tmp_path
):
    _, output = own_source
    words = command(output / "plan.csv", "--browser=no", "--cache=none")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        page = Page(program.stdout.readline().split()[1])
        program.stdout.readline()
        with closing(events(page)) as seen:
            next(seen)
            assert page.carry_out("copy")["state"] == "done"
        start = time.monotonic()
        out, err = program.communicate(timeout=30)
    assert (program.returncode, err) == (0, "")
    assert 4 < time.monotonic() - start < 15
    assert "kept            4 in 2 scenes" in out
    assert len(read_files(output / "processed")) == 4


@pytest.mark.parametrize("state", ["nothing", "carried out", "busy port"])
def test_what_cannot_be_reviewed_is_refused(own_source, tmp_path, capsys, state):
    source, output = own_source
    words = ["review", str(output), "--browser=no", "--cache=none"]
    if state == "carried out":
        main(["apply", str(output), "--quiet"])
        expected = f"`dupimg undo {output}` takes the whole run back"
    elif state == "nothing":
        words[1] = str(source)
        expected = "`dupimg plan YOUR_PHOTOS NEW_FOLDER` makes one"
    else:
        taken = LocalServer()
        words.append(f"--port={urlsplit(taken.address).port}")
        expected = "which cannot be used (Address already in use)"
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    if state == "busy port":
        taken.close()
