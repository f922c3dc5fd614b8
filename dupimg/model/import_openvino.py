"""Import OpenVINO on demand."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import cast


@cache
def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which would send usage data to Intel."""
    # None marks a package as missing; OpenVINO works without this one.
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    found = modules.setdefault("openvino_telemetry", None)
    try:
        import openvino
    finally:
        if found is None:
            del modules["openvino_telemetry"]
    return openvino
