import pytest
from files import sample
from lean import needs_torch

from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.model.heads import load_head
from dupimg.model.models import fingerprint, get_model
from dupimg.options.tool_options import FitHeadOptions


def test_a_head_fitted_on_a_folder(fitted_head):
    head = load_head(fitted_head)
    assert head.network == fingerprint(get_model("efficientnet_lite0"))
    assert head.sizes == (1280, 320, 192, 112)
    assert head.fitted_on == "100 photos and their quarters"
    assert head.projection.shape == (1904, 384)
    assert fitted_head.stat().st_size < 1.5e6


@needs_torch
def test_what_cannot_be_fitted(tmp_path, capsys):
    folder = sample("china.jpg").parent
    (tmp_path / "there.npz").touch()
    for words, message in (
        ([folder, tmp_path / "a.npz"], "with 2 photos, expected at least 100"),
        ([folder, tmp_path / "a.csv"], "expected a name that ends in .npz"),
        ([folder, tmp_path / "there.npz"], "which exists, expected a new file"),
        ([folder, tmp_path / "a.npz", "--model=squeezenet1_1"], "gives no feature maps"),
        ([tmp_path / "nowhere", tmp_path / "a.npz"], "is no folder"),
    ):
        assert main(["fit_head", *map(str, words)]) == 2
        assert message in capsys.readouterr().err


def test_options():
    with pytest.raises(UsageError, match="Got time_limit='soon'"):
        FitHeadOptions("a", "b.npz", time_limit="soon")
