"""The pages about taste: what they say, what is drawn, and sides that are never mixed by accident."""

import json
from dataclasses import asdict, replace

import browser
import numpy as np
import pandas as pd
import pytest
from test_cli import KEYS, assert_documented

from audiosim.errors import FeatureTableError, NotComputedError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.library import Library
from audiosim.listening import Listening
from audiosim.recommend.taste.steadiness import steadiness
from audiosim.recommend.taste.trials import TasteEffort
from audiosim_pipelines.baseline import import_baseline
from audiosim_pipelines.features import DescriptorTable
from audiosim_pipelines.pages.taste import comparison_page, taste_page
from audiosim_pipelines.pages.taste.contents import pictures
from audiosim_pipelines.taste import ground
from audiosim_pipelines.taste.analysis import analyse_table
from audiosim_pipelines.taste.comparison import Request, compare_sides

QUICK = TasteEffort(n_trees=5, n_repeats=1)
QUICKLY = ("--trees", "5", "--repeats", "1", "--threads", "1")
N = 60


def songs(seed, *, louder=0.0):
    """Sixty songs by twenty artists; the loud ones are liked, and valence follows mode."""
    rng = np.random.default_rng(seed)
    energy, mode = rng.uniform(0, 0.7, N) + louder, rng.integers(0, 2, N)
    return pd.DataFrame(
        {
            "artist": [f"Artist {i % 20}" for i in range(N)],
            "title": [f"Song {i}" for i in range(N)],
            "energy": energy.round(3),
            "valence": np.clip(rng.normal(0.4 + 0.2 * mode, 0.1), 0, 1).round(3),
            "mode": mode,
            "tempo": rng.uniform(60, 180, N).round(1),
            **{f"timbre_{i}": rng.normal(0, 30, N).round(1) for i in range(3)},
            "bass": rng.uniform(0, 5, N).round(2),
            "like": (energy + rng.normal(0, 0.08, N) > 0.35 + louder).astype(int),
            "rating": (1 + 9 * np.clip(energy + rng.normal(0, 0.05, N), 0, 1)).round(1),
        }
    )


@pytest.fixture
def table(tmp_path):
    songs(1).to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


@pytest.fixture(scope="module")
def pages(analysed, tmp_path_factory):
    """The pages as files: of ratings, of likes, and of two sides."""
    folder = tmp_path_factory.mktemp("pages")
    for i in range(2):
        songs(1 + 6 * i).to_csv(folder / f"{i}.csv", index=False)
    sides = compare_sides(str(folder / "0.csv"), str(folder / "1.csv"), Request(library=folder))
    contents = {name: taste_page(found) for name, found in analysed.items()} | {"sides": comparison_page(sides)}
    for name, content in contents.items():
        (folder / f"{name}.html").write_bytes(content)
    return {name: folder / f"{name}.html" for name in contents}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    path = tmp_path_factory.mktemp("taste") / "mine.csv"
    songs(1).to_csv(path, index=False)
    return {column: analyse_table(path, column, effort=QUICK) for column in ("rating", "like")}


# The page of a taste


def test_the_page_says_what_was_found(analysed, pages):
    for column, found in analysed.items():
        text = pages[column].read_text(encoding="utf-8")
        assert f">{found.evaluation.verdict}</span>" in text
        assert "told from the features: for artists that no model had heard" in text
        assert "Does valence follow mode? Strongly: tracks in major" in text
        for name in dict(found.evaluation.rows):
            assert f'<th scope="row">{name}</th>' in text
    assert "A new rating should lie within" in pages["rating"].read_text(encoding="utf-8")
    assert "likes have no interval" in pages["like"].read_text(encoding="utf-8")
    assert taste_page(analysed["like"]) == pages["like"].read_bytes()


def test_the_page_says_how_steady_ratings_are(analysed, pages):
    assert "rated again on another day" not in pages["rating"].read_text(encoding="utf-8")
    steady = steadiness(np.arange(9.0), np.arange(9.0) % 7)
    found = replace(analysed["rating"], ground=replace(analysed["rating"].ground, steadiness=steady))
    assert f"<p>{steady.sentence}</p>" in taste_page(found).decode()


def test_pictures_say_in_words_what_they_show(analysed):
    found = analysed["rating"]
    shown = pictures(found)
    assert list(shown) == ["permuted", "predicted", "curve", "importance", "correlations", "mode"]
    assert "0 are told as well as the true ones" in shown["permuted"].alt
    assert f"of {N} tracks" in shown["predicted"].alt
    assert "Above 0 for sure: energy" in shown["importance"].alt
    assert "the strongest: mode with valence 0." in shown["correlations"].alt


def test_no_signal_is_said(tmp_path):
    frame = songs(2)
    frame["rating"] = np.random.default_rng(9).permutation(frame["rating"])
    frame.drop(columns="mode").to_csv(tmp_path / "noise.csv", index=False)
    found = analyse_table(tmp_path / "noise.csv", "rating", effort=QUICK)
    assert found.sentence.startswith("No signal: from these features the ratings cannot be told.")
    text = taste_page(found).decode()
    assert "Does valence follow mode? These tracks do not tell" in text
    assert 'id="mode"' not in text


def test_the_command_writes_pages_and_pictures(table, tmp_path, command):
    out = tmp_path / "out"
    asked = ("taste", "report", table, "--feature", "bass", *QUICKLY)
    outcome = command(*asked, "-o", out / "mine.html", "--json")
    said = json.loads(outcome.output)
    assert (said["steadiness"], said["left_aside"]) == (None, {})
    of_libraries = {
        "left_aside": {"like": 3},
        "steadiness": asdict(steadiness(np.arange(9.0), np.arange(9.0) % 7)),
    }
    of_fit = {key.partition(".")[0].partition("[")[0] for key in KEYS["taste fit"]}
    assert_documented("taste fit", json.dumps({key: said[key] for key in of_fit} | of_libraries))
    assert_documented("taste report", json.dumps({key: value for key, value in said.items() if key not in of_fit}))
    assert said["files"] == [str(out / "mine.html")]
    assert {"timbre_0", "timbre_2", "bass", "energy"} <= {
        name for item in said["importances"] for name in item["features"]
    }
    assert said["importances"][0]["features"] == ["energy"]
    assert (out / "mine.html").read_bytes().startswith(b"<!DOCTYPE html>")
    text = command(*asked, "-o", out / "mine.svg")
    assert text.output.startswith("The ratings can be told from the features")
    files = {path.name: path.read_bytes() for path in out.glob("*.svg")}
    assert sorted(files) == [
        f"mine {name}.svg" for name in ("correlations", "curve", "importance", "mode", "permuted", "predicted")
    ]
    assert all(content.startswith(b"<?xml") for content in files.values())
    assert "of a table, say where the page is to lie" in command(*asked).messages
    assert "a page is written as html, png, svg" in command(*asked, "-o", out / "mine.pdf").messages


def test_a_column_that_is_not_there_is_no_feature(table, command):
    outcome = command("taste", "fit", table, "--feature", "treble")
    assert outcome.code == 1
    assert "must have the column 'treble', got artist, title" in outcome.messages


def test_what_is_no_amount_is_no_feature(table, command):
    outcome = command("taste", "fit", table, "--feature", "title")
    assert outcome.code == 1
    assert "title must be a finite number, got Song 0" in outcome.messages


# Two sides


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Forty tracks with estimates, the second half of which is liked and louder; a table knows official values."""
    rng = np.random.default_rng(4)
    values = rng.uniform(0.1, 0.6, (40, len(DESCRIPTORS)))
    values[20:, DESCRIPTORS.index("energy_est")] += 0.35
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "genre", "isrc", "external_id", "duration"))
    with library.writing(), library.catalog.transaction():
        for i in range(40):
            library.catalog.put_track(f"{i:064x}", {"artist": f"Artist {i % 20}", "title": f"Song {i}", **unknown})
    tracks = library.tracks()
    for track in tracks:
        Listening(library.catalog).rate(track.track_id, 9.0 if track.position > 20 else 4.0, rated_at=0)
    monkeypatch.setattr(ground, "descriptor_table", lambda _: DescriptorTable(tracks, values, ()))
    return library


def test_what_is_liked_stands_beside_the_rest(library, command):
    output = command("taste", "compare", "liked", "library", "--library", library.folder, "--json").output
    assert_documented("taste compare", output)
    said = json.loads(output)
    assert (said["a"]["name"], said["a"]["n_tracks"]) == ("liked (rated at least 7)", 20)
    assert (said["b"]["name"], said["b"]["n_tracks"]) == ("library without what is liked", 20)
    assert said["features"][0]["name"] == "energy_est"
    assert said["features"][0]["adjusted"] < 0.05 < said["features"][1]["adjusted"]
    assert "key_est" not in {row["name"] for row in said["features"]}
    assert (library.folder / "reports" / "taste-compare.html").exists()
    text = command("taste", "compare", "liked", "library", "--library", library.folder).output
    assert "most of them energy_est: A has more of it" in text
    stricter = command(
        "taste", "compare", "liked", "library", "--at-least", "9.5", "--library", library.folder, "--json"
    )
    assert "a side must have at least 5 tracks, got 0 of liked (rated at least 9.5)" in stricter.messages


def test_estimates_and_official_values_are_never_mixed_by_accident(library, table):
    request = Request(library=library.folder)
    for sides in (("library", "baseline"), ("liked", str(table))):
        with pytest.raises(NotComputedError, match="official values are only known of an imported table"):
            compare_sides(*sides, request)
    mixed = compare_sides("library", str(table), replace(request, is_mixed=True))
    assert {row.name for row in mixed.rows} == {"energy", "valence", "mode", "tempo"}
    assert any("part of every difference is that of the two" in note for note in mixed.notes)
    # With an imported table, both sides are official.
    import_baseline(library, table)
    found = compare_sides("liked", "baseline", request)
    assert not found.a.is_estimate
    assert (len(found.a), len(found.b)) == (20, N)
    found = compare_sides("liked", str(table), request)
    assert {row.name for row in found.rows} == {"energy", "valence", "mode", "tempo"}


def test_an_estimate_beside_an_official_value_of_a_table_is_refused(library, tmp_path, table):
    exported = pd.DataFrame(np.random.default_rng(0).uniform(0.1, 0.9, (9, len(DESCRIPTORS))), columns=DESCRIPTORS)
    exported.to_csv(tmp_path / "friend.csv", index=False)
    request = Request(library=library.folder)
    with pytest.raises(FeatureTableError, match=r"both sides must be of one kind, got audiosim's own estimates of fri"):
        compare_sides(str(tmp_path / "friend.csv"), str(table), request)
    found = compare_sides("library", str(tmp_path / "friend.csv"), request)
    assert len(found.rows) == len(DESCRIPTORS) - 1
    assert "friend.csv names no artists: every track counts as one's own" in " ".join(found.notes)


def test_two_listeners_by_what_they_like(table, tmp_path, command):
    """The other listener likes it louder. Without a library the page is where -o says."""
    songs(7, louder=0.25).to_csv(tmp_path / "theirs.csv", index=False)
    asked = ("taste", "compare", table, tmp_path / "theirs.csv", "--rating", "like", "--library", tmp_path / "none")
    said = json.loads(command(*asked, "--json").output)
    assert said["a"]["name"] == "mine.csv (like: yes)"
    assert said["a"]["n_tracks"] < N
    assert said["files"] == []
    assert (said["features"][0]["name"], said["features"][0]["delta"]["high"] < 0) == ("energy", True)
    text = command(*asked, "-o", tmp_path / "two.html").output
    assert "most of them energy: A has less of it" in text
    again = compare_sides(str(table), str(tmp_path / "theirs.csv"), Request(library=tmp_path, rating="like"))
    assert comparison_page(again) == (tmp_path / "two.html").read_bytes()


def test_a_public_table_needs_no_ratings(table, tmp_path):
    songs(3).drop(columns=["like", "rating"]).to_csv(tmp_path / "public.csv", index=False)
    found = compare_sides(str(table), str(tmp_path / "public.csv"), Request(library=tmp_path, rating="like"))
    assert (len(found.a) < N, len(found.b)) == (True, N)
    none = compare_sides(str(table), str(table), Request(library=tmp_path))
    assert none.sentence.startswith("No difference is sure")
    assert {row.distance.value for row in none.rows} == {0.0}


# In a browser


@pytest.mark.parametrize("screen", browser.SCREENS)
def test_the_pages_are_sound(pages, tmp_path, screen):
    with browser.chromium() as chromium:
        for name, path in pages.items():
            with browser.visit(chromium, path, screen=screen) as found:
                browser.assert_sound(found, n_pictures=1 if name == "sides" else 6, n_players=0)
                found.screenshot(tmp_path / f"{name} {screen}.png")
