"""Taste in a library: what is rated, expected and to be rated next; and the commands, of libraries and of tables."""

import json

import numpy as np
import pandas as pd
import pytest
from test_cli import assert_documented

from audiosim.errors import FeatureTableError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend.taste.models import LIKE_MODELS, RATING_MODELS, TasteModel
from audiosim.recommend.taste.steadiness import steadiness
from audiosim.recommend.taste.trials import TasteEffort
from audiosim_pipelines.features import DescriptorTable
from audiosim_pipelines.neighbor_table import table_path
from audiosim_pipelines.taste import evaluation as taste
from audiosim_pipelines.taste import ground
from audiosim_pipelines.taste import next_to_rate as next_module
from audiosim_pipelines.taste.next_to_rate import next_to_rate

QUICK = TasteEffort(n_trees=5, n_repeats=1)
QUICKLY = ("--trees", "5", "--repeats", "1", "--threads", "1")


# Libraries


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Forty tracks by twenty artists, whose descriptors stand in for computed ones; the first thirty may be rated."""
    descriptors = np.random.default_rng(5).uniform(0.1, 1.0, (40, len(DESCRIPTORS)))
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "genre", "isrc", "external_id", "duration"))
    with library.writing(), library.catalog.transaction():
        for i in range(40):
            said = {"artist": f"Artist {i % 20}", "title": f"Piece {i}", **unknown}
            library.catalog.put_track(f"{i:064x}", said)
    tracks = library.tracks()
    monkeypatch.setattr(ground, "descriptor_table", lambda _: DescriptorTable(tracks, descriptors, ()))
    return library, tracks, descriptors


def rate_by(library, tracks, ratings, *, rated_at=0):
    with library.writing():
        for track, rating in zip(tracks, ratings, strict=True):
            Listening(library.catalog).rate(track.track_id, float(rating), rated_at=rated_at)


def test_a_library_s_ratings_predict_the_rest(library):
    """Ratings that follow the energy: the tracks left are ranked by it, on the scale of ratings, with an interval."""
    library, tracks, descriptors = library
    energy = descriptors[:, DESCRIPTORS.index("energy_est")]
    rate_by(library, tracks[:30], 1 + 9 * (energy[:30] > 0.55))
    report = taste.fit_library(library, effort=QUICK)
    assert (report.evaluation.n_ratings, report.ground.kind) == (30, "rating")
    prediction = taste.predict_library(library, effort=QUICK)
    assert {item.track_id for item in prediction.expected} == {track.track_id for track in tracks[30:]}
    expected = [item.expected for item in prediction.expected]
    assert expected == sorted(expected, reverse=True)
    for item in prediction.expected:
        assert 1 <= item.low <= item.expected <= item.high <= 10
    assert taste.predict_library(library, effort=QUICK) == prediction


def test_ratings_of_another_day_say_how_steady_they_are(library, command):
    """Corrected at once, five tracks are rated again a day later, and one of these once more, on a third day."""
    library, tracks, _ = library
    ratings = np.tile([2.0, 4.0, 6.0, 8.0, 9.0], 6)
    rate_by(library, tracks[:30], ratings + 1.0)
    rate_by(library, tracks[:30], ratings, rated_at=3_600)
    assert taste.fit_library(library, effort=QUICK).ground.steadiness is None
    rate_by(library, tracks[:5], [3.0, 4.0, 6.0, 7.0, 9.0], rated_at=3_600 + 86_400)
    rate_by(library, tracks[:1], [2.0], rated_at=3_600 + 2 * 86_400)
    found = taste.fit_library(library, effort=QUICK)
    # The first track's last two days are 3 and 2.
    first, again = [3.0, 4.0, 6.0, 8.0, 9.0], [2.0, 4.0, 6.0, 7.0, 9.0]
    assert found.ground.steadiness == steadiness(np.array(first), np.array(again))
    assert (found.ground.steadiness.n_tracks, found.ground.steadiness.mean_change) == (5, 0.4)
    asked = ("taste", "fit", "--library", library.folder, *QUICKLY)
    said = json.loads(command(*asked, "--json").output)
    assert said["steadiness"]["n_tracks"] == 5
    assert said["steadiness"]["correlation"]["low"] < said["steadiness"]["correlation"]["value"] < 1
    assert "5 tracks were rated again on another day: the two ratings differ by 0.4 points" in command(*asked).output
    # Likes are of another kind.
    with library.writing():
        Listening(library.catalog).import_ratings({t.track_id: 1.0 for t in tracks[:31]}, kind="like", source="a table")
    assert ground.library_ground(library, kind="like").ground.steadiness is None


def test_without_a_signal_the_mean_is_expected(library):
    library, tracks, _ = library
    rate_by(library, tracks[:30], np.random.default_rng(1).permutation(np.tile([4.0, 6.0], 15)))
    prediction = taste.predict_library(library, effort=QUICK)
    assert prediction.evaluation.verdict == "no signal"
    assert {item.expected for item in prediction.expected} == {5.0}


def test_what_to_rate_next_is_not_rated_yet(library, command):
    library, tracks, _ = library
    rate_by(library, tracks[:38], np.full(38, 5.0))
    found = next_to_rate(library)
    assert {item.track_id for item in found.tracks} == {track.track_id for track in tracks[38:]}
    assert "takes ratings that differ" in found.too_few
    said = json.loads(command("taste", "next", "-n", "1", "--library", library.folder, "--json").output)
    assert len(said["tracks"]) == 1
    rate_by(library, tracks[38:], [5.0, 5.0])
    assert command("taste", "next", "--library", library.folder).output == "all tracks are rated\n"
    outcome = command("taste", "predict", "--library", library.folder)
    assert outcome.code == 1
    assert "takes ratings that differ, got 5 for all 40 tracks" in outcome.messages


def test_a_library_without_ratings_says_what_it_takes(library, command):
    library, _, _ = library
    for verb in ("fit", "predict"):
        outcome = command("taste", verb, "--library", library.folder)
        assert outcome.code == 1
        assert "takes 20 ratings of tracks by 10 artists, got 0 by 0; rate more tracks" in outcome.messages
    found = next_to_rate(library)
    assert [item.purpose for item in found.tracks] == ["explore"] * 10
    assert all("unlike the library's mean" in item.why for item in found.tracks)


def test_the_command_names_what_would_please(library, command):
    library, tracks, descriptors = library
    rate_by(library, tracks[:30], 1 + 9 * descriptors[:30, DESCRIPTORS.index("energy_est")])
    options = (*QUICKLY, "--library", library.folder, "-n", "3")
    output = command("taste", "predict", *options, "--json").output
    assert_documented("taste predict", output)
    said = json.loads(output)
    text = command("taste", "predict", *options).output
    assert len(said["expected"]) == 3
    assert said["expected"][0]["label"] in text
    assert said["verdict"] in text


def like_by(library, tracks, values, kind):
    with library.writing():
        values = {track.track_id: float(value) for track, value in zip(tracks, values, strict=True)}
        Listening(library.catalog).import_ratings(values, kind=kind, source="a table")


def test_kinds_are_not_mixed(library):
    """Likes of thirty tracks and ratings of ten: the more frequent kind is learned from, the other said and left."""
    library, tracks, descriptors = library
    energy = descriptors[:, DESCRIPTORS.index("energy_est")]
    like_by(library, tracks[:30], energy[:30] > np.median(energy[:30]), "like")
    rate_by(library, tracks[30:], np.full(10, 9.0))
    report = taste.fit_library(library, effort=QUICK)
    assert (report.ground.kind, report.ground.left_aside) == ("like", (("rating", 10),))
    assert report.evaluation.is_binary
    assert set(np.unique(report.ground.rated.ratings)) == {0.0, 1.0}
    prediction = taste.predict_library(library, effort=QUICK)
    assert {item.track_id for item in prediction.expected} == {track.track_id for track in tracks[30:]}
    assert all(0 <= item.expected <= 1 and item.low is None for item in prediction.expected)
    with pytest.raises(FeatureTableError, match="takes 20 ratings of tracks by 10 artists, got 10 by 10"):
        taste.fit_library(library, kind="rating", effort=QUICK)


def test_plays_are_learned_as_logarithms_and_shown_as_plays(library):
    library, tracks, descriptors = library
    energy = descriptors[:, DESCRIPTORS.index("energy_est")]
    like_by(library, tracks[:30], np.round(np.exp(4 * energy[:30])), "plays")
    prediction = taste.predict_library(library, effort=QUICK)
    assert prediction.kind == "plays"
    best = prediction.expected[0]
    assert 0 <= best.low < best.expected < best.high
    assert 5 < best.expected < 60


def test_a_rating_by_hand_outweighs_an_imported_one(library):
    library, tracks, _ = library
    like_by(library, tracks[:2], [3.0, 4.0], "rating")
    rate_by(library, tracks[:1], [9.0])
    listening = Listening(library.catalog)
    assert listening.opinions("rating") == {tracks[0].track_id: 9.0, tracks[1].track_id: 4.0}
    with library.writing():
        assert listening.forget_ratings(tracks[0].track_id) == 2
    assert listening.opinions("rating") == {tracks[1].track_id: 4.0}


def test_hubs_are_not_to_be_rated_next(library):
    """Two tracks are near to all others: their ratings would tell little."""
    library, tracks, _ = library
    ids = [track.track_id for track in tracks]
    rows = [
        (query, rank, target)
        for i, query in enumerate(ids)
        for rank, target in enumerate([*ids[:2], *(ids[(i + j) % 40] for j in range(1, 9))], start=1)
    ]
    path = table_path(library.folder, "timbre")
    path.parent.mkdir()
    pd.DataFrame(rows, columns=["query_id", "rank", "target_id"]).to_parquet(path)
    with library.catalog.transaction():
        library.catalog.put_matrix("timbre", fingerprint="", n_rows=40, details={})
    found = next_to_rate(library, n=38)
    assert found.n_hubs == 0  # forty times is below five times ten
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(next_module, "_TIMES", 3)
        found = next_to_rate(library, n=38)
        assert (found.n_hubs, found.measures) == (2, ("timbre",))
        assert {item.track_id for item in found.tracks} == set(ids[2:])
        assert len(next_to_rate(library, n=40).tracks) == 40  # rather hubs than nothing


def test_once_a_taste_shows_some_of_the_next_may_please(library, command):
    """Of ten, seven teach and three may please; those have the energy that is liked."""
    library, tracks, descriptors = library
    energy = descriptors[:, DESCRIPTORS.index("energy_est")]
    rate_by(library, tracks[:26], 1 + 9 * energy[:26])
    output = command("taste", "next", *QUICKLY, "--library", library.folder, "--json").output
    assert_documented("taste next", output)
    said = json.loads(output)
    assert said["verdict"] == "better than the mean"
    assert [track["purpose"] for track in said["tracks"]] == ["explore"] * 7 + ["exploit"] * 3
    assert len({track["track_id"] for track in said["tracks"]}) == 10
    row = {track.track_id: i for i, track in enumerate(tracks)}
    pleasing = [energy[row[track["track_id"]]] for track in said["tracks"][7:]]
    assert np.mean(pleasing) > np.mean(energy[26:])
    assert "may please: a rating of" in said["tracks"][-1]["why"]
    assert "SD above" in " ".join(track["why"] for track in said["tracks"])


def test_an_interrupted_fit_goes_on_where_it_was(library, monkeypatch, tmp_path):
    """What was computed before is not computed again, and the answer is the same."""
    library, tracks, descriptors = library
    monkeypatch.setenv("AUDIOSIM_CACHE", str(tmp_path / "cache"))
    rate_by(library, tracks[:30], 1 + 9 * descriptors[:30, DESCRIPTORS.index("energy_est")])
    whole = taste.fit_library(library, effort=QUICK).evaluation
    fits, fit = [], TasteModel.fit

    def counted(self, *arguments):
        fits.append(self.name)
        if len(fits) == n_until:
            raise KeyboardInterrupt
        return fit(self, *arguments)

    monkeypatch.setattr(TasteModel, "fit", counted)
    n_until = 0
    taste.fit_library(library, effort=QUICK)
    n_whole, n_until = len(fits), 3 * len(fits) // 5 + 2  # in the fourth fold
    fits.clear()
    with pytest.raises(KeyboardInterrupt):
        taste.fit_library(library, effort=QUICK)
    fits.clear()
    n_until = 0
    assert taste.fit_library(library, effort=QUICK).evaluation == whole
    assert len(fits) == 2 * n_whole // 5
    # Other ratings are another computation.
    fits.clear()
    rate_by(library, tracks[30:31], [5.0])
    taste.fit_library(library, effort=QUICK)
    assert len(fits) == n_whole


# Commands


@pytest.fixture
def liked(tmp_path, rng):
    """A table of sixty songs; the loud ones are liked, for the most part."""
    energy = rng.uniform(0, 1, 60).round(3)
    frame = pd.DataFrame(
        {
            "artist": [f"Artist {i % 30}" for i in range(60)],
            "title": [f"Song {i}" for i in range(60)],
            "energy": energy,
            "valence": rng.uniform(0, 1, 60).round(3),
            "like": (energy + rng.normal(0, 0.1, 60) > 0.5).astype(int),
            "score": (1 + 9 * energy).round(1),
            "played": (100 * energy).astype(int),
        }
    )
    frame.to_csv(tmp_path / "liked.csv", index=False)
    return tmp_path / "liked.csv"


@pytest.mark.parametrize(
    ("column", "kind", "found"),
    [("like", "auto", "like"), ("score", "auto", "rating"), ("played", "plays", "plays"), ("like", "rating", "rating")],
)
def test_the_command_tells_likes_ratings_and_plays_apart(liked, command, column, kind, found):
    options = ("--rating", column, "--kind", kind, *QUICKLY)
    said = json.loads(command("taste", "fit", liked, *options, "--json").output)
    assert (said["kind"], said["n_ratings"], said["n_artists"]) == (found, 60, 30)
    assert said["verdict"] == "better than the mean"
    assert [row["model"] for row in said["models"]] == [
        *(name for name in (LIKE_MODELS if found == "like" else RATING_MODELS) if name != "genre mean"),
        "chosen",
    ]
    assert (said["interval"]["half_width"] is None) == (found == "like")
    text = command("taste", "fit", liked, *options).output
    assert "better than the mean: the" in text
    assert f"p = {said['p_value']:.3f}" in text


def test_a_column_of_words_is_refused(liked, command):
    outcome = command("taste", "fit", liked, "--rating", "title")
    assert outcome.code == 1
    assert "every title must be a number, got 'Song 0'; choose another column" in outcome.messages
