"""Read the progress that a run has reported, see `dupimg.progress_file`."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from dupimg.progress_file import LINES

# Only recent work counts for the rate: a hundred raws predict little about the JPEGs after them.
_SECONDS_OF_RATE = 15.0


class ProgressLog:
    """The progress of a run, updated by `read`.

    Parameters
    ----------
    folder : Path
        The folder of the run.

    Attributes
    ----------
    steps : list of str
        The numbered steps.
    standing : dict
        The fields of `dupimg.progress.Standing`.
    previews : list of Path
        Previews of the photos read so far, in this order.
    paused : bool
    question : str
        The question whose answer the run waits for.
    announced : list
        The messages shown before the question.
    error : list
        The messages of a refusal; ``field`` is the option that is wrong.
    notes : list
        Messages about the result.
    tuned : dict
        Thresholds that `dupimg tune` recommends.
    closed : bool
        Whether the page of the run has been closed, so that the run is about to end.
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
        self.closed = False
        self._recent: deque[tuple[float, int]] = deque()

    def read(self) -> None:
        """Read the lines written since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return
        whole, newline, _ = content.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.split(b"\n") if newline else ():
            self._parse(json.loads(line))

    def _parse(self, news: dict[str, Any]) -> None:
        if "step" in news:
            self._update_standing(news)
        elif "preview" in news:
            self.previews.append(Path(news["preview"]))
        elif "announced" in news:
            self.announced.append(news["announced"])
        else:
            vars(self).update((name, value) for name, value in news.items() if name in vars(self))

    def _update_standing(self, news: dict[str, Any]) -> None:
        before = self.standing
        same = before.get("step") == news["step"] and before.get("total") == news["total"]
        if not same or news["seconds"] < before["seconds"]:
            self._recent.clear()
        self.standing = news
        lately = self._recent
        lately.append((news["seconds"], news["done"]))
        while len(lately) > 2 and lately[0][0] < news["seconds"] - _SECONDS_OF_RATE:
            lately.popleft()

    @property
    def rate(self) -> float:
        """Items per second; 0 while it is unknown."""
        if len(self._recent) < 2:
            return 0.0
        (begun, first), (now, done) = self._recent[0], self._recent[-1]
        return (done - first) / (now - begun) if now - begun > 1 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining seconds of the step; None while unknown."""
        if not self.rate:
            return None
        return float((self.standing["total"] - self.standing["done"]) / self.rate)
