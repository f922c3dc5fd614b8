"""Hold the state of tuning: the next question, and the answers so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dupimg.decide.embedded import Embedded
from dupimg.errors import UsageError
from dupimg.files.photos import Photo
from dupimg.messages import message
from dupimg.model.features import Features
from dupimg.options.tool_options import TuneOptions
from dupimg.tuning.pair_labels import SKIPPED, PairLabel, read_pairs, write_pairs
from dupimg.tuning.questions import (
    ANSWERS,
    SAME_PHOTO,
    SAME_SCENE,
    Scale,
    ThresholdEvidence,
    choose_pair,
)

LABELS = "labels.csv"

# Questions are about pairs up to this far below the thresholds in use. Lower thresholds are hardly
# ever right, and would multiply the number of pairs.
_BELOW_DUPLICATES, _BELOW_SCENES = 0.15, 0.2


@dataclass(frozen=True)
class Question:
    """A pair of photos to ask about.

    Attributes
    ----------
    number, total : int
        Number of the question, from 1 on, and number of questions.
    rows : tuple of two int
        Indices of the photos in `TuningSession.photos`.
    photos : tuple of two Photo
        Earlier one first.
    cosine, scene_cosine : float
        Their cosines by the embeddings for duplicates and scenes; not to be shown before the
        answer.
    """

    number: int
    total: int
    rows: tuple[int, int]
    photos: tuple[Photo, Photo]
    cosine: float
    scene_cosine: float


class TuningSession:
    """A series of questions about pairs of photos; saves each answer immediately.

    Parameters
    ----------
    embedded : Embedded
        Photos of n contents.
    options : TuneOptions

    Attributes
    ----------
    photos : tuple of Photo, of length n
        The first photo of each content.
    labels : tuple of PairLabel
        The answers in order, including those of earlier runs.

    Raises
    ------
    UsageError
        The file with the answers of earlier runs is invalid, or is about other photos.
    """

    def __init__(self, embedded: Embedded, options: TuneOptions) -> None:
        first = np.unique(embedded.inverse, return_index=True)[1]
        self.photos = tuple(embedded.photos[i] for i in first)
        rows = zip(embedded.photos, embedded.inverse.tolist(), strict=True)
        self._rows = {photo.path: row for photo, row in rows}
        self._total, self._precision = options.pairs, options.target
        self._scales = _make_scales(embedded.features, options)
        self._file = options.output_dir / LABELS
        self.labels = read_pairs(self._file) if self._file.exists() else ()
        if self.labels and not len(self._known()[0]):
            file, folder = str(self._file), str(options.input_dir)
            raise UsageError(message("refused.other_answers", file=file, folder=folder))
        self._question: Question | None = None
        self._choose()

    @property
    def question(self) -> Question | None:
        """The current question; None if there are enough answers or no pairs left."""
        return self._question

    @property
    def exhausted(self) -> bool:
        """Whether no pairs are left although there are too few answers."""
        return self._question is None and self.n_answers < self._total

    @property
    def n_answers(self) -> int:
        """The number of answers, including earlier runs but not skipped pairs."""
        return sum(answer in ANSWERS for answer in self._known()[1])

    @property
    def n_skipped(self) -> int:
        """The number of skipped pairs."""
        return len(self._known()[1]) - self.n_answers

    def answer(self, answer: str) -> None:
        """Store an answer to the question, or ``"skipped"``.

        Raises
        ------
        ValueError
            If the answer is unknown, or there is no question.
        """
        if self._question is None or answer not in (*ANSWERS, SKIPPED):
            raise ValueError(
                f"Got {answer!r}, expected one of {', '.join((*ANSWERS, SKIPPED))} to a question."
            )
        one, other = self._question.photos
        self._save((*self.labels, PairLabel(one.path, other.path, answer)))

    def back(self) -> None:
        """Undo the last answer, if any, and ask again."""
        if self.labels:
            self._save(self.labels[:-1])

    def ask_more(self, n_pairs: int) -> None:
        """Ask for this many further answers."""
        self._total = self.n_answers + n_pairs
        self._choose()

    def judge(self) -> tuple[ThresholdEvidence, ThresholdEvidence]:
        """Judge the thresholds for duplicates and for scenes by the answers so far."""
        pairs, answers = self._known()
        given = np.isin(answers, ANSWERS)
        evidence = pairs[given], np.asarray(answers, dtype=np.str_)[given]
        duplicates, scenes = (scale.judge(*evidence, self._precision) for scale in self._scales)
        return duplicates, scenes

    def _save(self, labels: tuple[PairLabel, ...]) -> None:
        write_pairs(labels, self._file)
        self.labels = labels
        self._choose()

    def _known(self) -> tuple[np.ndarray, list[str]]:
        """Return the rows and answers of the labels about photos of this folder."""
        known = {}
        for label in self.labels:
            one, other = self._rows.get(label.path_a), self._rows.get(label.path_b)
            if one is not None and other is not None and one != other:
                known[min(one, other), max(one, other)] = label.answer
        return np.array([*known], dtype=np.int64).reshape(-1, 2), [*known.values()]

    def _choose(self) -> None:
        self._question = None
        number = self.n_answers + 1
        if number > self._total:
            return
        pair = choose_pair(self._scales, *self._known(), self._precision)
        if pair is not None:
            one, other = (self.photos[row] for row in pair)
            cosines = (scale.cosines(np.array([pair])).item() for scale in self._scales)
            self._question = Question(number, self._total, pair, (one, other), *cosines)


def _make_scales(features: Features, options: TuneOptions) -> tuple[Scale, Scale]:
    duplicates = Scale.of(
        features.vector,
        (SAME_PHOTO,),
        options.duplicate_threshold,
        floor=max(options.duplicate_threshold - _BELOW_DUPLICATES, 0.05),
    )
    scenes = Scale.of(
        features.scene_vector,
        (SAME_PHOTO, SAME_SCENE),
        options.scene_threshold,
        floor=max(options.scene_threshold - _BELOW_SCENES, 0.05),
    )
    return duplicates, scenes
