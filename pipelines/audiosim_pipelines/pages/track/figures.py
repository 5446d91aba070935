"""The pictures of a track over time, all with the same axis of time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, MaxNLocator

from audiosim_pipelines.pages.columns import column_edges, highest, lowest, means, root_mean_squares
from audiosim_pipelines.pages.notation import decimal, time_marks
from audiosim_pipelines.pages.style import BLUE, DIVERGING, FAINT, INK, RULE, SEQUENTIAL, VERMILLION, Layout
from audiosim_pipelines.pages.track.contents import Contents

Values = npt.NDArray[np.float32]

PITCHES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
LOUDNESS_RATE = 10.0  # blocks a second
_LOUDNESS_BLOCK = 0.4  # s
_TOP = 10  # pixels above the axes
_FREQUENCIES = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)  # Hz
_SMALLEST_POWER = 1e-30
_WIDEST_DEVIATION = 3.0  # standard deviations that colours tell apart
BEATS_A_TEMPO = 8  # beats over which the line of the tempo looks


def waveform(contents: Contents, layout: Layout) -> Figure:
    """Least and greatest sample, and root mean square, of every column; needs the sound."""
    assert contents.sound is not None
    signal = contents.sound.signal
    figure, axes = _one_plot(contents, layout, height=120)
    edges = column_edges(len(signal), layout.n_columns)
    times = (edges[:-1] + edges[1:]) / (2.0 * contents.sound.sample_rate)
    low, high, level = lowest(signal, edges), highest(signal, edges), root_mean_squares(signal, edges)
    axes.fill_between(times, low, high, color=BLUE, alpha=0.45, linewidth=0.3)
    axes.fill_between(times, -level, level, color=BLUE, linewidth=0)
    limit = 1.05 * float(max(high.max(), -low.min()))
    axes.set_ylim(-limit, limit)
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    _label(axes, layout, "amplitude (%)")
    axes.axhline(0.0, color=FAINT, linewidth=0.5)
    return figure


def mel_spectrogram(contents: Contents, layout: Layout) -> Figure:
    """Mel powers in dB under the loudest; needs the sound."""
    assert contents.sound is not None
    power = contents.sound.mel_power
    edges = column_edges(len(power), layout.n_columns)
    loudest = max(float(power.max()), _SMALLEST_POWER)
    level = 10.0 * np.log10(np.maximum(means(power, edges) / loudest, _SMALLEST_POWER))
    figure, axes = _one_plot(contents, layout, height=200)
    image = _heatmap(
        axes, contents, level.astype(np.float32), len(power), colours=SEQUENTIAL, limits=(-contents.top_db, 0.0)
    )
    _colour_bar(figure, axes, image, layout, label="dB under the loudest")
    bands = mel_positions(_FREQUENCIES, contents, n_bands=power.shape[1])
    shown = [(band, hertz) for band, hertz in zip(bands, _FREQUENCIES, strict=True) if 0 <= band < power.shape[1]]
    axes.set_yticks([band for band, _ in shown], [_hertz(hertz) for _, hertz in shown])
    _label(axes, layout, "frequency (Hz)")
    return figure


def mfcc(contents: Contents, layout: Layout) -> Figure:
    """Coefficients as far from their mean over the library as they vary there; needs mfcc."""
    frames = contents.stored["mfcc"]
    mean, std = contents.scale or (frames.mean(axis=0, dtype=np.float64), frames.std(axis=0, dtype=np.float64))
    columns = means(frames, column_edges(len(frames), layout.n_columns))
    deviation = ((columns - mean) / np.where(std > 0.0, std, 1.0)).astype(np.float32)
    figure, axes = _one_plot(contents, layout, height=160)
    limits = (-_WIDEST_DEVIATION, _WIDEST_DEVIATION)
    image = _heatmap(axes, contents, deviation, len(frames), colours=DIVERGING, limits=limits)
    _colour_bar(figure, axes, image, layout, label="standard deviations")
    axes.set_yticks(range(0, frames.shape[1], 5))
    _label(axes, layout, "coefficient")
    return figure


def chroma(contents: Contents, layout: Layout) -> Figure:
    """Strength of the twelve pitch classes; needs chroma."""
    frames = contents.stored["chroma"]
    columns = means(frames, column_edges(len(frames), layout.n_columns))
    figure, axes = _one_plot(contents, layout, height=180)
    image = _heatmap(axes, contents, columns, len(frames), colours=SEQUENTIAL, limits=(0.0, 1.0))
    _colour_bar(figure, axes, image, layout, label="relative strength")
    axes.set_yticks(range(len(PITCHES)), PITCHES)
    axes.tick_params(axis="y", length=0)
    _label(axes, layout, "pitch class")
    return figure


def tempo(contents: Contents, layout: Layout) -> Figure:
    """Tempo from beat to beat over the onsets that the beats were found in; needs onset and beats."""
    onset, beats = contents.stored["onset"][:, 0], contents.stored["beats"][:, 0] + contents.start
    figure = layout.figure(layout.bottom + 210 + _TOP)
    lower = layout.axes(figure, bottom=layout.bottom, height=75)
    upper = layout.axes(figure, bottom=layout.bottom + 90, height=120)
    _time_axis(lower, contents, layout)
    _time_axis(upper, contents, layout, labelled=False)
    edges = column_edges(len(onset), layout.n_columns)
    times = contents.start + (edges[:-1] + edges[1:] - 1) / (2.0 * contents.frame_rate)
    peaks = highest(onset, edges)
    lower.fill_between(times, 0.0, peaks, color=BLUE, alpha=0.8, linewidth=0.3)
    top = max(float(peaks.max()), 1e-3)
    lower.set_ylim(-0.22 * top, 1.05 * top)
    _ticks_of_beats(lower, beats, layout, low=-0.2 * top, high=-0.04 * top)
    _label(lower, layout, "onset (dB)")
    _local_tempo(upper, beats, contents.described("tempo_est"), layout)
    _label(upper, layout, "tempo (BPM)")
    return figure


def loudness(contents: Contents, layout: Layout) -> Figure:
    """Momentary loudness, and the integrated one as a line; needs loudness."""
    blocks = contents.stored["loudness"][:, 0]
    figure, axes = _one_plot(contents, layout, height=120)
    edges = column_edges(len(blocks), layout.n_columns)
    times = contents.start + (edges[:-1] + edges[1:] - 1) / (2.0 * LOUDNESS_RATE) + _LOUDNESS_BLOCK / 2.0
    low, high = lowest(blocks, edges), highest(blocks, edges)
    axes.fill_between(times, low, high, color=BLUE, alpha=0.35, linewidth=0.5)
    axes.plot(
        times, means(blocks[:, None], edges)[:, 0], color=BLUE, linewidth=1.2, marker="." if len(low) == 1 else ""
    )
    bottom, top = float(low.min()), float(high.max())
    integrated = contents.described("loudness_est")
    if integrated is not None:
        bottom, top = min(bottom, integrated), max(top, integrated)
        _level(axes, integrated, f"{decimal(integrated, 1)}\nLUFS")
    room = max(0.08 * (top - bottom), 3.0)
    axes.set_ylim(bottom - room, top + room)
    _label(axes, layout, "loudness (LUFS)")
    return figure


def mel_positions(frequencies: Sequence[float], contents: Contents, *, n_bands: int) -> list[float]:
    """Where frequencies (Hz) lie among the mel bands, which are evenly spaced on Slaney's scale; band 0 is at 0."""
    low, high = _mel(contents.fmin), _mel(contents.fmax)
    return [(n_bands + 1) * (_mel(frequency) - low) / (high - low) - 1.0 for frequency in frequencies]


def mel_frequency(band: int, contents: Contents, *, n_bands: int) -> float:
    """Middle of a mel band, in Hz."""
    low, high = _mel(contents.fmin), _mel(contents.fmax)
    mel = low + (band + 1) * (high - low) / (n_bands + 1)
    return 200.0 * mel / 3.0 if mel < 15.0 else 1_000.0 * 6.4 ** ((mel - 15.0) / 27.0)


def local_tempo(
    beats: npt.NDArray[np.floating], n_beats: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times (s) and tempi (BPM) of all stretches of `n_beats` beats, or of all beats where there are fewer.

    Examples
    --------
    >>> local_tempo(np.array([0.0, 0.5, 1.0, 2.0]), 1)
    (array([0.25, 0.75, 1.5 ]), array([120., 120.,  60.]))
    """
    beats = beats.astype(np.float64)
    n_beats = min(n_beats, len(beats) - 1)
    if n_beats < 1:
        return np.zeros(0), np.zeros(0)
    first, last = beats[:-n_beats], beats[n_beats:]
    return (first + last) / 2.0, 60.0 * n_beats / (last - first)


def _one_plot(contents: Contents, layout: Layout, *, height: int) -> tuple[Figure, Axes]:
    figure = layout.figure(layout.bottom + height + _TOP)
    axes = layout.axes(figure, bottom=layout.bottom, height=height)
    _time_axis(axes, contents, layout)
    return figure, axes


def _time_axis(axes: Axes, contents: Contents, layout: Layout, *, labelled: bool = True) -> None:
    """From 0 to the end of the file; what was trimmed is grey."""
    marks = time_marks(contents.end, most=layout.plot_width // 60)
    axes.set_xlim(0.0, contents.end)
    axes.set_xticks([time for time, _ in marks], [text for _, text in marks] if labelled else [])
    if labelled:
        axes.set_xlabel("time (m:ss)" if contents.sound else "time after trimming (m:ss)")
    axes.grid(visible=True)
    axes.yaxis.set_major_locator(_round_marks(5))
    if contents.sound:
        for start, stop in ((0.0, contents.sound.start), (contents.sound.stop, contents.end)):
            if stop > start:
                axes.axvspan(start, stop, facecolor=RULE, alpha=0.5, linewidth=0)


def _label(axes: Axes, layout: Layout, text: str) -> None:
    """What goes upwards, at the left edge of every picture."""
    axes.set_ylabel(text)
    axes.yaxis.set_label_coords((layout.font + 3 - layout.left) / layout.plot_width, 0.5)


def _percent(share: float, _position: int) -> str:
    return f"{100.0 * share:g}".replace("-", "\N{MINUS SIGN}")


def _round_marks(most: int) -> MaxNLocator:
    return MaxNLocator(most, steps=[1, 2, 5, 10])


def _heatmap(
    axes: Axes, contents: Contents, columns: Values, n_frames: int, *, colours: str, limits: tuple[float, float]
) -> AxesImage:
    """Columns (n_columns, n_dims) as colours; the first frame lies on the first sample that was kept."""
    axes.grid(visible=False)
    half = 0.5 / contents.frame_rate
    left = contents.start - half
    image = axes.imshow(
        columns.T,
        aspect="auto",
        origin="lower",
        interpolation="none",
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        extent=(left, left + n_frames / contents.frame_rate, -0.5, columns.shape[1] - 0.5),
    )
    axes.set_xlim(0.0, contents.end)
    return image


def _colour_bar(figure: Figure, axes: Axes, image: AxesImage, layout: Layout, *, label: str) -> None:
    """Beside the axes, in the margin."""
    place = axes.get_position()
    beside = figure.add_axes((place.x1 + 10 / layout.width, place.y0, 9 / layout.width, place.height))
    bar = figure.colorbar(image, cax=beside, ticks=_round_marks(6))
    bar.set_label(label, size=layout.font - 1)
    beside.yaxis.set_label_coords((layout.right - 18) / 9, 0.5)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue] - untyped there


def _ticks_of_beats(axes: Axes, beats: Values, layout: Layout, *, low: float, high: float) -> None:
    """A stroke for every beat, or for as many as there is room for."""
    shown = beats[:: max(1, -(-len(beats) // layout.n_columns))]
    # One line with gaps is a tenth of the bytes of as many lines.
    heights = np.tile([low, high, np.nan], len(shown))
    axes.plot(np.repeat(shown, 3), heights, color=VERMILLION, linewidth=1.0)


def _local_tempo(axes: Axes, beats: Values, overall: float | None, layout: Layout) -> None:
    times, tempi = local_tempo(beats, 1)
    if not len(tempi):
        axes.text(0.5, 0.5, "no pulse was found", ha="center", va="center", color=FAINT, transform=axes.transAxes)
        axes.set_yticks([])
        return
    if len(tempi) <= layout.n_columns:
        axes.plot(times, tempi, "o", color=FAINT, markersize=3.2, markeredgewidth=0)
    times, smooth = local_tempo(beats, BEATS_A_TEMPO)
    edges = column_edges(len(times), layout.n_columns)
    reduced = means(np.stack([times, smooth], axis=1).astype(np.float32), edges)
    axes.plot(reduced[:, 0], reduced[:, 1], color=BLUE, linewidth=1.6, marker="." if len(reduced) == 1 else "")
    low, high = min(tempi.min(), overall or np.inf), max(tempi.max(), overall or 0.0)
    room = max(0.1 * (high - low), 4.0)
    axes.set_ylim(max(0.0, low - room), high + room)
    if overall:
        _level(axes, overall, f"{overall:.1f}\nBPM")


def _level(axes: Axes, value: float, text: str) -> None:
    """A line across, with what it is in the margin."""
    axes.axhline(value, color=VERMILLION, linewidth=1.3, linestyle=(0, (5, 3)))
    axes.annotate(
        text, (1.0, value), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", color=INK, annotation_clip=False,
    )  # fmt: skip


def _mel(frequency: float) -> float:
    """Slaney's mel: linear up to 1 kHz, logarithmic above."""
    if frequency < 1_000.0:
        return 3.0 * frequency / 200.0
    return 15.0 + 27.0 * float(np.log(frequency / 1_000.0) / np.log(6.4))


def _hertz(frequency: int) -> str:
    return f"{frequency // 1_000}k" if frequency >= 1_000 else str(frequency)
