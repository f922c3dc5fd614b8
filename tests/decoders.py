"""Decoders that misbehave, for the workers of `dupimg.files.sandbox` to call."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dupimg.files import images, reading


def call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def pid(_: object) -> int:
    return os.getpid()


def sleep(marker: str = "") -> None:
    """Hang and let other threads run."""
    if marker:
        Path(marker).write_text(str(os.getpid()))
    time.sleep(600)


def spin(marker: str = "") -> None:
    """Hang in C code that lets no other thread run."""
    if marker:
        Path(marker).write_text(str(os.getpid()))
    re.match(r"(a+)+$", 60 * "a" + "b")


def die(number: int = signal.SIGSEGV) -> None:
    os.kill(os.getpid(), number)
    time.sleep(600)


def leave(status: int) -> None:
    os._exit(status)


def take(size: int) -> int:
    """Take memory, by bytes, and give it back."""
    return np.zeros(size, np.uint8).nbytes


def refuse(message: str) -> None:
    raise images.UnreadablePhoto(message)


def fail(message: str) -> None:
    raise KeyError(message)


def interrupt() -> str:
    """Do what Ctrl-C in a terminal does to all its processes."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    return "went on"


def chatter() -> int:
    return os.write(2, b"TIFFFillStrip: Read error at scanline 0\n")


def modules() -> list[str]:
    return list(sys.modules)


def read_views(path: str, **how: int) -> np.ndarray:
    misbehave(Path(path).name)
    return images.read_views(path, **how)


def read_facts(max_pixels: int, path: Path) -> object:
    misbehave(path.name)
    return read_facts_for_real(max_pixels, path)


read_facts_for_real = reading._read_facts


def misbehave(name: str) -> str:
    """Do to this process what the beginning of a name says."""
    if name.startswith("hangs"):
        sleep()
    if name.startswith("dies"):
        die()
    if name.startswith("eats"):
        take(1 << 50)
    return name
