"""Warping paths and subsequence DTW on each device: the definition, and what any path must be."""

import os

import numpy as np
import pytest
import reference
import reference_paths
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiosim_kernels import Ragged, dtw, paths, paths_checkpoints

MEASURES = [
    {"local_cost": local_cost, "step_pattern": step_pattern}
    for local_cost in ("euclidean", "sqeuclidean")
    for step_pattern in ("symmetric1", "symmetric2")
]
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: "-".join(measure.values()))

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

small_integers = st.integers(-3, 3).map(float)
any_values = st.one_of(small_integers, st.floats(-1e4, 1e4, width=32, allow_subnormal=False).map(lambda x: round(x, 3)))


@pytest.fixture(scope="module")
def backend(backend):
    """Each device, with blocks of rows and strips of threads so low that tiny inputs cross both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths_checkpoints, "STEPS_PER_COST", 2)  # 4 rows of 6 or 7
        if backend == "cuda":
            from audiosim_kernels import paths_cuda

            patch.setattr(paths_cuda, "THREADS_PER_BLOCK", 3)
        yield backend


@st.composite
def two_sequences(draw, values, n_dims=(1, 3)):
    """Of 1 ... 13 frames, or 7 where every CUDA thread runs in Python."""
    longest = 7 if SIMULATED else 13
    dims = draw(st.integers(*n_dims))
    return [draw(arrays(np.float32, (draw(st.integers(1, longest)), dims), elements=values)) for _ in range(2)]


def local_costs(x, y, measure):
    return reference.local_costs(x, y, measure["local_cost"])


def pair_distance(x, y, **options):
    return float(dtw.distances(Ragged.from_sequences([x, y]), [(0, 1)], **options)[0])


def assert_legal_steps(path):
    steps = {tuple(step) for step in np.diff(path, axis=0).tolist()}
    assert steps <= {(0, 1), (1, 0), (1, 1)}


@measures
@given(data=st.data())
def test_the_path_is_that_of_the_full_matrix_also_where_costs_tie(backend, measure, data):
    """Small integers, and one dimension for the root, so that all sums are exact in the reference too."""
    x, y = data.draw(two_sequences(small_integers, n_dims=(1, 1 if measure["local_cost"] == "euclidean" else 3)))
    radius = data.draw(st.one_of(st.none(), st.integers(1, 10)))
    aligned = paths.warping_path(x, y, **measure, band_radius=radius, normalize=False, device=backend)
    costs = local_costs(x, y, measure)
    expected = reference_paths.warping_path(costs, measure["step_pattern"], radius)
    np.testing.assert_array_equal(aligned.path, expected)
    assert aligned.distance == reference_paths.path_cost(costs, expected, measure["step_pattern"])


@measures
@given(data=st.data())
def test_any_path_is_legal_inside_the_band_and_as_cheap_as_possible(backend, measure, data):
    x, y = data.draw(two_sequences(any_values))
    radius = data.draw(st.one_of(st.none(), st.integers(1, 10)))
    normalize = data.draw(st.booleans())
    aligned = paths.warping_path(x, y, **measure, band_radius=radius, normalize=normalize, device=backend)
    path = aligned.path.tolist()
    n, m = len(x), len(y)
    assert path[0] == [0, 0]
    assert path[-1] == [n - 1, m - 1]
    assert_legal_steps(aligned.path)
    assert all(reference.in_band(i, j, n, m, radius) for i, j in path)
    cost = reference_paths.path_cost(local_costs(x, y, measure), path, measure["step_pattern"])
    least = reference.dtw(x, y, **measure, band_radius=radius, normalize=False)
    np.testing.assert_allclose(cost, least, rtol=1e-6)
    np.testing.assert_allclose(aligned.distance, least / (n + m if normalize else 1), rtol=1e-6)
    with_distances = pair_distance(x, y, **measure, band_radius=radius, normalize=normalize, device=backend)
    np.testing.assert_allclose(aligned.distance, with_distances, rtol=1e-5)


@measures
@given(data=st.data())
def test_the_distance_is_exactly_symmetric_and_zero_on_itself_along_the_diagonal(backend, measure, data):
    x, y = data.draw(two_sequences(any_values))
    there, back = (paths.warping_path(*pair, **measure, device=backend) for pair in ((x, y), (y, x)))
    assert there.distance == back.distance
    itself = paths.warping_path(x, x, **measure, device=backend)
    assert itself.distance == 0
    np.testing.assert_array_equal(itself.path, np.repeat(np.arange(len(x))[:, None], 2, axis=1))


@measures
@given(data=st.data())
def test_the_match_is_that_of_the_full_matrix_also_where_costs_tie(backend, measure, data):
    x, y = data.draw(two_sequences(small_integers, n_dims=(1, 1 if measure["local_cost"] == "euclidean" else 3)))
    match = paths.subsequence(x, y, **measure, normalize=False, device=backend)
    costs = local_costs(x, y, measure)
    expected = reference_paths.subsequence_path(costs, measure["step_pattern"])
    np.testing.assert_array_equal(match.path, expected)
    assert (match.start, match.stop) == (expected[0][1], expected[-1][1] + 1)
    assert match.distance == reference_paths.path_cost(costs, expected, measure["step_pattern"])


@measures
@given(data=st.data())
def test_no_stretch_of_the_sequence_is_nearer(backend, measure, data):
    x, y = data.draw(two_sequences(any_values))
    match = paths.subsequence(x, y, **measure, normalize=False, device=backend)
    expected = reference_paths.subsequence_distance(x, y, **measure)
    np.testing.assert_allclose(match.distance, expected, rtol=1e-6)
    assert match.path[0].tolist() == [0, match.start]
    assert match.path[-1].tolist() == [len(x) - 1, match.stop - 1]
    assert_legal_steps(match.path)
    cost = reference_paths.path_cost(local_costs(x, y, measure), match.path.tolist(), measure["step_pattern"])
    np.testing.assert_allclose(cost, expected, rtol=1e-6)
    assert match.distance <= paths.warping_path(x, y, **measure, normalize=False, device=backend).distance
