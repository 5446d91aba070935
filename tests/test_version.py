"""The measure version: the definition, what holds to the last bit, and that it finds compositions where others fail."""

import itertools

import bench_versions
import numpy as np
import pytest
import reference
import reference_paths
from hypothesis import given
from hypothesis import strategies as st

from audiosim.distances import Block, CosineFrames
from audiosim.distances.version import Version
from audiosim.evaluation.retrieval import average_precisions
from audiosim.features import MfccSpec
from audiosim.features.chroma import ChromaSpec, cens, chroma
from audiosim.features.mfcc import MfccExtractor
from audiosim.sources.synthesis import Note, render
from audiosim_kernels import Ragged, dtw

SILENCE = np.full((5, 12), 12**-0.5, dtype=np.float32)


def block(*tracks):
    return Block(np.concatenate(tracks), np.cumsum([0, *map(len, tracks)]))


def units(frames):
    """Frames as a store of CENS holds them."""
    return (frames / np.linalg.norm(frames, axis=1, keepdims=True)).astype(np.float32)


def tracks_of(rng, *lengths):
    """Few notes at a time: a transposition matters."""
    return [units(rng.random((n, 12)) ** 4 + 1e-3) for n in lengths]


def matrix(measure, rows, columns, device="cpu"):
    pairs = np.indices((len(rows), len(columns))).reshape(2, -1).T
    values = measure.distances(block(*rows), block(*columns), pairs, device=device)
    assert values.dtype == np.float32
    return values.reshape(len(rows), len(columns))


def end_to_end(x, y):
    return reference.dtw(x, y, local_cost="sqeuclidean", step_pattern="symmetric2", normalize=True) / 2


def inside(query, sequence):
    costs = reference.local_costs(query, sequence, "sqeuclidean")
    path = reference_paths.subsequence_path(costs, "symmetric1")
    return end_to_end(query, sequence[path[0][1] : path[-1][1] + 1])


def by_agreement(x, y):
    """Transpositions of x, those first at which the mean chroma agree best."""
    agreement = [float(np.roll(x.mean(axis=0), t) @ y.mean(axis=0)) for t in range(12)]
    return sorted(range(12), key=lambda t: -agreement[t])


# --- the definition


@pytest.mark.parametrize("n_transpositions", [1, 2, 5, 12])
def test_the_least_distance_of_the_best_transpositions_counts(rng, n_transpositions):
    rows, columns = tracks_of(rng, 5, 8, 9), tracks_of(rng, 6, 9, 10)
    measure = Version(n_transpositions=n_transpositions, band_fraction=None)
    expected = [
        [min(end_to_end(np.roll(x, t, axis=1), y) for t in by_agreement(x, y)[:n_transpositions]) for y in columns]
        for x in rows
    ]
    np.testing.assert_allclose(matrix(measure, rows, columns), expected, atol=5e-4)  # frames are rounded to 1/2048


def test_each_device_finds_tracks_of_any_lengths(rng, backend):
    """In one call, some pairs are aligned from end to end and others sought in one another."""
    rows, columns = tracks_of(rng, 2, 4), tracks_of(rng, 3, 7)
    expected = np.empty((2, 2))
    for (i, x), (j, y) in itertools.product(enumerate(rows), enumerate(columns)):
        raised = np.roll(x, by_agreement(x, y)[0], axis=1)
        is_part = max(len(x), len(y)) > 2 * min(len(x), len(y))
        expected[i, j] = min(inside(raised, y), inside(y, raised)) if is_part else end_to_end(raised, y)
    measure = Version(n_transpositions=1, band_fraction=None)
    found = matrix(measure, rows, columns, backend)
    np.testing.assert_allclose(found, expected, atol=5e-4)
    np.testing.assert_array_equal(matrix(measure, columns, rows, backend).T, found)


def test_more_transpositions_never_increase_a_distance(rng):
    tracks = tracks_of(rng, 12, 15, 9, 30, 31)
    found = [matrix(Version(n_transpositions=n), tracks, tracks) for n in range(1, 13)]
    assert all((more <= fewer).all() for fewer, more in itertools.pairwise(found))
    assert (found[11] < found[0]).any()


def test_the_band_is_for_alignments_from_end_to_end(rng):
    tracks, longer = tracks_of(rng, 20, 24), tracks_of(rng, 60)
    narrow, wide = Version(band_fraction=0.05), Version(band_fraction=None)
    assert matrix(narrow, tracks[:1], tracks[1:]) > matrix(wide, tracks[:1], tracks[1:])
    np.testing.assert_array_equal(matrix(narrow, tracks, longer), matrix(wide, tracks, longer))


def test_distances_are_mean_cosine_distances(rng):
    """Between 0 and 1 whatever the lengths: for unit vectors without a negative part, cosines are."""
    tracks = tracks_of(rng, 1, 2, 5, 30, 200)
    found = matrix(Version(), tracks, tracks)
    assert found.min() == 0
    assert found.max() < 1
    tonic, fifth = np.eye(12, dtype=np.float32)[[0, 7]]
    # The lone fifth at the end cannot be avoided: one cell, of which the path of 3 + 3 frames counts one.
    ends = matrix(Version(n_transpositions=1), [np.array([tonic] * 3)], [np.array([tonic, tonic, fifth])])
    np.testing.assert_allclose(ends, 1 / 6)


# --- what holds to the last bit


@st.composite
def songs(draw):
    """Frames of few values: ties of transpositions, silence and equal frames turn up."""
    seed, levels = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([2, 3, 1000]))
    frames = np.random.default_rng(seed).integers(0, levels, (draw(st.integers(1, 12)), 12)).astype(float)
    frames[~frames.any(axis=1)] = 1
    return units(frames)


measures = st.builds(Version, n_transpositions=st.sampled_from([1, 2, 12]), band_fraction=st.sampled_from([None, 0.25]))


@given(measure=measures, first=songs(), second=songs())
def test_the_order_of_a_pair_changes_no_bit(measure, first, second):
    """Also where a pair is transposed by a tritone, or several transpositions agree equally well."""
    assert matrix(measure, [first], [second]).tobytes() == matrix(measure, [second], [first]).tobytes()


@given(measure=measures, song=songs(), semitones=st.integers(0, 11))
def test_a_transposed_track_is_the_same_composition(measure, song, semitones):
    assert matrix(measure, [song], [np.roll(song, semitones, axis=1)])[0, 0] == 0


@given(measure=measures, first=songs(), second=songs(), semitones=st.integers(0, 11))
def test_the_key_of_a_track_changes_no_bit(measure, first, second, semitones):
    transposed = np.roll(second, semitones, axis=1)
    assert matrix(measure, [first], [second]).tobytes() == matrix(measure, [first], [transposed]).tobytes()


def test_transpositions_that_agree_equally_well_are_all_compared(rng):
    """The notes of an augmented triad, equally often: three keys tie, and none of them comes first both ways round."""
    triad = np.eye(12, dtype=np.float32)[[0, 4, 8] * 3]
    for _ in range(10):
        first, second = rng.permutation(triad), np.roll(rng.permutation(triad), 1, axis=1)
        expected = min(end_to_end(np.roll(first, semitones, axis=1), second) for semitones in (1, 5, 9))
        found = [
            matrix(Version(n_transpositions=1, band_fraction=None), [x], [y])[0, 0]
            for x, y in ((first, second), (second, first))
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_value_depends_on_nothing_else_in_the_call(rng):
    rows, columns = tracks_of(rng, 3, 20, 7, 9), tracks_of(rng, 5, 30, 15)
    together = matrix(Version(), rows, columns)
    alone = np.array([[matrix(Version(), [x], [y])[0, 0] for y in columns] for x in rows])
    np.testing.assert_array_equal(together, alone, strict=True)


def test_pairs_come_in_any_order_and_more_than_once(rng):
    rows, columns = tracks_of(rng, 6, 7), tracks_of(rng, 8, 20)
    expected = matrix(Version(), rows, columns)
    pairs = np.array([[1, 0], [0, 1], [1, 0]])
    found = Version().distances(block(*rows), block(*columns), pairs, device="cpu")
    np.testing.assert_array_equal(found, expected[pairs[:, 0], pairs[:, 1]])
    none = np.empty((0, 2), dtype=np.int64)
    assert Version().distances(block(*rows), block(*columns), none, device="cpu").shape == (0,)


# --- tracks of unlike lengths


def test_an_excerpt_in_another_key_is_at_distance_zero(rng):
    (track,) = tracks_of(rng, 60)
    excerpt = np.roll(track[20:40], 5, axis=1)
    assert matrix(Version(n_transpositions=12), [excerpt], [track])[0, 0] == 0
    assert matrix(Version(n_transpositions=12, max_length_ratio=None), [excerpt], [track])[0, 0] > 0.1


def test_silence_and_single_frames_have_finite_distances(rng):
    tracks = [SILENCE, SILENCE[:1], *tracks_of(rng, 1, 3, 40)]
    found = matrix(Version(), tracks, tracks)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[:2, :2], 0)
    assert found[:2, 2:].min() > 0


# --- options


@pytest.mark.parametrize("n_transpositions", [0, 13])
def test_there_are_twelve_transpositions(n_transpositions):
    with pytest.raises(ValueError, match=rf"n_transpositions must lie in 1 \.\. 12, got {n_transpositions}"):
        Version(n_transpositions=n_transpositions)


def test_a_ratio_that_no_pair_has_is_refused():
    with pytest.raises(ValueError, match="max_length_ratio must be at least 1"):
        Version(max_length_ratio=0.5)


def test_frames_are_compared_as_they_are_stored():
    assert (Version().feature, Version().standardized) == ("cens", False)


# --- compositions


@pytest.fixture(scope="module")
def melodies():
    """Signals of five melodies over one scale, each on three instruments at three tempi in several keys."""
    rng = np.random.default_rng(20261121)
    signals, labels = [], []
    for melody in range(5):
        pitches, durations = rng.choice([0, 2, 4, 5, 7, 9, 11, 12], 16), rng.choice([0.25, 0.5], 16)
        onsets = np.cumsum(durations) - durations
        for variant, (timbre, tempo) in enumerate(itertools.product(("string", "organ", "brass"), (0.9, 1.0, 1.1))):
            key = 60 + (0, 2, -3, 5)[(melody + variant) % 4]
            notes = [
                Note(onset / tempo, 0.9 * duration / tempo, float(key + pitch), 0.8)
                for onset, duration, pitch in zip(onsets, durations, pitches, strict=True)
            ]
            signals.append(render(notes, timbre=timbre))
            labels.append(melody)
    return signals, labels


def test_melodies_are_found_in_other_keys_at_other_tempi_on_other_instruments(melodies):
    signals, labels = melodies
    spec = ChromaSpec()
    harmony = [cens(chroma(x, spec), frame_rate=spec.frame_rate, target_rate=2.0) for x in signals]
    assert average_precisions(matrix(Version(), harmony, harmony), labels).mean() >= 0.95
    # In the keys in which they are played they are not found.
    frames = Ragged.from_sequences(harmony)
    as_played = dtw.matrix(frames, local_cost="sqeuclidean", device="cpu")
    assert average_precisions(as_played, labels).mean() <= 0.5


def test_the_same_melodies_are_hidden_from_frame_cosine(melodies):
    """The task has teeth."""
    signals, labels = melodies
    mfcc = list(MfccExtractor(MfccSpec()).extract(signals))
    assert average_precisions(matrix(CosineFrames(), mfcc, mfcc), labels).mean() <= 0.5


# --- real recordings


def test_versions_of_piano_pieces_are_found_across_pianists_and_instruments(shared_data):
    scores = bench_versions.versions(shared_data / "vienna4x22")
    assert scores["version"]["mean_average_precision"] >= 0.999
    assert scores["version"]["nearest_of_another_timbre_right"] >= 0.99
    assert scores["dtw"]["mean_average_precision"] < 0.95
    assert scores["cosine_frames"]["mean_average_precision"] < scores["dtw"]["mean_average_precision"]


def test_a_warping_path_of_chroma_finds_the_notes_of_another_performance(shared_data):
    figures = bench_versions.alignment(shared_data / "vienna4x22")
    assert figures["median_error_ms"] <= 15
    assert figures["error_of_95_percent_ms"] <= 60


def test_dtw_of_mfcc_recognizes_spoken_digits(shared_data):
    scores = bench_versions.digits(shared_data / "fsdd")
    assert (scores["n_test"], scores["n_training"]) == (150, 1350)
    assert scores["dtw_nearest_right"] >= 0.99
    assert scores["dtw_without_band_nearest_right"] >= 0.99
