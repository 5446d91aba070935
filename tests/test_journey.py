"""Journeys: the figures over twenty synthetic libraries, and that every rule of a list holds whatever the library."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.errors import AudiosimError
from audiosim.recommend.journey.course import Course, equidistant, places_between, rank_transform
from audiosim.recommend.journey.figures import shuffled, smoothness
from audiosim.recommend.journey.graph import nearest_neighbors, neighbor_graph, smoothest_course, smoothest_path
from audiosim.recommend.journey.schedule import Plan, day_stretches, schedule
from audiosim.recommend.journey.seams import SeamScale, moments
from audiosim.recommend.journey.walk import Preferences, Terrain, walk
from audiosim_pipelines.bench.terrain import ends, make_terrain

N_LIBRARIES = 20


def no_sound(rows, columns):
    return np.zeros((len(rows), len(columns)))


def straight(terrain, n, **options):
    """The list of one day from one end to the other, its course and the day."""
    first, last = ends(terrain)
    course = Course.through(terrain.coordinates[[first, last]])
    day = schedule(terrain, course, Plan(((0.0, first), (1.0, last)), n, **options), {0: (0.0, 1.0)})[0]
    return course, day


# The figures that were promised


@pytest.fixture(scope="module")
def libraries():
    return [make_terrain(seed) for seed in range(N_LIBRARIES)]


@pytest.mark.parametrize(("n", "most_variation"), [(10, 1.1), (30, 1.5)])
def test_lists_over_twenty_libraries(libraries, n, most_variation):
    found, others = [], []
    for terrain in libraries:
        course, day = straight(terrain, n)
        assert (day.path[0], day.path[-1]) == ends(terrain)
        assert len(set(day.path.tolist())) == n
        found.append(smoothness(terrain, day.path, course, targets=day.targets))
        others.append(shuffled(terrain, day.path, course, n_shuffles=20))
        # Better than a random order of the same tracks: in mood everywhere, in sound in the mean.
        assert found[-1].variation < others[-1].variation
        assert found[-1].largest_step < others[-1].largest_step
        assert found[-1].monotone > others[-1].monotone
    assert np.mean([one.mean_transition for one in found]) < np.mean([one.mean_transition for one in others])
    assert np.mean([one.variation for one in found]) <= most_variation
    assert np.mean([one.monotone for one in found]) >= 0.95
    assert max(one.largest_step for one in found) <= 0.17


def test_two_weeks(libraries):
    n_larger = 0
    for terrain in libraries[:8]:
        first, last = ends(terrain)
        course = Course.through(terrain.coordinates[[first, last]])
        days = schedule(terrain, course, Plan(((0.0, first), (1.0, last)), 12), dict(enumerate(day_stretches(14))))
        assert (days[0].path[0], days[13].path[-1]) == (first, last)
        assert (days[0].stretch[0], days[13].stretch[1]) == (0.0, 1.0)
        begins = [day.stretch[0] for day in days.values()]
        assert begins == sorted(begins)
        # Each day begins before the one before it ends, by a quarter.
        for day in range(13):
            overlap = (days[day].stretch[1] - days[day + 1].stretch[0]) / (days[day].stretch[1] - days[day].stretch[0])
            assert overlap == pytest.approx(0.25)
        for day, other in ((a, b) for a in days for b in days if a < b < a + 7):
            assert not set(days[day].path.tolist()) & set(days[other].path.tolist())
        for day in days.values():
            assert len(set(day.path.tolist())) == 12
            assert max(Counter(terrain.artists[i] for i in day.path).values()) <= 2
        # However far tracks lie from a stretch that is short, they are in a smoother order than a random one.
        for day in days.values():
            found = smoothness(terrain, day.path, course, stretch=day.stretch)
            others = shuffled(terrain, day.path, course, stretch=day.stretch, n_shuffles=6)
            assert found.variation < others.variation
            n_larger += found.largest_step >= others.largest_step
        # The means of the days lead from one end to the other, however the days wander.
        middles = [course.progress(terrain.coordinates[day.path]).mean() for day in days.values()]
        assert np.corrcoef(middles, range(14))[0, 1] > 0.97
    assert n_larger <= 1  # of 112


def test_sound_is_heard(libraries):
    """With its weight, neighbours sound more alike than they do where only mood counts."""
    first, last = ends(libraries[0])
    gained = []
    for terrain in libraries[:5]:
        first, last = ends(terrain)
        course = Course.through(terrain.coordinates[[first, last]])
        heard, deaf = (
            walk(
                terrain,
                course.at(np.linspace(0.0, 1.0, 10)),
                pinned={0: first, 9: last},
                preferences=Preferences(mood_weight=weight),
            )
            for weight in (0.6, 1.0)
        )
        figures = [smoothness(terrain, path, course).mean_transition for path in (heard, deaf)]
        gained.append(figures[1] - figures[0])
    assert np.mean(gained) > 0.05


# The walk


def naive_walk(terrain, targets, fixed, preferences, unit):
    """The cheapest list of all, by trying every one."""
    places = [[fixed[i]] if i in fixed else range(len(terrain)) for i in range(len(targets))]
    best = (np.inf, ())
    for path in product(*places):
        if len(set(path)) < len(path):
            continue
        cost = sum(
            preferences.mood_weight * np.sum((terrain.coordinates[track] - target) ** 2) / unit**2
            for track, target in zip(path, targets, strict=True)
        )
        for a, b in pairwise(path):
            cost += (1 - preferences.mood_weight) * float(terrain.transition(np.array([a]), np.array([b]))[0, 0]) ** 2
            cost += preferences.artist_penalty * (terrain.artists[a] == terrain.artists[b] is not None)
        for (a, b), (here, there) in zip(pairwise(path), pairwise(targets), strict=True):
            length = np.linalg.norm(terrain.coordinates[a] - terrain.coordinates[b])
            excess = length - 1.5 * np.linalg.norm(there - here)
            cost += preferences.step_weight * preferences.mood_weight * max(0.0, excess) ** 2 / unit**2
        best = min(best, (cost, path))
    return best[1]


@pytest.mark.parametrize("places", [[[0.1, 0.1], [0.9, 0.9]], [[0.45, 0.45], [0.55, 0.55]]], ids=["long", "short"])
def test_walk_is_the_cheapest_list(places):
    """Where no track has to be given up, nothing beats it; on a short stretch all steps are too long."""
    n_compared = 0
    for seed in range(12):
        terrain = make_terrain(seed, 9)
        terrain = replace(terrain, artists=[None] * 9)
        targets = Course.through(places).at(np.linspace(0.0, 1.0, 4))
        preferences = Preferences(artist_cap=None)
        fixed = {0: 0, 3: 1}
        squares = ((targets[:, None] - terrain.coordinates) ** 2).sum(axis=2)
        best = [squares[i, fixed[i]] if i in fixed else squares[i, 2:].min() for i in range(4)]
        unit = max(np.linalg.norm(targets[1] - targets[0]) / 2, np.median(np.sqrt(best)))
        expected = naive_walk(terrain, targets, fixed, preferences, unit)
        found = walk(terrain, targets, pinned=fixed, preferences=preferences)
        np.testing.assert_array_equal(found, expected)
        n_compared += 1
    assert n_compared == 12


@given(
    seed=st.integers(0, 1_000),
    n_tracks=st.integers(12, 40),
    n=st.integers(2, 10),
    artist_cap=st.sampled_from([None, 2, 3]),
    n_barred=st.integers(0, 2),
)
def test_rules_of_a_list_hold(seed, n_tracks, n, artist_cap, n_barred):
    """Ends where they belong, nothing twice, nothing barred, artists under their cap; or a clear refusal."""
    terrain = make_terrain(seed, n_tracks, n_artists=8)
    barred = set(range(2, 2 + n_barred))
    targets = Course.through([[0.0, 0.0], [1.0, 1.0]]).at(np.linspace(0.0, 1.0, n))
    preferences = Preferences(artist_cap=artist_cap)
    refused = False
    try:
        path = walk(terrain, targets, pinned={0: 0, n - 1: 1}, barred=barred, preferences=preferences).tolist()
    except AudiosimError:
        refused = True
    if refused:
        assert n > 2
        return
    assert (path[0], path[-1], len(path)) == (0, 1, n)
    assert len(set(path)) == n
    assert not barred & set(path)
    if artist_cap:
        own = Counter(terrain.artists[i] for i in (0, 1))
        counts = Counter(terrain.artists[i] for i in path)
        assert all(count <= max(artist_cap, own[name]) for name, count in counts.items())


def test_an_artist_does_not_follow_himself():
    coordinates = np.array([[0.0], [0.5], [0.52], [1.0]])
    terrain = Terrain(coordinates, ["a", "a", "b", "c"], no_sound)
    targets = np.array([[0.0], [0.5], [1.0]])
    assert walk(terrain, targets, pinned={0: 0, 2: 3}).tolist() == [0, 2, 3]
    alone = Terrain(coordinates[[0, 1, 3]], ["a", "a", "c"], no_sound)
    assert walk(alone, targets, pinned={0: 0, 2: 2}).tolist() == [0, 1, 2]
    unknown = Terrain(coordinates, [None] * 4, no_sound)
    assert walk(unknown, targets, pinned={0: 0, 2: 3}).tolist() == [0, 1, 3]


def test_what_a_walk_refuses():
    terrain = make_terrain(0, 12)
    targets = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"targets must have shape \(n >= 2, 2\), got \(1, 2\)"):
        walk(terrain, targets[:1])
    with pytest.raises(ValueError, match=r"pinned positions must lie in 0 \.\. 2"):
        walk(terrain, targets, pinned={3: 0})
    with pytest.raises(ValueError, match=r"pinned tracks must lie in 0 \.\. 11"):
        walk(terrain, targets, pinned={0: 12})
    with pytest.raises(ValueError, match="a track must be pinned to one position"):
        walk(terrain, targets, pinned={0: 4, 2: 4})
    with pytest.raises(AudiosimError, match=r"1 places must be filled .* and 0 can be; ask for fewer"):
        walk(terrain, targets, pinned={0: 0, 2: 1}, barred=range(12))
    with pytest.raises(ValueError, match="coordinates must be finite"):
        Terrain(np.array([[np.nan]]), [None], no_sound)
    with pytest.raises(ValueError, match="one artist a track"):
        Terrain(np.zeros((2, 1)), [None], no_sound)
    for option, value in (("mood_weight", 0.0), ("n_candidates", 0), ("artist_cap", 0)):
        with pytest.raises(ValueError, match=f"{option} must be"):
            Preferences(**{option: value})


# Ranks, courses and targets


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.randoms())
def test_ranks_are_between_0_and_1_and_keep_the_order(values, random):
    column = np.array(values)[:, None]
    ranks = rank_transform(column)[:, 0]
    assert ((ranks > 0.0) & (ranks < 1.0)).all()
    assert ranks.mean() == pytest.approx(0.5)
    shuffled_rows = random.sample(range(len(values)), len(values))
    np.testing.assert_array_equal(rank_transform(column[shuffled_rows])[:, 0], ranks[shuffled_rows])
    order = np.argsort(column[:, 0], kind="stable")
    assert (np.diff(ranks[order]) >= 0.0).all()
    np.testing.assert_array_equal(np.diff(ranks[order]) == 0.0, np.diff(column[order, 0]) == 0.0)


@given(
    n=st.integers(2, 40),
    start=st.floats(0.0, 0.8),
    length=st.floats(0.05, 0.2),
    inside=st.lists(st.floats(0.05, 0.95), max_size=4, unique_by=lambda share: round(share, 2)),
)
def test_targets_ascend_and_meet_their_stops(n, start, length, inside):
    stops = sorted({round(start + share * length, 6) for share in inside})
    if n < len(stops) + 2:
        with pytest.raises(ValueError, match=f"n must be at least {len(stops) + 2}"):
            equidistant(n, start=start, stop=start + length, stops=stops)
        return
    shares, positions = equidistant(n, start=start, stop=start + length, stops=stops)
    assert (shares[0], shares[-1], len(shares)) == (start, pytest.approx(start + length), n)
    assert (np.diff(shares) > 0.0).all()
    np.testing.assert_allclose(shares[list(positions)], stops)
    if not stops:
        np.testing.assert_allclose(np.diff(shares), length / (n - 1))


def test_progress_along_a_bend():
    bend = Course.through([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert bend.length == 2.0
    assert bend.shares.tolist() == [0.0, 0.5, 1.0]
    points = np.array([[-0.5, 0.0], [0.5, 0.1], [1.2, 0.5], [1.0, 1.5]])
    np.testing.assert_allclose(bend.progress(points), [-0.25, 0.25, 0.75, 1.25])
    np.testing.assert_allclose(bend.progress(bend.at([0.0, 0.3, 0.5, 0.9, 1.0])), [0.0, 0.3, 0.5, 0.9, 1.0])


def test_what_a_course_refuses():
    with pytest.raises(ValueError, match="places 0 and 1 the same"):
        Course.through([[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(ValueError, match="at least 2 places"):
        Course.through([[0.5, 0.5]])
    with pytest.raises(ValueError, match="values must be finite"):
        rank_transform(np.array([[np.inf]]))
    with pytest.raises(ValueError, match=r"values must have shape \(n_tracks >= 1, n_dims\)"):
        rank_transform(np.empty((0, 2)))
    with pytest.raises(ValueError, match="n_anchors >= 2"):
        places_between(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="a stretch must lie in"):
        equidistant(3, start=0.5, stop=0.5)
    with pytest.raises(ValueError, match="stops must ascend"):
        equidistant(5, stops=(0.6, 0.4))


# Days


def test_a_stop_on_the_way_comes_once():
    terrain = make_terrain(3)
    first, last = ends(terrain)
    via = 17
    course = Course.through(terrain.coordinates[[first, via, last]])
    plan = Plan(((0.0, first), (float(course.shares[1]), via), (1.0, last)), 8)
    for n_days in (1, 3, 20):
        days = schedule(terrain, course, plan, dict(enumerate(day_stretches(n_days))))
        everything = Counter(track for day in days.values() for track in day.path.tolist())
        assert {everything[first], everything[via], everything[last]} == {1}
        (day,) = [day for day in days.values() if via in day.path]
        assert day.stretch[0] <= course.shares[1] <= day.stretch[1]


def test_planning_again_changes_nothing_of_itself_and_honours_what_was_skipped():
    terrain = make_terrain(4)
    first, last = ends(terrain)
    course = Course.through(terrain.coordinates[[first, last]])
    plan = Plan(((0.0, first), (1.0, last)), 10, variance=0.5, seed=3)
    stretches = dict(enumerate(day_stretches(10)))
    days = schedule(terrain, course, plan, stretches)
    played = {number: days[number].path.tolist() for number in range(4)}
    rest = {number: stretches[number] for number in range(4, 10)}
    again = schedule(terrain, course, plan, rest, played=played)
    for number in rest:
        np.testing.assert_array_equal(again[number].path, days[number].path)
    skipped = days[5].path.tolist()[2:5]
    without = schedule(terrain, course, plan, rest, played=played, barred=skipped)
    assert not {track for day in without.values() for track in day.path.tolist()} & set(skipped)
    assert without[9].path[-1] == last
    for number in without:
        for past in range(max(0, number - 6), 4):
            assert not set(without[number].path.tolist()) & set(played[past])


def test_variance_gives_other_lists_and_the_seed_the_same_ones():
    terrain = make_terrain(5)
    plain, moved, again, other = (
        straight(terrain, 12, **options)[1].path.tolist()
        for options in ({}, {"variance": 1.0}, {"variance": 1.0}, {"variance": 1.0, "seed": 1})
    )
    assert plain != moved == again != other
    assert plain == straight(terrain, 12, seed=9)[1].path.tolist()
    assert plain[0] == moved[0] == other[0]
    assert plain[-1] == moved[-1] == other[-1]


def test_a_list_of_a_given_duration():
    """The list tells how many tracks it ought to have, until it has them; where it never does, the search ends."""
    terrain = make_terrain(6)
    assert len(straight(terrain, 5, enough=lambda _: 9)[1].path) == 9
    assert len(straight(terrain, 5, enough=lambda path: 6 if len(path) == 5 else 5)[1].path) in (5, 6)
    assert len(straight(terrain, 5, enough=lambda _: 0)[1].path) == 4  # both ends are due


def test_what_a_plan_refuses():
    with pytest.raises(ValueError, match="at least 2 tracks, got n=1"):
        Plan(((0.0, 1), (1.0, 2)), 1)
    with pytest.raises(ValueError, match="stops must be different tracks"):
        Plan(((0.0, 1), (1.0, 1)), 5)
    with pytest.raises(ValueError, match="stops must begin at 0 and end at 1"):
        Plan(((0.0, 1),), 5)
    with pytest.raises(ValueError, match="variance must be at least 0"):
        Plan(((0.0, 1), (1.0, 2)), 5, variance=-1.0)
    with pytest.raises(ValueError, match="n_days must be at least 1, got 0"):
        day_stretches(0)
    with pytest.raises(ValueError, match="start and overlap"):
        day_stretches(3, overlap=1.0)
    terrain = make_terrain(0, 30)
    with pytest.raises(AudiosimError, match="the library is too thin"):
        schedule(
            terrain,
            Course.through(terrain.coordinates[[0, 1]]),
            Plan(((0.0, 0), (1.0, 1)), 10),
            dict(enumerate(day_stretches(7))),
        )


# The graph


def test_the_smoothest_way_is_the_cheapest_of_all():
    rng = np.random.default_rng(8)
    for _ in range(20):
        distances = rng.uniform(0.1, 1.0, (6, 6))
        distances = np.minimum(distances, distances.T)
        neighbors = np.array([[j for j in range(6) if j != i] for i in range(6)])
        graph = neighbor_graph(neighbors, np.take_along_axis(distances, neighbors, axis=1))
        ways = [(0, *way, 5) for n in range(5) for way in product(range(1, 5), repeat=n) if len(set(way)) == len(way)]

        def steps(way, distances=distances):
            return distances[list(way[:-1]), list(way[1:])]

        for p in (1.0, 4.0):
            best = min(ways, key=lambda way: (steps(way) ** p).sum())
            assert smoothest_path(graph, 0, 5, p=p).tolist() == list(best)
        largest = min(steps(way).max() for way in ways)
        assert steps(smoothest_path(graph, 0, 5, p=np.inf).tolist()).max() == largest


def test_the_graph_takes_smaller_steps_than_the_line(libraries):
    steps = []
    for terrain in libraries[:5]:
        first, last = ends(terrain)
        graph = neighbor_graph(*nearest_neighbors(terrain))
        path = smoothest_path(graph, first, last)
        course, day = straight(terrain, 10)
        found, line = (smoothness(terrain, way, course) for way in (path, day.path))
        assert (path[0], path[-1], len(set(path.tolist()))) == (first, last, len(path))
        steps.append((found.largest_step, line.largest_step))
    assert np.mean(steps, axis=0)[0] < np.mean(steps, axis=0)[1]


def test_neighbors_cross_strips():
    terrain = make_terrain(1, 300)
    indices, distances = nearest_neighbors(terrain, k=4, mood_weight=1.0, artist_penalty=0.0)
    expected = np.linalg.norm(terrain.coordinates[:, None] - terrain.coordinates, axis=2) / 0.1
    np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :4], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected, indices.astype(int), axis=1), distances, rtol=1e-5)


def test_what_a_graph_refuses():
    apart = neighbor_graph(np.array([[1], [0], [3], [2]]), np.full((4, 1), 0.5))
    with pytest.raises(AudiosimError, match="no way leads"):
        smoothest_path(apart, 0, 3)
    with pytest.raises(AudiosimError, match="no way leads"):
        smoothest_path(apart, 0, 3, p=np.inf)
    with pytest.raises(ValueError, match="must be two tracks"):
        smoothest_path(apart, 1, 1)
    with pytest.raises(ValueError, match="p must be at least 1"):
        smoothest_path(apart, 0, 1, p=0.5)
    with pytest.raises(ValueError, match="none of them twice"):
        smoothest_course(apart, [0, 1, 0])
    with pytest.raises(ValueError, match=r"distances must have shape \(4, 1\)"):
        neighbor_graph(np.zeros((4, 1), dtype=int), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"neighbors must lie in -1 \.\. 3"):
        neighbor_graph(np.full((4, 1), 4), np.zeros((4, 1)))
    barred = neighbor_graph(np.array([[1], [0], [1]]), np.full((3, 1), 0.5), barred=np.array([False, True, False]))
    assert len(barred.rows) == 0


# Seams and figures


def test_a_seam_is_the_tail_against_the_head():
    rng = np.random.default_rng(9)
    tracks = [rng.standard_normal((40, 3)) + 3 * i for i in range(6)]
    # The end of each track sounds like the beginning of the next.
    for before, after in pairwise(tracks):
        before[-10:] = after[:10]
    heads, tails = (np.stack(part) for part in zip(*(moments(t, n_frames=10) for t in tracks), strict=True))
    found = SeamScale.of(heads, tails).dissimilarity(tails, heads)
    assert found.shape == (6, 6)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert found[:5].argmin(axis=1).tolist() == [1, 2, 3, 4, 5]
    short_head, short_tail = moments(tracks[0][:4], n_frames=10)
    np.testing.assert_array_equal(short_head, short_tail)
    with pytest.raises(ValueError, match=r"frames must have shape \(n_frames >= 1"):
        moments(tracks[0][:0], n_frames=10)
    with pytest.raises(ValueError, match="n_frames must be at least 1"):
        moments(tracks[0], n_frames=0)
    with pytest.raises(ValueError, match=r"the same shape \(n_tracks >= 2"):
        SeamScale.of(heads[:1], tails[:1])


def test_figures_of_a_crooked_list():
    coordinates = np.array([[0.0, 0.0], [0.6, 0.0], [0.4, 0.0], [1.0, 0.0]])
    sounds = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 4.0
    terrain = Terrain(coordinates, ["a", "b", "b", None], lambda rows, columns: sounds[np.ix_(rows, columns)])
    course = Course.through(coordinates[[0, 3]])
    found = smoothness(terrain, np.arange(4), course, targets=course.at(np.linspace(0.0, 1.0, 4)))
    assert found.variation == pytest.approx(1.4)
    assert (found.largest_step, found.mean_step) == (pytest.approx(0.6), pytest.approx(1.4 / 3))
    assert found.monotone == pytest.approx(2 / 3)
    assert found.mean_deviation == pytest.approx((0.6 - 1 / 3) / 2)
    assert (found.mean_transition, found.largest_transition, found.n_artist_repeats) == (0.25, 0.25, 1)
    with pytest.raises(ValueError, match="at least 2 tracks"):
        smoothness(terrain, np.arange(1), course)
    with pytest.raises(ValueError, match="one target a track"):
        smoothness(terrain, np.arange(4), course, targets=course.at([0.0]))
    with pytest.raises(ValueError, match="n_shuffles must be at least 1"):
        shuffled(terrain, np.arange(4), course, n_shuffles=0)
