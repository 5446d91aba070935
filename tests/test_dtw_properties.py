"""DTW on each device: the definition, and the properties that any input must have."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from fastdtw import fastdtw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from audiosim_kernels import Ragged, dtw

MEASURES = [
    {"local_cost": local_cost, "step_pattern": step_pattern}
    for local_cost in ("euclidean", "sqeuclidean")
    for step_pattern in ("symmetric1", "symmetric2")
]
measures = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: "-".join(measure.values()))

# Few distinct values make ties; large ones lie near the scale of raw MFCC.
values = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0]),
    st.floats(-1e4, 1e4, width=32, allow_subnormal=False).map(lambda x: round(x, 3)),
)


@st.composite
def sequence_lists(draw, n_sequences=2):
    """Sequences of 1 ... 9 frames with the same 1 ... 5 dimensions."""
    n_dims = draw(st.integers(1, 5))
    return [draw(arrays(np.float32, (draw(st.integers(1, 9)), n_dims), elements=values)) for _ in range(n_sequences)]


def nan(*shape):
    """An array that shows which of its elements were never written."""
    return np.full(shape, np.nan, dtype=np.float32)


def pair_distance(x, y, **options):
    return float(dtw.distances(Ragged.from_sequences([x, y]), [(0, 1)], out=nan(1), **options)[0])


@measures
@given(data=st.data())
def test_equals_the_reference(backend, measure, data):
    x, y = data.draw(sequence_lists())
    radius = data.draw(st.one_of(st.none(), st.integers(1, 10)))
    normalize = data.draw(st.booleans())
    expected = reference.dtw(x, y, **measure, band_radius=radius, normalize=normalize)
    actual = pair_distance(x, y, **measure, band_radius=radius, normalize=normalize, device=backend)
    np.testing.assert_allclose(actual, expected, rtol=2e-6)


@measures
@given(data=st.data())
def test_is_exactly_zero_on_itself_and_exactly_symmetric(backend, measure, data):
    x, y = data.draw(sequence_lists())
    radius = data.draw(st.one_of(st.none(), st.integers(1, 10)))
    songs = Ragged.from_sequences([x, y, x])
    itself, copy, there, back = dtw.distances(
        songs, [(0, 0), (0, 2), (0, 1), (1, 0)], **measure, band_radius=radius, device=backend, out=nan(4)
    )
    assert itself == copy == 0
    assert there == back


@measures
@given(data=st.data())
def test_a_wider_band_never_costs_more_and_the_widest_is_none(backend, measure, data):
    x, y = data.draw(sequence_lists())
    songs = Ragged.from_sequences([x, y])
    banded = [
        dtw.distances(songs, [(0, 1)], **measure, band_radius=radius, device=backend, out=nan(1))[0]
        for radius in range(1, max(2, len(x), len(y)))
    ]
    assert all(wide <= narrow for narrow, wide in pairwise(banded))
    widest = max(1, min(len(x), len(y)) - 1)
    for radius in (widest, 10**30):
        assert pair_distance(x, y, **measure, device=backend) == pair_distance(
            x, y, **measure, band_radius=radius, device=backend
        )
    assert pair_distance(x, y, **measure, device=backend) == pair_distance(
        x, y, **measure, band_fraction=1.0, device=backend
    )


@given(data=st.data())
def test_is_never_above_fastdtw(backend, data):
    x, y = data.draw(sequence_lists())
    upper, _ = fastdtw(
        x.astype(np.float64), y.astype(np.float64), radius=1, dist=lambda a, b: float(np.sqrt(np.sum((a - b) ** 2)))
    )
    actual = pair_distance(x, y, step_pattern="symmetric1", normalize=False, device=backend)
    assert actual <= upper * (1 + 1e-6)


def test_fastdtw_is_above_on_long_walks(rng):
    """On noise the approximation is really worse, so the bound above has teeth."""
    x, y = rng.standard_normal((120, 2)), rng.standard_normal((150, 2))
    upper, _ = fastdtw(
        x.astype(np.float64), y.astype(np.float64), radius=1, dist=lambda a, b: float(np.sqrt(np.sum((a - b) ** 2)))
    )
    assert pair_distance(x, y, step_pattern="symmetric1", normalize=False, device="cpu") < 0.99 * upper
