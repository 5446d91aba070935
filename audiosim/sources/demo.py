"""A demo library that is synthesised on the spot: eight compositions, each in five versions of known kinship.

Every version is played anew from the score, with its own small human differences; nothing is resampled. The performers
of the versions differ, so an artist filter leaves the kin of a query in its ranking.

`features.csv` is **synthetic**: a table in the shape of Spotify's audio features, made up from the parameters of the
synthesis and seeded noise so that the comparison with a feature baseline works without a network. Nobody measured
these numbers; they say nothing about how good real feature tables are.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from audiosim.errors import SourceError
from audiosim.sources.synthesis import TIMBRES, Note, Signal, render

SAMPLE_RATE = 22_050  # Hz
KINSHIP_NAME = "kinship.csv"
FEATURES_NAME = "features.csv"
# Raise when a change alters the sound, so that an older demo is written anew.
_VERSION = 1

Accompaniment = Literal["arpeggio", "block", "bass", "offbeat"]
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


@dataclass(frozen=True, slots=True)
class DemoTrack:
    """One file of the demo: `path`, its tags, and what is known about it because it was made here.

    `composition` is shared by the five versions; `kind` is "original", "tempo 0.9", "tempo 1.1", "transposed +n"
    (n semitones) or "re-instrumented"; `tempo` is in beats per minute, `key` is 0..11 from C, `mode` is "major" or
    "minor", `duration` is in seconds and nominal (the score, without what rings on).
    """

    path: Path
    title: str
    artist: str
    composition: str
    kind: str
    timbre: str
    tempo: float
    key: int
    mode: str
    duration: float


@dataclass(frozen=True, slots=True)
class Demo:
    """What `write_demo` made: the tracks in file order, the two tables, and how many audio files it had to write."""

    folder: Path
    tracks: tuple[DemoTrack, ...]
    kinship: Path
    features: Path
    n_written: int


@dataclass(frozen=True, slots=True)
class _Composition:
    """What makes a piece recognisable; the generator only fills in the melody.

    `rhythm` is one bar of melody in beats; `chords` are scale degrees, one a bar; `form` names the motif of each bar,
    `octaves` moves its melody and `dynamics` sets its velocity (0..1).
    """

    title: str
    timbre: str
    tempo: float
    tonic: int
    mode: str
    rhythm: tuple[float, ...]
    chords: tuple[int, ...]
    form: str
    octaves: tuple[int, ...]
    dynamics: tuple[float, ...]
    accompaniment: Accompaniment
    transposition: int

    @property
    def beats_per_bar(self) -> float:
        return sum(self.rhythm)

    @property
    def n_beats(self) -> float:
        return self.beats_per_bar * len(self.chords)


@dataclass(frozen=True, slots=True)
class _Version:
    """How a composition is played: the tempo is multiplied, the pitch moved by semitones."""

    kind: str
    suffix: str
    tempo_ratio: float
    semitones: int
    timbre: str
    artist: str


_COMPOSITIONS = (
    _Composition(
        "Morning Ferry", "string", 96, 57, "major", (1, 1, 0.5, 0.5, 1), (0, 3, 4, 0), "AABA",
        (0, 0, 1, 0), (0.7, 0.7, 0.9, 0.6), "arpeggio", 3,
    ),
    _Composition(
        "Copper Kettle", "organ", 72, 53, "minor", (2, 1), (0, 5, 3, 0), "ABAC",
        (0, 1, 0, 0), (0.6, 0.9, 0.7, 0.5), "block", 2,
    ),
    _Composition(
        "Paper Lanterns", "bell", 120, 62, "minor", (0.5, 0.5, 1, 1, 1), (0, 6, 5, 4, 0), "AABBA",
        (0, 0, 1, 1, 0), (0.8, 0.6, 0.9, 0.9, 0.5), "bass", 5,
    ),
    _Composition(
        "Night Tram", "brass", 144, 50, "minor", (0.5, 0.5, 0.5, 0.5, 2), (0, 0, 3, 4, 5, 0), "AABABC",
        (0, 0, 1, 0, 1, 0), (0.6, 0.7, 0.8, 0.9, 1.0, 0.8), "offbeat", 4,
    ),
    _Composition(
        "Salt Road", "string", 150, 45, "minor", (1, 1, 1), (0, 0, 3, 4, 0, 5, 4, 0), "ABABCCAB",
        (1, 1, 0, 0, 0, 0, 1, 1), (0.9, 0.8, 0.5, 0.5, 0.6, 0.7, 0.9, 1.0), "bass", 5,
    ),
    _Composition(
        "North Window", "organ", 120, 60, "major", (0.5, 0.5, 0.5, 0.5, 1, 1), (0, 4, 5, 3, 0), "ABABA",
        (0, 0, 1, 1, 0), (0.9, 0.7, 0.5, 0.6, 0.9), "arpeggio", 4,
    ),
    _Composition(
        "Seven Bridges", "bell", 90, 55, "major", (1.5, 1.5), (0, 3, 0, 4, 0), "ABCBA",
        (0, 0, 0, 1, 1), (0.5, 0.6, 0.7, 0.9, 0.9), "block", 3,
    ),
    _Composition(
        "Winter Parade", "brass", 100, 58, "major", (1, 0.5, 0.5, 1, 1), (0, 4, 3, 0), "AABC",
        (1, 0, 0, 0), (1.0, 0.7, 0.6, 0.9), "block", 2,
    ),
)  # fmt: skip

# Two performers a kind of version; each plays one composition of every timbre.
_PERFORMERS = {
    "original": ("The Originals", "First Take"),
    "slower": ("Slow River Trio", "Patient Hands"),
    "faster": ("Fast Fingers", "The Hurry Band"),
    "transposed": ("The Capo Club", "Up a Step"),
    "re-instrumented": ("Borrowed Instruments", "The Swap Shop"),
}


def write_demo(folder: Path, *, seed: int = 0) -> Demo:
    """Synthesise the demo library: 40 FLAC files of about ten seconds, `kinship.csv` and `features.csv`.

    Files that are there already, whole and made with the same seed, are left alone; each file appears under its name
    only when it is complete. On one machine the same seed gives the same bytes.

    Parameters
    ----------
    folder
        Made if it does not exist.
    seed
        Of the melodies and of the human differences, >= 0.

    Returns
    -------
    Demo

    Raises
    ------
    ValueError
        If the seed is negative.
    SourceError
        If the folder cannot be written to.
    """
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tracks, n_written = _write_audio(folder, seed)
        kinship = _write_table(folder / KINSHIP_NAME, map(_kinship_row, tracks))
        features = _write_table(folder / FEATURES_NAME, _feature_rows(tracks, seed))
    except OSError as error:
        raise SourceError(f"the demo must be written to a folder, {folder} cannot be: {error}") from error
    return Demo(folder, tracks, kinship, features, n_written)


def _write_audio(folder: Path, seed: int) -> tuple[tuple[DemoTrack, ...], int]:
    tracks: list[DemoTrack] = []
    n_written = 0
    for number, composition in enumerate(_COMPOSITIONS):
        for version_number, version in enumerate(_versions(composition, number)):
            track = _track(folder, len(tracks) + 1, composition, version)
            tracks.append(track)
            tags = _tags(track, seed)
            if not _is_whole(track.path, tags):
                notes = _perform(composition, version, [seed, number, version_number])
                # The same string may be plucked in every file; the performances differ.
                signal = render(notes, timbre=version.timbre, sample_rate=SAMPLE_RATE, seed=seed)
                _write_flac(track.path, signal, tags)
                n_written += 1
    return tuple(tracks), n_written


def _versions(composition: _Composition, number: int) -> tuple[_Version, ...]:
    ensemble = number // len(TIMBRES)
    artist = {kind: names[ensemble] for kind, names in _PERFORMERS.items()}
    own, up = composition.timbre, composition.transposition
    # Ensembles swap by different steps, so that every timbre ends up on ten tracks.
    other = TIMBRES[(TIMBRES.index(own) + 1 + ensemble) % len(TIMBRES)]
    return (
        _Version("original", "", 1.0, 0, own, artist["original"]),
        _Version("tempo 0.9", " (tempo 0.9)", 0.9, 0, own, artist["slower"]),
        _Version("tempo 1.1", " (tempo 1.1)", 1.1, 0, own, artist["faster"]),
        _Version(f"transposed +{up}", f" (up {up} semitones)", 1.0, up, own, artist["transposed"]),
        _Version("re-instrumented", f" (for {other})", 1.0, 0, other, artist["re-instrumented"]),
    )


def _track(folder: Path, number: int, composition: _Composition, version: _Version) -> DemoTrack:
    title = composition.title + version.suffix
    slug = re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-")
    tempo = composition.tempo * version.tempo_ratio
    return DemoTrack(
        path=folder / f"{number:02d}-{slug}.flac",
        title=title,
        artist=version.artist,
        composition=composition.title,
        kind=version.kind,
        timbre=version.timbre,
        tempo=round(tempo, 1),
        key=(composition.tonic + version.semitones) % 12,
        mode=composition.mode,
        duration=composition.n_beats * 60 / tempo,
    )


def _perform(composition: _Composition, version: _Version, seeds: Sequence[int]) -> list[Note]:
    """The score in seconds, with onsets up to about 10 ms and velocities up to about 10 % off."""
    # The score depends on the composition alone, the human differences on the version too.
    score = _compose(composition, np.random.default_rng(seeds[:2]))
    rng = np.random.default_rng(seeds)
    beat = 60 / (composition.tempo * version.tempo_ratio)
    tuning = rng.uniform(-0.05, 0.05) + version.semitones
    return [
        Note(
            onset=max(0.0, note.onset * beat + rng.normal(0, 0.005)),
            duration=note.duration * beat * rng.uniform(0.93, 1.0),
            pitch=note.pitch + tuning,
            velocity=float(np.clip(note.velocity * rng.normal(1, 0.05), 0.05, 1.0)),
        )
        for note in score
    ]


def _compose(composition: _Composition, rng: np.random.Generator) -> list[Note]:
    """The score: `onset` and `duration` in beats."""
    # Motifs are steps from the chord's root that begin on a chord tone and wander.
    motifs = {
        name: np.cumsum([rng.choice([0, 2, 4]), *rng.choice([-2, -1, 1, 2], len(composition.rhythm) - 1)])
        for name in sorted(set(composition.form))
    }
    notes: list[Note] = []
    for bar, chord in enumerate(composition.chords):
        start, loud = bar * composition.beats_per_bar, composition.dynamics[bar]
        octave = 12 * (1 + composition.octaves[bar])
        onsets = start + np.cumsum([0.0, *composition.rhythm[:-1]])
        for onset, length, step in zip(onsets, composition.rhythm, motifs[composition.form[bar]], strict=True):
            notes.append(Note(float(onset), length, _pitch(composition, chord + int(step)) + octave, loud))
        notes += _accompany(composition, start, chord, 0.45 * loud)
    # The melody comes to rest on the tonic.
    notes.append(Note(composition.n_beats - 1, 1.0, _pitch(composition, 0) + 12, composition.dynamics[-1]))
    return notes


def _pitch(composition: _Composition, degree: int) -> int:
    octave, step = divmod(degree, 7)
    return composition.tonic + 12 * octave + _SCALES[composition.mode][step]


def _accompany(composition: _Composition, start: float, chord: int, velocity: float) -> list[Note]:
    beats = composition.beats_per_bar
    triad = [_pitch(composition, chord + step) for step in (0, 2, 4)]
    match composition.accompaniment:
        case "block":
            return [Note(start, beats, pitch, velocity) for pitch in triad]
        case "arpeggio":
            figure = [triad[0], triad[1], triad[2], triad[1]]
            return [Note(start + i / 2, 0.5, figure[i % 4], velocity) for i in range(int(2 * beats))]
        case "bass":
            return [Note(start + i, 1.0, triad[0 if i % 2 == 0 else 2] - 12, velocity) for i in range(int(beats))]
        case "offbeat":
            return [Note(start + i + 0.5, 0.4, pitch, velocity) for i in range(int(beats)) for pitch in triad]


def _tags(track: DemoTrack, seed: int) -> dict[str, str]:
    return {
        "title": track.title,
        "artist": track.artist,
        "album": track.composition,
        "genre": track.timbre,
        "comment": f"audiosim demo {_VERSION}, seed {seed}",
    }


def _is_whole(path: Path, tags: Mapping[str, str]) -> bool:
    """Whether the file has these tags and its last sample can be read."""
    try:
        with soundfile.SoundFile(path) as audio:
            audio.seek(-1, soundfile.SEEK_END)
            return len(audio.read(1)) == 1 and all(getattr(audio, name) == text for name, text in tags.items())
    except (OSError, soundfile.LibsndfileError):
        return False


def _write_flac(path: Path, signal: Signal, tags: Mapping[str, str]) -> None:
    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as audio:
        for name, text in tags.items():
            setattr(audio, name, text)
        audio.write(signal)
    _replace(path, encoded.getvalue())


def _write_table(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    table = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    _replace(path, text.getvalue().encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    """Write a whole file under another name first, so that a kill never leaves half of one."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(content)
    os.replace(draft, path)  # noqa: PTH105 - names the system call that is atomic


def _kinship_row(track: DemoTrack) -> dict[str, object]:
    return {
        "path": track.path.name,
        "title": track.title,
        "composition": track.composition,
        "kind": track.kind,
        "timbre": track.timbre,
        "tempo_bpm": track.tempo,
    }


# What the synthetic feature table claims of each timbre, before noise.
_CLAIMS = {
    "string": {"danceability": 0.55, "energy": 0.40, "acousticness": 0.85, "liveness": 0.15, "loudness": -13.0},
    "organ": {"danceability": 0.35, "energy": 0.30, "acousticness": 0.60, "liveness": 0.30, "loudness": -15.0},
    "bell": {"danceability": 0.45, "energy": 0.25, "acousticness": 0.70, "liveness": 0.12, "loudness": -18.0},
    "brass": {"danceability": 0.65, "energy": 0.80, "acousticness": 0.20, "liveness": 0.35, "loudness": -7.0},
}


def _feature_rows(tracks: Sequence[DemoTrack], seed: int) -> list[dict[str, object]]:
    """The synthetic table: claims about the timbre, moved by tempo and mode, plus seeded noise."""
    rng = np.random.default_rng([seed, len(tracks)])
    rows: list[dict[str, object]] = []
    for track in tracks:
        claims, pace = _CLAIMS[track.timbre], (track.tempo - 110) / 200
        levels = {
            "danceability": claims["danceability"] + 0.3 * pace,
            "energy": claims["energy"] + 0.5 * pace,
            "speechiness": 0.04,
            "acousticness": claims["acousticness"],
            "instrumentalness": 0.9,
            "liveness": claims["liveness"],
            "valence": 0.45 + 0.25 * (track.mode == "major") + 0.5 * pace,
        }
        noisy = {name: round(float(np.clip(x + rng.normal(0, 0.04), 0.01, 0.99)), 3) for name, x in levels.items()}
        rows.append(
            {
                "artist": track.artist,
                "track_name": track.title,
                **noisy,
                "key": track.key,
                "loudness": round(claims["loudness"] + float(rng.normal(0, 1.0)), 3),
                "mode": int(track.mode == "major"),
                "tempo": round(track.tempo * float(rng.normal(1, 0.002)), 3),
                "duration_ms": round(1000 * track.duration),
            }
        )
    return rows
