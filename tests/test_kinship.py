"""What evidence makes of two tracks, at and beside every threshold; and how unlike they sound along a path."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_kin import FRAME_RATE, frames_of, played, score

from audiosim.alignment.kinship import (
    KINSHIPS,
    LARGEST_RESIDUAL,
    LARGEST_WANDER,
    MOST,
    SHARED,
    SHORTEST,
    WHOLE,
    Course,
    Evidence,
    classify,
    course_of,
    timbre_residual,
)
from audiosim.alignment.match import Match, match
from audiosim.alignment.passages import Passage
from audiosim.alignment.recording import Overlay, Segment, detail_of, overlay

LONG = (Segment(0.0, 30.0, 0.0, 30.0),)
COPY = Overlay(0.0, 0.0, 0.001, 0.9, 0.3, 0.98, 0.8, 0.3, 1.0, 1.0, 1.0, 1.0, LONG)
NO_OVERLAY = Overlay(None, 0.0, None, 0.1, 0.1, None, None, None, 0.0, 0.0, 0.0, 0.0, ())
COURSE = Course(1, 1.0, 1.0, 90.0, 0.1, 1.0, 0, 0.1, 0.6)
NO_COURSE = Course(0, 0.0, 0.0, 0.0, None, None, None, None, None)
BELOW = 1e-6


def lasting(seconds):
    return (Segment(3.0, 3.0 + seconds, 1.0, 1.0 + seconds),)


@pytest.mark.parametrize(
    ("overlay_of_both", "course", "expected"),
    [
        (COPY, None, "same recording"),
        (COPY, COURSE, "same recording"),
        (replace(COPY, coverage_a=WHOLE, coverage_b=WHOLE), None, "same recording"),
        (replace(COPY, wander=LARGEST_WANDER, residual=LARGEST_RESIDUAL), None, "same recording"),
        # A part, wholly in the other; the same with cuts; ten seconds in common.
        (replace(COPY, coverage_a=WHOLE - BELOW), None, "edit or excerpt"),
        (replace(COPY, coverage_a=0.3, total_a=0.3, segments=lasting(SHORTEST)), None, "edit or excerpt"),
        (replace(COPY, coverage_a=0.3, coverage_b=0.4, segments=lasting(SHORTEST)), None, "edit or excerpt"),
        (replace(COPY, coverage_a=0.1, coverage_b=0.1, total_a=0.1, total_b=0.1, segments=lasting(SHARED)), None,
         "edit or excerpt"),
        # Too little of both, or too loose.
        (replace(COPY, coverage_a=0.8, coverage_b=0.8, total_a=0.8, total_b=0.8, segments=lasting(SHARED - 0.1)),
         None, "merely similar"),
        (replace(COPY, coverage_a=0.1, total_a=0.1, segments=lasting(SHORTEST - 0.1)), None, "merely similar"),
        (replace(COPY, wander=LARGEST_WANDER + BELOW), None, "merely similar"),
        (replace(COPY, wander=LARGEST_WANDER + BELOW), COURSE, "version"),
        (replace(COPY, residual=LARGEST_RESIDUAL + BELOW), COURSE, "version"),
        # By harmony alone.
        (NO_OVERLAY, COURSE, "version"),
        (NO_OVERLAY, replace(COURSE, coverage_a=MOST, coverage_b=0.1), "version"),
        (NO_OVERLAY, replace(COURSE, coverage_a=0.1, coverage_b=MOST), "version"),
        (NO_OVERLAY, replace(COURSE, coverage_a=MOST - BELOW, coverage_b=0.1), "merely similar"),
        (NO_OVERLAY, NO_COURSE, "merely similar"),
        (NO_OVERLAY, None, "merely similar"),
    ],
)  # fmt: skip
def test_evidence_decides_the_class(overlay_of_both, course, expected):
    assert classify(Evidence(overlay_of_both, course)) == expected


@given(
    shares=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    more=st.floats(0.0, 1.0),
    wander=st.floats(0.0, 0.05),
    seconds=st.floats(0.0, 60.0),
    course=st.sampled_from([None, NO_COURSE, COURSE]),
)
def test_more_of_the_same_sound_never_makes_kin_less_close(shares, more, wander, seconds, course):
    first_a, first_b, rest_a, rest_b = shares
    less = replace(
        COPY,
        wander=wander,
        coverage_a=first_a,
        coverage_b=first_b,
        total_a=max(first_a, rest_a),
        total_b=max(first_b, rest_b),
        segments=lasting(seconds),
    )
    raised = {name: max(getattr(less, name), more) for name in ("coverage_a", "coverage_b", "total_a", "total_b")}
    before, after = (KINSHIPS.index(classify(Evidence(laid, course))) for laid in (less, replace(less, **raised)))
    assert after <= before
    swapped = replace(
        less, coverage_a=less.coverage_b, coverage_b=less.coverage_a, total_a=less.total_b, total_b=less.total_a
    )
    assert classify(Evidence(swapped, course)) == classify(Evidence(less, course))


def test_the_residual_is_the_literal_one(rng):
    a, b = rng.normal(2.0, 3.0, size=(30, 5)), rng.normal(size=(40, 5))
    path = np.stack([np.arange(20), np.arange(20) + 7], axis=1)
    shares = []
    for c in range(1, 5):
        along = np.mean([(a[i, c] - b[j, c]) ** 2 for i, j in path])
        any_two = np.mean([(x - y) ** 2 for x in a[:, c] for y in b[:, c]])
        shares.append(along / any_two)
    np.testing.assert_allclose(timbre_residual(a, b, path), np.sqrt(np.mean(shares)), rtol=1e-12)


def test_the_residual_of_constant_coefficients_is_none():
    constant = np.ones((10, 4))
    assert timbre_residual(constant, constant, np.zeros((3, 2), np.int64)) == 0.0


def passage(n_steps, *, cost, score):
    path = np.repeat(np.arange(n_steps)[:, None], 2, axis=1)
    return Passage(0.0, n_steps / 10, 0.0, n_steps / 10, cost, 1.0, 2, score, path)


def test_a_match_is_summed_up_by_its_lengths(rng):
    frames = rng.normal(size=(40, 20))
    found = Match((passage(30, cost=0.1, score=20.0), passage(10, cost=0.3, score=40.0)), 0.8, 0.7, 2, 1.05, 0.02)
    course = course_of(found, frames, frames)
    assert (course.n_passages, course.coverage_a, course.coverage_b, course.score) == (2, 0.8, 0.7, 40.0)
    np.testing.assert_allclose(course.mean_cost, (30 * 0.1 + 10 * 0.3) / 40)
    assert (course.tempo_ratio, course.transposition, course.straightness) == (1.05, 2, 0.02)
    assert course.timbre_residual == 0.0
    assert course_of(Match((), 0.0, 0.0, None, None, None), frames, frames) == NO_COURSE


# --- from sound to class


@pytest.fixture(scope="module")
def kinship_with_the_piece():
    notes = score(7)
    of_piece = frames_of(played(notes))

    def kinship_with(signal):
        (a_mfcc, a_chroma), (b_mfcc, b_chroma) = of_piece, frames_of(signal)
        a, b = (detail_of(*frames, frame_rate=FRAME_RATE) for frames in ((a_mfcc, a_chroma), (b_mfcc, b_chroma)))
        course = course_of(match(a_chroma, b_chroma, frame_rate=FRAME_RATE), a_mfcc, b_mfcc)
        return classify(Evidence(overlay(a, b), course))

    return kinship_with


def test_the_classes_of_synthesised_kin(kinship_with_the_piece):
    notes = score(7)
    piece = played(notes)
    rate = 22_050
    assert kinship_with_the_piece(piece * np.float32(0.2)) == "same recording"
    assert kinship_with_the_piece(piece[3 * rate : 14 * rate]) == "edit or excerpt"
    assert kinship_with_the_piece(played(notes, timbres=("bell", "organ"), seed=3, spread=0.06)) == "version"
    assert kinship_with_the_piece(played(notes, ratio=1.1, semitones=3)) == "version"
    assert kinship_with_the_piece(played(score(8))) == "merely similar"
