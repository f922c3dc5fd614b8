from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from files import sample
from lean import needs_torch

from dupimg.cli.main import main
from dupimg.files.images import read_square
from dupimg.model import backends
from dupimg.model.backends import check_precision, choose_backend, has_bfloat16
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.heads import shipped_head
from dupimg.model.installed import BackendError
from dupimg.model.models import get_model

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "china.jpg", "flower.jpg")

BACKENDS = [pytest.param("torch", marks=needs_torch), "openvino"]

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(), reason="needs a processor with instructions for bfloat16"
)


@pytest.fixture(scope="module")
def squares():
    return [read_square(sample(name), 224) for name in NAMES]


@pytest.fixture(scope="module")
def model():
    return get_model("efficientnet_lite0")


@pytest.fixture
def uninstall(monkeypatch):
    """Return a function that lets packages be not installed."""
    find_spec = importlib.util.find_spec

    def hide(*names):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name in names else find_spec(name)
        )

    return hide


def vectors(model, outputs):
    """Return the embeddings for duplicates and for scenes."""
    embeddings, features = np.split(outputs.astype(np.float64), [model.embedding_size], axis=1)
    scenes = shipped_head(model.head).transform(features.astype(np.float32))
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), scenes


@needs_torch
@pytest.mark.parametrize("backend", BACKENDS)
def test_backends_see_what_the_plain_network_sees(model, squares, backend):
    import torch

    from dupimg.model.networks import load_network

    with torch.inference_mode():
        pictures = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float()
        expected = load_network(model)(pictures).numpy()
    network = backends.open_network(model, backend, "float32", 2)
    for got, wanted in zip(vectors(model, network(squares)), vectors(model, expected), strict=True):
        assert (got * wanted).sum(axis=1).min() > 1 - 1e-6
        np.testing.assert_allclose(got @ got.T, wanted @ wanted.T, atol=2e-6)


@needs_torch
def test_backends_agree_on_real_photos(shared_photos):
    paths = sorted((shared_photos / "scenes").rglob("*.jpg"))[::5]
    assert len(paths) >= 20
    for embedding in ("duplicates", "scenes"):
        ours, theirs = (
            PhotoEmbedder(embedding=embedding, backend=backend).transform(paths)
            for backend in ("torch", "openvino")
        )
        np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=2e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)])
def test_values_depend_neither_on_the_batch_nor_on_threads(model, squares, backend, precision):
    alone = backends.open_network(model, backend, precision, 1)
    with alone.one_core_a_thread():
        expected = alone(squares)
    shared = backends.open_network(model, backend, precision, 3)
    with shared.one_core_a_thread(), ThreadPoolExecutor(3) as pool:
        for size in (1, 3):
            batches = [squares[i : i + size] for i in range(0, len(squares), size)]
            np.testing.assert_array_equal(np.concatenate([*pool.map(shared, batches)]), expected)
    assert expected.dtype == np.float32
    assert shared([]).shape == (0, model.output_size)


@needs_bfloat16
@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_changes_cosines_a_little(model, squares, backend):
    precise, coarse = (
        vectors(model, backends.open_network(model, backend, precision, 1)(squares))[0]
        for precision in ("float32", "bfloat16")
    )
    change = np.abs(precise @ precise.T - coarse @ coarse.T).max()
    assert 1e-5 < change < 0.05


def test_auto_is_the_fastest_that_is_installed(model, uninstall):
    assert choose_backend("auto", model) == choose_backend("openvino", model) == "openvino"
    uninstall()
    with pytest.raises(ValueError, match="Got backend='onnx'"):
        choose_backend("onnx", model)


@needs_torch
def test_without_openvino_auto_is_torch_and_a_clear_error_names_what_to_install(model, uninstall):
    uninstall("openvino")
    assert choose_backend("auto", model) == choose_backend("torch", model) == "torch"
    assert "-torch-float32-" in PhotoEmbedder().fingerprint
    with pytest.raises(BackendError, match=r"not installed.* `pip install openvino`"):
        PhotoEmbedder(backend="openvino").fit([])


def test_without_torch_only_what_needs_it_says_what_to_install(
    model, uninstall, capsys, tmp_path, monkeypatch
):
    uninstall("torch", "torchvision", "timm")
    assert choose_backend("auto", model) == "openvino"
    (photos := tmp_path / "in").mkdir()
    shutil.copy(sample("china.jpg"), photos)
    monkeypatch.setenv("TORCH_HOME", str(photos))
    for words, needed in (
        (["embed", photos, tmp_path / "a.npy", "--backend=torch"], "torch timm"),
        (["organize", photos, tmp_path / "out", "--model=squeezenet1_1"], "torch torchvision"),
        (["models", "fetch", "squeezenet1_1"], "torch torchvision"),
        (["fit_head", photos, tmp_path / "a.npz"], "torch timm"),
    ):
        assert main([*map(str, words)]) == 2
        assert f"not installed here. Install it with `pip install {needed}`" in (
            capsys.readouterr().err
        )
    assert list(tmp_path.iterdir()) == [photos]
    uninstall("torch", "openvino")
    with pytest.raises(BackendError, match=r"Got backend='auto', .* `pip install openvino`"):
        choose_backend("auto", model)


@needs_torch
def test_fingerprints_name_what_vectors_depend_on():
    embedders = [
        PhotoEmbedder(backend=backend, precision=precision)
        for backend in ("torch", "openvino")
        for precision in ("float32", "bfloat16")
    ]
    assert len({embedder.fingerprint for embedder in embedders}) == 4


def test_bfloat16_is_refused_where_the_processor_lacks_it(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model\t: x\nflags\t\t: avx2 avx512f\nbugs\t: avx512_bf16\n")
    assert not has_bfloat16(cpuinfo)
    cpuinfo.write_text("model\t: x\nflags\t\t: avx2 avx512_bf16 amx\nbugs\t:\n")
    assert has_bfloat16(cpuinfo)
    monkeypatch.setattr(backends, "has_bfloat16", lambda: False)
    with pytest.raises(BackendError, match=r"Got precision='bfloat16', .* Use precision='float32'"):
        check_precision("bfloat16")
    check_precision("float32")


def test_the_default_network_needs_no_torch_and_nothing_tells_its_makers(tmp_path):
    code = (
        "import sys\n"
        "from dupimg import PhotoEmbedder\n"
        f"PhotoEmbedder(backend='openvino').transform([{str(sample('chelsea.png'))!r}])\n"
        "print(*(name in sys.modules for name in ('openvino', 'torch', 'openvino_telemetry')))"
    )
    environment = {"HOME": str(tmp_path), "PYTHONPATH": sys.path[0]}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.split() == ["True", "False", "False"]
    assert list(tmp_path.iterdir()) == []


def test_importing_it_imports_neither_torch_nor_openvino():
    code = (
        "import sys, dupimg.model.backends, dupimg.model.openvino\n"
        "print('torch' in sys.modules, 'openvino' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_two_threads_may_make_their_first_calls_at_once():
    # In a process of its own: what happens once in a process cannot be tried twice in one.
    code = """
import threading
import numpy as np
from dupimg.model.models import get_model
from dupimg.model.openvino import OpenVINONetwork
network = OpenVINONetwork(get_model("efficientnet_lite0"), "float32", 2)
together = threading.Barrier(2)
def look():
    together.wait()
    network([np.zeros((224, 224, 3), np.uint8)])
threads = [threading.Thread(target=look) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    for _ in range(3):  # before it was mended, a third of these never ended
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
