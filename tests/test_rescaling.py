"""Rescalings against their definitions in plain Python, what they must keep, and what a comparison makes of them."""

import contextlib
import math
import shutil
from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.distances import MEASURES, hubness
from audiosim.distances.hubness import (
    DEFAULT_RESCALING,
    N_ORDER,
    RESCALINGS,
    RowStatistics,
    rescale,
)
from audiosim.errors import NotComputedError
from audiosim.evaluation.hubness import evaluate as hubness_of
from audiosim.evaluation.ranking import validate_distances
from audiosim.library import Library
from audiosim.store import DistanceStore
from audiosim_pipelines import settings
from audiosim_pipelines.compare import compare
from audiosim_pipelines.evaluate import evaluate, is_evaluated
from audiosim_pipelines.settings import CompareSettings, HubnessSettings

ACTIVE = [method for method in RESCALINGS if method != "none"]
K = 4


def gaussian(rng, *, n_tracks, n_dims):
    points = rng.standard_normal((n_tracks, n_dims))
    squares = (points**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    np.fill_diagonal(distances, 0)
    return distances.astype(np.float32)


def rescaled_matrix(distances, method, *, k=K):
    statistics = RowStatistics.of(distances, k=k, row_start=0)
    return rescale(distances, statistics, statistics, method=method, row_start=0)


# Definitions


def larger_in_normal(d, row):
    mean = math.fsum(row) / len(row)
    std = math.sqrt(math.fsum((x - mean) ** 2 for x in row) / len(row))
    return math.erfc((d - mean) / (std * math.sqrt(2))) / 2


def larger_by_rank(d, row):
    rank = sum(x < d for x in row) + (sum(x == d for x in row) + 1) / 2
    return 1 - rank / (len(row) + 1)


def literal(distances, i, j, method):
    """The rescaled distance of two tracks as its paper has it."""
    d = float(distances[i, j])
    rows = [
        sorted(float(x) for other, x in enumerate(distances[track]) if other != track and not np.isnan(x))
        for track in (i, j)
    ]
    if method == "none" or np.isnan(d):
        return d
    if method == "mp_gauss":
        return 1 - larger_in_normal(d, rows[0]) * larger_in_normal(d, rows[1])
    if method == "mp_empirical":
        return 1 - larger_by_rank(d, rows[0]) * larger_by_rank(d, rows[1])
    if method == "local_scaling":
        return 1 - math.exp(-d * d / (rows[0][K - 1] * rows[1][K - 1]))
    return 2 * d - sum(rows[0][:K]) / K - sum(rows[1][:K]) / K


@pytest.mark.parametrize("method", RESCALINGS)
def test_rescaled_distances_are_those_of_the_definition(rng, method):
    distances = gaussian(rng, n_tracks=30, n_dims=4)
    distances[3, 8] = distances[8, 3] = np.nan
    distances[5, 9] = distances[9, 5] = distances[5, 11]  # a tie
    ours = rescaled_matrix(distances, method).distances
    assert ours.dtype == np.float32
    for i in range(30):
        for j in range(30):
            expected = 0.0 if i == j else literal(distances, i, j, method)
            np.testing.assert_allclose(ours[i, j], expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("method", RESCALINGS)
def test_a_rescaled_matrix_is_a_matrix_of_distances(rng, method):
    keys = rescaled_matrix(gaussian(rng, n_tracks=50, n_dims=30), method).keys
    validate_distances(keys)
    np.testing.assert_array_equal(keys, keys.T)


@pytest.mark.parametrize("method", RESCALINGS)
def test_what_was_not_computed_stays_unknown_and_counts_nowhere(rng, method):
    distances = gaussian(rng, n_tracks=20, n_dims=3)
    distances[19, :19] = distances[:19, 19] = np.nan
    keys = rescaled_matrix(distances, method).keys
    np.testing.assert_array_equal(np.isnan(keys), np.isnan(distances))
    np.testing.assert_array_equal(keys[:19, :19], rescaled_matrix(distances[:19, :19], method).keys)


@given(seed=st.integers(0, 2**32 - 1), n_tracks=st.integers(2, 40), factor=st.sampled_from([2.0, 0.5, 1024.0]))
def test_the_unit_of_the_distances_does_not_matter(seed, n_tracks, factor):
    distances = gaussian(np.random.default_rng(seed), n_tracks=n_tracks, n_dims=6)
    for method in ("mp_gauss", "mp_empirical", "local_scaling"):
        plain, scaled = (rescaled_matrix(d, method).keys for d in (distances, np.float32(factor) * distances))
        np.testing.assert_array_equal(scaled, plain)
    np.testing.assert_array_equal(
        rescaled_matrix(np.float32(factor) * distances, "csls").keys,
        np.float32(factor) * rescaled_matrix(distances, "csls").keys,
    )


@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_block_is_rescaled_as_in_the_whole(seed, data):
    distances = gaussian(np.random.default_rng(seed), n_tracks=25, n_dims=6)
    statistics = RowStatistics.of_matrix([distances[:7], distances[7:8], distances[8:]], k=K)
    rows, columns = (data.draw(st.lists(st.integers(0, 24), min_size=1, unique=True)) for _ in range(2))
    for method in RESCALINGS:
        whole = rescale(distances, statistics, statistics, method=method).keys
        block = rescale(
            distances[np.ix_(rows, columns)], statistics.take(rows), statistics.take(columns), method=method
        )
        np.testing.assert_array_equal(block.keys, whole[np.ix_(rows, columns)])


def test_statistics_do_not_hang_on_the_order_of_tracks(rng):
    distances = gaussian(rng, n_tracks=300, n_dims=5)
    order = rng.permutation(300)
    plain = RowStatistics.of(distances, k=K, row_start=0).take(order)
    shuffled = RowStatistics.of(distances[np.ix_(order, order)], k=K, row_start=0)
    np.testing.assert_array_equal(shuffled.summary, plain.summary)
    np.testing.assert_array_equal(shuffled.order, plain.order)


@pytest.mark.parametrize("method", RESCALINGS)
def test_a_query_leaves_the_statistics_that_it_would_leave_as_a_track(rng, method):
    distances = gaussian(rng, n_tracks=40, n_dims=8)
    statistics = RowStatistics.of(distances, k=K, row_start=0)
    others = np.flatnonzero(np.arange(40) != 17)
    row = distances[17:18, others]
    asked = rescale(row, RowStatistics.of(row, k=K), statistics.take(others), method=method)
    expected = rescale(distances, statistics, statistics, method=method).keys[17, others]
    np.testing.assert_array_equal(asked.keys[0], expected)


# Far pairs, ties and tiny libraries


def test_far_pairs_keep_an_order_where_the_published_distance_rounds_to_1(rng):
    distances = gaussian(rng, n_tracks=400, n_dims=3)
    distances[0] += np.float32(100)  # far from all others
    distances[:, 0] = distances[0]
    distances[0, 0] = 0
    for method in ("mp_gauss", "local_scaling"):
        rescaled = rescaled_matrix(distances, method)
        if method == "mp_gauss":
            assert (rescaled.distances[0, 1:] == 1.0).all()
        assert np.unique(rescaled.keys[0, 1:]).size > 390
        order = np.argsort(rescaled.keys[:, 1:], axis=1, kind="stable")
        assert (np.diff(np.take_along_axis(rescaled.distances[:, 1:], order, axis=1)) >= 0).all()


@pytest.mark.parametrize("method", ACTIVE)
@pytest.mark.parametrize("n_tracks", [1, 2, 3])
def test_the_smallest_libraries_have_finite_distances(method, n_tracks):
    line = np.arange(n_tracks, dtype=np.float32) ** 2
    keys = rescaled_matrix(np.abs(np.subtract.outer(line, line)), method, k=10).keys
    validate_distances(keys)


@pytest.mark.parametrize("method", ACTIVE)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 1e30])
def test_equal_distances_stay_equal(method, value):
    distances = np.full((12, 12), value, dtype=np.float32)
    np.fill_diagonal(distances, 0)
    keys = rescaled_matrix(distances, method).keys
    validate_distances(keys)
    assert np.unique(keys[~np.eye(12, dtype=bool)]).size == 1


@pytest.mark.parametrize("method", ACTIVE)
def test_copies_of_one_track_are_nearer_than_anything_else(rng, method):
    points = rng.standard_normal((30, 5))
    points[:8] = points[0]
    distances = np.linalg.norm(points[:, None] - points, axis=2).astype(np.float32)
    keys = rescaled_matrix(distances, method).keys
    validate_distances(keys)
    assert keys[:8, :8].max() < keys[:8, 8:].min()


def test_ranks_of_large_rows_are_kept_within_4_percent(rng):
    row = np.sort(rng.standard_normal((1, 5_000)).astype(np.float32) ** 2)
    statistics = RowStatistics.of(row, k=K)
    assert np.isfinite(statistics.order).sum() < N_ORDER
    share = np.exp(hubness._log_survival_empirical(row, statistics))[0]
    np.testing.assert_allclose(5_001 * (1 - share), np.arange(1, 5_001), rtol=0.04)
    np.testing.assert_allclose(5_001 * (1 - share[:20]), np.arange(1, 21), rtol=1e-6)


# Hubs


def test_mutual_proximity_takes_the_hubs_out_of_high_dimension(rng):
    distances = gaussian(rng, n_tracks=500, n_dims=200)
    (raw,) = hubness_of(distances, ks=[10])
    (rescaled,) = hubness_of(rescaled_matrix(distances, "mp_gauss", k=10).keys, ks=[10])
    assert raw.skewness >= 3
    assert rescaled.skewness <= 1
    assert rescaled.orphan_share <= 0.05
    for method in ("mp_empirical", "local_scaling", "csls"):
        (other,) = hubness_of(rescaled_matrix(distances, method, k=10).keys, ks=[10])
        assert other.skewness < raw.skewness / 2 + 0.2


# Refusals


def test_distances_are_rescaled_once(rng):
    distances = gaussian(rng, n_tracks=9, n_dims=3)
    statistics = RowStatistics.of(distances, k=K, row_start=0)
    once = rescale(distances, statistics, statistics, method="mp_gauss")
    for again in (
        lambda: rescale(once, statistics, statistics, method="csls"),
        lambda: RowStatistics.of(once, k=K),
    ):
        with pytest.raises(TypeError, match="got some rescaled by mp_gauss; rescale once"):
            again()


def test_refusals(rng):
    distances = gaussian(rng, n_tracks=9, n_dims=3)
    statistics = RowStatistics.of(distances, k=K, row_start=0)
    with pytest.raises(ValueError, match="unknown rescaling 'mp'; choose from none, mp_gauss, mp_empirical"):
        rescale(distances, statistics, statistics, method="mp")
    with pytest.raises(ValueError, match="statistics of 9 rows and 9 columns, got 3 and 9"):
        rescale(distances, statistics.take(slice(3)), statistics, method="mp_gauss")
    with pytest.raises(ValueError, match=r"shape \(n_rows, n_columns\), got \(9,\)"):
        rescale(distances[0], statistics, statistics, method="mp_gauss")
    with pytest.raises(ValueError, match=r"rows of a square matrix, got shape \(9, 9\) from row 1 on"):
        RowStatistics.of(distances, k=K, row_start=1)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        RowStatistics.of(distances, k=0)
    bare = replace(statistics, order=None)
    with pytest.raises(ValueError, match="mp_empirical needs statistics with the order"):
        rescale(distances, bare, bare, method="mp_empirical")


def test_every_measure_has_a_default_and_the_settings_know_every_rescaling():
    assert set(MEASURES) <= set(DEFAULT_RESCALING)
    choices = get_type_hints(HubnessSettings)["rescaling"].__args__
    assert choices == ("default", *RESCALINGS)
    assert HubnessSettings().of("dtw") == "mp_gauss"
    assert HubnessSettings().of("cosine") == "none"
    assert HubnessSettings(rescaling="csls").of("cosine") == "csls"


# In a library


@pytest.fixture
def library(tmp_path, undisturbed):
    with contextlib.closing(Library.open(shutil.copytree(undisturbed, tmp_path / "library"))) as library:
        yield library


def made_with(library, **changes):
    loaded = settings.load(library.folder)
    return replace(
        loaded,
        hubness=replace(loaded.hubness, **changes),
        compare=replace(loaded.compare, measures=("dtw", "cosine")),
        machine=replace(loaded.machine, device="cpu"),
    )


def table_of(library, measure):
    return pd.read_parquet(library.folder / "neighbors" / f"{measure}.parquet")


def test_the_table_is_ranked_by_the_rescaled_distance_and_shows_both(library):
    raw = library.matrix("dtw")
    rescaled = pd.DataFrame(library.rescaled("dtw").distances, raw["query"].values, raw["target"].values)
    table = table_of(library, "dtw")
    assert list(table.columns) == ["query_id", "rank", "target_id", "distance", "percentile", "rescaled"]
    assert len(table) == 14 * 13
    for row in table.itertuples():
        assert row.distance == raw.sel(query=row.query_id, target=row.target_id)
        assert row.rescaled == np.float32(rescaled.loc[row.query_id, row.target_id])
    assert (table.groupby("query_id")["rescaled"].diff().dropna() >= 0).all()
    plain = table_of(library, "cosine")
    assert plain["rescaled"].isna().all()
    assert (plain.groupby("query_id")["distance"].diff().dropna() >= 0).all()


def test_the_report_of_hubs_is_that_of_the_matrices(library):
    reports = {report.measure: report for report in compare(library, made_with(library))}
    for measure in ("dtw", "cosine"):
        hubs = reports[measure].hubs
        assert hubs.raw == hubness_of(library.matrix(measure).values)
        assert hubs.rescaled == (hubness_of(library.rescaled(measure).keys) if measure == "dtw" else ())
        assert hubs.rescaling == ("mp_gauss" if measure == "dtw" else "none")


def test_another_rescaling_makes_another_table_and_computes_no_distance(library, monkeypatch):
    before = {name: table_of(library, name) for name in ("dtw", "cosine")}
    matrix, matrix_row = library.matrix("cosine").values, library.catalog.matrix("cosine")
    monkeypatch.setattr(DistanceStore, "write_block", None)
    reports = {r.measure: r for r in compare(library, made_with(library, rescaling="local_scaling", k=3))}
    assert {name: r.n_pairs_computed for name, r in reports.items()} == {"dtw": 0, "cosine": 0}
    assert reports["cosine"].hubs.rescaling == library.rescaling("cosine") == "local_scaling"
    assert table_of(library, "cosine")["rescaled"].notna().all()
    assert library.catalog.matrix("cosine")[:2] == matrix_row[:2]
    np.testing.assert_array_equal(library.matrix("cosine").values, matrix)
    # Back to what it was, bit for bit.
    compare(library, made_with(library))
    for name, table in before.items():
        pd.testing.assert_frame_equal(table_of(library, name), table)
    assert library.catalog.matrix("cosine") == matrix_row


def test_a_table_that_is_gone_or_of_another_length_is_made_again(library):
    table = table_of(library, "dtw")
    (library.folder / "neighbors" / "dtw.parquet").unlink()
    assert [report.n_pairs_computed for report in compare(library, made_with(library))] == [0, 0]
    pd.testing.assert_frame_equal(table_of(library, "dtw"), table)
    compare(library, replace(made_with(library), compare=CompareSettings(measures=("dtw",), top_k=2)))
    pd.testing.assert_frame_equal(table_of(library, "dtw"), table[table["rank"] <= 2].reset_index(drop=True))


def test_a_library_from_before_rescalings_is_completed_by_compare(library):
    fingerprint, n_rows, details = library.catalog.matrix("dtw")
    with library.catalog.transaction():
        old = {key: details[key] for key in ("feature", "quantiles")}
        library.catalog.put_matrix("dtw", fingerprint=fingerprint, n_rows=n_rows, details=old)
    shutil.rmtree(library.folder / "distances" / "dtw.zarr" / "rows")
    assert library.nearest(library.tracks()[0], k=3)["rescaled"].isna().all()
    with pytest.raises(NotComputedError, match="holds no summary of its rows; run: audiosim compare --measure dtw"):
        library.nearest(library.tracks()[0], rescaling="mp_gauss")
    assert [report.n_pairs_computed for report in compare(library, made_with(library))] == [0, 0]
    assert library.catalog.matrix("dtw") == (fingerprint, n_rows, details)
    assert library.nearest(library.tracks()[0], k=3)["rescaled"].notna().all()


def test_an_evaluation_judges_a_measure_before_and_after(library):
    compared = made_with(library)
    result = evaluate(library, compared, measures=["dtw", "cosine"]).evaluation
    assert list(result.health) == ["dtw", "dtw + mp_gauss", "cosine", "random"]
    assert result.health["dtw + mp_gauss"].hubness == hubness_of(library.rescaled("dtw").keys)
    assert [(pair.first, pair.second) for pair in result.agreements] == [("dtw", "cosine")]
    evaluate(library, compared)
    assert is_evaluated(library, compared)
    compare(library, made_with(library, rescaling="none"))
    assert not is_evaluated(library, compared)
    assert list(evaluate(library, compared, measures=["dtw"]).evaluation.health) == ["dtw", "random"]


def test_the_command_line_ranks_and_reports_as_asked(library, command):
    seed = library.tracks()[0].track_id
    shown = command("nearest", seed, "--library", library.folder)
    assert "by dtw + mp_gauss" in shown.output
    assert "rescaled" in shown.output
    plain = command("nearest", seed, "--library", library.folder, "--rescale", "none")
    assert "rescaled" not in plain.output
    compared = command("compare", "--library", library.folder, "--measure", "dtw")
    assert "hubs of dtw by mp_gauss, k = 10: skewness" in compared.output
