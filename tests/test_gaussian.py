"""Jensen-Shannon distances of Gaussians on each device: the definition, its bounds, the same bytes in any company."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from audiosim_kernels import gaussian


@pytest.fixture(scope="module")
def backend(backend):
    """Each device, on CUDA with so few threads and pairs a block that small Gaussians and short lists cross them."""
    with pytest.MonkeyPatch.context() as patch:
        if backend == "cuda":
            from audiosim_kernels import gaussian_cuda

            patch.setattr(gaussian_cuda, "THREADS_PER_PAIR", 3)
            patch.setattr(gaussian_cuda, "PAIRS_PER_BLOCK", 2)
        yield backend


def nan(*shape):
    """An array that shows which of its elements were never written."""
    return np.full(shape, np.nan, dtype=np.float32)


def assert_same_bytes(actual, expected):
    np.testing.assert_array_equal(
        np.ascontiguousarray(actual).view(np.uint32), np.ascontiguousarray(expected).view(np.uint32)
    )


def packed(means, covariances):
    row, column = np.tril_indices(np.shape(means)[1])
    return np.concatenate([means, np.asarray(covariances)[:, row, column]], axis=1).astype(np.float32)


def unpacked(gaussians):
    """Means and covariances as they are after packing."""
    n_dims = gaussian.n_dims_of(gaussians.shape[1])
    row, column = np.tril_indices(n_dims)
    covariances = np.empty((len(gaussians), n_dims, n_dims))
    covariances[:, row, column] = covariances[:, column, row] = gaussians[:, n_dims:]
    return gaussians[:, :n_dims].astype(np.float64), covariances


def gaussians_of(rng, n, n_dims, *, scale=1.0, spread=1.0):
    """Gaussians with correlated dimensions of unlike size, `spread` apart."""
    factors = rng.standard_normal((n, n_dims, n_dims + 3)) * scale * 2.0 ** rng.integers(-3, 4, (n_dims, 1))
    means = spread * scale * rng.standard_normal((n, n_dims))
    return packed(means, factors @ factors.transpose(0, 2, 1) / (n_dims + 3))


def all_pairs(n, m):
    return np.indices((n, m)).reshape(2, -1).T


def expected_distances(gaussians, others, pairs):
    rows, columns = list(zip(*unpacked(gaussians), strict=True)), list(zip(*unpacked(others), strict=True))
    return [reference.js_distance(*rows[i], *columns[j]) for i, j in pairs]


# --- the definition


@pytest.mark.parametrize("n_dims", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_equals_the_reference(backend, rng, n_dims, scale):
    """Fewer rows than threads and more, and fewer pivots than a logarithm takes, as many, and more."""
    gaussians, others = (gaussians_of(rng, n, n_dims, scale=scale) for n in (2, 3))
    pairs = all_pairs(2, 3)
    actual = gaussian.js_distances(gaussians, pairs, others=others, device=backend, out=nan(6))
    np.testing.assert_allclose(actual, expected_distances(gaussians, others, pairs), rtol=1e-6)


def test_25_dimensions_and_more_pairs_than_lanes_equal_the_reference(rng):
    gaussians = gaussians_of(rng, 9, 25, scale=20.0)
    pairs = all_pairs(9, 9)
    actual = gaussian.js_distances(gaussians, pairs, device="cpu", out=nan(81))
    np.testing.assert_allclose(actual, expected_distances(gaussians, gaussians, pairs), rtol=1e-6)


def test_near_duplicates_keep_their_small_distance(backend):
    """Where float32 sees no difference of log-determinants: log(1 + d^2 / 4) is about d^2 / 4."""
    gap = 2.0**-16
    actual = gaussian.js_distances([[1000, 1], [1000 + gap, 1]], [(0, 1)], device=backend)
    assert actual[0] == 0  # float32 does not tell these means apart
    actual = gaussian.js_distances([[0, 1], [gap, 1]], [(0, 1)], device=backend)
    np.testing.assert_allclose(actual, gap / np.sqrt(8), rtol=1e-4)


def test_different_sides_are_not_mixed_up(backend, rng):
    gaussians, others = gaussians_of(rng, 3, 2), gaussians_of(rng, 4, 2)
    pairs = [(2, 3), (0, 1), (2, 3), (1, 0)]
    actual = gaussian.js_distances(gaussians, pairs, others=others, device=backend, out=nan(4))
    np.testing.assert_allclose(actual, expected_distances(gaussians, others, pairs), rtol=1e-6)


# --- what it stands for


def test_it_is_the_mean_divergence_from_the_merged_gaussian(rng):
    """Against Kullback-Leibler divergences estimated from 100 000 samples of 25-dimensional Gaussians, within 2 %."""
    gaussians = gaussians_of(rng, 4, 25, spread=0.7)
    means, covariances = unpacked(gaussians)
    pairs = [(0, 1), (2, 3)]
    actual = gaussian.js_distances(gaussians, pairs, device="cpu") ** 2
    for divergence, (i, j) in zip(actual, pairs, strict=True):
        half = (means[i] - means[j]) / 2
        middle = (means[i] + means[j]) / 2, (covariances[i] + covariances[j]) / 2 + np.outer(half, half)
        estimate = 0.0
        for k in (i, j):
            samples = rng.multivariate_normal(means[k], covariances[k], size=50_000)
            ratios = log_density(samples, means[k], covariances[k]) - log_density(samples, *middle)
            estimate += ratios.mean() / 2
        assert divergence == pytest.approx(estimate, rel=0.02)


def log_density(samples, mean, covariance):
    """Up to the constant that all Gaussians of so many dimensions share."""
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (samples - mean).T)
    return -np.square(whitened).sum(axis=0) / 2 - np.linalg.slogdet(covariance)[1] / 2


@pytest.mark.parametrize(("gap", "variance"), [(0.0, 1.2), (0.3, 1.0), (0.3, 0.8), (1.0, 1.0), (0.0, 9.0), (6.0, 1.0)])
def test_it_bounds_the_true_divergence_from_above(gap, variance):
    """In one dimension, by numerical integration: within 2 % where the mixture is nearly Gaussian."""
    x = np.linspace(-30, 36, 200_001)
    first, second = (
        np.exp(-((x - mean) ** 2) / (2 * square)) / np.sqrt(2 * np.pi * square)
        for mean, square in ((0.0, 1.0), (gap, variance))
    )
    mixture = (first + second) / 2

    def entropy(density):
        return -np.sum(density * np.log(np.maximum(density, 1e-300))) * (x[1] - x[0])

    true = entropy(mixture) - (entropy(first) + entropy(second)) / 2
    divergence = gaussian.js_distances([[0, 1], [gap, variance]], [(0, 1)], device="cpu")[0] ** 2
    assert divergence >= true * (1 - 1e-5)
    if gap <= 0.3 and variance < 2:
        assert divergence == pytest.approx(true, rel=0.02)


def test_one_dimension_in_closed_form(backend):
    """Equal variances: log(1 + d^2 / (4 v)) / 2. Equal means: log((v + w) / 2) / 2 - log(v w) / 4."""
    gaussians = [[0, 4], [6, 4], [0, 1]]
    actual = gaussian.js_distances(gaussians, [(0, 1), (0, 2)], device=backend) ** 2
    expected = [np.log(1 + 36 / 16) / 2, np.log(2.5) / 2 - np.log(4) / 4]
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_units_and_rotations_change_nothing(rng):
    """The same affine map of both Gaussians; its entries are sums of few powers of two, so float32 keeps them well."""
    gaussians = gaussians_of(rng, 6, 5)
    means, covariances = unpacked(gaussians)
    matrix = np.triu(rng.integers(-2, 3, (5, 5)), 1) + np.diag([1, -2, 0.5, 4, 2])
    mapped = packed(means @ matrix.T + 3, matrix @ covariances @ matrix.T)
    pairs = all_pairs(6, 6)
    actual = gaussian.js_distances(mapped, pairs, device="cpu")
    np.testing.assert_allclose(actual, gaussian.js_distances(gaussians, pairs, device="cpu"), rtol=1e-4, atol=1e-6)


# --- properties


@given(seed=st.integers(0, 2**32 - 1), n_dims=st.integers(1, 6), spread=st.sampled_from([0.0, 1e-3, 1.0, 1e3]))
def test_it_is_a_metric(seed, n_dims, spread):
    """At least 0 and finite, symmetric and 0 on itself to the last bit, and no way round is shorter."""
    gaussians = gaussians_of(np.random.default_rng(seed), 6, n_dims, spread=spread)
    matrix = gaussian.js_distances(gaussians, all_pairs(6, 6), device="cpu", out=nan(36)).reshape(6, 6)
    assert np.isfinite(matrix).all()
    assert matrix.min() >= 0
    assert_same_bytes(matrix, matrix.T)
    assert_same_bytes(np.diagonal(matrix), np.zeros(6, np.float32))
    shortest_detour = (matrix[:, :, None] + matrix[None]).min(axis=1)
    assert (matrix <= shortest_detour * (1 + 1e-6)).all()


def test_symmetric_and_zero_on_itself_on_each_device(backend, rng):
    gaussians = gaussians_of(rng, 5, 4)
    forwards, backwards = (
        gaussian.js_distances(gaussians, order, others=gaussians.copy(), device=backend, out=nan(25))
        for order in (all_pairs(5, 5), all_pairs(5, 5)[:, ::-1])
    )
    assert_same_bytes(forwards, backwards)
    assert_same_bytes(forwards.reshape(5, 5).diagonal(), np.zeros(5, np.float32))


def test_a_value_does_not_depend_on_the_rest_of_the_call(backend, rng):
    """Alone, in another order, twice, or among all pairs: whatever lanes, blocks and packings are used."""
    gaussians, others = gaussians_of(rng, 4, 5), gaussians_of(rng, 3, 5)
    pairs = all_pairs(4, 3)
    whole = gaussian.js_distances(gaussians, pairs, others=others, device=backend, out=nan(12))
    alone = [gaussian.js_distances(gaussians, [pair], others=others, device=backend)[0] for pair in pairs]
    assert_same_bytes(whole, np.array(alone))
    order = rng.integers(0, 12, 17)
    assert_same_bytes(gaussian.js_distances(gaussians, pairs[order], others=others, device=backend), whole[order])


@pytest.mark.parametrize("n_threads", [2, 5])
def test_tiles_and_threads_change_no_byte(rng, n_threads):
    gaussians = gaussians_of(rng, 50, 7)
    whole = gaussian.js_distances(gaussians, all_pairs(50, 50), device="cpu", out=nan(2500)).reshape(50, 50)
    threaded = gaussian.js_distances(
        gaussians, all_pairs(50, 50), device="cpu", n_threads=n_threads, out=nan(2500)
    ).reshape(50, 50)
    assert_same_bytes(threaded, whole)
    for size in (1, 7, 33):
        grown = nan(50, 50)
        for i in range(0, 50, size):
            rows, columns = gaussians[i : i + size], gaussians[i:]
            tile = gaussian.js_distances(rows, all_pairs(len(rows), len(columns)), others=columns, device="cpu")
            grown[i : i + size, i:] = tile.reshape(len(rows), -1)
            grown[i:, i : i + size] = tile.reshape(len(rows), -1).T
        assert_same_bytes(grown, whole)


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_both_devices_agree(rng):
    gaussians = gaussians_of(rng, 5, 6, scale=100.0)
    actual, expected = (gaussian.js_distances(gaussians, all_pairs(5, 5), device=name) for name in ("cuda", "cpu"))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_launches_of_a_few_pairs_make_the_same_list(backend, rng, monkeypatch):
    if backend == "cuda":
        from audiosim_kernels import gaussian_cuda

        monkeypatch.setattr(gaussian_cuda, "PAIRS_PER_LAUNCH", 3)
    gaussians = gaussians_of(rng, 4, 3)
    pairs = all_pairs(4, 4)[:11]
    actual = gaussian.js_distances(gaussians, pairs, device=backend, out=nan(11))
    np.testing.assert_allclose(actual, expected_distances(gaussians, gaussians, pairs), rtol=1e-6, atol=1e-7)


def test_values_far_apart_in_size(backend):
    """Variances from the least to nearly the largest that float32 holds, eight of them in one determinant."""
    variances = np.float32([1e-38, 3e38] * 4)
    gaussians = packed(np.zeros((2, 8)), [np.diag(variances), np.diag(variances[::-1])])
    actual = gaussian.js_distances(gaussians, [(0, 1)], device=backend)
    expected = 8 * (np.log(1.5e38) / 2 - np.log(3.0) / 4)
    np.testing.assert_allclose(actual, np.sqrt(expected), rtol=1e-6)


def test_a_strided_out_other_dtypes_and_no_pairs(backend):
    canvas = nan(4)
    gaussians = np.array([[0, 1], [2, 1]], dtype=np.int32)
    assert gaussian.js_distances(gaussians, [(0, 0), (1, 1)], device=backend, out=canvas[::2]) is not None
    np.testing.assert_array_equal(canvas, [0, np.nan, 0, np.nan])
    assert gaussian.js_distances(gaussians, np.empty((0, 2), int), device=backend).shape == (0,)
    assert gaussian.js_distances(np.empty((0, 5)), [], device=backend).shape == (0,)


def test_what_no_pair_needs_may_be_singular(backend):
    actual = gaussian.js_distances([[0, 0], [0, 1], [2, 1]], [(1, 2)], device=backend)
    np.testing.assert_allclose(actual, np.sqrt(np.log(2) / 2), rtol=1e-6)


@given(n_dims=st.integers(1, 3_000))
def test_dimensions_follow_from_the_length(n_dims):
    n_values = n_dims * (n_dims + 3) // 2
    assert gaussian.n_dims_of(n_values) == n_dims
    with pytest.raises(ValueError, match=f"got {n_values + 1}"):
        gaussian.n_dims_of(n_values + 1)


# --- refusals


@pytest.mark.parametrize(
    ("gaussians", "pairs", "error", "text"),
    [
        ([[0, 1], [0, 0]], [(0, 1)], ValueError, "gaussian 1 must have a positive definite covariance"),
        ([[0, 1], [0, -1]], [(1, 0)], ValueError, "gaussian 1 must have a positive definite covariance"),
        ([[0, 0, 1, 1, 1]], [(0, 0)], ValueError, "gaussian 0 must have a positive definite"),
        ([[0, 0, -1, 0, -1]], [(0, 0)], ValueError, "gaussian 0 must have a positive definite"),
        ([[0, 0, 1, 2, 1]], [(0, 0)], ValueError, "gaussian 0 must have a positive definite"),
        ([[0, 1], [np.nan, 1]], [(0, 0)], ValueError, "gaussian 1 must be finite, got nan in it"),
        ([[0, 1e39]], [(0, 0)], ValueError, "gaussian 0 must be finite, got inf in it"),
        ([[0, 1, 2]], [(0, 0)], ValueError, r"n \+ n \* \(n \+ 1\) / 2 values, .* got 3"),
        ([0, 1], [(0, 0)], ValueError, r"gaussians must have shape \(n_gaussians, n_values\), got \(2,\)"),
        ([[0, 1j]], [(0, 0)], TypeError, "gaussians must hold real numbers, got dtype complex128"),
        ([[0, 1]], [(0, 1)], ValueError, r"pair 0 must lie in 0 ... 0 and 0 ... 0, got \(0, 1\)"),
    ],
)
def test_refuses(backend, gaussians, pairs, error, text):
    with pytest.raises(error, match=text):
        gaussian.js_distances(gaussians, pairs, device=backend)


def test_names_the_other_side():
    one = [[0, 1]]
    with pytest.raises(ValueError, match="other gaussian 1 must be finite"):
        gaussian.js_distances(one, [(0, 0)], others=[[0, 1], [0, np.inf]], device="cpu")
    with pytest.raises(ValueError, match="other gaussian 1 must have a positive definite"):
        gaussian.js_distances(one, [(0, 1)], others=[[0, 1], [0, 0]], device="cpu")
    with pytest.raises(ValueError, match="same n_dims, got 1 and 2"):
        gaussian.js_distances(one, [(0, 0)], others=[[0, 0, 1, 0, 1]], device="cpu")


def test_a_mixture_that_rounding_makes_singular_is_refused(backend):
    """The gap of the means is 1e38 times the deviations, and float64 has 16 digits."""
    gaussians = [[0, 0, 1, 0, 1], [3e38, 3e38, 1, 0, 1]]
    with pytest.raises(ValueError, match=r"pair 0 \(0, 1\) must have a merged covariance that is positive definite"):
        gaussian.js_distances(gaussians, [(0, 1)], device=backend)


def test_an_error_leaves_out_untouched():
    out = nan(1)
    with pytest.raises(ValueError, match="positive definite"):
        gaussian.js_distances([[0, 0]], [(0, 0)], device="cpu", out=out)
    assert np.isnan(out).all()


def test_too_few_threads_and_a_wrong_out_are_refused():
    with pytest.raises(ValueError, match="n_threads must be >= 1, got 0"):
        gaussian.js_distances([[0, 1]], [(0, 0)], device="cpu", n_threads=0)
    with pytest.raises(ValueError, match=r"out must have shape \(1,\), got \(2,\)"):
        gaussian.js_distances([[0, 1]], [(0, 0)], device="cpu", out=nan(2))


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_what_does_not_fit_a_block_goes_to_the_cpu_or_is_refused():
    n_dims = gaussian.LARGEST_CUDA_DIMS + 1
    gaussians = packed(np.zeros((1, n_dims)), [np.eye(n_dims)])
    with pytest.raises(ValueError, match=f"up to {n_dims - 1} dimensions, got {n_dims}"):
        gaussian.js_distances(gaussians, [(0, 0)], device="cuda")
    np.testing.assert_array_equal(gaussian.js_distances(gaussians, [(0, 0)], device="auto"), 0)
