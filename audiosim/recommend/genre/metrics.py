"""How good probabilities of genres are: whether the likeliest is right, and whether they mean what they say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_BINS = 15  # of the calibration error
_LEAST = 1e-15  # a probability of 0 for what came true would cost infinitely much


@dataclass(frozen=True, slots=True)
class GenreScores:
    """Scores of probabilities; `top_2` is the share of tracks whose genre is among the two likeliest."""

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    top_2: float
    log_loss: float
    brier: float
    calibration_error: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Tracks of about the same confidence: its mean, and the share of them that is right."""

    confidence: float
    accuracy: float
    n_tracks: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Tracks of which the likeliest genre is at least so likely: their share, and how many are right (None of none)."""

    at_least: float
    share: float
    accuracy: float | None


def score_probabilities(probabilities: FloatArray, truth: IntArray) -> GenreScores:
    """Score predicted probabilities of classes.

    Parameters
    ----------
    probabilities : (n_tracks >= 1, n_classes >= 2) float64
        Each row adds up to 1.
    truth : (n_tracks,) int64
        The class of each track, below n_classes.

    Returns
    -------
    GenreScores
        Macro F1 and balanced accuracy are means over the classes that occur. The log-loss is in nats. The Brier score
        is the mean squared distance to the truth, from 0 to 2. The calibration error is the mean distance between
        confidence and accuracy over 15 bins of equal width, weighted by their tracks.

    Raises
    ------
    ValueError
        If the shapes disagree, or rows are no probabilities.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> scores = score_probabilities(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    >>> scores.accuracy, round(scores.macro_f1, 3), round(scores.log_loss, 3), round(scores.calibration_error, 3)
    (0.5, 0.333, 0.511, 0.35)
    """
    _require_probabilities(probabilities, truth)
    counts = confusion_matrix(probabilities, truth)
    hits, n_true, n_said = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    occurs = n_true > 0
    f1 = 2.0 * hits / np.maximum(n_true + n_said, 1)
    of_truth = probabilities[np.arange(len(truth)), truth]
    right = probabilities.argmax(axis=1) == truth
    # Ties count for the truth only by its place, as with the likeliest one.
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return GenreScores(
        accuracy=float(right.mean()),
        macro_f1=float(f1[occurs].mean()),
        balanced_accuracy=float((hits[occurs] / n_true[occurs]).mean()),
        top_2=float((likeliest == truth[:, None]).any(axis=1).mean()),
        log_loss=float(-np.log(np.maximum(of_truth, _LEAST)).mean()),
        brier=float(((probabilities**2).sum(axis=1) - 2.0 * of_truth + 1.0).mean()),
        calibration_error=_calibration_error(probabilities.max(axis=1), right),
    )


def confusion_matrix(probabilities: FloatArray, truth: IntArray) -> IntArray:
    """Count tracks by their class (rows) and by their likeliest class (columns).

    Examples
    --------
    >>> confusion_matrix(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1])).tolist()
    [[1, 0], [1, 0]]
    """
    n_classes = probabilities.shape[1]
    cells = truth * n_classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64)


def reliability(probabilities: FloatArray, truth: IntArray) -> tuple[ReliabilityBin, ...]:
    """Confidence beside accuracy, in the bins of the calibration error that have tracks.

    Examples
    --------
    >>> reliability(np.array([[0.9, 0.1], [0.6, 0.4], [0.58, 0.42]]), np.array([0, 1, 0]))[0]
    ReliabilityBin(confidence=0.59, accuracy=0.5, n_tracks=2)
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = _bins(confidence)
    rows_of = [np.flatnonzero(bins == number) for number in np.unique(bins)]
    return tuple(
        ReliabilityBin(float(confidence[rows].mean()), float(right[rows].mean()), len(rows)) for rows in rows_of
    )


def coverage(probabilities: FloatArray, truth: IntArray, *, at_least: float) -> Coverage:
    """How many tracks a genre is told of, and how many of these rightly, if it must be at least so likely.

    Examples
    --------
    >>> coverage(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), at_least=0.8)
    Coverage(at_least=0.8, share=0.5, accuracy=1.0)
    """
    sure = probabilities.max(axis=1) >= at_least
    right = probabilities.argmax(axis=1) == truth
    return Coverage(at_least, float(sure.mean()), float(right[sure].mean()) if sure.any() else None)


def _require_probabilities(probabilities: FloatArray, truth: IntArray) -> None:
    if (
        probabilities.ndim != 2
        or probabilities.shape[1] < 2
        or truth.shape != probabilities.shape[:1]
        or not len(truth)
    ):
        raise ValueError(
            "probabilities must have shape (n_tracks >= 1, n_classes >= 2) and truth (n_tracks,), "
            f"got {probabilities.shape} and {truth.shape}"
        )
    sums = probabilities.sum(axis=1)
    if not ((probabilities >= 0.0).all() and np.allclose(sums, 1.0, rtol=0.0, atol=1e-6)):
        raise ValueError("every row of probabilities must be at least 0 and add up to 1, got other values")


def _calibration_error(confidence: FloatArray, right: npt.NDArray[np.bool_]) -> float:
    surplus = np.bincount(_bins(confidence), right - confidence, minlength=N_BINS)
    return float(np.abs(surplus).sum() / len(confidence))


def _bins(confidence: FloatArray) -> IntArray:
    # A confidence on an edge belongs to the bin below it, so that 1 has one.
    return np.clip(np.ceil(confidence * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
