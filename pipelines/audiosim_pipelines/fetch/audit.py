"""Listening to what arrives before it is believed: that it can be decoded, lasts as long as its song, and sounds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiosim.audio import AudioSpec, load_with_duration
from audiosim.errors import AudioError
from audiosim.sources.identity import file_digest
from audiosim.sources.spotdl_file import Song

# Enough to tell recordings apart, and little memory; longer than anything that is sold as a song.
_SPEC = AudioSpec(sample_rate=8_000, trim_db=None, min_duration=0.1, max_duration=4 * 3_600.0)
_SILENT = 10.0 ** (-60.0 / 20.0)  # of full scale; the quietest recordings of music have peaks 30 dB above it


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a file.

    Attributes
    ----------
    fault : str or None
        Why it must not enter the library, None where nothing is wrong with it.
    duration : float (s) or None
        None where it cannot be decoded.
    file_digest, sound_digest : str
        Of its bytes and of its decoded samples, which are the same where only tags differ; "" where it has none.
    n_bytes : int
    """

    fault: str | None
    duration: float | None
    file_digest: str
    sound_digest: str
    n_bytes: int


def audit(path: Path, song: Song, *, tolerance: float) -> Heard:
    """Decode a file, all of it, and hold it against what is known of its song.

    Parameters
    ----------
    path : Path
        The file.
    song : Song
        Whose `duration` counts.
    tolerance : float (s)
        How much longer or shorter the file may be.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    n_bytes, digest = path.stat().st_size, file_digest(path)
    try:
        signal, duration = load_with_duration(path, spec=_SPEC)
    except AudioError as error:
        return Heard(str(error), None, digest, "", n_bytes)
    sound = hashlib.blake2b(signal.tobytes(), digest_size=32).hexdigest()
    fault = None
    if float(np.max(np.abs(signal))) < _SILENT:
        fault = "silent: it never exceeds -60 dB of full scale"
    elif song.duration <= 0:
        fault = "it is not known how long the song is, so that nothing tells whether this is it"
    elif abs(duration - song.duration) > tolerance:
        fault = f"plays {duration:.1f} s, the song {song.duration:.1f} s: another recording, or a part of it"
    return Heard(fault, duration, digest, sound, n_bytes)
