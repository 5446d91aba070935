"""Why two tracks are similar: the passages that match, and where the pair stands by every measure."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.alignment import local
from audiosim.alignment.match import Match, match, self_match
from audiosim.alignment.passages import Passage
from audiosim.audio import trim
from audiosim.catalog import Track, printable
from audiosim.errors import AudioError, NotComputedError, StoreMismatchError
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines.decode import decode_ahead
from audiosim_pipelines.layouts import chroma_spec, layouts
from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.settings import Settings
from audiosim_pipelines.standing import PairStanding, standings

Values = npt.NDArray[np.float32]

_MOST_CELLS = 600  # of the picture, along one track
_PICTURE_RATE = 10.0  # frames / s, for tracks of up to a minute
_N_COLUMNS = 1_000  # of a waveform
_WHOLE = 0.9  # of a track, that is said to match as a whole
_PATH_STEP = 0.5  # seconds between the points of a path in JSON


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What two tracks have in common, and how near they are.

    Attributes
    ----------
    a, b : Track
        The same one for the repeated sections of a track.
    match : Match
        Times are those of the files, as players show them; paths are in frames of the features, see `a_offset`.
    measures : tuple[PairStanding, ...]
        Empty where `a` is `b`.
    cost : np.ndarray [shape=(n_rows, n_columns), float32]
        Cosine distances of smoothed frames of A (rows) and B (columns), B in the key of A; at most 600 x 600.
    a_extent, b_extent : tuple[float, float] (s)
        Where the rows and the columns of `cost` begin and end in the files.
    a_offset, b_offset : float (s)
        Where frame 0 of the paths lies in the files.
    frame_rate : float (frames / s)
        Of the paths.
    a_waveform, b_waveform : np.ndarray [shape=(n_columns, 2), float32] or None
        Lowest and highest sample of each column over the whole file; None where no file gives it.
    a_duration, b_duration : float (s)
        How long the files play; where they are not there, how far the features reach.
    sentences : tuple[str, ...]
        A summary, then one for each passage.
    notes : tuple[str, ...]
        What could not be shown, and why.
    """

    a: Track
    b: Track
    match: Match
    measures: tuple[PairStanding, ...]
    cost: Values
    a_extent: tuple[float, float]
    b_extent: tuple[float, float]
    a_offset: float
    b_offset: float
    frame_rate: float
    a_waveform: Values | None
    b_waveform: Values | None
    a_duration: float
    b_duration: float
    sentences: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What `audiosim explain --json` prints, but for the files it wrote."""
        found = self.match
        return {
            "a": _track_as_dict(self.a, self.a_duration),
            "b": _track_as_dict(self.b, self.b_duration),
            "summary": self.sentences[0],
            "coverage_a": found.coverage_a,
            "coverage_b": found.coverage_b,
            "transposition": found.transposition,
            "tempo_ratio": found.tempo_ratio,
            "straightness": found.straightness,
            "passages": [
                self._passage_as_dict(passage, sentence)
                for passage, sentence in zip(found.passages, self.sentences[1:], strict=True)
            ],
            "measures": [
                {name: getattr(standing, name) for name in PairStanding.__dataclass_fields__}
                for standing in self.measures
            ],
            "notes": list(self.notes),
        }

    def _passage_as_dict(self, passage: Passage, sentence: str) -> dict[str, Any]:
        numbers = {name: getattr(passage, name) for name in Passage.__dataclass_fields__ if name != "path"}
        # Every so many steps and the last one: two points a second draw the path as well as 43 do.
        step = max(1, round(_PATH_STEP * self.frame_rate))
        kept = passage.path[[*range(0, len(passage.path) - 1, step), -1]]
        seconds = kept / self.frame_rate + np.array([self.a_offset, self.b_offset])
        return {"sentence": sentence, **numbers, "path": seconds.round(3).tolist()}


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the two tracks: its stored chroma, and what its file tells."""

    track: Track
    chroma: Values
    offset: float
    duration: float
    waveform: Values | None
    problem: AudioError | None


def explain(library: Library, settings: Settings, a: str, b: str) -> Explanation:
    """Explain how two tracks go together, or how one track repeats itself.

    Parameters
    ----------
    library, settings
        Where, and what its features are made with.
    a, b
        The tracks, as `Library.find` understands them; the same one twice for its repeated sections.

    Returns
    -------
    Explanation

    Raises
    ------
    TrackNotFoundError
        A name means no track, or several.
    NotComputedError
        A track has no chroma.
    StoreMismatchError
        The chroma were made with other settings.

    Notes
    -----
    The files are decoded for their waveforms, and since they alone tell how much silence was trimmed; where one is
    gone, times of its track count from where its sound begins, and a note says so.

    Examples
    --------
    >>> explain(library, settings, "Artist - Title", "Other - Title (live)").sentences  # doctest: +SKIP
    """
    first, second = library.find(a), library.find(b)
    is_same = first.track_id == second.track_id
    sides = _sides(library, settings, [first] if is_same else [first, second])
    side_a, side_b = sides[0], sides[-1]
    frame_rate = chroma_spec(settings).frame_rate
    found = (
        self_match(side_a.chroma, frame_rate=frame_rate)
        if is_same
        else match(side_a.chroma, side_b.chroma, frame_rate=frame_rate)
    )
    found = _in_file_time(found, side_a, side_b)
    cost, a_end, b_end = _picture(side_a.chroma, side_b.chroma, found.transposition, frame_rate)
    return Explanation(
        a=first,
        b=second,
        match=found,
        measures=() if is_same else standings(library, first, second),
        cost=cost,
        a_extent=(side_a.offset, side_a.offset + a_end),
        b_extent=(side_b.offset, side_b.offset + b_end),
        a_offset=side_a.offset,
        b_offset=side_b.offset,
        frame_rate=frame_rate,
        a_waveform=side_a.waveform,
        b_waveform=side_b.waveform,
        a_duration=side_a.duration,
        b_duration=side_b.duration,
        sentences=sentences(found, is_same=is_same),
        notes=tuple(
            f"no waveform of {side.track.label!r}: its file {printable(str(side.problem))}; "
            "its times count from where its sound begins"
            for side in sides
            if side.problem is not None
        ),
    )


def sentences(found: Match, *, is_same: bool) -> tuple[str, ...]:
    """What a match says to people: a summary, then one sentence for each passage.

    Parameters
    ----------
    found
        With the times that are to be shown.
    is_same
        Whether it is that of a track with itself.

    Examples
    --------
    >>> sentences(Match((), 0.0, 0.0, None, None, None), is_same=False)
    ('Nothing matches: no stretch of five seconds or more goes together better than by chance.',)
    """
    return (_summary(found, is_same=is_same), *(_sentence(passage, is_same=is_same) for passage in found.passages))


def _summary(found: Match, *, is_same: bool) -> str:
    n_passages = len(found.passages)
    if not n_passages:
        what = "is repeated: no stretch of five seconds or more returns" if is_same else (
            "matches: no stretch of five seconds or more goes together"
        )  # fmt: skip
        return f"Nothing {what} better than by chance."
    share_a, share_b = (f"{100.0 * share:.0f} %" for share in (found.coverage_a, found.coverage_b))
    if is_same:
        what = "One passage is" if n_passages == 1 else f"{n_passages} passages are"
        return f"{what} repeated; with the repetitions this is {share_a} of the track."
    if n_passages == 1 and min(found.coverage_a, found.coverage_b) >= _WHOLE:
        return f"A and B match as a whole: one passage is {share_a} of A and {share_b} of B."
    what = "One passage matches" if n_passages == 1 else f"{n_passages} passages match"
    return f"{what}: {share_a} of A and {share_b} of B."


def _sentence(passage: Passage, *, is_same: bool) -> str:
    a, b = (
        f"{clock(start)}-{clock(stop)}"
        for start, stop in ((passage.a_start, passage.a_stop), (passage.b_start, passage.b_stop))
    )
    where = f"{a} is repeated at {b}" if is_same else f"A {a} matches B {b}"
    cost = f"{passage.mean_cost:.2f}".removeprefix("0")
    moved = f", transposed {passage.transposition:+d}" if passage.transposition else ""
    return f"{where}, mean cost {cost}, tempo ratio {passage.tempo_ratio:.2f}{moved}."


def _track_as_dict(track: Track, duration: float) -> dict[str, Any]:
    path = printable(str(track.paths[0])) if track.paths else None
    return {"track_id": track.track_id, "label": track.label, "path": path, "duration": duration}


def _sides(library: Library, settings: Settings, tracks: Sequence[Track]) -> list[_Side]:
    """Both tracks, with all that is stored and all that their files tell."""
    chroma = _stored_chroma(library, settings, tracks)
    untrimmed = replace(settings.audio, trim_db=None)
    frame_rate = chroma_spec(settings).frame_rate
    sides: list[_Side] = []
    with ThreadPoolExecutor(len(tracks), thread_name_prefix="explain") as pool:
        decoded = decode_ahead(pool, tracks, library.catalog, untrimmed, hear=_nothing, n_ahead=len(tracks))
        for (track, heard), frames in zip(decoded, chroma, strict=True):
            if isinstance(heard, AudioError):
                sides.append(_Side(track, frames, 0.0, len(frames) / frame_rate, None, heard))
                continue
            signal = heard[0]
            offset = _trimmed(signal, settings.audio.trim_db) / settings.audio.sample_rate
            duration = len(signal) / settings.audio.sample_rate
            sides.append(_Side(track, frames, offset, duration, _waveform(signal), None))
    return sides


def _nothing(_signal: Values, _duration: float) -> None:
    """What is computed of a signal while it is decoded."""


def _stored_chroma(library: Library, settings: Settings, tracks: Sequence[Track]) -> list[Values]:
    rows = library.catalog.rows("chroma")
    for track in tracks:
        if track.track_id not in rows:
            raise NotComputedError(
                f"{track.label!r} has no chroma, which passages are found in; what failed, and why: audiosim status "
                f"--failures --library {library.folder}; to compute what is missing, with chroma among "
                f"features.families of its audiosim.toml: audiosim run --library {library.folder}"
            )
    store = FeatureStore.read(library.folder, "chroma")
    expected = layouts(replace(settings, features=replace(settings.features, families=("chroma",))))["chroma"]
    if store.layout.attributes() != expected.attributes():
        raise StoreMismatchError(
            f"chroma in {library.folder} was made with other settings, or by another version; undo what was changed "
            "in audiosim.toml or in AUDIOSIM_* variables, or run: audiosim extract --recompute"
        )
    places = [rows.index(track.track_id) for track in tracks]
    return [store.frames(row, row + 1)[0] for row in places]


def _trimmed(signal: Values, trim_db: float | None) -> int:
    """Samples of silence before the sound."""
    if trim_db is None:
        return 0
    kept = trim(signal, trim_db=trim_db)
    # `trim` gives a view, so that where it begins is where its first sample lies.
    return (kept.__array_interface__["data"][0] - signal.__array_interface__["data"][0]) // signal.itemsize


def _waveform(signal: Values) -> Values:
    """Lowest and highest sample of each column (n_columns, 2)."""
    starts = np.unique(np.linspace(0, len(signal), min(_N_COLUMNS, len(signal)), endpoint=False).astype(np.int64))
    return np.stack([np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)], axis=1)


def _in_file_time(found: Match, a: _Side, b: _Side) -> Match:
    """A match with the silence that was trimmed off the files added to its times."""
    passages = tuple(
        replace(
            passage,
            a_start=passage.a_start + a.offset,
            # The last frame stands for more time than there may be.
            a_stop=min(passage.a_stop + a.offset, a.duration),
            b_start=passage.b_start + b.offset,
            b_stop=min(passage.b_stop + b.offset, b.duration),
        )
        for passage in found.passages
    )
    return replace(found, passages=passages)


def _picture(
    a_chroma: Values, b_chroma: Values, transposition: int | None, frame_rate: float
) -> tuple[Values, float, float]:
    """Costs of smoothed frames, and how many seconds of both tracks they show."""
    longest = max(len(a_chroma), len(b_chroma)) / frame_rate
    rate = min(_PICTURE_RATE, frame_rate, _MOST_CELLS / longest)
    a = local.smoothed(a_chroma, frame_rate=frame_rate, rate=rate)
    b = local.smoothed(b_chroma, frame_rate=frame_rate, rate=rate)
    semitones = local.likely_transpositions(a, b)[0] if transposition is None else transposition
    return local.costs_of(a, b, semitones=semitones), len(a) / rate, len(b) / rate
