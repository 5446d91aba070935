"""The page of a verdict: all that was found is in it, in words and in pictures, and nothing comes from outside."""

import html
import math
import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.catalog import Track
from audiosim.evaluation import BASELINE, Task, evaluate, random_distances
from audiosim.evaluation.bootstrap import Estimate
from audiosim.evaluation.perturbation import PerturbationScores
from audiosim_pipelines.pages.strip import Strip
from audiosim_pipelines.pages.verdict import lengths, panels, verdict_page
from audiosim_pipelines.pages.verdict.contents import Contents
from audiosim_pipelines.pages.verdict.findings import verdict_groups
from audiosim_pipelines.pages.verdict.lengths import length_curves
from audiosim_pipelines.perturb import CopyFailure, MeasurePerturbations, Perturbations
from audiosim_pipelines.provenance import Provenance

N_TRACKS = 60
MEASURES = ("dtw", "timbre", BASELINE)
VARIANTS = {"dtw + mp_gauss": "dtw"}
STRANGE = "<b>Ann & Bob</b>"


@dataclass
class Catalog:
    """Knows the files of tracks, as far as a page asks for them."""

    known: set = field(default_factory=set)

    def known_file(self, path, *, size, mtime_ns):
        del size, mtime_ns
        return path in self.known


def points(rng, *, spread):
    """Distances of tracks of three genres, which lie apart as far as the spread lets them."""
    places = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], N_TRACKS // 3, axis=0)
    places = places + spread * rng.standard_normal(places.shape)
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


def perturbations(n_tracks=2):
    scores = {"gain +12 dB": PerturbationScores(1.0, 1.0, 2), "crop": PerturbationScores(0.5, 0.75, 2)}
    found = MeasurePerturbations(PerturbationScores(0.75, 0.875, 4), scores)
    failure = CopyFailure("x", STRANGE, "crop", "it is too short")
    return Perturbations(n_tracks, 1, N_TRACKS, 0, {"dtw": found, "timbre": found}, (failure,))


def contents_of(measures, tasks, *, variants=None, seconds=None, **options):
    n_tracks = len(next(iter(measures.values())))
    tracks = [
        Track(row, f"{row:064x}", None, f"{STRANGE} {row}", None, None, None, None, None, (Path(f"/music/{row}.ogg"),))
        for row in range(n_tracks)
    ]
    artists = [str(row // 2) for row in range(n_tracks)]
    judged = evaluate(
        measures, tasks=tasks, artists=artists, lengths=seconds, variants=variants, n_permutations=9, **options
    )
    return Contents(
        library="my library",
        evaluation=judged,
        tracks=tracks,
        variants=variants or {},
        unjudged={"mood": "no track has a mood"},
        curves={} if seconds is None else length_curves(measures, seconds),
        perturbations=perturbations(),
        provenance=Provenance(
            "1.2.3",
            "abc",
            "3.11",
            "Linux",
            "CPU",
            {"numpy": "2"},
            "d1",
            {"dtw": "f1"},
            0,
            {"evaluate": {"artist_filter": True}},
        ),
    )


@pytest.fixture(scope="module")
def contents():
    rng = np.random.default_rng(5)
    found = {name: points(rng, spread=spread) for name, spread in zip(MEASURES, (0.1, 0.6, 1.5), strict=True)}
    measures = {"dtw": found["dtw"], "dtw + mp_gauss": found["dtw"] ** 2, "timbre": found["timbre"]}
    measures[BASELINE] = found[BASELINE]
    genres = [f"genre {row // 20}" for row in range(N_TRACKS)]
    pairs = np.arange(40).reshape(-1, 2)
    tasks = [Task("genre", labels=genres), Task("pairs", pairs=pairs, artist_filter=False)]
    seconds = rng.uniform(60.0, 300.0, N_TRACKS)
    return contents_of(measures, tasks, variants=VARIANTS, seconds=seconds, n_draws=300)


@pytest.fixture(scope="module")
def page(contents):
    return verdict_page(contents, Catalog(), folder=Path("/reports")).decode("utf-8")


def text_of(page):
    """What people read."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_every_sentence_is_in_it_those_about_the_baseline_first(contents, page):
    text = text_of(page)
    for task in contents.evaluation.tasks:
        assert len(task.comparisons) == 4
        places = {found.sentence: text.index(found.sentence) for found in task.comparisons}
        with_baseline = [places[found.sentence] for found in task.comparisons if found.second == BASELINE]
        assert sorted(places.values())[: len(with_baseline)] == sorted(with_baseline)
    assert page.index('id="verdict"') < page.index('id="task-0"') < page.index('id="agreement"')


def test_every_figure_of_the_table_is_there_with_its_interval(contents, page):
    task = contents.evaluation.tasks[0]
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">([^<]+)</th><td class=\"stripped\">(.*?)</tr>", page)[:6]
    assert [name for name, _ in rows] == ["dtw", "dtw + mp_gauss", "timbre", BASELINE, "random (control)", "dtw"]
    for (_, cells), found in zip(rows, task.measures.values(), strict=False):
        shown = [float(value) for value in re.findall(r'<td class="number">([\d.]+)<', cells)]
        assert shown == pytest.approx([estimate.value for estimate in found.intervals.values()], abs=5e-4)
    for metric, chance in task.chances.items():
        assert f">{chance:.3f}<".replace("0.", ".") in page, metric


def test_pictures_have_words_and_names_of_their_own(page):
    svgs = re.findall(r"<svg[^>]*>", page)
    assert len(svgs) == 2 * 3 + 3 + 3  # P@k for each task, hubs, lengths
    assert all('role="img"' in svg and re.search(r'aria-label="[^"]{20,}"', svg) for svg in svgs)
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    strips = re.findall(r'<div class="strip"([^>]*)>', page)
    assert strips
    assert all('aria-label="' in strip for strip in strips)


def test_nothing_comes_from_outside_and_no_script_but_its_own_runs(page):
    targets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert page.count("<script>") == 1


def test_names_cannot_become_markup(page):
    assert STRANGE not in page
    assert html.escape(STRANGE, quote=False) in page


def test_no_measure_is_called_the_truth(page):
    said = re.findall(r"[^.:]*\btruth\b[^.]*", text_of(page))
    assert said
    assert all(re.search(r"\bno measure\b", sentence, flags=re.IGNORECASE) for sentence in said)


def test_players_play_files_that_are_still_there(contents, tmp_path):
    rows = {
        row for found in contents.evaluation.disagreements for pair in found.pairs for row in (pair.row, pair.other)
    }
    tracks = list(contents.tracks)
    path = tmp_path / "a b.ogg"
    path.write_bytes(b"")
    for row in rows:
        tracks[row] = replace(tracks[row], paths=(path,))
    shown = replace(contents, tracks=tracks)
    page = verdict_page(shown, Catalog({path}), folder=tmp_path / "reports").decode()
    n_pairs = sum(len(found.pairs) for found in contents.evaluation.disagreements)
    assert page.count("<audio ") == page.count('<source src="../a%20b.ogg">') == 2 * n_pairs > 0
    assert page.count(path.as_uri()) == 2 * n_pairs
    gone = verdict_page(shown, Catalog(), folder=tmp_path / "reports").decode()
    assert (gone.count("<audio "), gone.count("No file holds it any more.")) == (0, 2 * n_pairs)


def test_both_directions_of_a_disagreement_are_told_apart(contents, page):
    for found in contents.evaluation.disagreements:
        assert f"near by {found.first}, far by {found.second}" in page
        assert f"near by {found.second}, far by {found.first}" in page


def test_degraded_copies_are_shown_or_asked_for(contents, page):
    text = text_of(page)
    assert "Copies of 2 tracks were made worse" in text
    assert f"Not compared: {STRANGE}, crop: it is too short" in text
    without = verdict_page(replace(contents, perturbations=None), Catalog(), folder=Path("/reports")).decode()
    assert "audiosim evaluate --perturb 20" in without


def test_the_page_is_the_same_again_and_small(contents, page):
    assert verdict_page(contents, Catalog(), folder=Path("/reports")).decode("utf-8") == page
    assert len(page) < 1_000_000


@pytest.mark.filterwarnings("ignore:none of")
@pytest.mark.parametrize("n_tracks", [3, 4, 30])
def test_few_tracks_one_measure_and_labels_that_find_nothing_still_give_a_page(n_tracks):
    one = {"dtw": random_distances(n_tracks, seed=1)}
    labels = ["a", "a", *[None] * (n_tracks - 2)]  # by one artist, so that the filter leaves nothing
    shown = contents_of(one, [Task("genre", labels=labels)], seconds=np.full(n_tracks, 30.0), n_draws=0)
    page = verdict_page(shown, Catalog(), folder=Path("/reports")).decode()
    text = text_of(page)
    assert "There is only one measure" in text
    assert "All tracks are equally long" in text
    assert "Nothing is judged by mood, since no track has a mood." in text
    assert not re.search(r"\bnan\b", page)


def test_without_tasks_the_rest_is_there():
    two = {"dtw": random_distances(20, seed=1), "timbre": random_distances(20, seed=2)}
    shown = replace(contents_of(two, []), unjudged={}, perturbations=None)
    text = text_of(verdict_page(shown, Catalog(), folder=Path("/reports")).decode())
    assert "Nothing says which tracks are alike" in text
    assert "overlap of the 10 nearest" in text


def test_groups_put_what_is_decided_first(contents):
    (task, _) = contents.evaluation.tasks
    groups = verdict_groups(task.comparisons, contents.variants)
    assert [group["title"] for group in groups] == [
        "With the baseline",
        "With one another",
        "Rescaled, with itself before",
    ]
    assert [len(group["rows"]) for group in groups] == [2, 1, 1]
    assert groups[0]["counts"] == "2 better"
    assert groups[2]["counts"] == "1 neutral"


def test_within_a_group_decisions_come_before_doubts(contents):
    some = contents.evaluation.tasks[0].comparisons[0]
    given = ("unclear", "neutral", "worse", "better", "unclear", "worse")
    (group,) = verdict_groups([replace(some, second=BASELINE, verdict=verdict) for verdict in given], {})
    assert [row["verdict"] for row in group["rows"]] == ["better", "worse", "worse", "neutral", "unclear", "unclear"]
    assert group["counts"] == "1 better, 2 worse, 1 neutral, 2 unclear"


# Strips, curves and bars


@given(
    st.floats(-1.0, 1.0),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.5),
    st.floats(0.05, 1.0),
)
def test_a_strip_stays_within_itself_and_in_order(value, below, above, span):
    strip = Strip.of(Estimate(value, value - below, value + above), scale=(-span, span), mark=0.0, what="P@10")
    assert 0.0 <= strip.low <= strip.value <= strip.high <= 100.0
    assert strip.mark == pytest.approx(50.0)


def test_a_strip_without_an_interval_is_a_dot_and_without_a_value_nothing():
    alone = Strip.of(Estimate(0.5, math.nan, math.nan), scale=(0.0, 1.0), mark=0.1, what="MAP")
    assert (alone.low, alone.value, alone.high, alone.alt) == (50.0, 50.0, 50.0, "MAP .500")
    assert Strip.of(Estimate(math.nan, math.nan, math.nan), scale=(0.0, 1.0), mark=0.1, what="MAP") is None


def test_a_measure_of_lengths_rises_and_another_is_level(rng):
    seconds = rng.uniform(60.0, 600.0, 300)
    curves = length_curves({"sum": np.add.outer(seconds, seconds), "random": random_distances(300)}, seconds)
    assert np.diff(curves["sum"].median).min() > 5.0
    assert (curves["sum"].median[0], curves["sum"].median[-1]) == (
        pytest.approx(5.0, abs=1),
        pytest.approx(95.0, abs=1),
    )
    assert np.abs(np.array(curves["random"].median) - 50.0).max() < 3.0
    assert len(curves["sum"].seconds) == 10


def test_equally_long_pairs_are_in_one_bin_however_they_are_sorted():
    seconds = np.array([30.0] * 40 + [90.0])
    distances = np.abs(np.subtract.outer(np.arange(41.0), np.arange(41.0)))
    (curve,) = length_curves({"order": distances}, seconds).values()
    assert len(curve.seconds) == 1
    assert length_curves({"order": distances}, np.full(41, 30.0)) == {}


@given(st.lists(st.integers(60, 90), min_size=2, max_size=60))
def test_every_pair_is_in_one_bin_and_longer_ones_in_later_bins(sums):
    values = np.array(sums, dtype=np.float64)
    bins = lengths._bins(values)
    assert sorted(np.concatenate(bins).tolist()) == list(range(len(values)))
    ends = [(values[of_bin].min(), values[of_bin].max()) for of_bin in bins]
    assert all(longest < shortest for (_, longest), (shortest, _) in pairwise(ends))


def test_pairs_of_a_large_library_are_sampled(rng):
    seconds = rng.uniform(60.0, 600.0, 700)
    (curve,) = length_curves({"sum": np.add.outer(seconds, seconds)}, seconds).values()
    assert curve.median[-1] == pytest.approx(95.0, abs=1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=80).filter(any), st.integers(1, 4), st.integers(1, 60))
def test_bars_hold_every_track_once(occurrences, width, longest):
    bars = panels._binned(occurrences, width, longest)
    assert bars.sum() == pytest.approx(1.0)
    assert len(bars) == -(-(longest + 1) // width)
