"""The house has three rings; what a module may import says in which one it lives."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dupimg"
VECTORS = (
    *("vectors", "similarity", "duplicates", "scenes", "linkage", "thumbnails", "time_gaps"),
    *("blocks", "candidates", "claims", "links", "pruning", "search", "mean_linkage"),
    *("search_options", "search_estimate", "nearest"),
    *("tuning", "pair_sampling", "questions"),
)
# What looks through a network, and what fits or times one.
MODEL = {"models", "networks", "backends", "openvino_network", "clusters", "benchmark"}


def imports(path: Path) -> set[str]:
    """Return the top-level names of everything that a module imports at run time."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_only_the_model_ring_imports_torch():
    users = {p.stem for p in PACKAGE.glob("*.py") if imports(p) & {"torch", "torchvision", "timm"}}
    assert users <= MODEL
    assert {"networks", "backends"} <= users


@pytest.mark.parametrize("module", VECTORS)
def test_the_vectors_ring_knows_arrays_only(module):
    assert not imports(PACKAGE / f"{module}.py") & {
        "torch",
        "torchvision",
        "timm",
        "PIL",
        "pathlib",
    }


def test_importing_the_embedder_does_not_import_torch():
    for module in ("models", "backends", "openvino_network", "embedding"):
        tree = ast.parse((PACKAGE / f"{module}.py").read_text())
        top = {n.names[0].name for n in tree.body if isinstance(n, ast.Import)}
        top |= {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
        assert not top & {"torch", "torchvision", "timm", "openvino", "dupimg.networks"}
