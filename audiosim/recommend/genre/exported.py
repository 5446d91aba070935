"""Models that tell genres as plain arrays: what scikit-learn learned, without scikit-learn and without pickles.

A forest predicts from its arrays to the last bit what it predicted when it was fitted; the others to the rounding of
sums that are added up in another order, which a test holds below 1e-12.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from audiosim.features.trees import Trees
from audiosim.recommend.labelled_table import TrackInputs

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Majority:
    """How frequent each genre is, whatever is shown; `shares` is (n_genres,) float64."""

    shares: FloatArray

    kind: ClassVar[str] = "majority"

    def __post_init__(self) -> None:
        if self.shares.ndim != 1 or not np.isfinite(self.shares).all():
            raise ValueError(f"shares must be one number a genre, got shape {self.shares.shape}")

    @property
    def n_genres(self) -> int:
        """Genres that it tells."""
        return len(self.shares)

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Probabilities (n_tracks, n_genres)."""
        return np.tile(self.shares, (len(inputs), 1))


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Weighted sums of standardised inputs.

    Parameters
    ----------
    mean, scale : (n_dims,) float64
    weights : (n_sums, n_dims) float64
        A sum a genre; of two genres one sum, for the second.
    constants : (n_sums,) float64
    """

    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    constants: FloatArray

    kind: ClassVar[str] = "logistic"

    def __post_init__(self) -> None:
        n_dims = len(self.mean)
        if self.scale.shape != (n_dims,) or self.weights.shape != (len(self.constants), n_dims):
            raise ValueError("weights must be one a dimension and sum, got arrays of other shapes")
        if not all(np.isfinite(getattr(self, field.name)).all() for field in fields(self)):
            raise ValueError("weights must be finite, got NaN or infinity")

    @property
    def n_genres(self) -> int:
        """Genres that it tells."""
        return max(2, len(self.constants))

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Probabilities (n_tracks, n_genres)."""
        return _shares((inputs.encoded - self.mean) / self.scale @ self.weights.T + self.constants)


@dataclass(frozen=True, slots=True, eq=False)
class Forest(Trees):
    """The mean of the genres' shares in the leaves that a track falls into.

    Parameters
    ----------
    counts : (n_leaves, n_genres) int64
        Tracks, drawn with replacement, of each genre in each leaf, in the order of the nodes.
    """

    counts: IntArray

    kind: ClassVar[str] = "forest"

    def __post_init__(self) -> None:
        Trees.__post_init__(self)
        if self.counts.ndim != 2 or len(self.counts) != int((self.inputs < 0).sum()):
            raise ValueError("a forest must have counts for each of its leaves, got others")
        if (self.counts < 0).any() or not (self.counts.sum(axis=1) > 0).all():
            raise ValueError("every leaf of a forest must have tracks, got counts of none")

    @property
    def n_genres(self) -> int:
        """Genres that it tells."""
        return self.counts.shape[1]

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Probabilities (n_tracks, n_genres)."""
        leaf_of_node = np.cumsum(self.inputs < 0) - 1
        shares = self.counts / self.counts.sum(axis=1, keepdims=True)
        # Trees were grown on, and ask for, single precision.
        shown = inputs.values.astype(np.float32).astype(np.float64)
        total = np.zeros((len(inputs), self.n_genres))
        for leaves in self.leaves(shown):
            total += shares[leaf_of_node[leaves]]
        return total / len(self.roots)


@dataclass(frozen=True, slots=True, eq=False)
class Boosting(Trees):
    """Sums of what leaves say, one for each genre; of two genres one sum, for the second.

    Kinds, like keys, are asked for in sets: a track goes left if its kind is in the set of the node, and a kind that
    was never seen goes where the node sends what it does not know.

    Parameters
    ----------
    constants : (n_sums,) float64
    sums : (n_trees,) int64
        Which sum a tree belongs to.
    values : (n_nodes,) float64
        What a leaf says.
    set_of : (n_nodes,) int64
        Row of `sets`; -1 where an amount is asked for, or nothing.
    sets : (n_sets, n_codes + 1) bool
        Whether each kind goes left; the last is what was never seen.
    kinds : (n_kinds,) int64
        Which inputs are kinds.
    codes : (n_kinds, n_codes) float64
        The values of each, ascending; what it has fewer is infinite.
    """

    constants: FloatArray
    sums: IntArray
    values: FloatArray
    set_of: IntArray
    sets: BoolArray
    kinds: IntArray
    codes: FloatArray

    kind: ClassVar[str] = "boosting"

    def __post_init__(self) -> None:
        Trees.__post_init__(self)
        if self.values.shape != self.inputs.shape or self.set_of.shape != self.inputs.shape:
            raise ValueError("boosted trees must have a value and a set a node, got others")
        if self.sums.shape != self.roots.shape or not ((self.sums >= 0) & (self.sums < len(self.constants))).all():
            raise ValueError("every boosted tree must belong to a sum, got others")
        if self.codes.shape[0] != len(self.kinds) or self.sets.shape[1] != self.codes.shape[1] + 1:
            raise ValueError("sets of kinds must have a place for each, got others")
        if not (self.set_of < len(self.sets)).all() or not np.isfinite(self.values).all():
            raise ValueError("boosted trees must have sets that are there and finite values, got others")

    @property
    def n_genres(self) -> int:
        """Genres that it tells."""
        return max(2, len(self.constants))

    def predict(self, inputs: TrackInputs) -> FloatArray:
        """Probabilities (n_tracks, n_genres)."""
        shown = inputs.values.copy()
        n_codes = self.codes.shape[1]
        for kind, codes in zip(self.kinds, self.codes, strict=True):
            places = np.searchsorted(codes, shown[:, kind])
            known = codes[np.minimum(places, n_codes - 1)] == shown[:, kind]
            shown[:, kind] = np.where(known, places, n_codes)
        totals = np.tile(self.constants, (len(inputs), 1))
        for number, leaves in zip(self.sums, self.leaves(shown), strict=True):
            totals[:, number] += self.values[leaves]
        return _shares(totals)

    def _goes_left(self, shown: FloatArray, tracks: IntArray, nodes: IntArray) -> BoolArray:
        asked, sets = shown[tracks, self.inputs[nodes]], self.set_of[nodes]
        goes_left = asked <= self.thresholds[nodes]
        of_kinds = np.flatnonzero(sets >= 0)
        goes_left[of_kinds] = self.sets[sets[of_kinds], asked[of_kinds].astype(np.int64)]
        return goes_left


ExportedModel = Majority | Logistic | Forest | Boosting
_KINDS: Mapping[str, type[ExportedModel]] = {model.kind: model for model in (Majority, Logistic, Forest, Boosting)}


def to_arrays(model: ExportedModel) -> Arrays:
    """Arrays of a model by name, `kind` among them, as small as they come.

    Children are told by how far behind their parent they lie, which is nearly always the same; counts and places take
    as many bytes as the largest of them needs.
    """
    arrays: Arrays = {field.name: getattr(model, field.name) for field in fields(model)}
    if isinstance(model, Trees):
        nodes = np.arange(len(model.inputs))
        arrays |= {name: np.where(model.inputs < 0, 0, arrays[name] - nodes) for name in ("left", "right")}
    return {"kind": np.array(model.kind), **{name: _slim(array) for name, array in arrays.items()}}


def from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> ExportedModel:
    """Model of the arrays that `to_arrays` gave.

    Raises
    ------
    ValueError, KeyError
        If they are others.
    """
    model = _KINDS.get(str(arrays["kind"]))
    if model is None:
        raise ValueError(f"a model must be of kind {', '.join(_KINDS)}, got {str(arrays['kind'])!r}")
    found = {field.name: _wide(arrays[field.name]) for field in fields(model)}
    if issubclass(model, Trees):
        nodes = np.arange(len(found["inputs"]))
        found |= {name: np.where(found["inputs"] < 0, -1, found[name] + nodes) for name in ("left", "right")}
    return model(**found)


def _shares(totals: FloatArray) -> FloatArray:
    """Probabilities of sums: a softmax, or of one sum the logistic function."""
    if totals.shape[1] == 1:
        from scipy.special import expit  # noqa: PLC0415 - takes its time to load

        second = np.asarray(expit(totals[:, 0]), dtype=np.float64)
        return np.column_stack([1.0 - second, second])
    raised = np.exp(totals - totals.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _slim(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values in fewer bytes."""
    if array.dtype.kind == "i" and array.size:
        return array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
    single = array.astype(np.float32) if array.dtype.kind == "f" else array
    return single if np.array_equal(single, array) else array


def _wide(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The type that models compute with."""
    kinds: Mapping[str, type[np.generic]] = {"i": np.int64, "u": np.int64, "f": np.float64, "b": np.bool_}
    if array.dtype.kind not in kinds:
        raise ValueError(f"arrays of a model must be numbers, got {array.dtype}")
    return array.astype(kinds[array.dtype.kind])
