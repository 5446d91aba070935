"""Feature tables and label tables: what is read, what is refused, and which tracks it finds."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError, SourceError
from audiosim.features.pooling import standardize
from audiosim.features.table import YASR_FEATURES, baseline_columns, encode, scale
from audiosim.sources.demo import write_demo
from audiosim.sources.feature_table import (
    RejectedRow,
    join,
    read_feature_table,
)
from audiosim.sources.fold import fold
from audiosim.sources.labels import read_labels


def track(track_id="", *, artist=None, title=None, isrc=None, paths=()) -> Track:
    return Track(0, track_id, artist, title, None, None, isrc, None, None, tuple(map(Path, paths)))


@pytest.fixture
def table_of(tmp_path):
    def write(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


# ---- reading ----


def test_columns_are_known_by_their_aliases(table_of):
    table = read_feature_table(table_of("Track_Artist,TRACK_NAME,Energy,popularity,tempo\nA,B,0.5,77,120\n"))
    assert table.names == ("energy", "tempo")
    np.testing.assert_array_equal(table.values, [[0.5, 120.0]])
    assert table.values.dtype == np.float64
    assert (table.keys[0].artist, table.keys[0].title, table.keys[0].id) == ("A", "B", "")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_formats_say_the_same(tmp_path, suffix):
    frame = pd.DataFrame({"track_uri": ["spotify:track:x", "spotify:track:y"], "energy": [0.25, 0.5], "key": [-1, 11]})
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(index=False).encode()
        path.write_bytes(gzip.compress(text) if suffix == ".csv.gz" else text)
    table = read_feature_table(path)
    assert [key.id for key in table.keys] == ["x", "y"]
    np.testing.assert_array_equal(table.values, [[0.25, -1], [0.5, 11]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title,energy\nA,0.5\n", r"must have a key column \(track_id, isrc, or artist and title\), got title, energy"),
        ("id,colour\n1,red\n", r"must have at least one feature column .* got id, colour"),
        ("id,energy\n1,loud\n", r"at least one row that can be used, got 1 rejected, row 1 since energy must be a fin"),
        ("id,energy\n", "at least one row that can be used, got none"),
        ("", "must be a table that can be read"),
    ],
)
def test_unusable_tables_are_refused(table_of, text, message):
    with pytest.raises(FeatureTableError, match=message):
        read_feature_table(table_of(text))


def test_files_that_are_no_tables_are_refused(tmp_path):
    with pytest.raises(FeatureTableError, match=re.escape("must end in .csv, .csv.gz or .parquet, got table.xlsx")):
        read_feature_table(tmp_path / "table.xlsx")
    for name in ("no.csv", "no.parquet"):
        with pytest.raises(FeatureTableError, match="can be read"):
            read_feature_table(tmp_path / name)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(FeatureTableError, match="can be read"):
        read_feature_table(broken)


def test_rows_are_rejected_with_their_reasons(table_of):
    rows = ["a,0.5,1000", "b,,1000", "c,nan,1000", "d,1.2,1000", "e,0.5,0", ",0.5,1000", "g,inf,1000", "h,0,1"]
    table = read_feature_table(table_of("\n".join(["id,energy,duration_ms", *rows])))
    assert [key.id for key in table.keys] == ["a", "h"]
    assert table.rejected == (
        RejectedRow(2, "energy must be a finite number, got nothing"),
        RejectedRow(3, "energy must be a finite number, got nan"),
        RejectedRow(4, "energy must lie in 0..1, got 1.2"),
        RejectedRow(5, "duration_ms must be positive and at most a day, got 0"),
        RejectedRow(6, "it has no key"),
        RejectedRow(7, "energy must be a finite number, got inf"),
    )


def test_repeated_keys_collapse_and_conflicts_are_counted(table_of):
    table = read_feature_table(table_of("id,energy\na,0.1\na,0.1\na,0.3\nb,0.2\n"))
    np.testing.assert_array_equal(table.values, [[0.1], [0.2]])
    assert (table.n_repeated, table.n_conflicting) == (1, 1)


# ---- folding and joining ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Help!", "HELP"),
        ("Déjà Vu", "Deja vu"),
        ("Heroes - 2017 Remaster", "Heroes"),
        ("Heroes (Remastered 2011)", "Heroes"),
        ("Heroes [20th Anniversary Edition]", "Heroes"),
        ("Heroes - Mono - 2011 Remaster", "Heroes"),
        ("Song (feat. Somebody) - Album Version", "Song"),
        ("Song (with Somebody)", "Song"),
        ("Song ft. Somebody", "Song featuring Somebody Else"),
        ("Don\u2019t", "Don't"),
        ("Salt & Pepper", "Salt and Pepper"),
    ],
)
def test_editions_fold_together(one, other):
    assert fold("Artist", one) == fold("Artist", other)


@pytest.mark.parametrize(
    "title", ["Song (Live)", "Song - Live / Remastered", "Song (Club Remix)", "Song - Acoustic", "Song 2", "With Song"]
)
def test_other_recordings_stay_apart(title):
    assert fold("Artist", title) != fold("Artist", "Song")


def test_names_of_punctuation_and_other_scripts_survive():
    assert fold("!!!", "?") == "!!! | ?"
    assert fold("\u30d0\u30f3\u30c9", "\u304b") != fold("\u30d0\u30f3\u30c9", "\u304c")
    assert fold("", "Song") == fold("Artist", " ") == ""


fragments = st.sampled_from(
    ["feat. ", "ft ", " (", ")", "[", "]", " - ", "Remaster", "2011", "Live", "&", "|", "'", "É", "İ", "ß", "with "]
)
names = st.lists(st.one_of(fragments, st.text(max_size=4)), max_size=8).map("".join)


@given(names, names)
def test_folding_twice_changes_nothing(artist, title):
    folded = fold(artist, title)
    if folded:
        assert folded.count(" | ") == 1
        assert fold(*folded.split(" | ")) == folded


def test_join_prefers_id_then_isrc_then_names(table_of):
    table = read_feature_table(
        table_of(
            "track_id,isrc,artist,title,energy\n"
            "a,QZ-AAA-20-00001,Ann,One,0.1\nb,QZAAA2000002,Ben,Two,0.2\nc,,Cat,Three,0.3\nd,,Cat,Three (Remaster),0.4\n"
        )
    )
    tracks = [
        track("zzz", artist="BEN", title="Two (feat. Ann)"),
        track("a", isrc="QZAAA2000002", artist="Ben", title="Two"),
        track("yyy", isrc="qz-aaa-20-00002", artist="Ann", title="One"),
        track("xxx", artist="Cat", title="Three"),
        track("www"),
    ]
    coverage = join(table, tracks)
    assert (coverage.matched, coverage.rows, coverage.unmatched) == ((0, 1, 2), (1, 0, 1), (3, 4))
    np.testing.assert_array_equal(coverage.values, [[0.2], [0.1], [0.2]])
    assert coverage.summary() == "matched 3 of 5 tracks (1 by id, 1 by ISRC, 1 by artist and title; 1 ambiguous)"
    assert join(table, []).values.shape == (0, 1)


def test_ambiguous_names_with_the_same_values_match(table_of):
    table = read_feature_table(table_of("id,artist,title,energy\nc,Cat,Three,0.3\nd,Cat,Three (Remaster),0.3\n"))
    assert join(table, [track(artist="Cat", title="Three")]).summary() == (
        "matched 1 of 1 tracks (0 by id, 0 by ISRC, 1 by artist and title)"
    )


# ---- vectors ----


def baseline_vectors(values, names, *, recipe="zscore"):
    """What a library keeps and compares: encoded rows, scaled over the tracks joined first."""
    encoded = encode(values, names, recipe=recipe)
    return standardize(encoded.astype(np.float32), scale(encoded, recipe=recipe))


def test_zscore_puts_keys_on_the_circle_of_fifths():
    keys = np.arange(-1.0, 12.0)[:, None]
    vectors = baseline_vectors(keys, ["key"])
    assert vectors.shape == (13, 2)
    assert vectors.dtype == np.float32
    unknown, c, c_sharp, g = vectors[[0, 1, 2, 8]]
    assert np.linalg.norm(c - g) < np.linalg.norm(c - unknown) < np.linalg.norm(c - c_sharp)
    np.testing.assert_allclose(np.linalg.norm(vectors[1:], axis=1), np.linalg.norm(c), rtol=1e-6)


def test_keys_half_a_turn_apart_vary_in_one_dimension():
    np.testing.assert_allclose(baseline_vectors(np.array([[0.0], [6.0]]), ["key"]), [[1, 0], [-1, 0]], atol=1e-7)


def test_zscore_standardises_what_varies(rng):
    values = np.column_stack([rng.uniform(size=50), np.full(50, 0.1), rng.uniform(1e3, 1e6, 50)])
    vectors = baseline_vectors(values, ["energy", "valence", "duration_ms"])
    assert vectors.shape == (50, 3)
    np.testing.assert_array_equal(vectors[:, 1], 0)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors.std(axis=0), [1, 0, 1], atol=1e-6)
    logarithms = np.log(values[:, 2])
    np.testing.assert_allclose(vectors[:, 2], (logarithms - logarithms.mean()) / logarithms.std(), atol=1e-5)


def test_yasr_is_min_max_of_its_ten_features():
    names = ["tempo", "key", "mode", "energy"]
    values = np.array([[60.0, 3, 1, 0.2], [120.0, 9, 1, 0.4], [90.0, 0, 1, 0.3]])
    assert baseline_columns(names, recipe="yasr") == ("energy", "tempo", "mode")
    expected = [[0, 0, 0], [1, 1, 0], [0.5, 0.5, 0]]
    np.testing.assert_allclose(baseline_vectors(values, names, recipe="yasr"), expected, atol=1e-6)
    assert len(YASR_FEATURES) == 10


def test_vectors_refuse_what_they_cannot_scale():
    with pytest.raises(ValueError, match=r"values must have shape \(n_tracks >= 1, 1\), got \(2, 2\)"):
        baseline_vectors(np.zeros((2, 2)), ["energy"])
    with pytest.raises(ValueError, match="values must be finite"):
        baseline_vectors(np.array([[np.nan]]), ["energy"])
    with pytest.raises(ValueError, match="recipe must be"):
        baseline_vectors(np.zeros((2, 1)), ["energy"], recipe="magic")
    with pytest.raises(FeatureTableError, match="needs one of its features, got key"):
        encode(np.ones((2, 1)), ["key"], recipe="yasr")


# ---- real tables ----


def genre_precision(vectors: np.ndarray, artists: np.ndarray, genres: np.ndarray, *, k: int = 10) -> float:
    """P@k of the genre under cosine, every track of the query's artist left out."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    similarity[artists[:, None] == artists] = -np.inf
    neighbors = np.argpartition(-similarity, k, axis=1)[:, :k]
    return float((genres[neighbors] == genres[:, None]).mean())


def test_scaling_is_what_makes_the_baseline(shared_data):
    path = shared_data / "spotify" / "tidytuesday_spotify_songs.parquet"
    table = read_feature_table(path)
    assert (len(table), table.n_repeated, table.n_conflicting, table.rejected) == (28_356, 4_477, 0, ())
    genre_of = pd.read_parquet(path).drop_duplicates("track_id").set_index("track_id")["playlist_genre"]
    chosen = np.random.default_rng(0).choice(len(table), 3_000, replace=False)
    artists = pd.factorize(np.array([table.keys[row].artist for row in chosen]))[0]
    genres = pd.factorize(genre_of.loc[[table.keys[row].id for row in chosen]].to_numpy())[0]
    values = table.values[chosen]
    assert 0.32 <= genre_precision(baseline_vectors(values, table.names), artists, genres) <= 0.36
    assert genre_precision(baseline_vectors(values, table.names, recipe="yasr"), artists, genres) >= 0.29
    assert genre_precision(values, artists, genres) <= 0.22


def test_other_real_tables(shared_data):
    releases = read_feature_table(shared_data / "spotify" / "new_releases_13k_artist_genres.parquet")
    assert (len(releases), len(releases.names), len(releases.rejected)) == (13_465, 11, 0)
    echonest = read_feature_table(shared_data / "fma_echonest" / "echonest_metrics_13129.csv.gz")
    assert (len(echonest), len(echonest.names)) == (13_129, 8)
    with pytest.raises(FeatureTableError, match="must have a key column"):
        read_feature_table(shared_data / "ratings" / "mcintire_like_dislike_2017.csv")


def test_a_large_table_joins_itself_by_id(shared_data):
    table = read_feature_table(shared_data / "spotify" / "tidytuesday_spotify_songs.parquet")
    coverage = join(table, [track(key.id) for key in table.keys])
    assert coverage.n_by_id == len(table) == 28_356


# ---- labels, and the demo's tables ----


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def demo_tracks(demo):
    return [
        track(f"id{i}", artist=made.artist, title=made.title, paths=[made.path]) for i, made in enumerate(demo.tracks)
    ]


def test_the_demo_has_a_baseline(demo, demo_tracks):
    coverage = join(read_feature_table(demo.features), demo_tracks)
    assert coverage.summary() == "matched 40 of 40 tracks (0 by id, 0 by ISRC, 40 by artist and title)"
    genres = pd.factorize(np.array([made.timbre for made in demo.tracks]))[0]
    artists = pd.factorize(np.array([made.artist for made in demo.tracks]))[0]
    assert genre_precision(baseline_vectors(coverage.values, coverage.names), artists, genres, k=5) > 0.5


def test_labels_of_the_demo_by_path(demo, demo_tracks):
    labels = read_labels(demo.kinship, "composition", demo_tracks)
    assert list(labels.items()) == [(f"id{i}", made.composition) for i, made in enumerate(demo.tracks)]


def test_labels_find_tracks_by_id_names_and_stem(table_of):
    tracks = [
        track("a", paths=["/x/one.flac"]),
        track("b", artist="Ben", title="Two", paths=["/x/2.flac"]),
        track("c", paths=["/x/three.flac"]),
        track("d", paths=["/x/same.flac"]),
        track("e", paths=["/y/same.flac"]),
    ]
    path = table_of(
        "track_id,File,artist,title,Mood\na,,,,calm\n,,BEN,Two (Remaster),wild\n,elsewhere/three.mp3,,,odd\n"
        ",same.ogg,,,lost\n,,,,none\na,,,,\n"
    )
    assert read_labels(path, "mood", tracks) == {"a": "calm", "b": "wild", "c": "odd"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,genre\na.wav,x\n", "must have the column 'mood', got path, genre"),
        ("name,mood\na,x\n", "must have a column path, track_id, or artist and title, got name, mood"),
        ("track_id,mood\na,x\na,y\n", "one label, row 2 says 'y' where an earlier row says 'x'"),
        ("track_id,mood\nz,x\n", "must label at least one of 1 tracks, got none in 1 rows"),
        ("track_id,mood\n", "a header and at least one row"),
        ('track_id,mood\n"a,x\n', "must be a CSV file"),
    ],
)
def test_unusable_labels_are_refused(table_of, text, message):
    with pytest.raises(SourceError, match=message):
        read_labels(table_of(text), "mood", [track("a")])


def test_labels_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(SourceError, match="can be read"):
        read_labels(tmp_path / "none.csv", "mood", [track("a")])
