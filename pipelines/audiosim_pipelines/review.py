"""The review file of versions: what pairs of tracks are to each other, and what people decided.

Nothing is merged or deleted by it. A file that is written anew keeps the decisions that are in it.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiosim.alignment.kinship import Evidence, Kinship
from audiosim.catalog import Track, printable
from audiosim.errors import SettingsError
from audiosim.sources.cells import guarded, unguarded

SUFFIXES = (".csv", ".json")

_TRACK_COLUMNS = ("id", "artist", "title", "path")
_DECISION = "decision"
_N_DECIMALS = 4

Ids = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ReviewedPair:
    """Two tracks, what they are to each other, and why.

    Attributes
    ----------
    kinship : Kinship
    a, b : Track
        A comes before B in the library.
    found_by : tuple[str, ...]
        Measures that count one among the nearest of the other; none where both are kin of a third track.
    distances : Mapping[str, float | None]
        By measure, as measured.
    evidence : Evidence
    decision : str
        What people wrote, else empty.
    """

    kinship: Kinship
    a: Track
    b: Track
    found_by: tuple[str, ...]
    distances: Mapping[str, float | None]
    evidence: Evidence
    decision: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "class": self.kinship,
            "a": _track_as_dict(self.a),
            "b": _track_as_dict(self.b),
            "found_by": list(self.found_by),
            "distances": dict(self.distances),
            **asdict(self.evidence),
            _DECISION: self.decision,
        }


def decisions_in(path: Path) -> dict[Ids, str]:
    """Read what people decided, by the ids of the two tracks in order; nothing where there is no file.

    Raises
    ------
    SettingsError
        The file is there, but is no review file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read for the decisions in it ({error}); choose another file") from error
    try:
        rows = _rows_of_csv(text) if path.suffix.lower() == ".csv" else _rows_of_json(text)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise SettingsError(
            f"{path} is no review file of versions, and would be replaced by one; choose another file"
        ) from error
    return {(min(ids), max(ids)): decision for ids, decision in rows if decision}


def as_csv(pairs: Sequence[ReviewedPair], measures: Sequence[str]) -> bytes:
    """One row a pair; no text is taken for a formula by a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _columns(measures), lineterminator="\n")
    writer.writeheader()
    for pair in pairs:
        writer.writerow({column: _cell(value) for column, value in _row(pair, measures).items()})
    return text.getvalue().encode()


def as_json(document: Mapping[str, Any]) -> bytes:
    """Indented, and the same bytes for the same values."""
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _columns(measures: Sequence[str]) -> list[str]:
    tracks = [f"{side}_{column}" for side in "ab" for column in _TRACK_COLUMNS]
    distances = [f"distance_{measure}" for measure in measures]
    return ["class", *tracks, "found_by", *distances, *_EVIDENCE_COLUMNS, _DECISION]


_EVIDENCE_COLUMNS = (
    "same_sound_a",
    "same_sound_b",
    "longest_same_sound_s",
    "offset_s",
    "drift",
    "wander_ms",
    "harmony_correlation",
    "timbre_correlation",
    "residual",
    "passages",
    "coverage_a",
    "coverage_b",
    "score",
    "mean_cost",
    "tempo_ratio",
    "transposition",
    "straightness_ms",
    "timbre_residual",
)


def _row(pair: ReviewedPair, measures: Sequence[str]) -> dict[str, Any]:
    laid, course = pair.evidence.overlay, pair.evidence.course
    values = (
        laid.total_a,
        laid.total_b,
        max((segment.a_stop - segment.a_start for segment in laid.segments), default=0.0),
        laid.offset,
        None if laid.offset is None else laid.drift,
        _milliseconds(laid.wander),
        laid.harmony,
        laid.timbre,
        laid.residual,
    )
    aligned: tuple[Any, ...] = (None,) * 9
    if course is not None:
        aligned = (
            course.n_passages,
            course.coverage_a,
            course.coverage_b,
            course.score,
            course.mean_cost,
            course.tempo_ratio,
            course.transposition,
            _milliseconds(course.straightness),
            course.timbre_residual,
        )
    return {
        "class": pair.kinship,
        **{f"a_{key}": value for key, value in _track_cells(pair.a).items()},
        **{f"b_{key}": value for key, value in _track_cells(pair.b).items()},
        "found_by": " ".join(pair.found_by),
        **{f"distance_{measure}": pair.distances[measure] for measure in measures},
        **dict(zip(_EVIDENCE_COLUMNS, (*values, *aligned), strict=True)),
        _DECISION: guarded(pair.decision),
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    # Adding 0 takes the sign off what is rounded to -0.
    return f"{round(value, _N_DECIMALS) + 0.0:.{_N_DECIMALS}f}" if isinstance(value, float) else str(value)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _track_cells(track: Track) -> dict[str, str]:
    """What a table says of a track."""
    fields = _track_as_dict(track)
    artist, title, path = (guarded(fields[key] or "") for key in ("artist", "title", "path"))
    return {"id": track.track_id, "artist": artist, "title": title, "path": path}


def _track_as_dict(track: Track) -> dict[str, str | None]:
    return {
        "track_id": track.track_id,
        "artist": None if track.artist is None else printable(track.artist),
        "title": None if track.title is None else printable(track.title),
        "path": printable(str(track.paths[0])) if track.paths else None,
    }


def _rows_of_csv(text: str) -> list[tuple[Ids, str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if reader.fieldnames is None:  # an empty file
        return []
    return [((row["a_id"], row["b_id"]), unguarded(row[_DECISION] or "").strip()) for row in reader] or _checked(reader)


def _checked(reader: "csv.DictReader[str]") -> list[tuple[Ids, str]]:
    """No rows, if the header is that of a review file."""
    if not {"a_id", "b_id", _DECISION} <= set(reader.fieldnames or ()):
        raise ValueError(reader.fieldnames)
    return []


def _rows_of_json(text: str) -> list[tuple[Ids, str]]:
    pairs: list[dict[str, Any]] = json.loads(text)["pairs"]
    return [((pair["a"]["track_id"], pair["b"]["track_id"]), str(pair[_DECISION] or "").strip()) for pair in pairs]
