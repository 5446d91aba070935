"""Ratings: what is kept, and what they tell of near and far recommendations."""

import json

import numpy as np
import pytest
from make_library import audiosim

from audiosim.errors import TrackNotFoundError
from audiosim.library import Library
from audiosim.listening import Listening, Recommendation
from audiosim_pipelines.ratings import rate, ratings, unrate

N_TRACKS = 40


@pytest.fixture
def library(tmp_path):
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "genre", "isrc", "external_id", "duration"))
    with library.writing(), library.catalog.transaction():
        for i in range(N_TRACKS):
            library.catalog.put_track(f"{i:064x}", {"artist": "Anon", "title": f"Piece {i}", **unknown})
    return library


def recommend(library, kinds):
    Listening(library.catalog).add_recommendations(
        Recommendation(0, "seeds", ("s",), "dtw", kind, 1, track_id, 0.5) for track_id, kind in kinds.items()
    )


def test_the_last_rating_counts_and_earlier_ones_stay(library):
    rate(library, "Anon - Piece 3", 4)
    rate(library, "Anon - Piece 3", 7.5)
    rate(library, "Anon - Piece 4", 1)
    report = ratings(library)
    assert [(item.track.title, item.rating, item.n_ratings) for item in report.rated] == [
        ("Piece 3", 7.5, 2),
        ("Piece 4", 1.0, 1),
    ]
    assert [rating.rating for rating in Listening(library.catalog).all_ratings()] == [4.0, 7.5, 1.0]
    track, n_dropped = unrate(library, "Anon - Piece 3")
    assert (track.title, n_dropped) == ("Piece 3", 2)
    assert [item.track.title for item in ratings(library).rated] == ["Piece 4"]


@pytest.mark.parametrize("rating", [0, 0.99, 10.01, float("nan")])
def test_a_rating_out_of_range_is_refused(library, rating):
    with pytest.raises(ValueError, match="a rating must lie between 1 and 10, got"):
        rate(library, "Anon - Piece 3", rating)
    with pytest.raises(TrackNotFoundError, match="no track is called"):
        rate(library, "Nobody", 5)
    assert ratings(library).rated == ()


def test_too_little_gives_no_interval(library):
    nothing = ratings(library)
    assert (nothing.overall.n, nothing.overall.mean, nothing.difference.mean) == (0, None, None)
    rate(library, "Anon - Piece 1", 6)
    one = ratings(library).overall
    assert (one.n, one.mean, one.low, one.high) == (1, 6.0, None, None)


def test_near_and_far_are_told_apart(library, rng):
    ids = [track.track_id for track in library.tracks()]
    recommend(library, {**dict.fromkeys(ids[:15], "near"), **dict.fromkeys(ids[15:30], "far")})
    given = np.clip(np.r_[rng.normal(8, 1, 15), rng.normal(4, 1, 15), rng.normal(5, 1, 10)], 1, 10)
    for track_id, rating in zip(ids, given, strict=True):
        rate(library, track_id, float(rating))
    report = ratings(library)
    assert (report.overall.n, report.near.n, report.far.n) == (40, 15, 15)
    assert report.near.mean == pytest.approx(given[:15].mean())
    assert report.difference.mean == pytest.approx(given[:15].mean() - given[15:30].mean())
    assert report.difference.low > 2.0
    for mean in (report.overall, report.near, report.far, report.difference):
        assert mean.low < mean.mean < mean.high
    assert ratings(library) == report
    # What was recommended again counts as what it was last.
    recommend(library, {ids[0]: "far"})
    assert (ratings(library).near.n, ratings(library).far.n) == (14, 16)


def test_the_commands(library):
    folder = library.folder
    library.close()
    assert audiosim("rate", "Piece 3", "8", "--library", folder)[0] == "Anon - Piece 3: 8\n"
    assert "8" in audiosim("ratings", "--library", folder)[0]
    told = json.loads(audiosim("ratings", "--json", "--library", folder)[0])
    assert told["rated"][0] | {"track_id": ""} == {
        "track_id": "", "label": "Anon - Piece 3", "rating": 8.0, "n_ratings": 1, "recommended": None,
    }  # fmt: skip
    assert told["means"]["all"] == {"n": 1, "mean": 8.0, "low": None, "high": None}
    assert audiosim("rate", "Piece 3", "--clear", "--library", folder)[0] == "Anon - Piece 3: 1 ratings dropped\n"
    assert "give a rating from 1 to 10, or --clear" in audiosim("rate", "Piece 3", "--library", folder, expected=2)[1]
