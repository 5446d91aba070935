"""Which tracks to rate next: most of them to learn the taste, and some that are likely to please once it shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from audiosim.errors import FeatureTableError
from audiosim.library import Library
from audiosim.recommend.taste.design import most_informative, uncertainty
from audiosim.recommend.taste.evaluation import TasteEvaluation
from audiosim.recommend.taste.trials import TasteEffort
from audiosim_pipelines.neighbor_table import table_path
from audiosim_pipelines.progress import Progress
from audiosim_pipelines.taste.evaluation import judge, predictions
from audiosim_pipelines.taste.ground import Kind, LibraryGround, library_ground

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# A hub is among the 10 nearest of more than 5 times as many tracks as it would be if all were equal.
_NEAREST, _TIMES = 10, 5
# Of ten, so many are likely to please.
_SHARE_TO_EXPLOIT = 0.3
_N_REASONS = 2


@dataclass(frozen=True, slots=True)
class ToRate:
    """A track to rate: "explore" teaches, "exploit" is likely to please; `why` says so in words."""

    track_id: str
    label: str
    purpose: Literal["explore", "exploit"]
    why: str


@dataclass(frozen=True, slots=True)
class NextToRate:
    """Tracks to rate, in order.

    `evaluation` is None where there are too few ratings for one, and `too_few` says why; `n_hubs` tracks were left out
    since they are near to everything by `measures`.
    """

    tracks: tuple[ToRate, ...]
    evaluation: TasteEvaluation | None
    too_few: str | None
    n_hubs: int
    measures: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "verdict": self.evaluation.verdict if self.evaluation else None,
            "too_few": self.too_few,
            "n_hubs": self.n_hubs,
            "measures": list(self.measures),
            "tracks": [asdict(track) for track in self.tracks],
        }


def next_to_rate(
    library: Library,
    *,
    n: int = 10,
    kind: Kind = "auto",
    effort: TasteEffort | None = None,
    progress: Progress | None = None,
) -> NextToRate:
    """Tracks whose ratings would tell most about the rest, and, once there is a signal, three in ten that may please.

    An artist counts once while there are others. Hubs are left out where neighbours were compared: what is near to
    everything tells little.

    Raises
    ------
    NotComputedError
        No track has descriptors.
    ValueError
        `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    effort = effort or TasteEffort()
    found = library_ground(library, kind=kind)
    judged, too_few = None, None
    try:
        judged = judge(found.ground.rated, effort, progress)
    except FeatureTableError as error:
        too_few = str(error)
    hubs, measures = _hubs(library, found)
    # Too few others are no reason to choose nothing.
    hubs = hubs if len(found.others) - len(hubs) >= n else []
    likely: list[ToRate] = []
    if judged is not None and judged.has_signal:
        likely = _likely(found, judged, effort, round(_SHARE_TO_EXPLOIT * n), hubs)
    chosen = {track.track_id for track in likely}
    rows = [row for row, track in enumerate(found.tracks) if track.track_id in chosen]
    informative = most_informative(
        found.ground.everything.encoded, found.ground.artists, rated=[*found.rows, *rows], n=n, left_out=hubs
    )
    fresh = _first_of_artists(informative, taken=found.ground.artists[rows], artists=found.ground.artists)
    explored = fresh[: n - len(likely)]
    tracks = [*(_to_explore(found, row) for row in explored), *likely]
    return NextToRate(tuple(tracks), judged, too_few, len(hubs), measures)


def _likely(
    found: LibraryGround, judged: TasteEvaluation, effort: TasteEffort, n: int, hubs: Sequence[int]
) -> list[ToRate]:
    """Tracks with the highest sum of what is expected and of how uncertain it is, one an artist."""
    others = found.others
    predicted = predictions(found, judged, effort)
    residual = float(np.std(np.array(judged.predicted) - found.ground.rated.ratings))
    unsure = residual * uncertainty(found.ground.everything.encoded, rated=found.rows)[others]
    order = others[np.argsort(-(predicted + unsure), kind="stable")]
    free = [row for row in order.tolist() if row not in set(hubs)]
    at = {row: place for place, row in enumerate(others.tolist())}
    word = {"rating": "a rating of", "like": "a like with a chance of", "plays": "plays, as log(1 + n), of"}
    return [
        ToRate(
            found.tracks[row].track_id,
            found.tracks[row].label,
            "exploit",
            f"may please: {word[found.ground.kind]} {predicted[at[row]]:.2f} is expected, "
            f"give or take {unsure[at[row]]:.2f}",
        )
        for row in _first_of_artists(free, taken=np.empty(0, np.int64), artists=found.ground.artists)[:n]
    ]


def _first_of_artists(rows: Sequence[int], *, taken: IntArray, artists: IntArray) -> list[int]:
    """The rows in order, those whose artist was there before behind the others."""
    seen, first, again = set(taken.tolist()), list[int](), list[int]()
    for row in rows:
        (again if artists[row] in seen else first).append(row)
        seen.add(artists[row])
    return [*first, *again]


def _to_explore(found: LibraryGround, row: int) -> ToRate:
    """Say in which features a track lies farthest from those that are rated, or from all where none is."""
    inputs = found.ground.everything
    amounts = [place for place in range(len(inputs.names)) if place not in inputs.kinds]
    known = inputs.values[list(found.rows)] if found.rows else inputs.values
    spread = np.maximum(inputs.values.std(axis=0), 1e-12)
    away = (inputs.values[row] - known.mean(axis=0)) / spread
    most = sorted(amounts, key=lambda place: -abs(away[place]))[:_N_REASONS]
    said = ", ".join(f"{inputs.names[place]} {abs(away[place]):.1f} SD {_side(away[place])}" for place in most)
    whom = "what is rated" if found.rows else "the library's mean"
    track = found.tracks[row]
    return ToRate(track.track_id, track.label, "explore", f"tells most: unlike {whom}, {said}")


def _side(value: float) -> str:
    return "above" if value > 0.0 else "below"


def _hubs(library: Library, found: LibraryGround) -> tuple[list[int], tuple[str, ...]]:
    """Rows that are no rated ones and hubs by any measure that was compared, and these measures."""
    measures = tuple(name for name in library.measures() if table_path(library.folder, name).exists())
    row_of = {track.track_id: row for row, track in enumerate(found.tracks)}
    hubs: set[int] = set()
    for name in measures:
        table = pq.read_table(table_path(library.folder, name), columns=["target_id", "rank"])
        near = np.asarray(table["target_id"])[np.asarray(table["rank"]) <= _NEAREST]
        ids, counts = np.unique(near.astype(str), return_counts=True)
        hubs |= {row_of[i] for i in ids[counts > _TIMES * _NEAREST].tolist() if i in row_of}
    return sorted(hubs - set(found.rows)), measures
