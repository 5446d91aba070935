"""Neighbours of one, of several and of all tracks, and percentiles, against literal definitions."""

import numpy as np
import pytest

from audiosim.recommend.neighbors import (
    distance_quantiles,
    nearest,
    nearest_to_seeds,
    percentile,
    top_k,
)

IDS = ["f", "e", "d", "c", "b", "a"]


def symmetric(rng, n_tracks, *, levels=None):
    upper = np.triu(rng.random((n_tracks, n_tracks)), 1)
    distances = (upper + upper.T).astype(np.float32)
    return distances if levels is None else np.ceil(distances * levels)


def test_nearest_orders_by_distance_then_id():
    row = np.array([0.0, 2.0, 1.0, 1.0, 1.0, 0.5])
    assert nearest(row, k=5, tie_keys=IDS).tolist() == [0, 5, 4, 3, 2]
    assert nearest(row, k=3, tie_keys=[0, 1, 2, 3, 4, 5]).tolist() == [0, 5, 2]


def test_nearest_is_the_literal_sort(rng):
    row = np.ceil(rng.random(300) * 20).astype(np.float32)
    row[rng.random(300) < 0.1] = np.nan
    ids = [f"{i:03}" for i in rng.permutation(300)]
    exclude = rng.random(300) < 0.2
    expected = sorted((float(row[i]), ids[i], i) for i in range(300) if not exclude[i] and not np.isnan(row[i]))
    for k in (1, 50, 300):
        assert nearest(row, k=k, tie_keys=ids, exclude=exclude).tolist() == [i for *_, i in expected[:k]]


def test_nearest_does_not_hang_on_catalog_order(rng):
    row, ids = np.ceil(rng.random(50) * 4), [f"{i:02}" for i in range(50)]
    order = rng.permutation(50)
    shuffled = nearest(row[order], k=20, tie_keys=[ids[i] for i in order])
    np.testing.assert_array_equal(order[shuffled], nearest(row, k=20, tie_keys=ids))


def test_nearest_skips_nan_and_gives_fewer():
    row = np.array([np.nan, 2.0, np.nan, 1.0, np.nan, 3.0])
    assert nearest(row, k=5, tie_keys=IDS, exclude=np.arange(6) == 5).tolist() == [3, 1]
    empty = nearest(np.full(6, np.nan), k=5, tie_keys=IDS)
    assert (empty.shape, empty.dtype) == ((0,), np.intp)


def test_artist_cap_passes_over_but_never_caps_unknown_artists():
    row = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    artists = ["Ann", "Ann", None, None, "Ann", "Bob"]
    assert nearest(row, k=4, tie_keys=IDS, artists=artists, artist_cap=1).tolist() == [0, 2, 3, 5]
    assert nearest(row, k=6, tie_keys=IDS, artists=artists, artist_cap=2).tolist() == [0, 1, 2, 3, 5]
    assert nearest(row, k=6, tie_keys=IDS, artists=artists).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"tie_keys": IDS[:3]}, r"one tie key a track \(6\), got 3"),
        ({"exclude": np.zeros(5, dtype=bool)}, r"exclude must have shape \(6,\), got \(5,\)"),
        ({"artists": ["Ann"]}, "one artist a track"),
        ({"artists": ["Ann"] * 6, "artist_cap": 0}, "artist_cap must be at least 1, got 0"),
        ({"artist_cap": 2}, "artist_cap=2 needs artists"),
    ],
)
def test_nearest_refuses(options, text):
    with pytest.raises(ValueError, match=text):
        nearest(np.arange(6.0), **{"k": 2, "tie_keys": IDS, **options})
    with pytest.raises(ValueError, match=text):
        nearest_to_seeds(np.arange(6.0)[None], **{"seeds": [0], "k": 2, "tie_keys": IDS, **options})


def test_nearest_refuses_a_matrix():
    with pytest.raises(ValueError, match=r"shape \(n_tracks,\), got \(1, 6\)"):
        nearest(np.ones((1, 6)), k=1, tie_keys=IDS)


def test_seeds_agree_first_then_rank_then_id():
    # Seeds 0 and 1. Of seed 0 the nearest are 2 3 4, of seed 1 they are 4 5 3.
    rows = np.array([[0.0, 0.1, 1.0, 2.0, 3.0, 9.0], [0.1, 0.0, 9.0, 3.0, 1.0, 2.0]])
    found = nearest_to_seeds(rows, seeds=[0, 1], k=4, reach=3, tie_keys=IDS)
    # 4: ranks 3 and 1; 3: ranks 2 and 3; 2: rank 1; 5: rank 2.
    assert [(f.index, f.n_seeds, f.mean_rank) for f in found] == [(4, 2, 2.0), (3, 2, 2.5), (2, 1, 1.0), (5, 1, 2.0)]


def test_seeds_tie_by_id():
    rows = np.array([[0.0, 9.0, 1.0, 2.0, 8.0, 8.0], [9.0, 0.0, 2.0, 1.0, 8.0, 8.0]])
    found = nearest_to_seeds(rows, seeds=[0, 1], k=2, reach=2, tie_keys=IDS)
    assert [(f.index, f.mean_rank) for f in found] == [(3, 1.5), (2, 1.5)]


def test_seeds_and_excluded_leave_before_ranks_are_taken():
    rows = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, np.nan], [1.0, 0.0, 2.0, 3.0, 4.0, np.nan]])
    exclude = np.arange(6) == 2
    found = nearest_to_seeds(rows, seeds=[0, 1], k=9, reach=9, tie_keys=IDS, exclude=exclude)
    assert [(f.index, f.mean_rank) for f in found] == [(3, 1.0), (4, 2.0)]
    assert exclude.sum() == 1  # the caller's mask is untouched


def test_one_seed_is_nearest(rng):
    row, ids = np.ceil(rng.random(60) * 9), [f"{i:02}" for i in range(60)]
    artists = [str(i % 7) for i in range(60)]
    options = {"k": 12, "tie_keys": ids, "artists": artists, "artist_cap": 2}
    found = nearest_to_seeds(row[None], seeds=[4], reach=60, **options)
    expected = nearest(row, exclude=np.arange(60) == 4, **options)
    assert [f.index for f in found] == expected.tolist()


def test_a_seed_in_a_sparse_part_weighs_as_much():
    near, far = [0.0, 50.0, 1.0, 2.0, 90.0, 91.0], [50.0, 0.0, 800.0, 900.0, 100.0, 101.0]
    found = nearest_to_seeds(np.array([near, far]), seeds=[0, 1], k=2, reach=1, tie_keys=IDS)
    assert {f.index for f in found} == {2, 4}


def test_seeds_refuse():
    with pytest.raises(ValueError, match=r"shape \(2 seeds, n_tracks\), got \(1, 6\)"):
        nearest_to_seeds(np.ones((1, 6)), seeds=[0, 1], k=1, tie_keys=IDS)
    with pytest.raises(ValueError, match=r"seeds must lie in 0 .. 5, got \[-1\]"):
        nearest_to_seeds(np.ones((1, 6)), seeds=[-1], k=1, tie_keys=IDS)


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("k", [1, 7, 39, 40, 60])
def test_top_k_in_blocks_is_the_literal_sort(rng, levels, k):
    distances = symmetric(rng, 40, levels=levels)
    distances[rng.random((40, 40)) < 0.3] = np.nan
    distances[5] = np.nan
    original = distances.copy()
    blocks = [top_k(distances[start : start + 16], row_start=start, k=k) for start in range(0, 40, 16)]
    indices, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    assert (indices.dtype, values.dtype, indices.shape) == (np.int32, np.float32, (40, k))
    np.testing.assert_array_equal(distances, original)
    for i in range(40):
        row = sorted((float(d), j) for j, d in enumerate(distances[i]) if j != i and not np.isnan(d))[:k]
        n_missing = k - len(row)
        np.testing.assert_array_equal(indices[i], [j for _, j in row] + [-1] * n_missing)
        np.testing.assert_array_equal(values[i], [np.float32(d) for d, _ in row] + [np.nan] * n_missing)


def test_top_k_of_one_track_is_padding():
    indices, distances = top_k(np.zeros((1, 1), dtype=np.float32), row_start=0, k=2)
    np.testing.assert_array_equal(indices, [[-1, -1]])
    np.testing.assert_array_equal(distances, [[np.nan, np.nan]])


@pytest.mark.parametrize("row_start", [-1, 3])
def test_top_k_refuses(row_start):
    with pytest.raises(ValueError, match=r"rows of a square matrix, got shape \(2, 4\) from row"):
        top_k(np.zeros((2, 4)), row_start=row_start, k=1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k(np.zeros((2, 4)), row_start=0, k=0)


def in_blocks(distances, n_rows):
    return (distances[start : start + n_rows] for start in range(0, len(distances), n_rows))


@pytest.mark.parametrize("n_rows", [1, 7, 90])
def test_quantiles_are_those_of_all_pairs(rng, n_rows):
    distances = symmetric(rng, 90)
    distances[3, 50] = np.nan  # a pair that was not computed, above the diagonal
    pairs = distances[np.triu_indices(90, 1)]
    ours = distance_quantiles(in_blocks(distances, n_rows), n_tracks=90)
    assert (ours.shape, ours.dtype) == ((1001,), np.float64)
    np.testing.assert_allclose(ours, np.nanquantile(pairs.astype(np.float64), np.linspace(0, 1, 1001)), rtol=1e-6)
    assert (np.diff(ours) >= 0).all()


def test_sampled_quantiles_are_near_seeded_and_independent_of_blocks(rng):
    distances = symmetric(rng, 700)
    exact = distance_quantiles([distances], n_tracks=700)
    sampled = distance_quantiles([distances], n_tracks=700, max_pairs=20_000, seed=1)
    assert 0 < np.abs(sampled - exact).max() < 0.02
    np.testing.assert_array_equal(
        sampled, distance_quantiles(in_blocks(distances, 33), n_tracks=700, max_pairs=20_000, seed=1)
    )
    assert (sampled != distance_quantiles([distances], n_tracks=700, max_pairs=20_000, seed=2)).any()


def test_quantiles_of_no_pair_are_nan():
    assert np.isnan(distance_quantiles([np.zeros((1, 1))], n_tracks=1)).all()
    assert np.isnan(distance_quantiles([np.full((3, 3), np.nan)], n_tracks=3)).all()
    assert np.isnan(distance_quantiles([], n_tracks=0)).all()


def test_quantiles_refuse():
    distances = np.zeros((4, 4))
    with pytest.raises(ValueError, match="must have 4 rows in all, got 3"):
        distance_quantiles([distances[:3]], n_tracks=4)
    with pytest.raises(ValueError, match="must have 4 rows in all, got at least 7"):
        distance_quantiles([distances, distances[:3]], n_tracks=4)
    with pytest.raises(ValueError, match=r"must have shape \(n_rows, 4\), got \(4, 3\)"):
        distance_quantiles([distances[:, :3]], n_tracks=4)
    with pytest.raises(ValueError, match="max_pairs must be at least 1"):
        distance_quantiles([distances], n_tracks=4, max_pairs=0)


def test_percentile_is_the_share_of_nearer_pairs(rng):
    distances = symmetric(rng, 200)
    pairs = distances[np.triu_indices(200, 1)]
    quantiles = distance_quantiles([distances], n_tracks=200)
    sought = rng.choice(pairs, 300)
    nearer = [100 * np.mean(pairs < value) for value in sought]
    np.testing.assert_allclose(percentile(sought, quantiles), nearer, atol=0.11)


def test_percentile_of_ties_counts_nearer_ones_only(rng):
    distances = symmetric(rng, 200, levels=5)
    pairs = distances[np.triu_indices(200, 1)]
    quantiles = distance_quantiles([distances], n_tracks=200)
    for level in range(1, 6):
        assert percentile(level, quantiles) == pytest.approx(100 * np.mean(pairs < level), abs=0.11)
        assert percentile(level + 0.5, quantiles) == pytest.approx(100 * np.mean(pairs <= level), abs=0.11)


def test_percentile_at_and_beyond_the_ends():
    quantiles = np.array([1.0, 2.0, 4.0])
    result = percentile(np.array([[0.0, 1.0, 1.5], [4.0, 9.0, np.nan]]), quantiles)
    np.testing.assert_array_equal(result, [[0, 0, 25], [100, 100, np.nan]])
    assert np.isnan(percentile(1.0, np.full(1001, np.nan)))
    np.testing.assert_array_equal(percentile(np.array([2.0, 3.0, 4.0]), np.full(3, 3.0)), [0, 0, 100])
    with pytest.raises(ValueError, match="quantiles must have shape"):
        percentile(1.0, np.array([1.0]))
