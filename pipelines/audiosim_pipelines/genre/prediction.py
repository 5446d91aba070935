"""Genres of tracks of which nobody says one, and "unknown" where no genre is likely."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiosim.errors import FeatureTableError
from audiosim.library import Library
from audiosim.recommend.genre.kept import KeptGenreModel
from audiosim.recommend.genre.work import Effort
from audiosim.recommend.labelled_table import LabelledTable, read_labelled_table
from audiosim.sources.cells import guarded
from audiosim.sources.feature_table import RejectedRow
from audiosim.sources.table_presets import TableOptions
from audiosim_pipelines.genre.report import UNKNOWN_BELOW
from audiosim_pipelines.genre.tables import TAG, library_genres
from audiosim_pipelines.genre.training import fitted_digest, kept_model, learned
from audiosim_pipelines.progress import Progress
from audiosim_pipelines.whole_file import replacing

_COLUMNS = ("id", "track", "known", "genre", "confidence", "second", "second_confidence")


@dataclass(frozen=True, slots=True)
class Likely:
    """A genre and how likely it is."""

    genre: str
    probability: float


@dataclass(frozen=True, slots=True)
class ToldGenre:
    """What genre a track seems to be.

    Parameters
    ----------
    name : str
        The id of a track of a library; of a table the number of the row, the first below the header being 1.
    label : str
        "artist - title".
    known : str or None
        The genre that is said already.
    genre : str or None
        None where the likeliest is less likely than was asked for.
    likeliest : tuple of Likely
        The two likeliest.
    """

    name: str
    label: str
    known: str | None
    genre: str | None
    likeliest: tuple[Likely, ...]


@dataclass(frozen=True, slots=True)
class GenrePrediction:
    """Genres of tracks, and how much they are worth.

    Parameters
    ----------
    model : KeptGenreModel
    is_kept : bool
        Whether the library keeps it; if not, it was learned just now.
    unknown_below : float
    told : tuple of ToldGenre
    rejected : tuple of RejectedRow
        Rows of a table that cannot be used.
    """

    model: KeptGenreModel
    is_kept: bool
    unknown_below: float
    told: tuple[ToldGenre, ...]
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def n_unknown(self) -> int:
        """Tracks of which no genre is likely enough."""
        return sum(track.genre is None for track in self.told)


def predict_library(
    library: Library,
    *,
    label: str = TAG,
    labels_file: Path | None = None,
    everything: bool = False,
    anew: bool = False,
    unknown_below: float = UNKNOWN_BELOW,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> GenrePrediction:
    """Tell the genres of a library's tracks of which nobody says one.

    By the model that the library keeps; without one, by one that is learned from the tracks that have a genre.

    Parameters
    ----------
    library : Library
    label, labels_file
        See `library_genres`.
    everything : bool
        Tell those of the other tracks too. The model may have learned from them, and is surer of them than of others.
    anew : bool
        Leave a kept model aside.
    unknown_below : float
        Probability from 0 to 1.
    effort : Effort, optional
    progress : Progress, optional

    Raises
    ------
    NotComputedError
        No track has descriptors.
    FeatureTableError
        The kept model learned from other features; or there is none, and there are not two genres of enough artists.
    """
    tracks = library_genres(library, label, labels_file)
    fitted = fitted_digest(tracks.descriptors)
    kept = None if anew else kept_model(library.folder)
    model = kept or learned(tracks.labelled(), label, effort or Effort(), progress, fitted=fitted)
    rows = [row for row, genre in enumerate(tracks.genres) if everything or not genre]
    names = [tracks.descriptors.tracks[row].track_id for row in rows]
    told = _told(model, tracks.table(rows), names, unknown_below, fitted=fitted) if rows else ()
    return GenrePrediction(model, is_kept=kept is not None, unknown_below=unknown_below, told=told)


def predict_table(
    path: Path,
    library: Path | None,
    *,
    label: str = TAG,
    anew: bool = False,
    unknown_below: float = UNKNOWN_BELOW,
    options: TableOptions | None = None,
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> GenrePrediction:
    """Tell the genres of the rows of a table.

    By the model that the library keeps, of all rows; without one, by one that is learned from the rows that have a
    label, of those that have none.

    Parameters
    ----------
    path : Path
        See `read_labelled_table`.
    library : Path or None
        Folder of the library that may keep a model; it need not be there.
    label : str
        The column of genres, where there is one.
    anew, unknown_below, effort, progress
        As in `predict_library`.
    options : TableOptions, optional

    Raises
    ------
    FeatureTableError
        The table cannot be read or has other features than the kept model; or there is no model, and the table does
        not name two genres of enough artists.
    """
    every = read_labelled_table(path, None, options=options)
    kept = None if anew or library is None else kept_model(library)
    if kept is not None:
        told = _told(kept, every, _numbers(every), unknown_below)
        return GenrePrediction(kept, is_kept=True, unknown_below=unknown_below, told=told, rejected=every.rejected)
    labelled = read_labelled_table(path, label, options=options)
    if labelled.inputs.names != every.inputs.names:
        raise FeatureTableError(f"the column of genres must be no feature, got {label!r}; choose another with --label")
    model = learned(labelled, label, effort or Effort(), progress)
    known = set(_numbers(labelled))
    rows = [row for row, number in enumerate(_numbers(every)) if number not in known]
    names = [_numbers(every)[row] for row in rows]
    told = _told(model, every.take(rows), names, unknown_below) if rows else ()
    return GenrePrediction(model, is_kept=False, unknown_below=unknown_below, told=told, rejected=every.rejected)


def write_table(prediction: GenrePrediction, output: Path) -> None:
    """Write what is told to a CSV file.

    Raises
    ------
    AudiosimError
        The file cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for track in prediction.told:
        first, second = track.likeliest
        probabilities = (f"{first.probability:.4f}", second.genre, f"{second.probability:.4f}")
        cells = (track.name, track.label, track.known or "", track.genre or "unknown", *probabilities)
        writer.writerow([guarded(cell) for cell in cells])
    with replacing(output) as draft:
        draft.write_text(buffer.getvalue(), encoding="utf-8")


def _told(
    model: KeptGenreModel, table: LabelledTable, names: Sequence[str], unknown_below: float, *, fitted: str = ""
) -> tuple[ToldGenre, ...]:
    probabilities = model.predict(table.inputs, fitted=fitted)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    found: list[ToldGenre] = []
    for row, (name, places) in enumerate(zip(names, order.tolist(), strict=True)):
        likeliest = tuple(Likely(model.card.genres[place], float(probabilities[row, place])) for place in places)
        is_likely = likeliest[0].probability >= unknown_below
        genre = likeliest[0].genre if is_likely else None
        found.append(ToldGenre(name, table.titles[row], table.labels[row] or None, genre, likeliest))
    return tuple(found)


def _numbers(table: LabelledTable) -> list[str]:
    """Numbers of the rows of a table's file that can be used."""
    rejected = {item.row for item in table.rejected}
    n_rows = len(table) + len(rejected)
    return [str(number) for number in range(1, n_rows + 1) if number not in rejected]
