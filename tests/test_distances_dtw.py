"""The measure dtw: what it makes of frames, and tracks of very unequal lengths, which are sought in one another."""

import math
from dataclasses import replace

import numpy as np
import pytest
import reference
import reference_paths
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiosim.distances import Block, Dtw
from audiosim.distances import dtw as module
from audiosim.distances.dtw import Alignment

LIMITED = Dtw(max_length_ratio=2.0)
PLAIN = Dtw(band_fraction=None, max_length_ratio=2.0)
VARIANTS = [
    LIMITED,
    PLAIN,
    Dtw(local_cost="sqeuclidean", keep_c0=True, band_fraction=None, max_length_ratio=2.0),
    Dtw(
        step_pattern="symmetric1",
        normalize=False,
        band_fraction=None,
        frame_rate="native",
        standardize=False,
        max_length_ratio=2.0,
    ),
]


def block(*tracks):
    return Block(np.concatenate(tracks), np.cumsum([0, *map(len, tracks)]))


def tracks_of(rng, *lengths, n_dims=4):
    return [rng.standard_normal((n, n_dims)).astype(np.float32) for n in lengths]


def all_pairs(n_rows, n_columns):
    return np.indices((n_rows, n_columns)).reshape(2, -1).T


def matrix(measure, rows, columns, device="cpu"):
    pairs = all_pairs(len(rows), len(columns))
    values = measure.distances(block(*rows), block(*columns), pairs, device=device)
    assert values.dtype == np.float32
    return values.reshape(len(rows), len(columns))


def end_to_end(measure, x, y, band_fraction):
    """The definition."""
    first = 0 if measure.keep_c0 else 1
    x, y = x[:, first:], y[:, first:]
    radius = None if band_fraction is None else math.ceil(round(band_fraction * max(len(x), len(y)), 6))
    total = reference.dtw(
        x,
        y,
        local_cost=measure.local_cost,
        step_pattern=measure.step_pattern,
        band_radius=radius,
        normalize=measure.normalize,
    )
    return total / (x.shape[1] if measure.local_cost == "sqeuclidean" else math.sqrt(x.shape[1]))


def inside(measure, query, sequence):
    """Distance of the query from the stretch that it matches best."""
    first = 0 if measure.keep_c0 else 1
    costs = reference.local_costs(query[:, first:], sequence[:, first:], measure.local_cost)
    path = reference_paths.subsequence_path(costs, "symmetric1")
    return end_to_end(measure, query, sequence[path[0][1] : path[-1][1] + 1], None)


# --- tracks of like lengths


@pytest.mark.parametrize("measure", VARIANTS)
def test_tracks_of_like_lengths_are_aligned_from_end_to_end(rng, measure):
    rows, columns = tracks_of(rng, 5, 8), tracks_of(rng, 7, 10, 8)
    expected = [[end_to_end(measure, x, y, measure.band_fraction) for y in columns] for x in rows]
    np.testing.assert_allclose(matrix(measure, rows, columns), expected, rtol=1e-5)


def test_the_limit_changes_nothing_for_tracks_of_like_lengths(rng):
    tracks = tracks_of(rng, 10, 20, 15, 11)
    np.testing.assert_array_equal(matrix(LIMITED, tracks, tracks), matrix(Dtw(), tracks, tracks), strict=True)


def test_twice_as_long_is_still_alike(rng):
    """The limit belongs to the pairs that are aligned from end to end."""
    query, twice, longer = tracks_of(rng, 6, 12, 13)
    found = matrix(LIMITED, [query], [twice, longer])[0]
    np.testing.assert_allclose(found[0], end_to_end(LIMITED, query, twice, 0.1), rtol=1e-5)
    expected = min(inside(LIMITED, query, longer), inside(LIMITED, longer, query))
    np.testing.assert_allclose(found[1], expected, rtol=1e-5)
    assert abs(found[1] / end_to_end(LIMITED, query, longer, 0.1) - 1) > 0.1


def test_without_a_limit_all_tracks_are_aligned_from_end_to_end(rng):
    rows, columns = tracks_of(rng, 2, 3), tracks_of(rng, 11, 9)
    measure = replace(PLAIN, max_length_ratio=None)
    expected = [[end_to_end(measure, x, y, None) for y in columns] for x in rows]
    np.testing.assert_allclose(matrix(measure, rows, columns), expected, rtol=1e-5)


# --- tracks of unlike lengths


@pytest.mark.parametrize("measure", VARIANTS)
def test_tracks_of_unlike_lengths_are_sought_in_one_another(rng, backend, measure):
    """The smaller of both directions, each from the definitions; no band, for there is no diagonal to keep to."""
    rows, columns = tracks_of(rng, 1, 3, 4), tracks_of(rng, 9, 11)
    expected = [[min(inside(measure, x, y), inside(measure, y, x)) for y in columns] for x in rows]
    np.testing.assert_allclose(matrix(measure, rows, columns, backend), expected, rtol=1e-5)


def test_either_direction_can_be_the_smaller_one(rng):
    """Else half of the work, and of the rule, would be in vain."""
    pairs = [tracks_of(rng, 3, 7, n_dims=2) for _ in range(20)]
    short_is_nearer = [inside(PLAIN, x, y) < inside(PLAIN, y, x) for x, y in pairs]
    assert 0 < sum(short_is_nearer) < len(pairs)
    for (x, y), is_nearer in zip(pairs, short_is_nearer, strict=True):
        expected = inside(PLAIN, x, y) if is_nearer else inside(PLAIN, y, x)
        np.testing.assert_allclose(matrix(PLAIN, [x], [y])[0, 0], expected, rtol=1e-5)


def test_an_excerpt_is_at_distance_zero(rng):
    (track,) = tracks_of(rng, 40)
    excerpts = [track[:10], track[13:30], track[30:]]
    np.testing.assert_array_equal(matrix(LIMITED, excerpts, [track]), np.zeros((3, 1), np.float32))


def test_a_slower_excerpt_is_nearer_than_strangers(rng):
    """What the limit is for: from end to end the excerpt would be stretched over the whole track."""
    track, stranger = tracks_of(rng, 60, 60)
    excerpt = np.repeat(track[20:32], 2, axis=0)
    of_track, of_stranger = matrix(LIMITED, [excerpt], [track, stranger])[0]
    assert of_track == 0
    assert of_stranger > 0.5


@given(data=st.data())
def test_the_order_of_a_pair_changes_no_bit(data):
    """Distances are symmetric, whichever of the two rules a pair falls under."""
    values = st.floats(-100, 100, width=32)
    first, second = (
        data.draw(arrays(np.float32, (data.draw(st.integers(1, 12)), 3), elements=values)) for _ in range(2)
    )
    measure = data.draw(st.sampled_from(VARIANTS))
    forward, backward = matrix(measure, [first], [second]), matrix(measure, [second], [first])
    assert forward.tobytes() == backward.tobytes()
    assert matrix(measure, [first], [first])[0, 0] == 0


def test_a_value_depends_on_nothing_else_in_the_call(rng, monkeypatch):
    """Also where matches are sought a few pairs at a time."""
    rows, columns = tracks_of(rng, 3, 20, 7, 9), tracks_of(rng, 5, 30, 15)
    together = matrix(LIMITED, rows, columns)
    alone = np.array([[matrix(LIMITED, [x], [y])[0, 0] for y in columns] for x in rows])
    np.testing.assert_array_equal(together, alone, strict=True)
    monkeypatch.setattr(module, "_MATCHES_AT_ONCE", 2)
    np.testing.assert_array_equal(together, matrix(LIMITED, rows, columns), strict=True)


def test_no_pairs_have_no_distances(rng):
    tracks = block(*tracks_of(rng, 3, 9))
    assert LIMITED.distances(tracks, tracks, np.empty((0, 2), dtype=np.int64), device="cpu").shape == (0,)


# --- options


def test_options_choose_the_feature():
    assert (Dtw().feature, Dtw().standardized) == ("mfcc_pooled", True)
    native = Dtw(frame_rate="native", standardize=False)
    assert (native.feature, native.standardized) == ("mfcc", False)


@pytest.mark.parametrize("ratio", [0.5, -1.0, math.nan])
def test_a_ratio_that_no_pair_has_is_refused(ratio):
    with pytest.raises(ValueError, match="max_length_ratio must be at least 1, or None for no limit, got"):
        Dtw(max_length_ratio=ratio)
    with pytest.raises(ValueError, match="max_length_ratio must be at least 1"):
        Alignment(
            local_cost="euclidean",
            step_pattern="symmetric2",
            normalize=True,
            band_fraction=None,
            max_length_ratio=ratio,
        )
