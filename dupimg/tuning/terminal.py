"""Ask about pairs of photos in the terminal: paths, and a letter for an answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from dupimg.files.photos import Photo
from dupimg.tuning.pair_labels import SKIPPED
from dupimg.tuning.questions import DIFFERENT, SAME_PHOTO, SAME_SCENE
from dupimg.tuning.tuning_session import Question, TuningSession

_KEYS = {
    "p": SAME_PHOTO,
    "1": SAME_PHOTO,
    "s": SAME_SCENE,
    "2": SAME_SCENE,
    "d": DIFFERENT,
    "3": DIFFERENT,
    "k": SKIPPED,
}
_BACK, _QUIT = "b", "q"
_CHOICES = (
    "  p same photo, one of them could go   s same scene, both stay   d different\n"
    "  k skip   b back   q quit"
)


def ask_in_terminal(session: TuningSession, folder: Path, say: Callable[[str], object]) -> None:
    """Ask until there are enough answers, or until ``q`` or the end of the input.

    Parameters
    ----------
    session : TuningSession
    folder : Path
        That the paths of the photos start from.
    say : callable
        Shows a person a text.
    """
    while (question := session.question) is not None:
        say(f"\npair {question.number} of {question.total}")
        for letter, photo in zip("ab", question.photos, strict=True):
            say(f"  {letter}  {_described(photo, folder)}")
        say(_CHOICES)
        word = sys.stdin.readline()
        key = word.strip().lower()[:1]
        if not word or key == _QUIT:
            return
        if key == _BACK:
            session.back()
        elif key in _KEYS:
            session.answer(_KEYS[key])
            say(f"  {_KEYS[key]}; {_cosines(question)}")
        else:
            say(f"Got {word.strip()!r}, expected p, s, d, k, b or q.")


def _described(photo: Photo, folder: Path) -> str:
    taken = f"{photo.local_time:%Y-%m-%d %H:%M:%S}"
    size = f"{photo.width} × {photo.height}"
    return f"{folder / photo.path}   {size}   {photo.bytes / 1000:,.0f} kB   {taken}"


def _cosines(question: Question) -> str:
    return f"cosine {question.cosine:.3f} for duplicates, {question.scene_cosine:.3f} for scenes"
