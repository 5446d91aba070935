"""The pictures of a report: what each is called, what it shows in words, and how it is drawn."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from audiosim_pipelines.pages.notation import clock
from audiosim_pipelines.pages.pictures import Picture
from audiosim_pipelines.pages.style import Layout
from audiosim_pipelines.pages.track import figures
from audiosim_pipelines.pages.track.contents import Contents
from audiosim_pipelines.pages.track.radar import RADAR, radar


def pictures(contents: Contents) -> list[Picture]:
    """All pictures, in the order of the page."""
    return [
        _over_time(contents, "waveform", "Waveform", _WAVEFORM, figures.waveform, needs=("sound",), alt=_wave_alt),
        _over_time(contents, "mel", "Mel spectrogram", _MEL, figures.mel_spectrogram, needs=("sound",), alt=_mel_alt),
        _over_time(contents, "mfcc", "MFCC", _MFCC, figures.mfcc, needs=("mfcc",), alt=_mfcc_alt),
        _over_time(contents, "chroma", "Chroma", _CHROMA, figures.chroma, needs=("chroma",), alt=_chroma_alt),
        _over_time(contents, "tempo", "Tempo", _TEMPO, figures.tempo, needs=("onset", "beats"), alt=_tempo_alt),
        _over_time(contents, "loudness", "Loudness", _LOUDNESS, figures.loudness, needs=("loudness",), alt=_loud_alt),
        _radar(contents),
    ]


_WAVEFORM = (
    "Least and greatest sample (light) and root mean square (dark) of the mono mix, in percent of full scale. "
    "What is grey at the ends lies too far below the loudest part and was trimmed before anything was computed."
)
_MEL = "Power in mel bands, the loudest of the track at 0 dB. What lies below the scale counts as silence."
_MFCC = (
    "Cepstral coefficients, which describe the colour of the sound; coefficient 0 is its level. Orange is above and "
    "purple below the mean of the library, in standard deviations of the library."
)
_CHROMA = "Strength of the twelve pitch classes in every frame, the strongest of a frame at 1."
_TEMPO = (
    f"Above: the tempo between two beats (dots, in steps since beats lie on frames) and over {figures.BEATS_A_TEMPO} "
    "beats (line); dashed is that of the whole track. Below: onset strength, with a stroke for every beat."
)
_LOUDNESS = (
    "Momentary loudness of the mono mix: 400 ms each, after ITU-R BS.1770. Dashed is the integrated loudness of the "
    "whole track. Where the track is longer than the picture has pixels, the band goes from the lowest to the highest."
)
_RADAR = (
    "Descriptors between 0 and 1: of this track, and the middle half and the median of the library. All of them are "
    "estimates from the audio, not Spotify's values."
)


def _over_time(
    contents: Contents,
    name: str,
    title: str,
    caption: str,
    draw: Callable[[Contents, Layout], Figure],
    *,
    needs: tuple[str, ...],
    alt: Callable[[Contents], str],
) -> Picture:
    """A picture with the axis of time."""
    missing = next((contents.missing[need] for need in needs if need in contents.missing), None)
    there = missing is None
    return Picture(
        name=name,
        title=title,
        caption=caption,
        alt=f"{title} over {clock(contents.end)}: {alt(contents)}" if there else "",
        draw=(lambda layout: draw(contents, layout)) if there else None,
        missing=missing,
    )


def _radar(contents: Contents) -> Picture:
    distribution, alt = contents.distribution, ""
    if distribution is not None:
        medians = np.median(distribution.values, axis=0)
        own = distribution.values[distribution.row]
        alt = "Descriptors beside the library's median: " + ", ".join(
            f"{name.removesuffix('_est')} {value:.2f} ({median:.2f})"
            for name, value, median in zip(distribution.names, own, medians, strict=True)
        )
    return Picture(
        name="radar",
        title="Descriptors",
        caption=_RADAR,
        alt=alt,
        draw=None if distribution is None else lambda layout: radar(distribution, layout),
        layouts=(RADAR,),
        missing=contents.missing.get("descriptors"),
    )


def _wave_alt(contents: Contents) -> str:
    assert contents.sound is not None
    low, high = 100.0 * contents.sound.signal.min(), 100.0 * contents.sound.signal.max()
    return f"samples from {low:.0f} to {high:.0f} percent of full scale."


def _mel_alt(contents: Contents) -> str:
    assert contents.sound is not None
    band = int(contents.sound.mel_power.sum(axis=0, dtype=np.float64).argmax())
    hertz = figures.mel_frequency(band, contents, n_bands=contents.sound.mel_power.shape[1])
    return f"most power lies around {hertz:.0f} Hz."


def _mfcc_alt(contents: Contents) -> str:
    n_frames, n_coefficients = contents.stored["mfcc"].shape
    return f"{n_coefficients} coefficients in {n_frames} frames."


def _chroma_alt(contents: Contents) -> str:
    order = np.argsort(-contents.stored["chroma"].mean(axis=0), kind="stable")[:3]
    return f"the strongest pitch classes are {', '.join(figures.PITCHES[i] for i in order)}."


def _tempo_alt(contents: Contents) -> str:
    tempo, n_beats = contents.described("tempo_est"), len(contents.stored["beats"])
    return f"{n_beats} beats at about {tempo:.1f} BPM." if tempo else "no pulse was found."


def _loud_alt(contents: Contents) -> str:
    blocks, integrated = contents.stored["loudness"], contents.described("loudness_est")
    of_all = "" if integrated is None else f", {integrated:.1f} LUFS integrated"
    return f"from {blocks.min():.1f} to {blocks.max():.1f} LUFS{of_all}."
