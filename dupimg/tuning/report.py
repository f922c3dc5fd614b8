"""Report the recommended thresholds and a table of precisions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dupimg.options.tool_options import TuneOptions
from dupimg.tuning.precision_model import FEWEST_ANSWERS
from dupimg.tuning.questions import ThresholdEvidence
from dupimg.tuning.tuning_session import LABELS, TuningSession
from dupimg.wording import counted

TABLE = "precision.csv"

# Steps of the shown thresholds; the file has all of them.
_SHOWN_STEPS = {"duplicates": 0.02, "scenes": 0.05}

_REMEDIES = {
    "duplicates": "Instead, --duplicate_rule=verified takes a second look and removes only copies",
    "scenes": "Besides, --scene_gap=6h and --same_folder keep strangers apart",
}

_ABOUT = """\
`right` is the share of the photos above a threshold that belong together with one that is so
similar; every photo counts the same, so that a burst does not count for more than its photos.
It lies in the interval with a probability of 90 %."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """The outcome for both thresholds.

    Attributes
    ----------
    duplicates, scenes : ThresholdEvidence
    options : TuneOptions
    n_answers, n_skipped : int
    files : tuple of Path
        The written files: answers and table.
    seconds : float
        Duration, including the user's time to answer.
    """

    duplicates: ThresholdEvidence
    scenes: ThresholdEvidence
    options: TuneOptions
    n_answers: int
    n_skipped: int
    files: tuple[Path, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, session: TuningSession, options: TuneOptions) -> Tuned:
        """Create from the answers so far.

        A threshold for scenes above that for duplicates is not recommended, as no run accepts it.
        """
        duplicates, scenes = session.judge()
        upper = duplicates.recommended or options.duplicate_threshold
        if (scenes.recommended or 0) > upper:
            scenes = replace(scenes, recommended=None)
        return cls(duplicates, scenes, options, session.n_answers, session.n_skipped)

    @property
    def thresholds(self) -> dict[str, float]:
        """The recommended thresholds by option, as far as there are any."""
        found = {
            "duplicate_threshold": self.duplicates.recommended,
            "scene_threshold": self.scenes.recommended,
        }
        return {name: value for name, value in found.items() if value is not None}

    @property
    def command(self) -> str:
        """The command that uses the recommended thresholds; empty if there are none."""
        if not self.thresholds:
            return ""
        words = ["dupimg", "organize", str(self.options.input_dir), "OUTPUT_DIR"]
        words += [f"--{name}={value:g}" for name, value in self.thresholds.items()]
        words += [
            f"--{name}={getattr(self.options, name)}"
            for name in ("model", "scene_head", "backend", "precision")
            if getattr(self.options, name) != getattr(TuneOptions, name)
        ]
        return shlex.join(words)

    def table(self) -> pd.DataFrame:
        """Return the precision at every threshold.

        Returns
        -------
        DataFrame
            Columns what (duplicates or scenes), threshold, photos, precision, low, high; see
            `dupimg.tuning.precision_model.precision_table`.
        """
        tables = {"duplicates": self.duplicates.table, "scenes": self.scenes.table}
        return pd.concat(tables, names=["what"]).reset_index("what").reset_index(drop=True)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        return {
            "counts": {"answers": self.n_answers, "skipped": self.n_skipped},
            "recommended": self.thresholds,
            "command": self.command,
            "table": self.table().to_dict("records"),
            "paths": {file.stem: str(file) for file in self.files},
            "seconds": {"total": round(self.seconds, 3)},
        }

    def summary(self) -> str:
        """Return the tables and the recommendation as text."""
        lines = [f"{counted(self.n_answers, 'answer')}, {counted(self.n_skipped, 'pair')} skipped"]
        for name, evidence, now in (
            ("duplicates", self.duplicates, self.options.duplicate_threshold),
            ("scenes", self.scenes, self.options.scene_threshold),
        ):
            lines += ["", *_section(name, evidence, now, self.options.target)]
        lines += ["", _ABOUT]
        if self.command:
            lines += ["", "To use what is recommended:", f"  {self.command}"]
        return "\n".join([*lines, "", *(f"written  {file}" for file in self.files)])


def conclude(session: TuningSession, options: TuneOptions) -> Tuned:
    """Judge the thresholds by the answers so far, and write the table.

    Parameters
    ----------
    session : TuningSession
    options : TuneOptions

    Returns
    -------
    Tuned
    """
    tuned = Tuned.of(session, options)
    labels, table = options.output_dir / LABELS, options.output_dir / TABLE
    tuned.table().to_csv(table, index=False, lineterminator="\n", float_format="%.4f")
    return replace(tuned, files=(labels, table) if labels.exists() else (table,))


def _section(name: str, evidence: ThresholdEvidence, now: float, precision: float) -> Iterator[str]:
    """Yield the lines about one of the thresholds."""
    yield f"{name}: the threshold in use is {now:g}"
    if evidence.table.empty:
        yield "  no two photos are nearly so similar"
        return
    yield "  threshold   photos   right    90 % interval"
    for row in evidence.table.itertuples():
        marks = _marks(row.threshold, evidence, now)
        if marks or _is_round(row.threshold, _SHOWN_STEPS[name]):
            yield (
                f"  {row.threshold:9.3f} {row.photos:7.0%} {row.precision:8.2f}"
                f"     {row.low:.2f} – {row.high:.2f}   {', '.join(marks)}"
            ).rstrip()
    yield from _advice(name, evidence, precision)


def _is_round(threshold: float, step: float) -> bool:
    return abs(threshold / step - round(threshold / step)) < 1e-6


def _marks(threshold: float, evidence: ThresholdEvidence, now: float) -> list[str]:
    marked = {"in use": now, "recommended": evidence.recommended}
    return [mark for mark, at in marked.items() if at is not None and abs(threshold - at) < 1e-6]


def _advice(name: str, evidence: ThresholdEvidence, precision: float) -> Iterator[str]:
    """Yield the advice about a threshold."""
    option = "duplicate_threshold" if name == "duplicates" else "scene_threshold"
    if evidence.recommended is not None:
        yield (
            f"  recommended: --{option}={evidence.recommended:g}, the lowest where at least "
            f"{precision:.0%} are right with a probability of 95 %"
        )
    elif len(evidence.cosines) < FEWEST_ANSWERS:
        yield f"  no recommendation: it takes at least {FEWEST_ANSWERS} answers"
    else:
        up_to = "" if name == "duplicates" else " up to that for duplicates"
        yield (
            f"  no recommendation: at no threshold{up_to} are {precision:.0%} right with a "
            "probability of 95 %"
        )
        if (evidence.table["high"] >= precision).any():
            yield "  More answers narrow the intervals: a higher --pairs goes on from here."
        yield f"  {_REMEDIES[name]}."
