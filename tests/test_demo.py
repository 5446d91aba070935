"""The synthesised demo library: what is in it, that it is reproducible, and that its kinship can be heard."""

import csv
import hashlib
import itertools
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from tinytag import TinyTag

from audiosim.errors import SourceError
from audiosim.sources.demo import Demo, write_demo
from audiosim.sources.synthesis import PEAK, TIMBRES, Note, frequency_of, render

SAMPLE_RATE = 22_050


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def signals(demo) -> list[np.ndarray]:
    return [soundfile.read(track.path, dtype="float32")[0] for track in demo.tracks]


@pytest.fixture(scope="module")
def mfcc(signals) -> list[np.ndarray]:
    """(n_frames, 19) without c0, each coefficient standardised over the corpus."""
    frames = [librosa.feature.mfcc(y=signal, sr=SAMPLE_RATE, n_mfcc=20)[1:].T for signal in signals]
    pooled = np.concatenate(frames)
    return [(part - pooled.mean(axis=0)) / pooled.std(axis=0) for part in frames]


def test_forty_files_of_ten_seconds_with_tags(demo, signals):
    assert len(demo.tracks) == demo.n_written == 40
    for track, signal in zip(demo.tracks, signals, strict=True):
        tag, info = TinyTag.get(track.path), soundfile.info(track.path)
        assert (tag.title, tag.artist, tag.album, tag.genre) == (
            track.title,
            track.artist,
            track.composition,
            track.timbre,
        )
        assert (info.samplerate, info.channels, info.format) == (SAMPLE_RATE, 1, "FLAC")
        assert 8.0 <= len(signal) / SAMPLE_RATE <= 12.0
        assert np.abs(signal).max() == pytest.approx(PEAK, abs=1e-3)


def test_kin_survive_the_artist_filter(demo):
    for composition in {track.composition for track in demo.tracks}:
        versions = [track for track in demo.tracks if track.composition == composition]
        assert len({track.artist for track in versions}) == len(versions) == 5
    for artist in {track.artist for track in demo.tracks}:
        assert len({track.composition for track in demo.tracks if track.artist == artist}) == 4


def test_every_timbre_has_ten_tracks(demo):
    timbres = [track.timbre for track in demo.tracks]
    assert {timbre: timbres.count(timbre) for timbre in TIMBRES} == dict.fromkeys(TIMBRES, 10)


def test_kinship_table_says_what_was_made(demo):
    with demo.kinship.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "title", "composition", "kind", "timbre", "tempo_bpm"]
    assert [demo.folder / row["path"] for row in rows] == [track.path for track in demo.tracks]
    original, slower, faster = rows[:3]
    assert (original["kind"], slower["kind"], faster["kind"]) == ("original", "tempo 0.9", "tempo 1.1")
    assert float(slower["tempo_bpm"]) / float(original["tempo_bpm"]) == pytest.approx(0.9, abs=1e-3)
    assert float(faster["tempo_bpm"]) / float(original["tempo_bpm"]) == pytest.approx(1.1, abs=1e-3)


def test_tempo_copies_last_as_long_as_their_tempo_says(signals):
    for first in range(0, 40, 5):
        original, slower, faster = (len(signal) for signal in signals[first : first + 3])
        # What rings on after the last note does not scale.
        assert slower / original == pytest.approx(1 / 0.9, rel=0.02)
        assert faster / original == pytest.approx(1 / 1.1, rel=0.02)


def test_same_seed_same_bytes_other_seed_other_music(demo, tmp_path):
    again = write_demo(tmp_path / "again")
    assert digests(again.folder) == digests(demo.folder)
    other = write_demo(tmp_path / "other", seed=1)
    same = digests(other.folder).items() & digests(demo.folder).items()
    assert {name for name, _ in same} == {"kinship.csv"}


def test_only_what_is_missing_or_broken_is_written_again(tmp_path):
    demo = write_demo(tmp_path)
    before = digests(tmp_path)
    assert write_demo(tmp_path).n_written == 0
    cut, gone, text = (track.path for track in demo.tracks[:3])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    gone.unlink()
    text.write_text("no music")
    assert write_demo(tmp_path).n_written == 3
    assert digests(tmp_path) == before
    assert write_demo(tmp_path, seed=7).n_written == 40


def test_a_kill_leaves_no_half_file(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path)
    assert not list(tmp_path.glob("*.flac"))


def test_impossible_places_and_seeds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        write_demo(tmp_path, seed=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="must be written to a folder"):
        write_demo(tmp_path / "file")


def test_timbres_differ_in_brightness(demo, signals):
    centroids = {
        timbre: np.mean(
            [
                librosa.feature.spectral_centroid(y=signal, sr=SAMPLE_RATE).mean()
                for track, signal in zip(demo.tracks, signals, strict=True)
                if track.timbre == timbre
            ]
        )
        for timbre in TIMBRES
    }
    ordered = [centroids[timbre] for timbre in ("organ", "string", "brass", "bell")]
    assert all(brighter / darker > 1.15 for darker, brighter in itertools.pairwise(ordered)), centroids


def nearest(distances: np.ndarray, demo: Demo) -> list[list[int]]:
    """Positions by distance, without the artist of the query."""
    return [
        [j for j in np.argsort(row, kind="stable") if demo.tracks[j].artist != demo.tracks[i].artist]
        for i, row in enumerate(distances)
    ]


def test_mean_and_deviation_of_mfcc_find_the_timbre(demo, mfcc):
    vectors = np.array([np.r_[frames.mean(axis=0), frames.std(axis=0)] for frames in mfcc])
    vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = [order[0] for order in nearest(1 - vectors @ vectors.T, demo)]
    hits = [demo.tracks[i].timbre == demo.tracks[j].timbre for i, j in enumerate(found)]
    assert np.mean(hits) >= 0.95


def test_dtw_finds_the_tempo_copies(demo, mfcc):
    pooled = [np.array([frames[i : i + 22].mean(axis=0) for i in range(0, len(frames), 22)]) for frames in mfcc]
    originals = [i for i, track in enumerate(demo.tracks) if track.kind == "original"]
    distances = np.full((40, 40), np.inf)
    for i in originals:
        for j in range(40):
            weights = {"step_sizes_sigma": np.array([[1, 1], [0, 1], [1, 0]]), "weights_mul": np.array([2.0, 1.0, 1.0])}
            cost = librosa.sequence.dtw(pooled[i].T, pooled[j].T, backtrack=False, **weights)
            distances[i, j] = cost[-1, -1] / (len(pooled[i]) + len(pooled[j]))
    for i, order in enumerate(nearest(distances, demo)):
        if i in originals:
            assert {demo.tracks[j].kind for j in order[:2]} == {"tempo 0.9", "tempo 1.1"}
            assert {demo.tracks[j].composition for j in order[:2]} == {demo.tracks[i].composition}


@pytest.mark.parametrize("timbre", TIMBRES)
def test_instruments_are_in_tune(timbre):
    note = Note(0.0, 2.0, 57.0, 0.8)
    signal = render([note], timbre=timbre)
    spectrum = np.abs(np.fft.rfft(signal[2000:42_000] * np.hanning(40_000), 4 * 40_000))
    frequencies = np.arange(len(spectrum)) * SAMPLE_RATE / (4 * 40_000)
    carrier = 2 * frequency_of(57.0) if timbre == "bell" else frequency_of(57.0)
    near = np.abs(frequencies / carrier - 1) < 0.03
    found = frequencies[near][spectrum[near].argmax()]
    assert 1200 * np.log2(found / carrier) == pytest.approx(0, abs=3.5)


def test_render_refuses_what_it_cannot_play():
    with pytest.raises(ValueError, match="timbre must be one of string, organ, bell, brass, got 'kazoo'"):
        render([Note(0, 1, 60, 1)], timbre="kazoo")
    with pytest.raises(ValueError, match="at least one note, got none"):
        render([], timbre="organ")
    signal = render([Note(0, 1, 60, 1)], timbre="brass")
    assert signal.dtype == np.float32
    assert signal.ndim == 1
