"""What a report shows: all that is stored of a track, what its file tells, and what is missing and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.catalog import Track, printable
from audiosim.distances import MEASURES
from audiosim.errors import AudioError, NotComputedError, StoreMismatchError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines.features import TrackDescriptors, descriptor_table, track_descriptors
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.pages.track.sound import Sound, listen
from audiosim_pipelines.settings import FEATURES_OF_FAMILY, Settings

Values = npt.NDArray[np.float32]

# What is drawn, or written into pictures; all but the descriptors are frames.
_DRAWN = ("mfcc", "chroma", "onset", "beats", "loudness", "descriptors")


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Descriptors of all tracks of the library.

    Parameters
    ----------
    names : tuple[str, ...]
        The descriptors that lie in 0..1 and are no names.
    values : np.ndarray [shape=(n_tracks, n_names), float64]
    row : int
        The row of the track.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]
    row: int


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The tracks nearest by one measure: rows of `audiosim.Library.nearest`, or why there are none."""

    measure: str
    rescaling: str
    rows: tuple[Mapping[str, Any], ...]
    missing: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What a report shows.

    Parameters
    ----------
    track : Track
    sound : Sound or None
        None where no file gives it.
    stored : Mapping[str, np.ndarray]
        Frames (n_frames, n_dims) by feature, and the vector of the descriptors as they were computed.
    scale : tuple[np.ndarray, np.ndarray] or None
        Mean and standard deviation of each MFCC over the library.
    frame_rate, top_db : float
        Frames a second of all frames but beats and loudness; what lies so many dB below the loudest does not count.
    fmin, fmax : float (Hz)
        Where mel bands begin and end.
    descriptors : TrackDescriptors or None
    distribution : Distribution or None
    neighbors : tuple[Neighbors, ...]
        By every measure that is compared.
    missing : Mapping[str, str]
        Reasons, by what is not there: "sound" or the name of a feature.
    """

    track: Track
    sound: Sound | None
    stored: Mapping[str, Values]
    scale: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None
    frame_rate: float
    top_db: float
    fmin: float
    fmax: float
    descriptors: TrackDescriptors | None
    distribution: Distribution | None
    neighbors: tuple[Neighbors, ...]
    missing: Mapping[str, str]

    @property
    def start(self) -> float:
        """Where features begin in the file, in seconds; 0 where the file is not there to tell."""
        return self.sound.start if self.sound else 0.0

    @property
    def end(self) -> float:
        """Where the time axis of the pictures ends, in seconds; at least a tenth."""
        if self.sound:
            return max(self.sound.duration, 0.1)
        of_frames = [
            len(self.stored[name]) / self.frame_rate for name in ("mfcc", "chroma", "onset") if name in self.stored
        ]
        of_loudness = [len(self.stored["loudness"]) / 10.0 + 0.3] if "loudness" in self.stored else []
        return max([*of_frames, *of_loudness, 0.1])

    @property
    def duration(self) -> float | None:
        """Seconds that the file plays, or what its tags say of it."""
        if self.sound:
            return self.sound.duration
        measured = self.described("duration_ms")
        return self.track.duration if measured is None else measured / 1_000.0

    def described(self, name: str) -> float | None:
        """A descriptor as it was computed, whatever models were fitted since."""
        values = self.stored.get("descriptors")
        return None if values is None else float(values[DESCRIPTORS.index(name)])


def read_contents(library: Library, settings: Settings, track: Track, *, k: int) -> Contents:
    """Read what there is of a track; what is not there is named in `missing`.

    Raises
    ------
    NotComputedError
        There is neither a file nor a feature of the track.
    StoreMismatchError
        The features were made with other settings.
    """
    missing: dict[str, str] = {}
    stored = _stored(library, settings, track, missing)
    spec = settings.mfcc()
    sound = listen(track, library.catalog, settings.audio, spec)
    if isinstance(sound, AudioError):
        missing["sound"] = printable(str(sound))
        sound = None
    if sound is None and not stored:
        raise NotComputedError(
            f"there is nothing to show of {track.label!r}: its file {missing['sound']}, and it has no features; "
            f"what failed, and why: audiosim status --failures --library {library.folder}"
        )
    statistics = library.catalog.statistics("mfcc")
    descriptors, distribution = _described(library, track) if "descriptors" in stored else (None, None)
    return Contents(
        track=track,
        sound=sound,
        stored=stored,
        scale=None if statistics is None else statistics[:2],
        frame_rate=spec.frame_rate,
        top_db=spec.top_db,
        fmin=spec.fmin,
        fmax=spec.upper_frequency,
        descriptors=descriptors,
        distribution=distribution,
        neighbors=tuple(
            _nearest(library, track, measure, k) for measure in sorted(library.measures(), key=list(MEASURES).index)
        ),
        missing=missing,
    )


def _stored(library: Library, settings: Settings, track: Track, missing: dict[str, str]) -> dict[str, Values]:
    """Stored rows of the track, by feature; those that are not there are added to `missing`."""
    stored: dict[str, Values] = {}
    expected = layouts(settings)
    for name in _DRAWN:
        ids = library.catalog.rows(name)
        if track.track_id not in ids:
            missing[name] = _reason(library, settings, track, name)
            continue
        store = FeatureStore.read(library.folder, name)
        if name in expected and store.layout.attributes() != expected[name].attributes():
            raise StoreMismatchError(
                f"{name} in {library.folder} was made with other settings, or by another version; undo what was "
                "changed in audiosim.toml or in AUDIOSIM_* variables, or run: audiosim extract --recompute"
            )
        row = ids.index(track.track_id)
        stored[name] = (
            store.vectors(row, row + 1)[0] if store.layout.kind == "vectors" else store.frames(row, row + 1)[0]
        )
    return stored


def _reason(library: Library, settings: Settings, track: Track, feature: str) -> str:
    """Why the track lacks a feature."""
    for failure in library.catalog.failures("extract"):
        if failure.track_id == track.track_id:
            return printable(failure.reason)
    family = next(family for family, features in FEATURES_OF_FAMILY.items() if feature in features)
    if family not in settings.features.families:
        return f"the library extracts no {family}: it is not among features.families of its audiosim.toml"
    return "not extracted yet; run: audiosim extract"


def _described(library: Library, track: Track) -> tuple[TrackDescriptors, Distribution]:
    described = track_descriptors(library, track.track_id)
    table = descriptor_table(library)
    # Proxies: what lies in 0..1 but for pitches, which say more as a row of the table.
    columns = [
        column
        for column, value in enumerate(described.values)
        if value.unit == "0 .. 1" and not value.name.startswith("pitch_")
    ]
    row = [member.track_id for member in table.tracks].index(track.track_id)
    return described, Distribution(tuple(DESCRIPTORS[c] for c in columns), table.values[:, columns], row)


def _nearest(library: Library, track: Track, measure: str, k: int) -> Neighbors:
    rescaling = library.rescaling(measure)
    if all(track.track_id != member.track_id for member in library.distances(measure)[1]):
        return Neighbors(measure, rescaling, (), "the track is not among those that were compared")
    try:
        table = library.nearest(track, k=k, measure=measure)
    except NotComputedError as error:
        return Neighbors(measure, rescaling, (), printable(str(error)))
    rows: list[dict[str, Any]] = table.to_dict("records")  # pyright: ignore[reportAssignmentType]
    return Neighbors(measure, rescaling, tuple(rows), None if rows else "there is no other track")
