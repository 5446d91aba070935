"""Stores keep rows exactly, overwrite what was never committed, and refuse to mix values of different making."""

from dataclasses import replace

import numpy as np
import pytest

from audiosim import store
from audiosim.errors import NotComputedError, StoreMismatchError
from audiosim.store import DistanceStore, FeatureLayout, FeatureStore

FRAMES = FeatureLayout("mfcc", "frames", 3, 1, {"mfcc": {"n_fft": 2048}})
VECTORS = FeatureLayout("moments", "vectors", 4, 1, {})


def ragged(rng, lengths, n_dims=3):
    return [rng.normal(size=(length, n_dims)).astype(np.float32) for length in lengths]


def test_frames_come_back_by_row(tmp_path, rng):
    sequences = ragged(rng, (5, 1, 40_000, 7))
    features = FeatureStore.open(tmp_path, FRAMES)
    features.write(0, sequences[:2])
    features.write(2, sequences[2:])
    for read in (features, FeatureStore.read(tmp_path, "mfcc")):
        frames, offsets = read.frames(1, 4)
        np.testing.assert_array_equal(offsets, [0, 1, 40_001, 40_008])
        np.testing.assert_array_equal(frames, np.concatenate(sequences[1:]))


@pytest.mark.parametrize("leftover", [(9, 9, 9), (2,)])
def test_rows_that_were_never_committed_are_overwritten(tmp_path, rng, leftover):
    kept, new = ragged(rng, (4, 6)), ragged(rng, (3, 2))
    features = FeatureStore.open(tmp_path, FRAMES)
    features.write(0, kept)
    features.write(2, ragged(rng, leftover))
    features.write(2, new)
    frames, offsets = features.frames(0, 4)
    np.testing.assert_array_equal(offsets, [0, 4, 10, 13, 15])
    np.testing.assert_array_equal(frames, np.concatenate([*kept, *new]))


def test_vectors_come_back(tmp_path, rng):
    vectors = rng.normal(size=(3_000, 4)).astype(np.float32)
    features = FeatureStore.open(tmp_path, VECTORS)
    features.write(0, list(vectors[:1_500]))
    features.write(1_500, list(vectors[1_500:]))
    np.testing.assert_array_equal(FeatureStore.read(tmp_path, "moments").vectors(1_000, 2_900), vectors[1_000:2_900])


def test_a_store_made_otherwise_is_refused_with_the_difference(tmp_path):
    FeatureStore.open(tmp_path, FRAMES)
    with pytest.raises(StoreMismatchError, match=r"mfcc\.n_fft was 2048, asked for 4096.*--recompute"):
        FeatureStore.open(tmp_path, replace(FRAMES, parameters={"mfcc": {"n_fft": 4096}}))
    with pytest.raises(StoreMismatchError, match="version was 1, asked for 2"):
        FeatureStore.open(tmp_path, replace(FRAMES, version=2))


def test_a_feature_that_is_not_there_says_what_to_run(tmp_path):
    with pytest.raises(NotComputedError, match="audiosim extract"):
        FeatureStore.read(tmp_path, "mfcc")
    with pytest.raises(NotComputedError, match="audiosim compare --measure dtw"):
        DistanceStore.read(tmp_path, "dtw")


def test_distances_start_as_not_computed_and_grow_without_change(tmp_path, rng):
    distances = DistanceStore.open(tmp_path, "dtw", {"measure": "dtw"}, n_rows=5, tile=2)
    block = rng.random((2, 2)).astype(np.float32)
    distances.write_block(slice(0, 2), slice(2, 4), block)
    grown = DistanceStore.open(tmp_path, "dtw", {"measure": "dtw"}, n_rows=8, tile=64)
    assert (grown.n_rows, grown.tile) == (8, 2)
    values = grown.read_block(slice(0, 8), slice(0, 8))
    np.testing.assert_array_equal(values[0:2, 2:4], block)
    values[0:2, 2:4] = np.nan
    assert np.isnan(values).all()


def test_distances_of_other_parameters_are_refused(tmp_path):
    DistanceStore.open(tmp_path, "dtw", {"parameters": {"band_fraction": 0.1}}, n_rows=2, tile=2)
    with pytest.raises(StoreMismatchError, match=r"band_fraction was 0\.1, asked for None"):
        DistanceStore.open(tmp_path, "dtw", {"parameters": {"band_fraction": None}}, n_rows=2, tile=2)


def test_sweeping_takes_leftovers_of_killed_writes_and_nothing_else(tmp_path, rng):
    features = FeatureStore.open(tmp_path, FRAMES)
    features.write(0, ragged(rng, (4,)))
    leftover = tmp_path / "features" / "mfcc.zarr" / "frames" / "c" / "0" / "0.abc.partial"
    leftover.write_bytes(b"half a chunk")
    (tmp_path / "features" / "other.draft").mkdir()
    store.sweep(tmp_path)
    assert not leftover.exists()
    assert not (tmp_path / "features" / "other.draft").exists()
    assert len(features.frames(0, 1)[0]) == 4


def test_a_digest_follows_the_values_not_their_order_of_naming():
    assert store.digest({"a": 1, "b": 2}, b"x") == store.digest({"b": 2, "a": 1}, b"x")
    assert store.digest({"a": 1}, b"x") != store.digest({"a": 1}, b"y")
