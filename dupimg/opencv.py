"""Import OpenCV on demand."""

from __future__ import annotations

from types import ModuleType


def opencv() -> ModuleType:
    """Import `cv2`, which takes 0.1 s, without its own threads."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
