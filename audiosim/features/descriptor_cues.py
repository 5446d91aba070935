"""What can be heard in a track apart from its level: the cues that the proxies of the descriptors weigh.

Every cue has a name that a musician could check by ear, a unit, and does not move when the track is made louder. Those
that describe a sound are taken from sounding frames only, those less than 50 dB below the loudest.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from audiosim.features.tempo import Beats

FloatArray = npt.NDArray[np.float64]

_SOUNDING_DB = 50.0
_FLOOR = 1e-8  # of the loudest band: 80 dB below it
_CHUNK = 4_096  # frames, 95 s: 2 MB of each intermediate result, whatever the length of the track
_MEDIAN_FRAMES, _MEDIAN_BANDS = 17, 17  # 0.4 s and about an octave: what is longer is a tone, what is wider a stroke
_OCTAVES = 8  # groups of neighbouring bands between whose peaks and valleys contrast is measured
# Of 128 bands up to 11 025 Hz: those centred on 230 Hz to 3 kHz, and on up to 130 Hz.
_VOICE_BANDS = slice(8, 80)
_BASS_BANDS = slice(0, 5)
_SYLLABLES = 2.0, 8.0  # Hz
_SYLLABLE_WINDOW = 4.0  # s


@dataclass(frozen=True, slots=True)
class Cues:
    """Measurements of one track; see the units.

    Parameters
    ----------
    dynamics : float (dB)
        From the mean level of the sounding frames up to the level that a twentieth of them exceed.
    pauses : float, 0..1
        Share of frames with less than half of the mean amplitude.
    onset_rate : float (1 / s)
        Peaks of the onset strength.
    flux : float (dB)
        Mean onset strength.
    flatness : float (dB)
        Geometric over arithmetic mean of the bands' powers: 0 for white noise, -60 for a sine.
    brightness : float, 0..1
        Centroid of the bands' amplitudes on the mel scale.
    bass : float (dB)
        Share of the power below 130 Hz, at least -40.
    contrast : float (dB)
        From the weakest to the strongest bands inside about an octave.
    percussiveness : float, 0..1
        Share of the power that lies in strokes, wide in frequency and short, rather than in tones.
    clarity : float, 0..1
        Clarity of the pulse.
    tempo_offset : float (octaves)
        Distance of the tempo from 115 BPM; 2 where there is no tempo.
    tempo_height : float (octaves)
        Tempo above 115 BPM; 0 where there is no tempo.
    syllables : float
        Depth of the modulation of the voice's bands at 2 to 8 Hz: its root mean square over the mean amplitude.
    timbre_spread : float
        Mean standard deviation of MFCC c1 to c12 over the sounding frames.
    timbre_change : float
        Mean step of these coefficients between neighbouring sounding frames.
    gaps : float (dB)
        From the level that a tenth of all frames do not reach up to the level that a twentieth exceed, at most 60.
    """

    dynamics: float
    pauses: float
    onset_rate: float
    flux: float
    flatness: float
    brightness: float
    bass: float
    contrast: float
    percussiveness: float
    clarity: float
    tempo_offset: float
    tempo_height: float
    syllables: float
    timbre_spread: float
    timbre_change: float
    gaps: float


def measure_cues(
    mel_power: npt.NDArray[np.float32],
    mfcc: npt.NDArray[np.float32],
    onset: npt.NDArray[np.float32],
    beats: Beats,
    *,
    frame_rate: float,
) -> Cues | None:
    """Measure the cues of one track.

    Parameters
    ----------
    mel_power : np.ndarray [shape=(n_frames >= 1, 128)]
    mfcc : np.ndarray [shape=(n_frames, >= 13)]
    onset : np.ndarray [shape=(n_frames, 1)]
    beats : Beats
    frame_rate : float (frames / s)

    Returns
    -------
    Cues or None
        None for digital silence, of which nothing can be said.
    """
    peak = float(mel_power.max())
    if not peak > 0.0:
        return None
    amplitudes, voice = _envelopes(mel_power, peak)
    levels = 20.0 * np.log10(np.maximum(amplitudes / amplitudes.max(), 1e-6))
    sounding = levels > -_SOUNDING_DB
    loud = float(np.percentile(levels[sounding], 95.0))
    flatness, brightness, contrast, percussiveness = _spectral_cues(mel_power, peak, sounding)
    cepstra = mfcc[:, 1:13].astype(np.float64)
    steps = np.abs(np.diff(cepstra, axis=0))[sounding[1:] & sounding[:-1]]
    bass, everything = (float(mel_power[:, bands].sum(dtype=np.float64)) for bands in (_BASS_BANDS, slice(None)))
    octaves = float(np.log2(beats.tempo / 115.0)) if beats.tempo > 0.0 else 0.0
    return Cues(
        dynamics=loud - float(levels[sounding].mean()),
        pauses=float((amplitudes < 0.5 * amplitudes.mean()).mean()),
        onset_rate=_onset_rate(onset[:, 0].astype(np.float64), frame_rate),
        flux=float(onset.mean(dtype=np.float64)),
        flatness=flatness,
        brightness=brightness,
        bass=10.0 * float(np.log10(max(bass / everything, 1e-4))),
        contrast=contrast,
        percussiveness=percussiveness,
        clarity=beats.clarity,
        tempo_offset=abs(octaves) if beats.tempo > 0.0 else 2.0,
        tempo_height=octaves,
        syllables=_modulation_depth(voice, frame_rate),
        timbre_spread=float(cepstra[sounding].std(axis=0).mean()),
        timbre_change=float(steps.mean()) if len(steps) else 0.0,
        gaps=min(60.0, loud - float(np.percentile(levels, 10.0))),
    )


def _envelopes(mel_power: npt.NDArray[np.float32], peak: float) -> tuple[FloatArray, FloatArray]:
    """Amplitude of every frame (n_frames,) over all bands, and over those of the voice."""
    everything = mel_power.sum(axis=1, dtype=np.float64)
    voice = mel_power[:, _VOICE_BANDS].sum(axis=1, dtype=np.float64)
    return np.sqrt(everything / peak), np.sqrt(voice / peak)


def _spectral_cues(
    mel_power: npt.NDArray[np.float32], peak: float, sounding: npt.NDArray[np.bool_]
) -> tuple[float, float, float, float]:
    """Flatness, brightness, contrast and percussiveness, chunk by chunk."""
    sums = np.zeros(5)
    for start in range(0, len(mel_power), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        heard = sounding[chunk]
        if not heard.any():
            continue
        power = np.maximum(mel_power[chunk] / np.float32(peak), np.float32(_FLOOR))
        strokes = (power * _stroke_share(np.sqrt(power)))[heard].sum(axis=1, dtype=np.float64)
        power = power[heard]
        total = power.sum(axis=1, dtype=np.float64)
        decibels = 10.0 * np.log10(power)
        amplitude = np.sqrt(power)
        places = np.linspace(0.0, 1.0, power.shape[1], dtype=np.float32)
        ordered = np.sort(decibels.reshape(len(power), _OCTAVES, -1), axis=2)
        few = max(1, ordered.shape[2] // 5)
        sums += (
            len(power),
            (decibels.mean(axis=1, dtype=np.float64) - 10.0 * np.log10(total / power.shape[1])).sum(),
            ((amplitude @ places) / amplitude.sum(axis=1)).sum(dtype=np.float64),
            (ordered[..., -few:].mean(axis=2) - ordered[..., :few].mean(axis=2)).mean(axis=1).sum(dtype=np.float64),
            (strokes / total).sum(),
        )
    flatness, brightness, contrast, percussiveness = (sums[1:] / sums[0]).tolist()
    return flatness, brightness, contrast, percussiveness


def _stroke_share(amplitude: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Share of each power that belongs to strokes: soft masks between medians along time and along bands.

    Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010. One row at a time, for which scipy
    has an algorithm that is many times as fast as the one for two dimensions.
    """
    tones, strokes = np.empty_like(amplitude), np.empty_like(amplitude)
    for band in range(amplitude.shape[1]):
        tones[:, band] = median_filter(np.ascontiguousarray(amplitude[:, band]), _MEDIAN_FRAMES)
    for frame in range(len(amplitude)):
        strokes[frame] = median_filter(amplitude[frame], _MEDIAN_BANDS)
    tones *= tones
    strokes *= strokes
    strokes /= tones + strokes
    return strokes


def _onset_rate(strength: FloatArray, frame_rate: float) -> float:
    """Peaks a second that stand out of the onset strength by half its standard deviation, and by .5 dB."""
    middle = strength[1:-1]
    threshold = max(0.5, float(strength.mean() + 0.5 * strength.std()))
    peaks = (middle > strength[:-2]) & (middle >= strength[2:]) & (middle > threshold)
    return float(np.count_nonzero(peaks) / len(strength) * frame_rate)


def _modulation_depth(envelope: FloatArray, frame_rate: float) -> float:
    """Root mean square of an envelope between 2 and 8 Hz over its mean, of half-overlapping windows together."""
    mean = float(envelope.mean())
    n_window = min(len(envelope), round(_SYLLABLE_WINDOW * frame_rate))
    frequencies = np.fft.rfftfreq(n_window, 1.0 / frame_rate)
    wanted = (frequencies >= _SYLLABLES[0]) & (frequencies < _SYLLABLES[1])
    if mean == 0.0 or not wanted.any():
        return 0.0
    taper = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(n_window) + 0.5) / n_window)
    starts = range(0, len(envelope) - n_window + 1, max(1, n_window // 2))
    power = 0.0
    for start in starts:
        window = envelope[start : start + n_window]
        spectrum = np.fft.rfft((window - window.mean()) * taper)
        power += float((np.abs(spectrum[wanted]) ** 2).sum())
    # Parseval: either sign of each frequency, and what the taper lets through.
    return float(np.sqrt(2.0 * power / (len(starts) * n_window * float(taper @ taper)))) / mean
