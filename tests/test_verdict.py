"""The decision rule case by case, and the sentence that states it."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from audiosim.evaluation.bootstrap import Estimate
from audiosim.evaluation.verdict import compare, decide, judged_metric, short, signed_rank_p_value

OPPOSITE = {"better": "worse", "worse": "better", "neutral": "neutral", "unclear": "unclear"}


def around(value, half_width=0.02):
    return Estimate(value, value - half_width, value + half_width)


def differences(**others):
    """Clearly better by every metric, but for those that are named (`P1` is P@1)."""
    usual = dict.fromkeys(("P@1", "P@5", "P@10", "P@20", "MAP", "MRR", "Hit@1"), around(0.05))
    return usual | {name.replace("P", "P@") if name[1:].isdigit() else name: found for name, found in others.items()}


@pytest.mark.parametrize(
    ("found", "hubness", "verdict", "reason"),
    [
        (differences(), 0.0, "better", ""),
        (differences(P10=around(0.0099, 0.001)), 0.0, "neutral", ""),
        (differences(P10=around(-0.0099, 0.5)), 9.0, "neutral", ""),
        (differences(P10=around(0.011, 0.001)), 0.0, "better", ""),
        (differences(P10=around(0.05, 0.06)), 0.0, "unclear", "the interval includes 0"),
        (differences(P10=Estimate(0.05, 0.0, 0.1)), 0.0, "unclear", "the interval includes 0"),
        (differences(P1=around(-0.001)), 0.0, "unclear", "P@1 does not agree"),
        (differences(P1=around(0.0), P20=around(-0.1)), 0.0, "unclear", "P@1 and P@20 do not agree"),
        # Over whole rankings nothing is asked where lists are judged.
        (differences(MAP=around(-0.2), MRR=around(-0.2)), 0.0, "better", ""),
        (differences(), 0.5, "better", ""),
        (differences(), 0.51, "unclear", "the one that finds more has more hubs"),
        (differences(), -3.0, "better", ""),
        (differences(), float("nan"), "better", ""),
        (differences(P10=Estimate(0.2, float("nan"), float("nan"))), 0.0, "unclear", "there are too few artists"),
        (differences(P10=Estimate(*[float("nan")] * 3)), 0.0, "unclear", "no query can be judged"),
    ],
)
def test_decision_by_lists(found, hubness, verdict, reason):
    decided, why = decide(found, judged_by="P@10", hubness_difference=hubness)
    assert (decided, why.startswith(reason), bool(why)) == (verdict, True, bool(reason))


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (differences(P1=around(-0.2), P10=around(0.0)), "better"),
        (differences(MAP=around(0.004)), "neutral"),
        (differences(MRR=around(-0.001)), "unclear"),
        (differences(Hit_1=around(0.05)) | {"Hit@1": around(0.0)}, "unclear"),
    ],
)
def test_decision_by_whole_rankings(found, verdict):
    """Where queries have few relevant tracks, MAP decides and lists have no say."""
    assert decide(found, judged_by="MAP", hubness_difference=0.0)[0] == verdict


numbers = st.floats(-0.1, 0.1)


@given(
    st.lists(st.tuples(numbers, st.floats(0, 0.1)), min_size=2, max_size=4),
    st.floats(-2, 2),
)
def test_decision_is_the_opposite_the_other_way_round(found, hubness):
    there = {f"P@{10 + i}": around(value, width) for i, (value, width) in enumerate(found)}
    back = {name: Estimate(-e.value, -e.high, -e.low) for name, e in there.items()}
    verdict, reason = decide(there, judged_by="P@10", hubness_difference=hubness)
    assert decide(back, judged_by="P@10", hubness_difference=-hubness) == (OPPOSITE[verdict], reason)


def test_decision_refuses_a_metric_that_is_not_there():
    with pytest.raises(ValueError, match=r"P@10 must be among the differences, got MAP"):
        decide({"MAP": around(0.1)}, judged_by="P@10", hubness_difference=0.0)


@pytest.mark.parametrize(
    ("ks", "n_relevant", "name"),
    [
        ((1, 5, 10, 20), [10, 10, 3], "P@10"),
        ((1, 5, 10, 20), [10, 10, 3, 9], "P@10"),
        ((1, 5, 10, 20), [10, 3, 9], "MAP"),
        ((1, 3, 8), [9, 9], "P@8"),
        ((15, 20), [30], "P@15"),
        ((1,), [1, 1], "P@1"),
        ((), [1], "MAP"),
        ((10,), [], "P@10"),
    ],
)
def test_judged_metric(ks, n_relevant, name):
    assert judged_metric(ks, np.array(n_relevant, dtype=np.int64)) == name


def sentence(found, *, hubness=0.0, judged_by="P@10", subject="the same genre"):
    return compare(
        "dtw + mp_gauss",
        "baseline",
        means=(0.412, 0.338),
        differences=found,
        judged_by=judged_by,
        score_differences=np.array([0.1, np.nan]),
        hubness_difference=hubness,
        subject=subject,
    ).sentence


def test_sentences():
    figures = "P@10 .412 against .338, difference .050 [.030, .070]"
    assert sentence(differences()) == f"dtw + mp_gauss finds the same genre better than baseline: {figures}."
    hubs = "has more hubs, so that neither is called better: "
    assert (
        sentence(differences(), hubness=1.0)
        == f"dtw + mp_gauss finds the same genre better than baseline, but it {hubs}{figures}."
    )
    worse = {name: around(-0.05) for name in differences()}
    assert sentence(worse, hubness=-1.0).startswith(
        f"dtw + mp_gauss finds the same genre less well than baseline, which {hubs}P@10 .412"
    )
    assert sentence(worse).startswith("dtw + mp_gauss finds the same genre less well than baseline: P@10 .412")
    assert sentence(worse).endswith("difference -.050 [-.070, -.030].")
    assert (
        sentence(differences(MAP=around(0.001)), judged_by="MAP", subject="the same version group")
        == "dtw + mp_gauss and baseline find the same version group equally well: MAP .412 against .338, "
        "difference .001 [-.019, .021]."
    )
    without = sentence(differences(P10=Estimate(0.2, float("nan"), float("nan"))))
    assert "difference .200; there are too few artists" in without


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, ".000"), (-0.0004, ".000"), (0.9996, "1.000"), (-1.0, "-1.000"), (-0.25, "-.250"), (10.5, "10.500")],
)
def test_short_numbers(value, text):
    assert short(value) == text


def test_signed_ranks_are_those_of_scipy(rng):
    found = np.round(rng.standard_normal(80) + 0.5, 1)
    expected = scipy.stats.wilcoxon(found, zero_method="wilcox").pvalue
    spoiled = np.insert(found, 7, np.nan)
    assert signed_rank_p_value(spoiled) == pytest.approx(expected)
    assert 0 < expected < 0.2


@pytest.mark.parametrize("n_equal", [1, 2, 60])
def test_signed_ranks_of_ties_and_single_queries(n_equal):
    assert signed_rank_p_value(np.zeros(n_equal)) == 1.0
    assert 0 < signed_rank_p_value(np.full(n_equal, 0.1)) <= 1.0
    assert np.isnan(signed_rank_p_value(np.full(n_equal, np.nan)))
