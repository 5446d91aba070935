"""Clicks, drums, notes and syllables whose tempo and character are known, and their mel spectrograms."""

import librosa
import numpy as np

SAMPLE_RATE = 22_050
FRAME_RATE = SAMPLE_RATE / 512


def mel_of(signal):
    """Power mel spectrogram (n_frames, 128), by librosa."""
    mel = librosa.feature.melspectrogram(y=signal.astype(np.float32), sr=SAMPLE_RATE, n_fft=2048, hop_length=512)
    return np.ascontiguousarray(mel.T)


def laid_out(seconds, events):
    """A signal with a sound at each (time in s, sound, gain)."""
    signal = np.zeros(round(seconds * SAMPLE_RATE))
    for time, sound, gain in events:
        start = round(time * SAMPLE_RATE)
        stop = min(len(signal), start + len(sound))
        signal[start:stop] += gain * sound[: max(0, stop - start)]
    return signal


def _time(seconds):
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def click(frequency=1_000.0):
    time = _time(0.1)
    return np.sin(2 * np.pi * frequency * time) * np.exp(-70.0 * time)


def kick():
    time = _time(0.25)
    return np.sin(2 * np.pi * (50.0 * time + 8.0 * (1.0 - np.exp(-30.0 * time)))) * np.exp(-14.0 * time)


def hat(rng):
    time = _time(0.08)
    return 0.4 * np.diff(rng.standard_normal(time.size), prepend=0.0) * np.exp(-60.0 * time)


def note(frequency, seconds=1.5):
    """A plucked or struck string: overtones that fade, the upper ones faster."""
    time = _time(seconds)
    partials = (
        np.sin(2 * np.pi * frequency * k * time) * np.exp(-(1.0 + k) * time) / k**1.5
        for k in range(1, 9)
        if frequency * k < SAMPLE_RATE / 2
    )
    return sum(partials) * np.minimum(1.0, time / 0.005)


def clicks(tempo, seconds, *, phase=0.5, accent_every=0, noise=0.0, rng=None):
    """Clicks at a tempo in BPM, the first after `phase` beats; accents are louder and higher."""
    times = np.arange(phase * 60.0 / tempo, seconds, 60.0 / tempo)
    accented = [accent_every and number % accent_every == 0 for number in range(len(times))]
    events = [
        (time, click(1_500.0 if accent else 1_000.0), 1.0 if accent or not accent_every else 0.3)
        for time, accent in zip(times, accented, strict=True)
    ]
    signal = laid_out(seconds, events)
    return signal if rng is None else signal + noise * rng.standard_normal(len(signal))


def four_on_the_floor(tempo, seconds, rng):
    """A kick on every beat, hats on and more quietly between them, and a chord that hums along."""
    beat = 60.0 / tempo
    times = np.arange(0.1, seconds, beat)
    events = [event for time in times for event in ((time, kick(), 1.0), (time, hat(rng), 0.3))]
    events += [(time + beat / 2.0, hat(rng), 0.15) for time in times]
    time = _time(seconds)
    hum = sum(np.sin(2 * np.pi * frequency * time) for frequency in (110.0, 138.6, 164.8))
    return laid_out(seconds, events) + 0.03 * hum + 0.01 * rng.standard_normal(len(time))


def waltz(tempo, seconds):
    """A low note on one, chords on two and three."""
    times = np.arange(0.2, seconds, 60.0 / tempo)
    bass, chord = note(110.0), note(440.0, 0.4) + note(554.4, 0.4) + note(659.3, 0.4)
    return laid_out(seconds, [(t, bass, 1.0) if number % 3 == 0 else (t, chord, 0.2) for number, t in enumerate(times)])


def rubato_piano(seconds, rng):
    """Single soft notes at uneven times."""
    times = np.cumsum(rng.uniform(0.25, 1.3, size=round(2 * seconds)))
    steps = rng.choice([0, 2, 4, 5, 7, 9, 11], size=times.size) + 12 * rng.integers(0, 2, size=times.size)
    return laid_out(
        seconds,
        [
            (time, note(220.0 * 2.0 ** (step / 12.0)), gain)
            for time, step, gain in zip(times, steps, rng.uniform(0.1, 0.5, times.size), strict=True)
            if time < seconds
        ],
    )


def dense_band(tempo, seconds, rng):
    """Saw-like chords at one level, noise and drums, all at once."""
    time = _time(seconds)
    saw = sum(np.sin(2 * np.pi * 110.0 * ratio * k * time) / k for ratio in (1.0, 1.26, 1.5) for k in range(1, 30))
    return four_on_the_floor(tempo, seconds, rng) + 0.3 * saw + 0.2 * rng.standard_normal(len(time))


def syllables(seconds, rng):
    """Voiced and hissing sounds in turn, four a second and unevenly, with pauses between the words."""
    events, time = [], 0.1
    while time < seconds:
        for _ in range(rng.integers(2, 5)):
            length = rng.uniform(0.08, 0.2)
            span = _time(length)
            swell = np.sin(np.pi * span / length) ** 0.5
            if rng.random() < 0.35:
                sound = 0.15 * np.diff(rng.standard_normal(span.size), prepend=0.0)
            else:
                pitch = rng.uniform(100.0, 180.0) * (1.0 + rng.uniform(-0.5, 0.5) * span)
                formants = rng.uniform(300.0, 800.0), rng.uniform(900.0, 2_300.0)
                phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
                sound = sum(
                    np.sin(k * phase) * sum(1.0 / (1.0 + ((k * 140.0 - peak) / 120.0) ** 2) for peak in formants)
                    for k in range(1, 25)
                )
            events.append((time, swell * sound, rng.uniform(0.3, 1.0)))
            time += length + rng.uniform(0.0, 0.05)
        time += rng.uniform(0.15, 0.6)
    signal = laid_out(seconds, events)
    return signal / np.abs(signal).max() + 1e-4 * rng.standard_normal(len(signal))
