"""Fitted models of scikit-learn copied into plain arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

from audiosim.recommend.genre.exported import Boosting, ExportedModel, Forest, Logistic, Majority

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def exported(fitted: Any) -> ExportedModel:  # noqa: ANN401 - scikit-learn's models share no type
    """Copy what a fitted model of scikit-learn learned; its classes must be the numbers from 0.

    scikit-learn offers no public way to the trees of its boosting; a test compares every prediction with its own.
    """
    name = type(fitted).__name__
    if name == "DummyClassifier":
        return Majority(np.asarray(fitted.class_prior_, dtype=np.float64))
    if name == "Pipeline":
        scaler, sums = (step for _, step in fitted.steps)
        return Logistic(scaler.mean_, scaler.scale_, sums.coef_, sums.intercept_)
    return _forest(fitted) if name == "RandomForestClassifier" else _boosting(fitted)


def _forest(fitted: Any) -> Forest:  # noqa: ANN401 - as above
    trees = [tree.tree_ for tree in fitted.estimators_]
    starts, offsets = _placed([tree.node_count for tree in trees])
    asked = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    shares = np.concatenate([tree.value[:, 0] for tree in trees])[leaf]
    n_tracks = np.concatenate([tree.weighted_n_node_samples for tree in trees])[leaf]
    return Forest(
        roots=starts,
        inputs=np.where(leaf, -1, asked),
        thresholds=_single(np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees]))),
        left=np.where(leaf, -1, np.concatenate([tree.children_left for tree in trees]) + offsets),
        right=np.where(leaf, -1, np.concatenate([tree.children_right for tree in trees]) + offsets),
        counts=np.rint(shares * n_tracks[:, None]).astype(np.int64),
    )


def _single(thresholds: FloatArray) -> FloatArray:
    """The largest single-precision numbers that are not above: for inputs of single precision it is all the same."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float64)


def _boosting(fitted: Any) -> Boosting:  # noqa: ANN401 - as above
    stages = fitted._predictors  # noqa: SLF001
    trees = [tree for stage in stages for tree in stage]
    starts, offsets = _placed([len(tree.nodes) for tree in trees])
    nodes = np.concatenate([tree.nodes for tree in trees])
    leaf = nodes["is_leaf"].astype(bool)
    is_kind = fitted.is_categorical_
    n_inputs = int(fitted.n_features_in_)
    kinds = np.flatnonzero(np.zeros(n_inputs, dtype=bool) if is_kind is None else is_kind)
    # scikit-learn puts kinds before amounts.
    place_of = np.concatenate([kinds, np.setdiff1d(np.arange(n_inputs), kinds)])
    codes = _codes(fitted, len(kinds))
    in_sets = nodes["is_categorical"].astype(bool) & ~leaf
    return Boosting(
        roots=starts,
        inputs=np.where(leaf, -1, place_of[np.where(leaf, 0, nodes["feature_idx"].astype(np.int64))]),
        thresholds=np.where(leaf | in_sets, 0.0, nodes["num_threshold"]).astype(np.float64),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64) + offsets),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64) + offsets),
        constants=np.ravel(fitted._baseline_prediction).astype(np.float64),  # noqa: SLF001
        sums=np.tile(np.arange(len(stages[0])), len(stages)),
        values=np.where(leaf, nodes["value"], 0.0).astype(np.float64),
        set_of=np.where(in_sets, np.cumsum(in_sets) - 1, -1),
        sets=_sets(trees, nodes[in_sets], codes, [np.isfinite(row).sum() for row in codes]),
        kinds=kinds.astype(np.int64),
        codes=codes,
    )


def _codes(fitted: Any, n_kinds: int) -> FloatArray:  # noqa: ANN401 - as above
    """Values of each kind, ascending; what it has fewer than others is infinite."""
    if not n_kinds:
        return np.zeros((0, 1))
    known = fitted._preprocessor.named_transformers_["encoder"].categories_  # noqa: SLF001
    codes = np.full((n_kinds, max(len(values) for values in known)), np.inf)
    for row, values in zip(codes, known, strict=True):
        row[: len(values)] = values
    return codes


def _sets(trees: list[Any], asked: npt.NDArray[Any], codes: FloatArray, n_known: list[int]) -> BoolArray:
    """Which kinds go left at each node that asks for one; a kind that was not seen goes where the node says."""
    n_codes = codes.shape[1]
    numbers = np.arange(n_codes)
    bits = [tree.raw_left_cat_bitsets[node["bitset_idx"]] for tree in trees for node in tree.nodes[_of_kinds(tree)]]
    sets = np.zeros((len(asked), n_codes + 1), dtype=np.bool_)
    for row, (words, node) in enumerate(zip(bits, asked, strict=True)):
        inside = (words[numbers // 32] >> (numbers % 32)) & 1
        sets[row] = bool(node["missing_go_to_left"])
        n_of_kind = n_known[int(node["feature_idx"])]
        sets[row, :n_of_kind] = inside[:n_of_kind].astype(bool)
    return sets


def _of_kinds(tree: Any) -> BoolArray:  # noqa: ANN401 - as above
    return tree.nodes["is_categorical"].astype(bool) & ~tree.nodes["is_leaf"].astype(bool)


def _placed(sizes: list[int]) -> tuple[IntArray, IntArray]:
    """Where trees of so many nodes begin, and for each node where its tree does."""
    starts = np.cumsum([0, *sizes])[:-1].astype(np.int64)
    return starts, np.repeat(starts, sizes)
