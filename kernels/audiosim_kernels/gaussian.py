"""Jensen-Shannon distances of Gaussians, each a mean with a covariance.

A track whose frames were summed up to their mean and covariance is a Gaussian; how far two of these lie apart tells how
differently the tracks sound, whatever the order of their frames.
"""

import math
from types import ModuleType

import numpy as np
import numpy.typing as npt

from audiosim_kernels import output
from audiosim_kernels.device import Device, resolve
from audiosim_kernels.dtw_options import check_threads, checked_pairs
from audiosim_kernels.ragged import Frames, Integers

Logarithms = npt.NDArray[np.float64]

# The packed covariance of one pair fits the 48 KB of shared memory that every GPU grants a block of threads.
LARGEST_CUDA_DIMS = 108


def n_dims_of(n_values: int) -> int:
    """Dimensions of a Gaussian that is packed into n_values = n + n (n + 1) / 2 numbers.

    Parameters
    ----------
    n_values : int
        Length of a packed Gaussian.

    Returns
    -------
    int
        n.

    Raises
    ------
    ValueError
        If no Gaussian takes so many.

    Examples
    --------
    >>> n_dims_of(350)
    25
    """
    n_dims = (math.isqrt(9 + 8 * max(n_values, 0)) - 3) // 2
    if n_dims < 1 or n_dims * (n_dims + 3) // 2 != n_values:
        raise ValueError(
            f"a packed Gaussian has n + n * (n + 1) / 2 values, such as 2, 5, 9 or 350, got {n_values}; "
            "pack the mean, then the lower triangle of the covariance row by row"
        )
    return n_dims


def js_distances(
    gaussians: npt.ArrayLike,
    pairs: npt.ArrayLike,
    *,
    others: npt.ArrayLike | None = None,
    device: Device = "auto",
    n_threads: int = 1,
    out: Frames | None = None,
) -> Frames:
    """Jensen-Shannon distances of chosen pairs of Gaussians, in the Gaussian approximation.

    Parameters
    ----------
    gaussians : (n_gaussians, n + n * (n + 1) / 2) real
        Where the first index of a pair points. Each row holds the n means, then the lower triangle of the covariance
        row by row: (0, 0), (1, 0), (1, 1), (2, 0) ... Rounded to float32; positive definite after that.
    pairs : (n_pairs, 2) int
        Two indices each, >= 0. Pairs may repeat.
    others : (n_others, n + n * (n + 1) / 2) real, optional
        Where the second index points; the same Gaussians by default.
    device : {"auto", "cpu", "cuda"}
        "auto" is the GPU where there is one, for up to 108 dimensions.
    n_threads : int >= 1
        Threads on the CPU; the result does not depend on their number.
    out : (n_pairs,) float32, optional
        Where to write the result; untouched if an error is raised.

    Returns
    -------
    (n_pairs,) float32
        `out`, if given. At least 0; exactly 0 for equal Gaussians, and to the last bit the same for (a, b) and (b, a).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or a covariance that a pair needs is not positive definite.
    RuntimeError
        If `device` is "cuda" and there is no GPU.

    Notes
    -----
    The Jensen-Shannon divergence of two densities is the entropy of their even mixture less the mean of their entropies
    (Lin 1991). The mixture of two Gaussians has no entropy in closed form; put in its place, the Gaussian with the same
    mean and covariance gives

    ``JS = log|M| / 2 - log|S| / 4 - log|T| / 4``  with  ``M = (S + T) / 2 + (s - t)(s - t)' / 4``

    for means s, t and covariances S, T, as the timbre measure of Musly has it (Schnitzer 2014). No density has more
    entropy than the Gaussian of its covariance, so JS is never below the true divergence; while that ends at log 2, JS
    goes on telling apart what does not overlap. It equals the mean of the Kullback-Leibler divergences of the two
    Gaussians from that of the mixture, and stays the same when both are mapped by one invertible affine map.

    The square root is returned, as in Musly, for it is a metric: the matrices [[S + s s', s], [s', 1]] are positive
    definite, the determinant of each is that of its covariance, the determinant of the mean of two is that of M, and
    the root of the S-divergence of positive definite matrices obeys the triangle inequality (Sra 2016). Besides,
    distances of one track to the others are nearly normal as roots, which rescalings by mean and deviation assume.

    Time is in proportion to n_pairs * n**3; it pays to ask for many pairs in one call, best for all pairs of two
    groups. Everything is computed in float64: a divergence carries an error of about 1e-13 unless a covariance is
    close to singular. A value never depends on what else is in the call.

    References
    ----------
    Lin, J. (1991). Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory, 37(1),
    145-151.

    Schnitzer, D. (2014). Musly: audio music similarity (software; its method "timbre").

    Sra, S. (2016). Positive definite matrices and the S-divergence. Proceedings of the American Mathematical Society,
    144(7), 2787-2797.

    Examples
    --------
    Two Gaussians in one dimension, of variance 1 and with means 0 and 2:

    >>> js_distances([[0, 1], [2, 1]], [(0, 1), (1, 1)], device="cpu") ** 2
    array([0.3465736, 0.       ], dtype=float32)
    """
    first = _checked_gaussians(gaussians, "gaussian")
    second = first if others is None else _checked_gaussians(others, "other gaussian")
    n_dims, other_dims = n_dims_of(first.shape[1]), n_dims_of(second.shape[1])
    if n_dims != other_dims:
        raise ValueError(
            f"gaussians and others must have the same n_dims, got {n_dims} and {other_dims}; "
            "compare features of one kind"
        )
    chosen = checked_pairs(pairs, len(first), len(second))
    n_threads = check_threads(n_threads)
    result = output.checked(out, (len(chosen),))
    driver = _driver(device, n_dims)
    if not len(chosen):
        return result
    # The same code for a Gaussian with itself as for a pair, so that what is equal cancels to the last bit.
    first_own = _own(driver, first, chosen[:, 0], "gaussian")
    second_own = _own(driver, second, chosen[:, 1], "gaussian" if second is first else "other gaussian")
    merged = driver.log_determinants(first, second, chosen, n_threads=n_threads)
    divergences = merged / 2 - (first_own[chosen[:, 0]] + second_own[chosen[:, 1]]) / 4
    _check_divergences(divergences, chosen)
    result[...] = np.sqrt(np.maximum(divergences, 0))
    return result


def _checked_gaussians(gaussians: npt.ArrayLike, name: str) -> Frames:
    """Packed Gaussians as C-contiguous float32, refused if they are none; `_own` looks at the covariances."""
    array = np.asarray(gaussians)
    if array.ndim != 2:
        raise ValueError(f"{name}s must have shape (n_gaussians, n_values), got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}s must hold real numbers, got dtype {array.dtype}")
    n_dims_of(array.shape[1])
    with np.errstate(over="ignore"):  # what overflows becomes infinite and is refused by name
        packed = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(packed).all(axis=1)
    if not finite.all():
        index = int(np.argmin(finite))
        raise ValueError(f"{name} {index} must be finite, got {packed[index][~np.isfinite(packed[index])][0]} in it")
    return packed


def _driver(device: Device, n_dims: int) -> ModuleType:
    """The module that computes."""
    resolved = resolve(device)
    if resolved == "cuda" and n_dims > LARGEST_CUDA_DIMS:
        if device == "cuda":
            raise ValueError(
                f'device="cuda" compares Gaussians of up to {LARGEST_CUDA_DIMS} dimensions, got {n_dims}; '
                'use device="cpu"'
            )
        resolved = "cpu"
    if resolved == "cuda":
        from audiosim_kernels import gaussian_cuda as driver  # noqa: PLC0415 - numba only when needed
    else:
        from audiosim_kernels import gaussian_cpu as driver  # noqa: PLC0415
    return driver


def _own(driver: ModuleType, gaussians: Frames, indices: Integers, name: str) -> Logarithms:
    """Log-determinants (n_gaussians,) of the covariances at `indices`, NaN elsewhere; refuse what has none."""
    used = np.unique(indices)
    logarithms = np.full(len(gaussians), np.nan)
    logarithms[used] = driver.log_determinants(gaussians, gaussians, np.stack([used, used], axis=1))
    undefined = np.isnan(logarithms[used])
    if undefined.any():
        index = int(used[np.argmax(undefined)])
        raise ValueError(
            f"{name} {index} must have a positive definite covariance, got one that is not; "
            "add a little to its diagonal"
        )
    return logarithms


def _check_divergences(divergences: Logarithms, pairs: Integers) -> None:
    """Refuse what rounding has spoilt: two covariances that are singular but for it, or values near 1e38."""
    finite = np.isfinite(divergences)
    if not finite.all():
        pair = int(np.argmin(finite))
        raise ValueError(
            f"pair {pair} ({pairs[pair, 0]}, {pairs[pair, 1]}) must have a merged covariance that is positive definite "
            "in float64, got one that is not; add a little to the diagonals, or scale the values down"
        )
