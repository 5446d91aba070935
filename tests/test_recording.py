"""Copies are told from performances: by what changes at one constant offset, whatever the sound went through."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_kin import FRAME_RATE, RATE, detail, frames_of, played, score
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfilt

from audiosim import audio
from audiosim.alignment.kinship import LARGEST_RESIDUAL, LARGEST_WANDER, WHOLE
from audiosim.alignment.recording import Detail, detail_of, overlay
from audiosim.sources.degradation import DEGRADATIONS
from audiosim.sources.synthesis import TIMBRES as INSTRUMENTS

COPIES = ("gain +12 dB", "gain -12 dB", "20 s of silence before", "low-pass 4 kHz", "mp3 64 kbit/s")
TIMBRES = ("bell", "brass")


def equalised(signal, sample_rate):
    """Up by 4 and 5 dB around 200 Hz and 3 kHz, down by 4 dB around 1 kHz."""
    changed = signal.astype(np.float64)
    for frequency, gain in ((200.0, 0.6), (1_000.0, -0.4), (3_000.0, 0.8)):
        band = butter(2, [frequency / 1.5, frequency * 1.5], "bandpass", fs=sample_rate, output="sos")
        changed += gain * sosfilt(band, signal)
    return changed.astype(np.float32)


@pytest.fixture(scope="module")
def piece():
    return played(score(1), timbres=TIMBRES)


@pytest.fixture(scope="module")
def of_piece(piece):
    return detail(piece)


def noise_detail(seed, n_frames):
    """Frames that change at random, as smoothly as overlapping windows let them."""
    rng = np.random.default_rng(seed)
    mfcc, classes = (uniform_filter1d(rng.uniform(size=(n_frames, n)), 5, axis=0) for n in (20, 12))
    return detail_of(mfcc, classes, frame_rate=FRAME_RATE)


def cut(whole, *places):
    """Stretches (s) of a track, one after the other."""
    parts = [slice(round(start * FRAME_RATE), round(stop * FRAME_RATE)) for start, stop in places]
    return Detail(
        *(np.concatenate([values[part] for part in parts]) for values in (whole.mfcc, whole.timbre, whole.harmony)),
        FRAME_RATE,
    )


def assert_same_recording(found, *, offset=0.0):
    np.testing.assert_allclose(found.offset, offset, atol=0.05)  # two hops, by which trimming may differ
    assert found.wander <= LARGEST_WANDER / 2
    assert found.residual <= LARGEST_RESIDUAL
    assert min(found.coverage_a, found.coverage_b) >= WHOLE


# --- copies


@pytest.mark.parametrize("name", COPIES)
def test_a_degraded_copy_is_the_same_at_no_offset(piece, of_piece, name):
    assert_same_recording(overlay(of_piece, detail(DEGRADATIONS[name](piece, RATE))))


def test_an_equalised_copy_is_the_same(piece, of_piece):
    assert_same_recording(overlay(of_piece, detail(equalised(piece, RATE))))


def test_half_a_frame_of_offset_changes_nothing_but_the_offset(piece, of_piece):
    found = overlay(of_piece, detail(np.concatenate([np.zeros(256, np.float32), piece])))
    assert_same_recording(found)
    late = 5 * 512 + 256
    assert_same_recording(overlay(of_piece, detail(piece[late:])), offset=late / RATE)


def test_a_slow_drift_is_followed():
    # One part in a thousand over two minutes is five frames.
    whole, drift = noise_detail(1, round(120 * FRAME_RATE)), 0.001
    at = np.arange(0.0, whole.n_frames - 1, 1.0 - drift)
    before = at.astype(int)
    share = (at - before)[:, None].astype(np.float32)
    slower = Detail(
        *(
            (1 - share) * values[before] + share * values[before + 1]
            for values in (whole.mfcc, whole.timbre, whole.harmony)
        ),
        FRAME_RATE,
    )
    found = overlay(whole, slower)
    assert_same_recording(found)
    np.testing.assert_allclose(found.drift, drift, rtol=0.05)
    (segment,) = found.segments
    np.testing.assert_allclose(segment.b_stop - segment.a_stop, 0.12, atol=0.03)
    assert overlay(whole, whole).drift == 0.0


@settings(max_examples=15)
@given(start=st.floats(0.0, 8.0), length=st.floats(5.0, 10.0), seed=st.integers(0, 5))
def test_an_excerpt_is_found_where_it_was_cut(start, length, seed):
    whole = noise_detail(seed, round(18 * FRAME_RATE))
    part = cut(whole, (start, start + length))
    found, back = overlay(whole, part), overlay(part, whole)
    assert found.offset == pytest.approx(round(start * FRAME_RATE) / FRAME_RATE, abs=0.005)
    assert back.offset == pytest.approx(-found.offset, abs=0.005)
    assert found.coverage_b == 1.0
    np.testing.assert_allclose(found.coverage_a, part.n_frames / whole.n_frames, atol=0.01)
    np.testing.assert_allclose([back.coverage_b, back.coverage_a], [found.coverage_a, found.coverage_b], atol=0.01)
    (segment,) = found.segments
    np.testing.assert_allclose(segment.a_start - segment.b_start, found.offset, atol=0.03)


def test_an_edit_is_the_same_at_several_offsets():
    whole = noise_detail(2, round(40 * FRAME_RATE))
    edit = cut(whole, (0.0, 12.0), (24.0, 40.0))
    found = overlay(whole, edit)
    np.testing.assert_allclose(found.offset, 12.0, atol=0.03)  # of the longer part
    np.testing.assert_allclose([found.coverage_a, found.coverage_b], [16 / 40, 16 / 28], atol=0.06)
    np.testing.assert_allclose([found.total_a, found.total_b], [28 / 40, 1.0], atol=0.08)
    starts = sorted((segment.a_start, segment.b_start) for segment in found.segments)
    np.testing.assert_allclose(starts, [(0.0, 0.0), (24.0, 12.0)], atol=1.0)


def test_a_loop_is_covered_by_what_it_repeats():
    bar = noise_detail(3, round(6 * FRAME_RATE))
    found = overlay(cut(bar, (0.0, 6.0)), cut(bar, (0.0, 6.0), (0.0, 6.0), (0.0, 6.0)))
    assert found.coverage_a == found.total_a == 1.0
    np.testing.assert_allclose(found.coverage_b, 1 / 3, atol=0.1)
    assert found.total_b >= WHOLE


def test_neither_silence_nor_a_held_chord_counts():
    whole = noise_detail(4, round(20 * FRAME_RATE))
    still = np.zeros((round(10 * FRAME_RATE), 1), np.float32)
    longer = Detail(
        *(np.concatenate([part, still.repeat(part.shape[1], 1)]) for part in (whole.mfcc, whole.timbre, whole.harmony)),
        FRAME_RATE,
    )
    found = overlay(longer, whole)
    assert found.coverage_a >= WHOLE
    assert found.coverage_b >= WHOLE


# --- what is no copy


def test_another_performance_on_the_same_instruments_strays():
    notes = score(2, seconds=24.0)
    first, second = (detail(played(notes, timbres=TIMBRES, seed=seed, spread=0.06)) for seed in (1, 2))
    found = overlay(first, second)
    assert min(found.coverage_a, found.coverage_b) < WHOLE / 2
    assert not found.segments or max(s.a_stop - s.a_start for s in found.segments) < 10.0


def test_the_same_performance_on_other_instruments_has_another_timbre(of_piece):
    found = overlay(of_piece, detail(played(score(1), timbres=("organ", "string"))))
    assert max(found.coverage_a, found.coverage_b) < WHOLE / 2


def test_instruments_that_change_alike_still_sound_unlike():
    """An organ and brass begin and end their notes so much alike that only what sounds in between tells them apart."""
    notes = score(5, seconds=12.0)
    details = {timbre: detail(played(notes, timbres=(timbre, timbre))) for timbre in INSTRUMENTS}
    for first, second in product(INSTRUMENTS, INSTRUMENTS):
        found = overlay(details[first], details[second])
        if first == second:
            assert_same_recording(found)
        else:
            assert found.residual is None or found.residual > LARGEST_RESIDUAL
    assert overlay(details["organ"], details["brass"]).coverage_a > WHOLE / 2


def test_another_melody_over_the_same_chords_is_no_copy(of_piece):
    (_, chords), (melody, _) = score(1), score(3)
    found = overlay(of_piece, detail(played((melody, chords), timbres=TIMBRES)))
    assert max(found.total_a, found.total_b) < WHOLE / 2


def test_unrelated_tracks_share_nothing(of_piece):
    for other in (detail(played(score(4), timbres=TIMBRES)), noise_detail(9, 700)):
        found = overlay(of_piece, other)
        assert found.segments == ()
        assert found.offset is None
        assert found.correlation < 0.4


def test_a_track_in_which_nothing_happens_is_nothing_s_copy(of_piece):
    for n_frames in (1, 40, 900):
        constant = detail_of(np.full((n_frames, 20), -30.0), np.ones((n_frames, 12)), frame_rate=FRAME_RATE)
        for pair in ((constant, constant), (of_piece, constant), (constant, of_piece)):
            found = overlay(*pair)
            assert found.offset is None
            assert (found.coverage_a, found.coverage_b, found.total_a, found.total_b) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("n_frames", [1, 2, 5, 43, 90])
def test_short_tracks_are_their_own_copies(n_frames):
    short = noise_detail(5, n_frames)
    found = overlay(short, short)
    assert found.coverage_a in ((0.0, 1.0) if n_frames < 10 else (1.0,))


# --- what is refused


def test_what_is_no_frames_is_refused():
    mfcc, classes = np.zeros((9, 20)), np.zeros((9, 12))
    with pytest.raises(ValueError, match=r"mfcc must have shape \(n_frames >= 1, n_mfcc >= 2\), got \(9, 1\)"):
        detail_of(mfcc[:, :1], classes, frame_rate=FRAME_RATE)
    with pytest.raises(ValueError, match=r"chroma must have shape \(9, 12\), as many frames as mfcc, got \(8, 12\)"):
        detail_of(mfcc, classes[:-1], frame_rate=FRAME_RATE)
    with pytest.raises(ValueError, match=r"frame_rate must be at least 16\.7 frames/s, got 2\.0; use a shorter hop"):
        detail_of(mfcc, classes, frame_rate=2.0)
    first = detail_of(mfcc, classes, frame_rate=FRAME_RATE)
    with pytest.raises(
        ValueError, match=r"same frame rate and number of coefficients, got 43.* 19 and 12 coefficients"
    ):
        overlay(first, detail_of(mfcc[:, :13], classes, frame_rate=FRAME_RATE))


# --- real music


def test_copies_through_a_codec_are_told_from_all_else_in_real_music(shared_data):
    """Every fifth track with a codec pair, the second excerpts of the same artist, and five performances of a piece."""
    music, performances = shared_data / "music", shared_data / "vienna4x22" / "audio"
    copies = sorted((music / "codec_pairs").glob("*.ogg"))[::5]
    originals = [music / "dev" / path.name.replace("__frommp3", "") for path in copies]
    seconds = sorted((music / "dev_seg2").glob("spd_*.ogg"))[::3]
    played_anew = [performances / f"Mozart_K331_1st-mov_p{i:02}_piano.ogg" for i in (1, 3, 4, 10, 12)]
    again = [performances / "Mozart_K331_1st-mov_p03_guitar.ogg"]
    files = [*copies, *originals, *seconds, *played_anew, *again]
    details = [detail_of(*frames_of(audio.load(path)), frame_rate=FRAME_RATE) for path in files]
    expected = {(i, len(copies) + i) for i in range(len(copies))}
    found = set()
    for i in range(len(files)):
        for j in range(i + 1, len(files)):
            laid = overlay(details[i], details[j])
            if laid.offset is not None and min(laid.coverage_a, laid.coverage_b) >= WHOLE:
                assert laid.wander <= LARGEST_WANDER
                found.add((i, j))
    assert found == expected
