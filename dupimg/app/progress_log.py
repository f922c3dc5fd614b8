"""What a run has told of itself so far, see `dupimg.progress_file`."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from dupimg.progress_file import LINES

# A rate is that of the last while: decoding a hundred raws tells little about the JPEGs after it.
_SECONDS_OF_RATE = 15.0


class ProgressLog:
    """The news of a run, read as they are written.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    steps : list of str
        Numbered ones.
    standing : dict
        As `dupimg.progress.Standing`.
    previews : list of Path
        Pictures of the photos that were looked at, in this order.
    paused : bool
    question : str
        What the run asks and waits for.
    announced : list
        What it said before, as messages.
    error : list
        Why it was refused, as messages, with the option ``field`` that is wrong.
    notes : list
        Messages about the result.
    tuned : dict
        Thresholds that `dupimg tune` recommends.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._offset = folder / LINES, 0
        self.steps: list[str] = []
        self.standing: dict[str, Any] = {}
        self.previews: list[Path] = []
        self.paused, self.question = False, ""
        self.announced: list[Any] = []
        self.error: list[Any] = []
        self.field = ""
        self.notes: list[Any] = []
        self.tuned: dict[str, Any] = {}
        self._lately: deque[tuple[float, int]] = deque()

    def read(self) -> None:
        """Take in what was written since."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return
        whole, newline, _ = content.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.split(b"\n") if newline else ():
            self._take_in(json.loads(line))

    def _take_in(self, news: dict[str, Any]) -> None:
        if "step" in news:
            self._take_standing(news)
        elif "preview" in news:
            self.previews.append(Path(news["preview"]))
        elif "announced" in news:
            self.announced.append(news["announced"])
        else:
            vars(self).update((name, value) for name, value in news.items() if name in vars(self))

    def _take_standing(self, news: dict[str, Any]) -> None:
        before = self.standing
        same = before.get("step") == news["step"] and before.get("total") == news["total"]
        if not same or news["seconds"] < before["seconds"]:
            self._lately.clear()
        self.standing = news
        lately = self._lately
        lately.append((news["seconds"], news["done"]))
        while len(lately) > 2 and lately[0][0] < news["seconds"] - _SECONDS_OF_RATE:
            lately.popleft()

    @property
    def rate(self) -> float:
        """What is done in a second; 0 where nobody can tell yet."""
        if len(self._lately) < 2:
            return 0.0
        (begun, first), (now, done) = self._lately[0], self._lately[-1]
        return (done - first) / (now - begun) if now - begun > 1 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the step may still take."""
        if not self.rate:
            return None
        return float((self.standing["total"] - self.standing["done"]) / self.rate)
