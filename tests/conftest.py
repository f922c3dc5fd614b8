from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_photos() -> Path:
    """Return the folder of real photos with ground truth beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "photos"
    if not folder.is_dir():
        assert not os.environ.get("CI"), f"CI has no {folder}"
        pytest.skip("needs the labelled photos in ../shared/photos, whose licences keep them there")
    return folder
