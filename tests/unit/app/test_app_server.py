"""The server of the app: what it tells, and to whom; its runs are real processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from files import make_files, read_files, sample, save
from PIL import Image

from dupimg.app.app_server import AppServer
from dupimg.app.form import advanced_fields, filled_in
from dupimg.app.instance import only_instance, open_running
from dupimg.app.runs import Run, Runs
from dupimg.cli.main import main
from dupimg.messages import templates
from dupimg.options.run_options import PlanOptions
from dupimg.pages.app_address import publish_address, running_address
from dupimg.pages.local_server import LocalServer


class App:
    """An app, asked without a network."""

    def __init__(self, state: Path) -> None:
        self.server, self.runs = LocalServer(), Runs(state)
        AppServer(self.server, self.runs)
        self._client = self.server.app.test_client()
        self._host = self.server.address.split("/")[2]

    def open(self, path: str, language: str):
        """Ask as a browser does for what is to take up its window."""
        headers = {"Host": self._host, "Sec-Fetch-Mode": "navigate", "Accept-Language": language}
        return self._client.get(f"/{self.server.token}/{path}", headers=headers)

    def ask(self, path: str, body: object = None, /, **query: str):
        url = f"/{self.server.token}/{path}?{urlencode(query)}"
        headers = {"Host": self._host}
        if body is None:
            return self._client.get(url, headers=headers, buffered=True)
        return self._client.post(url, json=body, headers=headers)

    def wait(self, name: str) -> str:
        end = time.monotonic() + 60
        while self.runs.find(name).is_running:
            assert time.monotonic() < end
            time.sleep(0.05)
        return self.runs.find(name).state


@pytest.fixture
def app(tmp_path):
    app = App(tmp_path / "state")
    yield app
    app.server.close()
    for run in app.runs.running:
        run.stop()
        run.wait_for_end()


@pytest.fixture
def photos(tmp_path):
    make_files(tmp_path / "in", {"a.txt": b"a", "sub/b.txt": b"b", ".hidden/c.txt": b"c"})
    return tmp_path / "in"


def test_only_who_knows_the_address_is_told_anything(app):
    client = app.server.app.test_client()
    token = app.server.token
    host = {"Host": app.server.address.split("/")[2]}
    for path in ("home", "folder", "form"):
        assert client.get(f"/{path}", headers=host).status_code == 403
        assert client.get(f"/{token}/{path}", headers={"Host": "evil.example"}).status_code == 403
        assert client.get(f"/{token}/{path}", headers=host).status_code == 200
    origin = host | {"Origin": "http://evil.example"}
    assert client.post(f"/{token}/quit", json={}, headers=origin).status_code == 403
    page = client.get(f"/{token}/", headers=host)
    assert "default-src 'none'" in page.text
    assert "connect-src 'self'" in page.text
    assert page.headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_folders_are_listed_and_no_files(app, photos):
    shown = app.ask("folder", path=str(photos)).json
    assert [folder["name"] for folder in shown["folders"]] == ["sub"]
    assert "a.txt" not in json.dumps(shown)
    assert app.ask("folder", path=str(photos / "a.txt")).status_code == 422
    assert app.ask("folder", path=str(photos / "no")).json["field"] == "folder"


def test_no_file_but_those_of_a_result_is_handed_out(app, photos, tmp_path):
    output = tmp_path / "out"
    assert main(["organize", str(photos), str(output), "--quiet"]) == 0
    (output / "secret.txt").write_text("secret")
    (output / ".dupimg/link.jpg").symlink_to(photos / "a.txt")
    name = app.ask("result", folder=str(output)).json["name"]
    assert app.ask(f"report/{name}/report.html").status_code == 200
    for file in ("secret.txt", "other/a.txt", ".dupimg/journal.jsonl", ".dupimg/link.jpg",
                 ".dupimg/../../in/a.txt", "../in/a.txt"):  # fmt: skip
        assert app.ask(f"report/{name}/{file}").status_code in (403, 404), file
    for folder in (str(photos), "/", "", "relative"):
        assert app.ask("result", folder=folder).status_code == 422
        assert app.ask("thumb", folder=folder, digest="0" * 64).status_code == 422
    assert app.ask("thumb", folder=str(output), digest="../link").status_code == 403
    assert app.ask("report/x/report.html").status_code == 403
    assert app.ask("report/bm8=/report.html").status_code == 422
    (output / "report.html").unlink()
    gone = app.open(f"report/{name}/report.html", "zh-CN")
    assert (gone.status_code, gone.mimetype) == (404, "text/html")
    assert "report.html 已不存在" in gone.text
    shutil.rmtree(output)
    gone = app.open(f"report/{name}/report.html", "zh-CN")
    assert (gone.status_code, gone.mimetype) == (422, "text/html")
    assert f"{output} 中没有 dupimg 的结果" in gone.text


def test_a_result_says_that_what_was_added_goes_back_first(app, photos, tmp_path):
    output = tmp_path / "out"
    make_files(tmp_path / "new", {"d.txt": b"d"})
    for words, is_addition in (
        (["organize", str(photos), str(output)], False),
        (["add", str(tmp_path / "new"), str(output)], True),
        (["undo", str(output)], False),
    ):
        assert main([*words, "--quiet"]) == 0
        assert app.ask("result", folder=str(output)).json["is_addition"] is is_addition


def test_the_report_has_photos_where_they_are_now(app, tmp_path):
    """Also one that was brought back, and a TIFF, which browsers do not show."""
    source, output = tmp_path / "in #1", tmp_path / "out"
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, source / "cat.tif")
    save(cat.resize((300, 200)), source / "ä copy.jpg", quality=90)
    assert main(["organize", str(source), str(output), "--quiet", "--process_mode=move"]) == 0
    assert main(["undo", str(output), "--file=ä copy.jpg", "--quiet"]) == 0
    result = app.ask("result", folder=str(output)).json
    page = app.ask(f"report/{result['name']}/report.html").text
    assert '"input_urls":{"":"in"}' in page and str(output) not in page
    got = app.ask(f"report/{result['name']}/in/ä copy.jpg")
    assert (got.data, got.mimetype) == ((source / "ä copy.jpg").read_bytes(), "image/jpeg")
    [kept] = (output / "processed").iterdir()
    assert app.ask(f"report/{result['name']}/processed/{kept.name}").data == kept.read_bytes()
    [large] = (output / ".dupimg/thumbs/large").rglob("*.jpg")
    assert app.ask(f"report/{result['name']}/{large.relative_to(output)}").status_code == 200
    (source / "secret.jpg").write_bytes(b"secret")
    for file in ("in/secret.jpg", "in/../out/report.csv", "in//etc/passwd"):
        assert app.ask(f"report/{result['name']}/{file}").status_code in (403, 404, 308), file


def test_a_run_is_a_command_and_is_undone(app, photos, tmp_path):
    output = tmp_path / "out"
    values = {"input_dir": [str(photos)], "output_dir": str(output), "scene_threshold": "0.8"}
    command = app.ask("command", {"verb": "plan", "values": values}).json["command"]
    assert shlex.split(command) == [
        "dupimg", "plan", str(photos), str(output), "--scene_threshold=0.8"
    ]  # fmt: skip
    begun = app.ask("start", {"values": values}).json["id"]
    assert app.wait(begun) == "done"
    told = app.ask("run", id=begun).json
    assert told["command"] == command
    assert (told["steps"][0], told["outcome"]["counts"]["other"]) == ("reading", 3)
    assert app.ask("result", folder=str(output)).json["state"] == "planned"
    before = read_files(photos)
    for verb, values in (
        ("apply", {"plan": str(output), "process_mode": "move"}),
        ("undo", {"output_dir": str(output)}),
    ):
        begun = app.ask("start_verb", {"verb": verb, "values": values}).json["id"]
        assert app.wait(begun) == "done"
        assert (photos / "a.txt").exists() == (verb == "undo")
    assert read_files(photos) == before
    result = app.ask("result", folder=str(output)).json
    assert [run["verb"] for run in result["runs"]] == ["plan", "apply", "undo"]
    assert app.ask("home").json["recent"] == [str(photos)]
    # Another life of the app knows the same.
    assert [run.state for run in Runs(tmp_path / "state")] == ["done"] * 3


def test_several_folders_one_of_them_protected(app, tmp_path):
    folders = [tmp_path / name for name in ("phone, old", "card", "best")]
    for folder in folders:
        save(Image.open(sample("china.jpg")).resize((400, 300)), folder / "china.png")
    *inputs, best = map(str, folders)
    values = {"input_dir": inputs, "protect": [best], "only": "duplicates",
              "output_dir": str(tmp_path / "out")}  # fmt: skip
    command = app.ask("command", {"verb": "plan", "values": values}).json["command"]
    begun = app.ask("start", {"values": values}).json["id"]
    assert app.wait(begun) == "done"
    assert app.ask("run", id=begun).json["command"] == command
    result = app.ask("result", folder=str(tmp_path / "out")).json
    counts = result["counts"]
    assert (counts["removed"], counts["left"], counts["kept"]) == (2, 1, 0)
    assert (result["only"], result["input_dirs"]) == ("duplicates", inputs)
    assert result["space"]["across"] == 0 < result["space"]["needed"]
    for protected, written in (([], ""), (inputs, f" '--protect={','.join(inputs)}'")):
        other = values | {"input_dir": [best], "protect": protected}
        command = app.ask("command", {"verb": "plan", "values": other}).json["command"]
        assert command == f"dupimg plan {best} {tmp_path / 'out'}{written} --only=duplicates"
    inside = values | {"input_dir": [inputs[0], str(tmp_path)]}
    refused = app.ask("start", {"values": inside})
    assert (refused.status_code, refused.json["field"]) == (422, "input_dir")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"output_dir": "/out"}, "input_dir"),
        ({"input_dir": [], "output_dir": "/out"}, "input_dir"),
        ({"input_dir": ["/no/such"], "output_dir": "/out"}, "input_dir"),
        ({"input_dir": ["."], "output_dir": "out"}, "output_dir"),
        ({"input_dir": ["."], "output_dir": ""}, "output_dir"),
        ({"input_dir": ["."], "output_dir": "/out", "scene_threshold": "high"}, "scene_threshold"),
        ({"input_dir": ["."], "output_dir": "/out", "scene_threshold": "0.99"}, "scene_threshold"),
    ],
)
def test_an_error_names_its_field(app, values, field):
    answer = app.ask("start", {"values": {"input_dir": []} | values})
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert list(app.runs) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("duplicate_threshold", "2", "大于 0、不超过 1 的余弦相似度。"),
        ("event_gap", "soon", "时间，例如 90m、6h 或 2d。"),
        ("jobs", "0", "1 到 1024 的整数。"),
        ("exclude", "[z-a]", "路径模式，例如 *.dng、albums/**/best 或 backup/。"),
    ],
)
def test_a_chinese_reader_is_told_what_a_field_expects(app, photos, name, value, expected):
    values = {"input_dir": [str(photos)], "output_dir": "/out", name: value}
    code, said = app.ask("start", {"values": values}).json["message"]
    assert (code, said["field"]) == ("refused.value", name)
    told, *parts = said["expected"]
    template = templates()["zh-CN"][told]
    assert template.format(**(parts[0] if parts else {})) == expected


def test_what_a_run_refuses_names_its_field_too(app, photos):
    values = {"input_dir": [str(photos)], "output_dir": str(photos / "sub")}
    begun = app.ask("start", {"values": values}).json["id"]
    assert app.wait(begun) == "refused"
    told = app.ask("run", id=begun).json
    assert told["field"] == "output_dir"
    said = {"output": str(photos / "sub"), "name": "input_dir", "folder": str(photos)}
    assert told["error"] == [["refused.output_inside_input", said]]


def is_translated(told: object) -> bool:
    """Return whether a message as JSON, and those in it, are codes and no English."""
    code, *values = told
    inner = [v for value in values for v in value.values() if isinstance(v, list)]
    return code != "text" and all(map(is_translated, inner))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"output_dir": "{photos}"}, "refused.output_is_input"),
        ({"output_dir": "{top}"}, "refused.output_around_input"),
        ({"output_dir": "{top}/file"}, "refused.file"),
        ({"output_dir": "{top}/done"}, "refused.holds_results"),
        ({"input_dir": ["{top}/empty"]}, "refused.no_files"),
        ({"exclude": "*"}, "refused.all_passed_over"),
        ({"time_zone": "Europe/Berlim"}, "refused.value"),
        ({"only": "duplicates", "merge_metadata": True}, "refused.merge_with_only"),
        ({"tune": True, "input_dir": ["{top}/one"]}, "refused.too_few_photos"),
        ({"tune": True, "input_dir": ["{top}/two"]}, "refused.answers_columns"),
        ({"model": "efficientnet"}, "refused.value"),
        ({"layout": "{nam}{ext}"}, "refused.value"),
        ({"layout": "{scene:x}{ext}"}, "refused.value"),
        ({"layout": "photos/{taken:%x}{ext}"}, "refused.value"),
    ],
)
def test_what_a_person_can_choose_wrong_is_told_in_every_language(app, photos, values, code):
    top = photos.parent
    (top / "empty").mkdir()
    china, flower = (sample(name).read_bytes() for name in ("china.jpg", "flower.jpg"))
    make_files(top, {"done/remove/x": b"", "file": b"", "one/a.jpg": china, "two/a.jpg": china})
    make_files(top, {"two/b.jpg": flower, "two tuned/labels.csv": "path_a,answer\n"})
    given = {"input_dir": ["{photos}"], "output_dir": "{top}/out"} | values
    given = json.loads(
        json.dumps(given).replace("{photos}", str(photos)).replace("{top}", str(top))
    )
    answer = app.ask("start", {"values": given}).json
    if "id" in answer:
        assert app.wait(answer["id"]) == "refused"
        (told,) = app.ask("run", id=answer["id"]).json["error"]
    else:
        told = answer["message"]
    assert told[0] == code
    assert is_translated(told)


def test_every_option_that_a_person_can_set_is_in_the_form():
    names = {field["name"] for field in advanced_fields()}
    assert {"keep", "duplicate_threshold", "scene_gap", "model", "jobs"} <= names
    assert not names & {"json", "yes", "debug", "quiet", "input_dir"}
    for field in advanced_fields():
        values = {"input_dir": "in", "output_dir": "out", field["name"]: field["default"]}
        assert filled_in("plan", values)[0] == PlanOptions("in", "out"), field


def test_the_address_of_a_page_is_found_whatever_the_run_wrote_besides(tmp_path):
    about = {"pid": os.getpid(), "created": 0}
    address = b"http://127.0.0.1:1/secret/"
    written = b"tune     " + address + b"\nwritten  in another encoding: \xd5\xd5\xc6\xac\n"
    make_files(tmp_path, {"run.json": json.dumps(about), "stdout": written})
    assert Run(tmp_path).address == address.decode()


def test_questions_whose_page_is_closed_are_asked_anew(photos, tmp_path):
    """The run of a closed page goes on for a moment, in which nobody can join it any more."""
    process = psutil.Process()
    about = {"pid": process.pid, "created": process.create_time(), "words": ["tune"], "started": 0}
    about |= {"output_dir": f"{photos} tuned", "input_dirs": [], "values": {}}
    run = {"run.json": json.dumps(about), "stdout": "http://127.0.0.1:1/secret/", "stderr": ""}
    make_files(tmp_path / "state/1", run)
    app = App(tmp_path / "state")
    values = {"input_dir": [str(photos)], "output_dir": "/out", "tune": True}
    assert app.ask("start", {"values": values}).json["id"] == "1"
    assert app.ask("run", id="1").json["address"]
    make_files(tmp_path / "state/1", {"progress.jsonl": '{"closed": true}\n'})
    assert not app.ask("run", id="1").json["address"]
    anew = app.ask("start", {"values": values}).json["id"]
    assert anew != "1"
    app.wait(anew)
    app.server.close()


def test_a_second_start_finds_the_first_and_a_dead_one_is_in_nobodys_way(tmp_path):
    with only_instance(tmp_path) as first:
        assert first
        publish_address(tmp_path, "http://127.0.0.1:1/secret/")
        assert (tmp_path / "app.json").stat().st_mode & 0o777 == 0o600
        with only_instance(tmp_path) as second:
            assert not second
        assert running_address(tmp_path) == "http://127.0.0.1:1/secret/"
        assert not open_running("http://127.0.0.1:1/secret/")
    assert running_address(tmp_path) == ""
    (tmp_path / "app.json").write_text("torn")
    with only_instance(tmp_path) as again:
        assert again


def test_both_languages_say_the_same_and_all_that_is_asked_for():
    import dupimg

    web = Path(dupimg.__file__).parent / "web/app"
    texts = json.loads((web / "text.json").read_text("utf-8"))
    english, chinese = texts["en"], texts["zh-CN"]
    # The help lines of options are English anyway.
    assert {key for key in chinese if not key.endswith(".about") or key in english} == set(english)
    for key, text in english.items():
        names = [
            set(re.findall(r"\{(\w+)\}", entry if isinstance(entry, str) else entry["other"]))
            for entry in (text, chinese[key])
        ]
        assert names[0] - {"count"} == names[1] - {"count"}, key
    script = "".join(file.read_text("utf-8") for file in web.glob("*.js"))
    asked = set(re.findall(r'\bt\("([^"]+)"', script))
    assert len(asked) > 60
    assert asked <= english.keys()
    assert set(re.findall(r'data-label="([^"]+)"', (web / "page.html").read_text())) <= set(english)


def test_in_chinese_a_decision_and_a_run_are_taken_back_by_two_words():
    import dupimg

    web = Path(dupimg.__file__).parent / "web"
    chinese = {}
    for file in (*web.glob("*.json"), *web.glob("*/*.json")):
        chinese |= json.loads(file.read_text("utf-8"))["zh-CN"]
    undone = {key for key, entry in chinese.items() if "撤销" in str(entry)}
    assert undone == {"undo", "toast.undo", "help.undo", "problem.no_step"}
    assert "还原" in chinese["undo.all"] and "还原" in chinese["apply.undo"]


def test_a_question_waits_for_its_answer(app, photos, other_filesystem):
    output = other_filesystem / "out"
    assert main(["plan", str(photos), str(output), "--quiet"]) == 0
    values = {"plan": str(output), "process_mode": "move"}
    begun = app.ask("start_verb", {"verb": "apply", "values": values}).json["id"]
    end = time.monotonic() + 60
    while not (told := app.ask("run", id=begun).json)["question"]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert told["question"] == "Go on?"
    assert told["announced"][-1][0] == "note.moves_by_copying"
    assert (photos / "a.txt").exists()
    app.ask("answer", {"id": begun, "answer": "no"})
    assert app.wait(begun) == "refused"
    assert (photos / "a.txt").exists()
