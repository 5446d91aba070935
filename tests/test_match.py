"""What matches is found, where it is and no further; what has nothing in common has no passages."""

import csv
import gzip
import itertools
import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from make_chroma import FRAME_RATE, compose, play

from audiosim.alignment import local
from audiosim.alignment.match import match, self_match
from audiosim.audio import trim
from audiosim.features.chroma import ChromaSpec, chroma
from audiosim.sources.demo import write_demo

pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="millions of cells are for compiled code"
)
GRID = 1.0 / local.RATE


def found(a, b):
    return match(a, b, frame_rate=FRAME_RATE)


def partner(passage, seconds):
    """Where the path of a passage leads from a time of A: the middle of all frames of B."""
    frames = np.rint(np.asarray(seconds) * FRAME_RATE)
    first = np.searchsorted(passage.path[:, 0], frames)
    last = np.searchsorted(passage.path[:, 0], frames, side="right") - 1
    steps = passage.path[np.clip([first, last], 0, len(passage.path) - 1), 1]
    return steps.mean(axis=0) / FRAME_RATE


# --- what matches


def test_a_track_and_itself_are_one_passage_along_the_diagonal():
    a, _ = play(compose(1))
    matched = found(a, a)
    (passage,) = matched.passages
    assert (passage.a_start, passage.b_start) == (0.0, 0.0)
    np.testing.assert_allclose([passage.a_stop, passage.b_stop], len(a) / FRAME_RATE)
    np.testing.assert_array_equal(passage.path, np.repeat(np.arange(len(a))[:, None], 2, axis=1))
    assert (matched.coverage_a, matched.coverage_b) == (1.0, 1.0)
    assert (matched.tempo_ratio, matched.transposition) == (1.0, 0)
    np.testing.assert_allclose([matched.straightness, passage.mean_cost], 0.0, atol=1e-6)


@pytest.mark.parametrize("semitones", range(12))
def test_a_version_in_another_key_and_tempo_is_one_passage(semitones):
    score = compose(2)
    a, of_a = play(score, tempo=120.0, seed=1, sway=0.1)
    b, of_b = play(score, tempo=132.0, seed=2, sway=0.1, semitones=semitones)
    matched = found(a, b)
    (passage,) = matched.passages
    assert passage.transposition == matched.transposition == (semitones if semitones <= 6 else semitones - 12)
    assert min(matched.coverage_a, matched.coverage_b) == 1.0
    np.testing.assert_allclose(matched.tempo_ratio, len(a) / len(b), rtol=1e-6)
    assert np.mean(np.abs(partner(passage, of_a) - of_b) < 0.06) >= 0.98


@given(seed=st.integers(0, 200), start=st.integers(0, 8), n_bars=st.integers(5, 8), semitones=st.integers(-5, 6))
def test_an_excerpt_is_found_where_it_was_cut_out(seed, start, n_bars, semitones):
    score = compose(seed)
    a, _ = play(score, tempo=112.0, seed=1)
    b, _ = play(score.part(4 * start, 4 * (start + n_bars)), tempo=112.0, seed=2, semitones=semitones)
    passage = found(a, b).passages[0]
    assert passage.transposition == semitones
    bar = 4 * 60.0 / 112.0
    np.testing.assert_allclose(passage.a_start - passage.b_start, start * bar, atol=0.1)
    np.testing.assert_allclose(
        [passage.a_start, passage.a_stop], [start * bar, (start + n_bars) * bar], atol=1.0
    )  # fmt: skip


def test_a_and_b_change_places():
    score = compose(3)
    a, _ = play(score, tempo=100.0, seed=1)
    b, _ = play(score.part(8, 48), tempo=125.0, seed=2, semitones=3)
    (there,), (back,) = found(a, b).passages, found(b, a).passages
    assert back.transposition == -there.transposition
    np.testing.assert_allclose(back.tempo_ratio, 1.0 / there.tempo_ratio, rtol=0.02)
    np.testing.assert_allclose(
        [back.a_start, back.a_stop, back.b_start, back.b_stop],
        [there.b_start, there.b_stop, there.a_start, there.a_stop],
        atol=2 * GRID,
    )


def test_passages_with_something_else_between_are_several():
    """A: verse, interlude, chorus. B: chorus in another key, another interlude, verse."""
    verse, chorus = compose(4, n_bars=8), compose(5, n_bars=8)
    a, _ = play(verse + compose(6, n_bars=4) + chorus, seed=1)
    b, _ = play(chorus + compose(7, n_bars=4) + verse, seed=2)
    passages = sorted(found(a, b).passages, key=lambda passage: passage.a_start)
    np.testing.assert_allclose([(p.a_start, p.b_start) for p in passages], [(0.0, 24.0), (24.0, 0.0)], atol=1.0)
    np.testing.assert_allclose([(p.a_stop, p.b_stop) for p in passages], [(16.0, 40.0), (40.0, 16.0)], atol=1.0)


def test_what_is_left_out_parts_a_passage():
    score = compose(8, n_bars=20)
    a, _ = play(score, seed=1)
    b, _ = play(score.part(0, 32) + score.part(48, 80), seed=2)
    matched = found(a, b)
    lags = sorted(round(p.a_start - p.b_start) for p in matched.passages)
    assert lags == [0, 8]
    assert matched.coverage_b > 0.95
    np.testing.assert_allclose(matched.coverage_a, 0.8, atol=0.05)


def test_a_verse_that_is_played_twice_is_found_twice():
    score = compose(9, n_bars=8)
    a, _ = play(score, seed=1)
    b, _ = play(score + score, seed=2)
    matched = found(a, b)
    assert sorted(round(p.b_start) for p in matched.passages) == [0, 16]
    assert matched.coverage_b == 1.0


def test_paths_are_ordered_and_fill_their_passages():
    score = compose(10)
    a, _ = play(score, seed=1, sway=0.2)
    b, _ = play(score.part(12, 60), seed=2, tempo=90.0, sway=0.2)
    for passage in found(a, b).passages:
        steps = np.diff(passage.path, axis=0)
        assert set(map(tuple, steps.tolist())) <= {(0, 1), (1, 0), (1, 1)}
        np.testing.assert_allclose(passage.path[0] / FRAME_RATE, [passage.a_start, passage.b_start])
        np.testing.assert_allclose((passage.path[-1] + 1) / FRAME_RATE, [passage.a_stop, passage.b_stop])


# --- what does not


def test_pieces_that_have_nothing_in_common_have_no_passages():
    """Every pair of 18, over the chords of one scale: of 153, one may share a progression."""
    pieces = [play(compose(100 + k), tempo=90.0 + 4 * k, seed=k)[0] for k in range(18)]
    assert sum(bool(found(a, b).passages) for a, b in itertools.combinations(pieces, 2)) <= 1


def test_a_chord_that_both_hold_is_no_passage():
    rng = np.random.default_rng(0)
    a, b = (np.eye(12)[0] + np.eye(12)[7] + 0.1 + 0.05 * rng.random((1_000, 12)) for _ in range(2))
    assert found(a, b).passages == ()


def test_backwards_is_another_piece():
    a, _ = play(compose(11))
    assert found(a, a[::-1]).passages == ()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((900, 12)), np.zeros((900, 12))),
        (np.ones((900, 12)), np.ones((900, 12))),
        (np.zeros((1, 12)), np.eye(12)),
    ],
    ids=["silence", "every pitch", "single frames"],
)
def test_nothing_to_go_by_is_no_passage(a, b):
    matched = found(a, b)
    assert matched.passages == ()
    assert (matched.coverage_a, matched.coverage_b, matched.tempo_ratio) == (0.0, 0.0, None)
    assert (matched.transposition, matched.straightness) == (None, None)


def test_silence_inside_is_not_compared():
    """Both fall silent for ten seconds, before and after which they differ."""
    rest = np.zeros((430, 12), np.float32)
    a, b = (np.concatenate([play(compose(k))[0], rest, play(compose(k + 1))[0]]) for k in (12, 14))
    assert found(a, b).passages == ()


# --- repeated sections


def test_repeated_sections_are_found_without_the_diagonal():
    verse, chorus = compose(16, n_bars=6), compose(17, n_bars=6)
    a, _ = play(verse + chorus + verse + compose(18, n_bars=6) + chorus, seed=1, noise=0.1)
    matched = self_match(a, frame_rate=FRAME_RATE)
    spans = sorted((round(p.a_start), round(p.a_stop), round(p.b_start), round(p.b_stop)) for p in matched.passages)
    assert spans == [(0, 12, 24, 36), (12, 24, 48, 60)]
    np.testing.assert_allclose(matched.coverage_a, 0.8, atol=0.03)
    assert matched.coverage_a == matched.coverage_b


def test_what_never_returns_has_no_repeated_sections():
    a, _ = play(compose(19, n_bars=24))
    assert self_match(a, frame_rate=FRAME_RATE).passages == ()
    assert self_match(a[:50], frame_rate=FRAME_RATE).passages == ()


# --- limits


def test_two_long_tracks_take_little_memory():
    """Ten minutes each; the second is a version of the first."""
    score = compose(20, n_bars=300)
    a, _ = play(score, seed=1)
    b, _ = play(score, tempo=126.0, seed=2)
    tracemalloc.start()
    try:
        matched = found(a, b)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert min(matched.coverage_a, matched.coverage_b) > 0.99
    assert peak < 500e6


def test_very_long_tracks_are_compared_more_coarsely(monkeypatch):
    monkeypatch.setattr(local, "MAX_CELLS", 10_000)
    score = compose(21, n_bars=32)
    a, _ = play(score, seed=1)
    b, _ = play(score, tempo=110.0, seed=2)
    assert local.comparison_rate(len(a) / FRAME_RATE, len(b) / FRAME_RATE) < 2.0
    assert min(found(a, b).coverage_a, found(a, b).coverage_b) > 0.9


@pytest.mark.parametrize(
    ("a", "rate", "message"),
    [
        (np.ones((5, 11)), 43.0, r"a_chroma must have shape \(n_frames >= 1, 12\), got \(5, 11\)"),
        (np.ones((0, 12)), 43.0, r"got \(0, 12\)"),
        (-np.ones((5, 12)), 43.0, "at least 0, got values from -1"),
        (np.full((5, 12), np.nan), 43.0, "must be finite"),
        (np.ones((5, 12)), 0.0, "frame_rate must be a positive number of frames a second, got 0"),
    ],
)
def test_what_is_no_chroma_is_refused(a, rate, message):
    with pytest.raises(ValueError, match=message):
        match(a, np.ones((5, 12)), frame_rate=rate)
    with pytest.raises(ValueError, match=message.replace("a_chroma", "chroma")):
        self_match(a, frame_rate=rate)


# --- sound


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    tracks = write_demo(tmp_path_factory.mktemp("demo")).tracks
    return [(track, chroma(soundfile.read(track.path, dtype="float32")[0], ChromaSpec())) for track in tracks]


def test_versions_of_the_demo_match_and_other_compositions_do_not(demo):
    """All pairs of 40 tracks of ten seconds: in other tempi and keys, on other instruments."""
    n_versions, n_found = 0, 0
    for (first, a), (second, b) in itertools.combinations(demo, 2):
        matched = found(a, b)
        if first.composition != second.composition:
            assert matched.passages == (), (first.title, second.title)
            continue
        n_versions += 1
        for passage in matched.passages:
            n_found += 1
            assert passage.transposition == (second.key - first.key + 5) % 12 - 5
            np.testing.assert_allclose(passage.tempo_ratio, second.tempo / first.tempo, rtol=0.08)
        assert len(matched.passages) <= 1
        assert not matched.passages or max(matched.coverage_a, matched.coverage_b) > 0.75
    assert n_found >= 0.95 * n_versions


@pytest.fixture(scope="module")
def performances(shared_data):
    """Six pianists for each of two pieces: chroma, and onsets by note, in seconds after what is trimmed."""
    folder = shared_data / "vienna4x22"
    with gzip.open(folder / "alignment.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "clips.csv").open(encoding="utf-8") as file:
        clips = [row for row in csv.DictReader(file) if row["timbre"] == "piano"]
    by_piece = {}
    for clip in clips:
        kept = by_piece.setdefault(clip["version_group"], [])
        if len(kept) == 6:
            continue
        signal, rate = soundfile.read(folder / clip["file"], dtype="float32")
        sound = trim(signal, trim_db=40.0)
        trimmed = (sound.ctypes.data - signal.ctypes.data) / signal.itemsize / rate
        notes = {
            row["score_note_id"]: float(row["onset_s"]) - trimmed
            for row in rows
            if (row["piece"], row["performer"]) == (clip["version_group"], clip["performer"])
        }
        kept.append((chroma(sound, replace(ChromaSpec(), sample_rate=rate)), notes))
    return by_piece


def test_performances_are_aligned_note_by_note(performances):
    """At least .9 of a piece is covered, and 95 % of the notes lie within 60 ms."""
    errors = []
    for (a, of_a), (b, of_b) in itertools.chain(*(itertools.combinations(p, 2) for p in performances.values())):
        matched = found(a, b)
        (passage,) = matched.passages
        assert min(matched.coverage_a, matched.coverage_b) >= 0.9
        notes = sorted(of_a.keys() & of_b.keys())
        times_a, times_b = (np.array([times[note] for note in notes]) for times in (of_a, of_b))
        errors.append(np.abs(partner(passage, times_a) - times_b))
        assert matched.straightness > 0.01  # no two people play alike
    assert np.mean(np.concatenate(errors) < 0.06) >= 0.95


def test_other_pieces_have_no_passages_in_common(performances):
    first, second = performances.values()
    matched = [bool(found(a, b).passages) for (a, _), (b, _) in itertools.product(first[:4], second[:4])]
    assert not any(matched)
