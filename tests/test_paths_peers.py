"""Warping paths and subsequence DTW against other libraries' answers, where their definitions coincide with ours."""

import json
import os

import librosa
import numpy as np
import pytest
import reference_paths
from tslearn.metrics import dtw_path, dtw_subsequence_path

from audiosim_kernels import dtw_cell, paths, paths_cell, paths_checkpoints

step_patterns = pytest.mark.parametrize(("step_pattern", "diagonal_weight"), [("symmetric1", 1), ("symmetric2", 2)])
SHAPES = pytest.mark.parametrize(("n", "m"), [(60, 60), (40, 70), (1, 5), (33, 64)])
compiled_only = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="for compiled code")


def float_pair(rng, n, m, n_dims=5):
    """Frames that float32 holds exactly, as the float64 that the peers want."""
    return tuple(rng.standard_normal((size, n_dims)).astype(np.float32).astype(np.float64) for size in (n, m))


# --- other libraries


def librosa_steps(diagonal_weight):
    return {
        "metric": "euclidean",
        "step_sizes_sigma": np.array([[1, 1], [0, 1], [1, 0]]),
        "weights_mul": np.array([diagonal_weight, 1, 1]),
    }


@SHAPES
@step_patterns
def test_librosa(rng, n, m, step_pattern, diagonal_weight):
    x, y = float_pair(rng, n, m)
    accumulated, expected = librosa.sequence.dtw(x.T, y.T, **librosa_steps(diagonal_weight))
    aligned = paths.warping_path(x, y, step_pattern=step_pattern, normalize=False, device="cpu")
    np.testing.assert_array_equal(aligned.path, expected[::-1])
    np.testing.assert_allclose(aligned.distance, accumulated[-1, -1], rtol=1e-6)


@compiled_only  # uncompiled, librosa multiplies 0 by infinity, and warns
@step_patterns
def test_librosa_on_ties(rng, step_pattern, diagonal_weight):
    """Whole numbers in one dimension: many paths of equal cost, of which librosa and we choose the same."""
    x, y = rng.integers(0, 3, (50, 1)).astype(float), rng.integers(0, 3, (60, 1)).astype(float)
    _, expected = librosa.sequence.dtw(x.T, y.T, **librosa_steps(diagonal_weight))
    aligned = paths.warping_path(x, y, step_pattern=step_pattern, device="cpu")
    np.testing.assert_array_equal(aligned.path, expected[::-1])


@SHAPES
@step_patterns
def test_librosa_subsequence(rng, n, m, step_pattern, diagonal_weight):
    x, y = float_pair(rng, n, m)
    accumulated, expected = librosa.sequence.dtw(x.T, y.T, subseq=True, **librosa_steps(diagonal_weight))
    match = paths.subsequence(x, y, step_pattern=step_pattern, normalize=False, device="cpu")
    np.testing.assert_array_equal(match.path, expected[::-1])
    np.testing.assert_allclose(match.distance, accumulated[-1].min(), rtol=1e-6)


@SHAPES
def test_tslearn(rng, n, m):
    """Its costs are squared, and the root is taken at the end; it breaks ties otherwise."""
    x, y = float_pair(rng, n, m)
    squared = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1", "normalize": False, "device": "cpu"}
    for function, peer in ((paths.warping_path, dtw_path), (paths.subsequence, dtw_subsequence_path)):
        expected, distance = peer(x, y)
        actual = function(x, y, **squared)
        np.testing.assert_array_equal(actual.path, expected)
        np.testing.assert_allclose(actual.distance, distance**2, rtol=1e-6)


# --- dtw-python's known answers


class MatrixRows:
    """Rows of a pair of which only the local costs are known; `paths_checkpoints.Rows` in plain Python."""

    def __init__(self, costs, diagonal_weight):
        self.shape, self._costs, self._weight = (len(costs), len(costs[0])), costs, diagonal_weight

    def above_first(self):
        return [np.inf] * self.shape[1]

    def advance(self, above, begin, end):
        return self._rows(above, begin, end)[0]

    def steps(self, above, begin, end, n_columns):
        return self._rows(above[:n_columns], begin, end)[1]

    def total(self, last):
        return last[-1]

    def _rows(self, above, begin, end):
        arrivals = np.zeros((end - begin, len(above)), dtype=np.uint8)
        for row in range(begin, end):
            left, diagonal, current = 0 if row == 0 else np.inf, np.inf, []
            for column, up in enumerate(above):
                cost = self._costs[row][column]
                total = dtw_cell.extend(cost, left, up, diagonal, self._weight)
                arrivals[row - begin, column] = paths_cell.arrival(total, cost, left, diagonal, self._weight)
                current.append(total)
                left, diagonal = total, up
            above = current
        return above, arrivals


@pytest.fixture(scope="module")
def known_answers(shared_data):
    cases = json.loads((shared_data / "peer_tests" / "dtw_known_answers.json").read_text())["cases"]
    return {case["name"]: case for case in cases}


@pytest.mark.parametrize("steps_per_cost", [1 / 40, 1 / 8, 8])
def test_a_known_path_through_a_cost_matrix(monkeypatch, known_answers, steps_per_cost):
    case = known_answers["cran_ldist_symmetric2"]
    monkeypatch.setattr(paths_checkpoints, "STEPS_PER_COST", steps_per_cost)
    total, path = paths_checkpoints.cheapest_path(MatrixRows(case["local_cost"], 2))
    assert total == case["distance"]
    expected = np.stack([case["index1"], case["index2"]], axis=1)
    np.testing.assert_array_equal(path, expected)
    np.testing.assert_array_equal(reference_paths.warping_path(case["local_cost"], case["step"]), expected)


def test_a_known_path_of_two_sequences(monkeypatch, known_answers, backend):
    if backend == "cuda":
        from audiosim_kernels import paths_cuda

        monkeypatch.setattr(paths_cuda, "THREADS_PER_BLOCK", 2)
    case = known_answers["rectangular"]
    x, y = (np.array(case[key])[:, None] for key in ("x", "y"))
    aligned = paths.warping_path(x, y, device=backend)
    assert aligned.distance == case["normalized_distance"]
    np.testing.assert_array_equal(aligned.path, np.stack([case["index1"], case["index2"]], axis=1))
