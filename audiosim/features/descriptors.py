"""Spotify-like descriptors of a track, estimated from its audio.

| descriptor | what it is |
|---|---|
| duration_ms | exact: the length of what was decoded |
| loudness_est | integrated loudness in LUFS (ITU-R BS.1770); Spotify's is another measure of loudness, some dB away |
| tempo_est, time_signature_est | of `tempo`: 40 to 200 BPM, 0 without a pulse; 3 or 4 beats a bar |
| key_est, mode_est | of `key`: 0 (C) to 11 (B), -1 for none; 1 major, 0 minor |
| danceability_est, energy_est, speechiness_est, acousticness_est, instrumentalness_est, liveness_est, valence_est | proxies in 0..1, see `proxies` for their formulas; valence, liveness and instrumentalness are weak |
| pitch_00_est to pitch_11_est | mean chroma from C to B, the largest 1 |
| timbre_00_est to timbre_11_est | means of MFCC c1 to c12. Spotify's first is loudness; ours leave it out |

Of all these a gain moves loudness_est only. `_est` says that they are estimates: they are never mixed with official
values. They describe the signal that was decoded, trimmed as it was.
"""  # noqa: E501 - a row of a table

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.features.descriptor_cues import measure_cues
from audiosim.features.key import estimate_key
from audiosim.features.proxies import proxies
from audiosim.features.table import encode
from audiosim.features.tempo import Beats, time_signature

# Raised whenever the same material begins to give other numbers.
VERSION = 1

# Spotify's names, in the order in which tables of them are encoded.
SPOTIFY_NAMES: tuple[str, ...] = (
    "danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness", "instrumentalness",
    "liveness", "valence", "tempo", "duration_ms", "time_signature",
)  # fmt: skip
_PITCHES = tuple(f"pitch_{number:02}_est" for number in range(12))
_TIMBRES = tuple(f"timbre_{number:02}_est" for number in range(12))


def estimate_name(spotify_name: str) -> str:
    """Name of the descriptor that estimates a Spotify feature."""
    return spotify_name if spotify_name == "duration_ms" else f"{spotify_name}_est"


DESCRIPTORS: tuple[str, ...] = (*map(estimate_name, SPOTIFY_NAMES), *_PITCHES, *_TIMBRES)
# Dimensions of `encode_descriptors`.
ENCODED: tuple[str, ...] = tuple(
    encoded
    for name in DESCRIPTORS
    for encoded in {
        "key_est": ("key_cosine_est", "key_sine_est"),
        "duration_ms": ("log_duration",),
    }.get(name, (name,))
)


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What the descriptors of a track are made of: features that are computed anyway.

    Parameters
    ----------
    duration_seconds : float (s), above 0
    mfcc : np.ndarray [shape=(n_frames >= 1, >= 13)]
    mel_power : np.ndarray [shape=(n_frames, 128)]
    chroma : np.ndarray [shape=(n_frames, 12)]
        C first.
    onset : np.ndarray [shape=(n_frames, 1)]
        Onset strength of `mel_power`.
    beats : Beats
        Of `onset`.
    loudness : float (LUFS)
    frame_rate : float (frames / s)
    """

    duration_seconds: float
    mfcc: npt.NDArray[np.float32]
    mel_power: npt.NDArray[np.float32]
    chroma: npt.NDArray[np.float32]
    onset: npt.NDArray[np.float32]
    beats: Beats
    loudness: float
    frame_rate: float

    def __post_init__(self) -> None:
        n_frames = len(self.mel_power)
        if not n_frames:
            raise ValueError("material must have at least 1 frame, got none")
        if self.mfcc.ndim != 2 or self.mfcc.shape[1] < 13:
            raise ValueError(f"mfcc must have shape (n_frames, at least 13), got {self.mfcc.shape}")
        for name, n_dims in (("mfcc", self.mfcc.shape[1]), ("mel_power", 128), ("chroma", 12), ("onset", 1)):
            shape = getattr(self, name).shape
            if shape != (n_frames, n_dims):
                raise ValueError(f"{name} must have shape ({n_frames}, {n_dims}) like the other frames, got {shape}")
        for name in ("duration_seconds", "frame_rate"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a positive number, got {getattr(self, name)}")


def describe(material: Material) -> npt.NDArray[np.float64]:
    """Describe one track.

    Parameters
    ----------
    material : Material

    Returns
    -------
    np.ndarray [shape=(37,), float64]
        In the order of `DESCRIPTORS`, finite. Silence has no pulse, no key and proxies of 0.

    Raises
    ------
    ValueError
        If the frames are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> silence = Material(
    ...     duration_seconds=2.0,
    ...     mfcc=np.zeros((87, 20), np.float32),
    ...     mel_power=np.zeros((87, 128), np.float32),
    ...     chroma=np.zeros((87, 12), np.float32),
    ...     onset=np.zeros((87, 1), np.float32),
    ...     beats=Beats(0.0, np.zeros(0), 0.0),
    ...     loudness=-70.0,
    ...     frame_rate=43.07,
    ... )
    >>> values = dict(zip(DESCRIPTORS, describe(silence).tolist(), strict=True))
    >>> values["duration_ms"], values["key_est"], values["energy_est"]
    (2000.0, -1.0, 0.0)
    """
    mean_chroma = material.chroma.mean(axis=0, dtype=np.float64)
    key = estimate_key(mean_chroma)
    cues = measure_cues(
        material.mel_power, material.mfcc, material.onset, material.beats, frame_rate=material.frame_rate
    )
    loudest_pitch = float(mean_chroma.max())
    pitches = mean_chroma / loudest_pitch if loudest_pitch > 0.0 else mean_chroma
    timbres = material.mfcc[:, 1:13].mean(axis=0, dtype=np.float64)
    values = {
        **{estimate_name(name): value for name, value in proxies(cues, key).items()},
        "key_est": float(key.tonic),
        "mode_est": float(key.major),
        "loudness_est": material.loudness,
        "tempo_est": material.beats.tempo,
        "duration_ms": 1_000.0 * material.duration_seconds,
        "time_signature_est": float(time_signature(material.onset, material.beats, frame_rate=material.frame_rate)),
        **dict(zip(_PITCHES, pitches.tolist(), strict=True)),
        **dict(zip(_TIMBRES, timbres.tolist(), strict=True)),
    }
    described = np.array([values[name] for name in DESCRIPTORS], dtype=np.float64)
    if not np.isfinite(described).all():
        wrong = [name for name in DESCRIPTORS if not np.isfinite(values[name])]
        raise ValueError(f"descriptors must be finite, got NaN or infinity in {', '.join(wrong)}; check the frames")
    return described


def encode_descriptors(raw: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Put descriptors on scales where equal steps mean the same, to be standardized and compared.

    Parameters
    ----------
    raw : np.ndarray [shape=(n_tracks >= 1, 37)]
        As `describe` gives them.

    Returns
    -------
    np.ndarray [shape=(n_tracks, 38), float32]
        In the order of `ENCODED`: logarithm of the duration, the key as a point on the circle of fifths (none is its
        centre), the rest as it is.

    Raises
    ------
    ValueError
        If the shape is another, a value is not finite or a duration not positive.

    Examples
    --------
    >>> import numpy as np
    >>> raw = np.ones((2, len(DESCRIPTORS)))
    >>> raw[:, DESCRIPTORS.index("key_est")] = 0, 6
    >>> encode_descriptors(raw)[:, ENCODED.index("key_cosine_est")]
    array([ 1., -1.], dtype=float32)
    """
    if raw.ndim != 2 or raw.shape[1] != len(DESCRIPTORS) or not len(raw):
        raise ValueError(f"raw must have shape (n_tracks >= 1, {len(DESCRIPTORS)}), got {raw.shape}")
    if not (np.isfinite(raw).all() and (raw[:, DESCRIPTORS.index("duration_ms")] > 0.0).all()):
        raise ValueError("raw must be finite with positive durations, got other values; compute it with describe")
    n_spotify = len(SPOTIFY_NAMES)
    encoded = encode(raw[:, :n_spotify], SPOTIFY_NAMES, recipe="zscore")
    return np.hstack([encoded, raw[:, n_spotify:]]).astype(np.float32)
