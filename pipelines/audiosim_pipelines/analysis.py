"""One track, from its signal to the rows that are stored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audiosim.features.chroma import cens, chroma
from audiosim.features.descriptors import Material, describe, encode_descriptors
from audiosim.features.frames import TrackFrames
from audiosim.features.loudness import integrated_loudness, momentary_loudness
from audiosim.features.moments import moments
from audiosim.features.onset import onset_strength
from audiosim.features.pooling import mean_pool
from audiosim.features.tempo import track_beats
from audiosim.features.timbre import gaussian
from audiosim_pipelines.layouts import chroma_spec
from audiosim_pipelines.settings import N_COEFFICIENTS, Settings

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What only the signal tells, and so must be computed before it is let go.

    `duration` is that of the file, in seconds; `chroma` (n_frames, 12); `loudness` (n, 1) and `integrated` in LUFS.
    What no wanted family needs is None.
    """

    duration: float
    chroma: Values | None
    loudness: Values | None
    integrated: float | None


class Analysis:
    """What is computed of every track, under the settings; called from many threads.

    Parameters
    ----------
    settings : Settings
        `features.families` says what is wanted.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chroma = chroma_spec(settings)
        self._wants = {family: family in settings.features.families for family in ("mfcc", "chroma", "descriptors")}

    @property
    def needs_frames(self) -> bool:
        """Whether the pass through mel spectrogram and cepstrum is wanted at all."""
        return self._wants["mfcc"] or self._wants["descriptors"]

    @property
    def needs_mel(self) -> bool:
        """Whether anything is made of mel powers but the cepstrum."""
        return self._wants["descriptors"]

    def hear(self, signal: Values, duration: float) -> Heard:
        """Listen to a signal (n_samples,) from a file of so many seconds."""
        wants, rate = self._wants, self._settings.audio.sample_rate
        return Heard(
            duration=duration,
            chroma=chroma(signal, self._chroma) if wants["chroma"] or wants["descriptors"] else None,
            loudness=momentary_loudness(signal, rate) if wants["descriptors"] else None,
            integrated=integrated_loudness(signal, rate) if wants["descriptors"] else None,
        )

    def rows(self, heard: Heard, frames: TrackFrames | None) -> dict[str, Values]:
        """What is stored of a track, by feature.

        Raises
        ------
        ValueError
            If a value is not finite; the text names the feature.
        """
        values: dict[str, Values] = {}
        if self._wants["mfcc"]:
            assert frames is not None
            values |= self._of_mfcc(frames)
        if self._wants["chroma"]:
            assert heard.chroma is not None
            values |= self._of_chroma(heard.chroma)
        if self._wants["descriptors"]:
            assert frames is not None
            values |= self._of_sound(heard, frames)
        for name, rows in values.items():
            if not np.isfinite(rows).all():
                raise ValueError(f"{name} must be finite, got {rows[~np.isfinite(rows)][0]}")
        return values

    def _of_mfcc(self, frames: TrackFrames) -> dict[str, Values]:
        spec = self._settings.mfcc()
        mfcc = np.ascontiguousarray(frames.mfcc[:, : spec.n_mfcc])
        return {
            "mfcc": mfcc,
            "mfcc_pooled": self._pooled(mfcc),
            "mfcc_moments": moments(mfcc),
            "timbre": gaussian(frames.mfcc[:, :N_COEFFICIENTS]),
        }

    def _pooled(self, frames: Values) -> Values:
        return mean_pool(
            frames, frame_rate=self._settings.mfcc().frame_rate, target_rate=self._settings.features.pooled_rate
        )

    def _of_chroma(self, frames: Values) -> dict[str, Values]:
        rate = self._settings.features.pooled_rate
        return {"chroma": frames, "cens": cens(frames, frame_rate=self._chroma.frame_rate, target_rate=rate)}

    def _of_sound(self, heard: Heard, frames: TrackFrames) -> dict[str, Values]:
        assert frames.mel_power is not None
        assert heard.chroma is not None
        assert heard.loudness is not None
        assert heard.integrated is not None
        rate = self._settings.mfcc().frame_rate
        onset = onset_strength(frames.mel_power)
        beats = track_beats(onset, frame_rate=rate)
        described = describe(
            Material(
                duration_seconds=heard.duration,
                mfcc=frames.mfcc,
                mel_power=frames.mel_power,
                chroma=heard.chroma,
                onset=onset,
                beats=beats,
                loudness=heard.integrated,
                frame_rate=rate,
            )
        )
        return {
            "onset": onset,
            "beats": beats.times.astype(np.float32)[:, None],
            "loudness": heard.loudness,
            "descriptors": described.astype(np.float32),
            "descriptor_vectors": encode_descriptors(described[None])[0].astype(np.float32),
        }
