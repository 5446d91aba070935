"""DTW against other libraries' answers, where their definitions coincide with ours."""

import gzip
import json
import os

import librosa
import numpy as np
import pytest
import reference
from dtaidistance import dtw as dtai
from dtaidistance import dtw_ndim as dtai_ndim
from fastdtw import fastdtw
from tslearn.metrics import dtw as tslearn_dtw

from audiosim_kernels import Ragged, dtw, dtw_cell

SQUARED = {"local_cost": "sqeuclidean", "step_pattern": "symmetric1", "normalize": False}
EUCLIDEAN = {"local_cost": "euclidean", "step_pattern": "symmetric1", "normalize": False}
SHAPES = pytest.mark.parametrize(("n", "m"), [(60, 60), (40, 70), (1, 5), (33, 1)])


def pair_distance(x, y, **options):
    return float(dtw.distances(Ragged.from_sequences([x, y]), [(0, 1)], device="cpu", **options)[0])


def pair(rng, n, m, n_dims=5):
    """Frames that float32 holds exactly, as the float64 that the peers want."""
    return tuple(rng.standard_normal((size, n_dims)).astype(np.float32).astype(np.float64) for size in (n, m))


# --- libraries


@SHAPES
def test_dtaidistance(rng, n, m):
    x, y = pair(rng, n, m)
    np.testing.assert_allclose(pair_distance(x, y, **SQUARED), dtai_ndim.distance_fast(x, y) ** 2, rtol=2e-6)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (40, 70), (2, 5)])
def test_dtaidistance_univariate(rng, n, m):
    """Not for a single frame, where its univariate code answers infinity."""
    x, y = pair(rng, n, m, n_dims=1)
    expected = dtai.distance_fast(x.ravel(), y.ravel()) ** 2
    np.testing.assert_allclose(pair_distance(x, y, **SQUARED), expected, rtol=2e-6)


@pytest.mark.parametrize("radius", [0, 1, 7])
def test_dtaidistance_window(rng, radius):
    """Equal lengths only; its window is the first shift that is forbidden."""
    x, y = pair(rng, 50, 50)
    expected = dtai_ndim.distance_fast(x, y, window=radius + 1) ** 2
    np.testing.assert_allclose(pair_distance(x, y, **SQUARED, band_radius=radius), expected, rtol=2e-6)


@SHAPES
def test_tslearn(rng, n, m):
    x, y = pair(rng, n, m)
    np.testing.assert_allclose(pair_distance(x, y, **SQUARED), tslearn_dtw(x, y) ** 2, rtol=2e-6)


@pytest.mark.parametrize("radius", [1, 7])
def test_tslearn_sakoe_chiba(rng, radius):
    """Equal lengths only; for others it shifts the band instead of tilting it."""
    x, y = pair(rng, 50, 50)
    expected = tslearn_dtw(x, y, global_constraint="sakoe_chiba", sakoe_chiba_radius=radius) ** 2
    np.testing.assert_allclose(pair_distance(x, y, **SQUARED, band_radius=radius), expected, rtol=2e-6)


@SHAPES
@pytest.mark.parametrize(("step_pattern", "diagonal_weight"), [("symmetric1", 1), ("symmetric2", 2)])
def test_librosa(rng, n, m, step_pattern, diagonal_weight):
    x, y = pair(rng, n, m)
    accumulated = librosa.sequence.dtw(
        x.T,
        y.T,
        metric="euclidean",
        step_sizes_sigma=np.array([[1, 1], [0, 1], [1, 0]]),
        weights_mul=np.array([diagonal_weight, 1, 1]),
        backtrack=False,
    )
    actual = pair_distance(x, y, step_pattern=step_pattern, normalize=False)
    np.testing.assert_allclose(actual, accumulated[-1, -1], rtol=2e-6)


@pytest.mark.parametrize("radius", [1, 5])
def test_librosa_band(rng, radius):
    """Equal lengths only; its radius is a fraction, and the first shift that is forbidden."""
    x, y = pair(rng, 50, 50)
    accumulated = librosa.sequence.dtw(
        x.T, y.T, metric="euclidean", global_constraints=True, band_rad=(radius + 1) / 50, backtrack=False
    )
    actual = pair_distance(x, y, **EUCLIDEAN, band_radius=radius)
    np.testing.assert_allclose(actual, accumulated[-1, -1], rtol=2e-6)


@SHAPES
def test_fastdtw_is_exact_when_its_radius_covers_everything(rng, n, m):
    x, y = pair(rng, n, m)
    expected, _ = fastdtw(x, y, radius=n + m, dist=lambda a, b: float(np.linalg.norm(a - b)))
    np.testing.assert_allclose(pair_distance(x, y, **EUCLIDEAN), expected, rtol=2e-6)


# --- dtw-python's known answers


@pytest.fixture(scope="module")
def known_answers(shared_data):
    cases = json.loads((shared_data / "peer_tests" / "dtw_known_answers.json").read_text())["cases"]
    return {case["name"]: case for case in cases}


def test_every_known_answer_is_used_or_out_of_scope(known_answers):
    used = {"matrix_symmetric2", "rectangular", "vectors", "cran_ldist_symmetric2"}
    other_step_pattern = {"asymmetric_matrix", "cran_ldist_asymmetric", "open_begin_end"}
    assert set(known_answers) == used | other_step_pattern
    assert {known_answers[name]["step"] for name in other_step_pattern} == {"asymmetric"}


@pytest.mark.parametrize("name", ["matrix_symmetric2", "cran_ldist_symmetric2"])
def test_known_answers_from_a_cost_matrix(known_answers, name):
    """The recurrence alone: no sequences have these local costs, so it is walked here, without a band."""
    case = known_answers[name]
    costs = np.array(case["local_cost"], dtype=np.float64)
    n, m = costs.shape
    total = np.full((n + 1, m + 1), np.inf)
    for i in range(n):
        for j in range(m):
            left = 0 if i == j == 0 else total[i + 1, j]
            total[i + 1, j + 1] = dtw_cell.extend(costs[i, j], left, total[i, j + 1], total[i, j], 2)
    judged = reference.accumulated_costs(case["local_cost"], case["step"])
    np.testing.assert_array_equal(total[1:, 1:], judged)
    np.testing.assert_allclose(judged[-1][-1], case["distance"])
    if "cost_matrix" in case:
        np.testing.assert_array_equal(judged, case["cost_matrix"])


@pytest.mark.parametrize("name", ["rectangular", "vectors"])
def test_known_answers_from_sequences(known_answers, backend, name):
    case = known_answers[name]
    x, y = (np.array(case[key], dtype=np.float32)[:, None] for key in ("x", "y"))
    songs = Ragged.from_sequences([x, y])
    options = {"step_pattern": case["step"], "device": backend}
    assert dtw.distances(songs, [(0, 1)], normalize=False, **options) == case["distance"]
    if "normalized_distance" in case:
        assert dtw.distances(songs, [(0, 1)], **options) == case["normalized_distance"]


def test_the_known_cost_matrix_is_that_of_all_prefixes(known_answers, backend):
    case = known_answers["rectangular"]
    rows, columns = (
        Ragged.from_sequences([np.array(case[key][: end + 1])[:, None] for end in range(len(case[key]))])
        for key in ("x", "y")
    )
    actual = dtw.matrix(rows, columns, step_pattern=case["step"], normalize=False, device=backend)
    np.testing.assert_array_equal(actual, case["cost_matrix"])


# --- UCR archive: nearest neighbour with full-window DTW


def labelled_series(path):
    """Cases of a .ts file: (n_frames, n_dims) arrays and their labels."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        cases = [line.strip().split(":") for line in lines if line.strip() and line[0] not in "#@"]
    return [np.array([dim.split(",") for dim in dims], dtype=np.float64).T for *dims, _ in cases], [
        case[-1] for case in cases
    ]


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="240 million cells are for compiled code")
@pytest.mark.parametrize("name", ["GunPoint", "ItalyPowerDemand", "BasicMotions", "JapaneseVowels"])
def test_ucr_counts_of_correct_neighbours_are_exact(shared_data, name):
    folder = shared_data / "peer_tests"
    rows = [line.split(",") for line in (folder / "ucr_1nn_reference.csv").read_text().splitlines()]
    n_correct = rows[0].index("dtw_correct")
    expected = {row[0]: int(row[n_correct]) for row in rows[1:]}[name]
    train, train_labels = labelled_series(folder / "ucr" / f"{name}_TRAIN.ts.gz")
    test, test_labels = labelled_series(folder / "ucr" / f"{name}_TEST.ts.gz")
    matrix = dtw.matrix(Ragged.from_sequences(test), Ragged.from_sequences(train), **SQUARED, device="cpu", n_threads=2)
    nearest = matrix.argmin(axis=1)  # the lowest index among equals
    assert sum(train_labels[index] == label for index, label in zip(nearest, test_labels, strict=True)) == expected
