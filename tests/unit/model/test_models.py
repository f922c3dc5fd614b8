import dataclasses
import hashlib
import http.server
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from dupimg.files.images import read_photo
from dupimg.model.models import (
    MODELS,
    ModelsTable,
    WeightsError,
    fetch_weights,
    find_weights,
    fingerprint,
    get_model,
)
from dupimg.model.networks import build_network, load_network


@pytest.fixture(autouse=True)
def empty_folders(tmp_path, monkeypatch):
    """Start with no weights in the models folder and none in torchvision's cache."""
    monkeypatch.setenv("DUPIMG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a file as torchvision publishes it, but with random values."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("published") / "squeezenet1_1.pth"
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return path


@pytest.fixture
def published(weights):
    """Return the model whose published weights are that file, at an address without server."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return dataclasses.replace(
        get_model("squeezenet1_1"), sha256=digest[:8], url="http://127.0.0.1:9/squeezenet.pth"
    )


@pytest.fixture
def serve(published):
    """Return a function that serves these bytes and returns the model with that address."""
    servers = []

    def start(data, length=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(length or len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return dataclasses.replace(
            published, url=f"http://127.0.0.1:{server.server_port}/squeezenet1_1.pth"
        )

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def files_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_registry_has_the_six_networks_and_nothing_is_downloaded_to_build_them():
    assert list(MODELS) == [
        "efficientnet_lite0",
        "mobilenet_v3_large",
        "mobilenet_v3_small",
        "squeezenet1_1",
        "convnext_base",
        "convnext_large",
    ]
    for model in MODELS.values():
        pictures = torch.empty(2, 3, model.input_size, model.input_size, device="meta")
        assert build_network(model).eval()(pictures).shape == (2, 1000)


def test_unknown_model_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Got model='convnext_bas'.* mean convnext_base\?"):
        get_model("convnext_bas")
    with pytest.raises(ValueError, match=r"one of efficientnet_lite0, .*convnext_large\.$"):
        get_model("zzz")


def test_the_fingerprints_differ():
    assert len({fingerprint(model) for model in MODELS.values()}) == 6


def test_the_default_model_works_offline_and_torch_is_not_needed_to_find_that_out():
    code = (
        "import sys, dupimg.model.models as models\n"
        "print(models.find_weights(models.get_model('efficientnet_lite0')).is_file())\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False"]


def test_the_table_says_where_the_weights_are_or_how_to_get_them(tmp_path):
    local = tmp_path / "models" / "mobilenet_v3_small.pth"
    local.parent.mkdir()
    local.touch()
    lines = {
        line.split()[0]: line
        for line in ModelsTable.of(list(MODELS.values())).summary().splitlines()
    }
    assert list(lines) == ["name", *MODELS]
    assert "1280" in lines["efficientnet_lite0"]
    assert "ready: " in lines["efficientnet_lite0"]
    assert lines["mobilenet_v3_small"].endswith(f"ready: {local}")
    assert lines["convnext_base"].endswith("missing: dupimg models fetch convnext_base")


def test_lookup_order(tmp_path, published, weights):
    assert find_weights(published) is None
    cached = tmp_path / "torch" / "hub" / "checkpoints" / published.filename
    local = tmp_path / "models" / "squeezenet1_1.pth"
    for path in (cached, local):
        path.parent.mkdir(parents=True)
        path.write_bytes(weights.read_bytes())
        assert find_weights(published) == path
        assert fetch_weights(published) == path


def test_torchvisions_cache_is_where_torch_says(tmp_path, published, monkeypatch):
    for home in ({"TORCH_HOME": str(tmp_path / "a")}, {"XDG_CACHE_HOME": str(tmp_path / "b")}):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        for name, value in home.items():
            monkeypatch.setenv(name, value)
        path = Path(torch.hub.get_dir(), "checkpoints", published.filename)
        path.parent.mkdir(parents=True)
        path.touch()
        assert find_weights(published) == path


def test_wrong_hash_in_the_models_folder_is_an_error_and_nothing_else_is_tried(tmp_path, published):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "squeezenet1_1.pth").write_bytes(b"something else")
    for load in (fetch_weights, load_network):
        with pytest.raises(WeightsError, match=r"squeezenet1_1\.pth with sha256 .* expected"):
            load(published)


@pytest.mark.parametrize("content", ["other keys", "no state dict", "no tensors", "code"])
def test_file_that_does_not_fit_is_an_error(tmp_path, published, content):
    path = tmp_path / "models" / "squeezenet1_1.pth"
    path.parent.mkdir()
    if content == "no tensors":
        path.write_bytes(b"no tensors")
    else:
        values = {"other keys": {"a": torch.ones(2)}, "no state dict": [1], "code": print}
        torch.save(values[content], path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="is no state dict of torchvision's squeezenet1_1"):
        load_network(dataclasses.replace(published, sha256=digest))


def test_download(tmp_path, serve, weights, capfd):
    model = serve(weights.read_bytes())
    path = fetch_weights(model)
    assert path.read_bytes() == weights.read_bytes()
    assert files_in(tmp_path / "torch") == [model.filename]
    assert find_weights(model) == path
    assert capfd.readouterr() == ("", "")  # no progress bar where there is no terminal
    assert load_network(model)(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)


@pytest.mark.parametrize("trouble", ["wrong hash", "broken connection", "offline"])
def test_failed_download_says_what_to_do_and_leaves_no_file(
    tmp_path, serve, published, weights, trouble
):
    data = weights.read_bytes()
    model = {
        "wrong hash": lambda: serve(data[:-1] + b"x"),
        "broken connection": lambda: serve(data[: len(data) // 2], length=len(data)),
        "offline": lambda: published,
    }[trouble]()
    with pytest.raises(WeightsError) as error:
        fetch_weights(model)
    for part in (model.filename, model.url, model.sha256, str(tmp_path / "models")):
        assert part in str(error.value)
    assert files_in(tmp_path / "torch") == []


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path, serve, weights):
    (tmp_path / "torch").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="Could not download"):
        fetch_weights(serve(weights.read_bytes()))


def test_folding_batch_normalization_changes_nothing_but_the_cost():
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 224, 224) * 255
    model = get_model("efficientnet_lite0")
    plain = build_network(model)
    tensors = torch.load(find_weights(model), weights_only=True).values()
    plain.load_state_dict(dict(zip(plain.state_dict(), tensors, strict=True)), assign=True)
    with torch.inference_mode():
        maps = plain.eval().forward_features((pictures - 127) / 128)
        expected = maps.double().pow(3).mean((2, 3)).pow(1 / 3)  # generalized mean, p = 3
        network = load_network(model)
        got = network(pictures).double()[:, : model.embedding_size]
    assert not [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    cosines = torch.nn.functional.cosine_similarity(got, expected)
    assert cosines.min() > 1 - 1e-9


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_folding_finds_every_batch_normalization_of_torchvision(tmp_path, monkeypatch, name):
    torch.manual_seed(0)
    plain = torchvision.models.get_model(name, weights=None).eval()
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / f"{name}.pth"
    torch.save(plain.state_dict(), path)
    model = dataclasses.replace(
        get_model(name), sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    pictures = torch.rand(2, 3, 224, 224) * 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (model.mean, model.std))
    with torch.inference_mode():
        expected = plain((pictures - mean) / std)
        network = load_network(model)
        got = network(pictures)
    assert not [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_real_torchvision_weights_fit_the_registry_and_see_photos(shared_photos, tmp_path):
    model = get_model("mobilenet_v3_small")
    network = build_network(model).features
    weights = torch.load(
        shared_photos.parent / "models" / "mobilenet_v3_small_features.pt", weights_only=True
    )
    weights = {name.removeprefix("0."): tensor for name, tensor in weights.items()}
    network.load_state_dict(weights, assign=True)

    folder = importlib.util.find_spec("skimage").submodule_search_locations[0]
    pictures = []
    for name in ("astronaut", "coffee", "chelsea"):
        with Image.open(Path(folder, "data", f"{name}.png")) as photo:
            photo.convert("RGB").save(tmp_path / f"{name}.jpg", quality=60)
            photo.convert("RGB").save(tmp_path / f"{name}.png")
        for path in (tmp_path / f"{name}.png", tmp_path / f"{name}.jpg"):
            pictures.append(np.asarray(read_photo(path, 224).resize((224, 224)), np.float32))
    inputs = (np.stack(pictures) - model.mean) / model.std
    with torch.inference_mode():
        maps = network.eval()(torch.from_numpy(inputs).permute(0, 3, 1, 2).float())
        vectors = torch.nn.functional.normalize(maps.mean((2, 3))).numpy()
    cosines = vectors @ vectors.T
    same = np.kron(np.eye(3, dtype=bool), np.ones((2, 2), bool))
    assert cosines[same].min() >= 0.95 > cosines[~same].max()
