import subprocess
import sys

import pytest

from dupimg.model.models import MODELS, ModelsTable, fingerprint, get_model


@pytest.fixture(autouse=True)
def empty_folders(tmp_path, monkeypatch):
    """Start with no weights in the models folder and none in torchvision's cache."""
    monkeypatch.setenv("DUPIMG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


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
