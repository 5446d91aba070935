"""Recommendations: near is near, far is far, and what was heard, is a seed or is capped stays out."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_library import audiosim

from audiosim.errors import AudiosimError, NotComputedError, TrackNotFoundError
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend.favourites import distances_to_seeds, favourites
from audiosim.sources.play import Play
from audiosim_pipelines.recommend import recommend


def test_the_closest_seeds_count():
    distances = np.array([[0.1, 1.0], [0.2, 0.4], [0.9, 0.4], [1.0, 0.4]])
    np.testing.assert_allclose(distances_to_seeds(distances), [0.4, 0.4])
    np.testing.assert_allclose(distances_to_seeds(distances, n_closest=1), [0.1, 0.4])
    np.testing.assert_allclose(distances_to_seeds(distances, n_closest=9), [0.55, 0.55])
    with pytest.raises(ValueError, match="there must be at least one seed"):
        distances_to_seeds(distances[:0])
    with pytest.raises(ValueError, match="n_closest must be at least 1, got 0"):
        distances_to_seeds(distances, n_closest=0)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=6), st.randoms())
def test_the_order_of_seeds_does_not_matter(rows, random):
    distances = np.array(rows)
    shuffled = random.sample(range(len(rows)), len(rows))
    np.testing.assert_array_equal(distances_to_seeds(distances), distances_to_seeds(distances[shuffled]))


def test_the_order_of_many_seeds_does_not_matter_either(rng):
    distances = rng.uniform(size=(50, 2_000))
    for _ in range(5):
        shuffled = rng.permutation(distances)
        for n in (3, 9):
            np.testing.assert_array_equal(
                distances_to_seeds(distances, n_closest=n), distances_to_seeds(shuffled, n_closest=n)
            )


def test_favourites_fade():
    played = np.array([3, 3, 3, 8, 8, 5])
    assert favourites(played, np.zeros(6), n_most=9, half_life=90.0) == [3, 8, 5]
    assert favourites(played, np.array([500, 500, 500, 100, 100, 0.0]), n_most=2, half_life=90.0) == [5, 8]


@pytest.fixture
def library(demo_run, tmp_path):
    shutil.copytree(demo_run.folder, tmp_path / "library")
    return Library.open(tmp_path / "library")


def play(track, n_times, *, started_at=1_600_000_000, ms_played=200_000):
    return [
        Play(started_at + 600 * i, track.artist, track.title, "x", started_at + 600 * i, ms_played)
        for i in range(n_times)
    ]


def test_near_and_far_of_seeds(library):
    seeds = library.tracks()[:2]
    report = recommend(library, seeds=[seed.track_id for seed in seeds], measure="timbre", k=4, artist_cap=None)
    near = [item for item in report.tracks if item.kind == "near"]
    far = [item for item in report.tracks if item.kind == "far"]
    assert (len(near), len(far), report.n_candidates, report.origin) == (4, 4, 38, "seeds")
    keys = library.rescaled("timbre").distances[:2].mean(axis=0)
    rest = np.sort(keys[2:])
    np.testing.assert_allclose([item.distance for item in near], rest[:4], rtol=1e-5)
    np.testing.assert_allclose([item.distance for item in far], rest[::-1][:4], rtol=1e-5)
    assert not {item.track.track_id for item in report.tracks} & {seed.track_id for seed in seeds}
    stored = Listening(library.catalog).recommendations()
    assert [(item.kind, item.rank, item.track_id) for item in stored] == [
        (item.kind, item.rank, item.track.track_id) for item in report.tracks
    ]


def test_from_history_nothing_heard_comes_back(library):
    tracks = library.tracks()
    short = play(tracks[9], 30, ms_played=5_000)
    skipped = [replace(one, skipped=True) for one in play(tracks[12], 30)]
    Listening(library.catalog).add_plays([[*play(tracks[0], 20), *play(tracks[5], 3), *short, *skipped]])
    report = recommend(library, k=40, artist_cap=None, remember=False)
    assert [track.track_id for track in report.seeds] == [tracks[0].track_id, tracks[5].track_id]
    found = {item.track.track_id for item in report.tracks}
    # What is near is not far as well, so that 38 candidates are 38 tracks.
    assert len(report.tracks) == len(found) == report.n_candidates == 38
    assert {tracks[9].track_id, tracks[12].track_id} <= found
    assert not found & {tracks[0].track_id, tracks[5].track_id}
    assert Listening(library.catalog).recommendations() == []


def test_only_what_is_asked_for(library, tmp_path):
    tracks = library.tracks()
    some = [tracks[i].paths[0] for i in (3, 11, 19)]
    (tmp_path / "new.m3u8").write_text("\n".join(map(str, some)))
    report = recommend(library, seeds=[tracks[0].track_id], among=[tmp_path / "new.m3u8"], k=2)
    assert {item.track.paths[0] for item in report.tracks} == set(some)
    assert [item.kind for item in report.tracks] == ["near", "near", "far"]
    # A file is the same by whichever way it is reached.
    (tmp_path / "way").symlink_to(some[0].parent)
    among = [tmp_path / "way" / path.name for path in some]
    assert recommend(library, seeds=[tracks[0].track_id], among=among, k=2).tracks == report.tracks
    (tmp_path / "other.wav").write_bytes(b"x")
    with pytest.raises(AudiosimError, match="none of the 1 files to choose among is a track that was compared"):
        recommend(library, seeds=[tracks[0].track_id], among=[tmp_path / "other.wav"])


def test_a_track_that_was_added_through_a_link_is_known_by_its_file(library, tmp_path, monkeypatch):
    tracks = library.tracks()
    (tmp_path / "way").symlink_to(tracks[3].paths[0].parent)
    linked = [replace(track, paths=(tmp_path / "way" / track.paths[0].name,)) for track in tracks]
    store, _ = library.distances("timbre")
    monkeypatch.setattr(Library, "distances", lambda *_: (store, linked))
    report = recommend(library, seeds=[tracks[0].track_id], among=[tracks[3].paths[0]], remember=False)
    assert [item.track.track_id for item in report.tracks] == [tracks[3].track_id]


def test_one_artist_does_not_take_all(library):
    report = recommend(library, seeds=[library.tracks()[0].track_id], k=5, artist_cap=1)
    for kind in ("near", "far"):
        artists = [item.track.artist for item in report.tracks if item.kind == kind]
        assert len(set(artists)) == len(artists) == 5


def test_what_cannot_be_answered(library, tmp_path):
    with pytest.raises(AudiosimError, match="the history has no play of a track of this library"):
        recommend(library)
    with pytest.raises(TrackNotFoundError):
        recommend(library, seeds=["nobody"])
    empty = Library.create(tmp_path / "empty")
    with pytest.raises(NotComputedError, match="is not compared yet"):
        recommend(empty, seeds=["x"])
    tracks = library.tracks()
    Listening(library.catalog).add_plays([[p for track in tracks for p in play(track, 1)]])
    with pytest.raises(AudiosimError, match="there is nothing to recommend"):
        recommend(library)
    assert recommend(library, seeds=[tracks[0].track_id], heard=True).n_candidates == 39
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        recommend(library, k=0)


def test_the_command(library):
    seed, folder = library.tracks()[0], library.folder
    library.close()
    stdout, stderr = audiosim("recommend", "--seed", seed.track_id, "-k", "2", "--library", folder)
    assert "nearest to the seeds" in stdout
    assert "farthest from the seeds" in stdout
    assert "from 1 seeds, among 39 tracks, by timbre" in stderr
    told = json.loads(audiosim("recommend", "--seed", seed.track_id, "-k", "2", "--json", "--library", folder)[0])
    assert [(item["kind"], item["rank"]) for item in told["tracks"]] == [
        ("near", 1),
        ("near", 2),
        ("far", 1),
        ("far", 2),
    ]
    assert "--from seeds needs --seed" in audiosim("recommend", "--from", "seeds", "--library", folder, expected=2)[1]
