# ruff: noqa: E501 - lines of tables
"""Every kind of feature table: recognised, in the same units, and what cannot be sure is refused."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_library import audiosim
from spoil import edits, spoil

from audiosim.catalog import Track
from audiosim.errors import FeatureTableError
from audiosim.library import Library
from audiosim.sources.feature_table import FeatureTable, join, read_feature_table
from audiosim.sources.table_presets import PRESETS, TableOptions
from audiosim_pipelines.baseline import import_baseline, join_baseline, write_rejected

ID = "4uLU6hMCjMI75M1A2tKUQC"
SHARES = "0.1,0.2,0.3,0.4,0.5,0.6,0.7"
SHARE_NAMES = "danceability,energy,speechiness,acousticness,instrumentalness,liveness,valence"
TABLES = {
    "spotify": f"id,uri,track_href,analysis_url,{SHARE_NAMES},duration_ms\n{ID},spotify:track:{ID},x,x,{SHARES},61000\n",
    "tidytuesday": f"track_id,track_name,track_artist,playlist_genre,{SHARE_NAMES},duration_ms\n{ID},Air,Anon,pop,{SHARES},61000\n",
    "exportify": (
        "\ufeffTrack URI,Track Name,Artist Name(s),Duration (ms),"
        f'{SHARE_NAMES.title()},Time Signature\nspotify:track:{ID},Air,"Anon,Band",61000,{SHARES},4\n'
    ),
    "yasr": f"artist_uri,artist,track_uri,track_name,artist_genres,{SHARE_NAMES}\nx,Anon,spotify:track:{ID},Air,[],{SHARES}\n",
    "hf-114k": (
        f",track_id,artists,album_name,track_name,duration_ms,{SHARE_NAMES},track_genre\n"
        f"0,{ID},Anon;Band,Suites,Air,61000,{SHARES},acoustic\n"
    ),
    "reccobeats": f"track_id,isrc,artist,title,{SHARE_NAMES},fetched_on\n{ID},USRC17607839,Anon,'=Air,{SHARES},2026-11-20\n",
    "fma-echonest": f"track_id,{SHARE_NAMES}\n{ID},{SHARES}\n",
}
THREE_ROWS = (
    ",echonest,echonest,echonest,echonest,echonest,echonest,echonest\n"
    ",audio_features,audio_features,audio_features,audio_features,audio_features,audio_features,audio_features\n"
    f",{SHARE_NAMES}\ntrack_id,,,,,,,\n{ID},{SHARES}\n"
)


def write(folder, text, name="table.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def test_every_preset_is_tried():
    assert {preset.name for preset in PRESETS} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_recognised(tmp_path, name):
    table = read_feature_table(write(tmp_path, TABLES[name]))
    assert (table.preset, table.keys[0].id, len(table)) == (name, ID, 1)
    shares = dict(zip(table.names, table.values[0].tolist(), strict=True))
    assert [shares[share] for share in SHARE_NAMES.split(",")] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert shares.get("duration_ms", 61_000) == 61_000
    # Asked for by name it is the same, and another preset does not make another table of it.
    assert read_feature_table(table.source, TableOptions(preset=name)).values.tolist() == table.values.tolist()


def test_three_rows_of_headers(tmp_path):
    table = read_feature_table(write(tmp_path, THREE_ROWS))
    assert (table.preset, table.keys[0].id, len(table), table.rejected) == ("fma-echonest", ID, 1, ())


def test_artists_of_a_row_are_all_named(tmp_path):
    for name in ("exportify", "hf-114k"):
        assert read_feature_table(write(tmp_path, TABLES[name])).keys[0].artist == "Anon, Band"
    assert read_feature_table(write(tmp_path, TABLES["reccobeats"])).keys[0].title == "=Air"


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        ("key", ["C#", "Db", "c#/Db", "B", "Cb", "11", "-1"], [1, 1, 1, 11, 11, 11, -1]),
        ("mode", ["Major", "minor", "1", "0", "maj", "min", "1.0"], [1, 0, 1, 0, 1, 0, 1]),
        ("time_signature", ["4/4", "3", "4", "5", "7/8", "1", "0"], [4, 3, 4, 5, 7, 1, 0]),
        ("duration_s", ["61", "0.5", "3", "4", "5", "6", "7"], [61_000, 500, 3_000, 4_000, 5_000, 6_000, 7_000]),
        ("energy", ["10", "20", "30", "40", "50", "100", "0"], [0.1, 0.2, 0.3, 0.4, 0.5, 1.0, 0.0]),
    ],
)
def test_units(tmp_path, header, cells, expected):
    rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    table = read_feature_table(write(tmp_path, f"id,{header}\n{rows}"))
    np.testing.assert_allclose(table.values[:, 0], expected)
    assert table.names == ("duration_ms" if header == "duration_s" else header,)
    assert bool(table.notes) == (header == "energy")


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("energy", "1.2", r"energy must lie in 0\.\.1, got 1\.2"),
        ("loudness", "-700", "loudness must be in dB, from -100 to 10, got -700"),
        ("tempo", "1e5", "tempo must be in beats per minute, from 0 to 400, got 1e5"),
        ("key", "H", "key must be a finite number, got H"),
        ("mode", "dorian", "mode must be a finite number, got dorian"),
        ("duration_ms", "0", "duration_ms must be positive and at most a day, got 0"),
        ("energy", "", "energy must be a finite number, got nothing"),
    ],
)
def test_what_cannot_be_is_rejected(tmp_path, header, cell, reason):
    table = read_feature_table(write(tmp_path, f"id,{header}\n1,0.5\n2,{cell}\n3,0.25\n"))
    assert [row.row for row in table.rejected] == [2]
    with pytest.raises(FeatureTableError, match=reason):
        read_feature_table(write(tmp_path, f"id,{header}\n2,{cell}\n"))


def values_of(folder, text):
    table = read_feature_table(write(folder, text))
    return table.values.T.tolist(), table.names, list(table.notes)


def test_durations_tell_their_unit(tmp_path):
    in_ms = ([[245_000.0, 61_000.0]], ("duration_ms",))
    for header, cells, notes in (
        ("duration", "245,61", []),
        ("duration", "245000,61000", ["duration was in milliseconds"]),
        ("duration_s", "245,61", []),
        ("duration_ms", "245000,61000", []),
        ("duration_ms", "245,61", ["duration_ms was in seconds, and is in milliseconds now"]),
    ):
        rows = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells.split(",")))
        assert values_of(tmp_path, f"id,{header}\n{rows}") == (*in_ms, notes)
    # Of several columns one counts: the one that is named, or else milliseconds.
    text = "id,duration,duration_ms,len\n1,100,245000,7\n"
    assert values_of(tmp_path, text)[0] == [[245_000.0]]
    table = read_feature_table(tmp_path / "table.csv", TableOptions(features={"duration_s": "len"}))
    assert (table.values.tolist(), table.names) == ([[7_000.0]], ("duration_ms",))
    with pytest.raises(FeatureTableError, match="duration_s must be positive and at most a day, got 245000"):
        read_feature_table(write(tmp_path, "id,duration_s\n1,245000\n"))


def test_a_table_is_in_one_unit(tmp_path):
    text = "id,energy,instrumentalness,liveness,valence\n1,50,0,0,0.5\n2,60,1,0,0.25\n3,70,0,1,0\n4,0,63,1,1\n"
    values, names, notes = values_of(tmp_path, text)
    assert dict(zip(names, values, strict=True)) == {
        "energy": [0.5, 0.6, 0.7, 0.0],
        "instrumentalness": [0.0, 0.01, 0.0, 0.63],
        "liveness": [0.0, 0.0, 0.01, 0.01],
        "valence": [0.5, 0.25, 0.0, 1.0],
    }
    assert notes == [
        f"{name} was in percent, and is a share now" for name in ("energy", "instrumentalness", "liveness")
    ]
    # Alone it may be either, and a single value beyond 1 is an error in it.
    with pytest.raises(
        FeatureTableError, match=r"instrumentalness must be a share \(0\.\.1\) or surely a percentage, got 25"
    ):
        read_feature_table(write(tmp_path, "id,instrumentalness\n1,0\n2,1\n3,0\n4,63\n"))
    rows = "".join(f"{i},0.5\n" for i in range(40))
    assert len(read_feature_table(write(tmp_path, f"id,energy\n{rows}x,63\n")).rejected) == 1


def test_rows_that_are_longer_than_the_header_do_not_move(tmp_path):
    for rows in ("a,0.5,0.25\nb,0.5,0.25\n", "a,0.5,\nb,0.5,\n"):
        with pytest.raises(FeatureTableError, match="its rows have more cells than its header has names"):
            read_feature_table(write(tmp_path, f"id,energy\n{rows}"))
    table = read_feature_table(write(tmp_path, "id,energy,valence\na,0.5,0.25\nb,0.5\n"))
    assert [row.reason for row in table.rejected] == ["valence must be a finite number, got nothing"]


def test_keys_are_the_same_however_they_are_written(tmp_path):
    url = f"https://open.spotify.com/track/{ID}?si=1"
    table = read_feature_table(write(tmp_path, f"id,isrc,energy\n{url},US-RC1-76-07839,0.5\n,unknown,0.5\n"))
    assert [(key.id, key.isrc) for key in table.keys] == [(ID, "USRC17607839")]
    assert table.rejected[0].reason == "it has no key"
    for external in (ID, f"spotify:track:{ID}", url):
        track = Track(0, "a" * 64, None, None, None, None, None, external, None, ())
        assert join(table, [track]).n_by_id == 1


def test_cells_of_parquet_may_be_anything(tmp_path):
    path = tmp_path / "table.parquet"
    artists = np.array([["Anon", "Band"], ["Anon"], None], dtype=object)
    frame = pd.DataFrame({"artist": artists, "title": [b"Air", None, "Gigue"], "energy": pd.Categorical(["0.5"] * 3)})
    frame.to_parquet(path)
    table = read_feature_table(path)
    assert [(key.artist, key.title) for key in table.keys] == [("Anon, Band", "Air")]
    pd.DataFrame({"id": ["a"], "duration": pd.to_datetime(["2020-01-01"])}).to_parquet(path)
    with pytest.raises(FeatureTableError, match="duration must be a finite number, got 2020-01-01"):
        read_feature_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators(tmp_path, encoding, separator):
    text = separator.join(("artist", "title", "energy")) + "\n" + separator.join(("Björk", "é", "0.5")) + "\n"
    table = read_feature_table(write(tmp_path, text.encode(encoding)))
    assert (table.keys[0].artist, table.keys[0].title) == ("Björk", "é")
    assert bool(table.notes) == (encoding == "latin-1")


def test_columns_can_be_named(tmp_path):
    path = write(tmp_path, "Künstler,Lied,Kraft,energy\nAnon,Air,0.25,x\n")
    options = TableOptions(features={"energy": "KRAFT"}, keys={"artist": "künstler", "title": "Lied"})
    table = read_feature_table(path, options)
    assert (table.values.tolist(), table.keys[0].title) == ([[0.25]], "Air")
    for bad, reason in (
        (TableOptions(features={"kraft": "Kraft"}), "'kraft' is nothing that a column can hold"),
        (TableOptions(features={"energy": "Wut"}), "there is no column 'Wut' for energy; the table has künstler, lied"),
        (TableOptions(preset="deezer"), "there is no preset 'deezer'; choose from exportify, fma-echonest, hf-114k"),
    ):
        with pytest.raises(FeatureTableError, match=reason):
            read_feature_table(path, bad)


def test_a_table_that_is_read_otherwise_replaces_the_old_one(tmp_path):
    library = Library.create(tmp_path / "library")
    unknown = dict.fromkeys(("album", "genre", "isrc", "external_id", "duration"))
    with library.writing(), library.catalog.transaction():
        library.catalog.put_track("a" * 64, {**unknown, "artist": "Anon", "title": "Air"})
    path = write(tmp_path, "artist,title,a,b\nAnon,Air,0.25,0.75\nAnon,Air,0.25,2\n,,1,1\n")
    from audiosim_pipelines.settings import Settings

    for column in ("a", "b"):
        report = import_baseline(library, path, TableOptions(features={"energy": column}))
        assert join_baseline(library, Settings()).n_matched == 1
        assert json.loads((library.folder / "baseline.json").read_text())["features"] == {"energy": column}
    assert (report.n_rows, report.n_kept, report.n_repeated, len(report.rejected)) == (3, 1, 0, 2)
    assert report.reasons[0].startswith("1 x, first in row ")
    write_rejected(report.rejected, tmp_path / "rejected.csv")
    assert pd.read_csv(tmp_path / "rejected.csv")["row"].tolist() == [2, 3]


def test_real_tables(shared_data):
    expected = {
        "spotify/tidytuesday_spotify_songs.parquet": ("tidytuesday", 32_833, 28_356, 4_477, 0),
        "spotify/new_releases_13k_artist_genres.parquet": ("yasr", 13_465, 13_465, 0, 0),
        "fma_echonest/echonest_metrics_13129.csv.gz": ("fma-echonest", 13_129, 13_129, 0, 0),
    }
    for name, counts in expected.items():
        table = read_feature_table(shared_data / name)
        assert (table.preset, table.n_rows, len(table), table.n_repeated, len(table.rejected)) == counts
        assert table.notes == ()
    with pytest.raises(
        FeatureTableError, match=r"must have a key column \(track_id, isrc, or artist and title\), got acous"
    ):
        read_feature_table(shared_data / "ratings" / "mcintire_like_dislike_2017.csv")


def assert_read_or_refused(path):
    try:
        table = read_feature_table(path)
    except FeatureTableError as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is right
    else:
        assert isinstance(table, FeatureTable)
        assert np.isfinite(table.values).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=800)
@given(st.sampled_from([*TABLES.values(), THREE_ROWS]), edits)
def test_what_is_nearly_right_is_read_or_refused_in_words(tmp_path, text, edits):
    assert_read_or_refused(write(tmp_path, spoil(text, edits)))


columns = st.sampled_from(
    ["id", "isrc", "artist", "title", "energy", "key", "mode", "duration", "tempo", "valence", "x"]
)
cells = st.sampled_from(["0.5", "1", "C#", "major", "4/4", "", '"', "nan", "inf", "1e999", "-1", "=x", "50", "\u00e9"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    st.lists(columns, min_size=1, max_size=5),
    st.lists(st.lists(cells, max_size=6), max_size=3),
    st.sampled_from([",", ";", "\t"]),
)
def test_tables_of_anything_are_read_or_refused_in_words(tmp_path, header, rows, separator):
    text = "\n".join([separator.join(header), *(separator.join(row) for row in rows)])
    assert_read_or_refused(write(tmp_path, text))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 2**14), st.integers(0, 255)), min_size=1, max_size=8))
def test_broken_parquet_is_read_or_refused_in_words(tmp_path, parquet, changes):
    content = bytearray(parquet)
    for place, byte in changes:
        content[place % len(content)] = byte
    assert_read_or_refused(write(tmp_path, bytes(content), "table.parquet"))


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    path = tmp_path_factory.mktemp("parquet") / "table.parquet"
    pd.DataFrame({"id": ["a", "b"], "artist": ["A", "B"], "energy": [0.25, 0.5], "key": [1, 2]}).to_parquet(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b", gzip.compress(b"id,energy\n1,0.5\n", mtime=0)[:-5], b"\0" * 10, b"\xff\xfe\0"],
    ids=["empty", "gzip magic", "cut gzip", "zeros", "cut UTF-16"],
)
def test_broken_files_are_refused(tmp_path, content):
    for name in ("table.csv", "table.csv.gz", "table.parquet"):
        with pytest.raises(FeatureTableError, match=name):
            read_feature_table(write(tmp_path, content, name))


def test_a_table_has_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr("audiosim.sources.table_frame._MOST_BYTES", 2**20)
    content = b"id,energy\n" + b"1,0.5\n" * 200_000
    for name, packed in (("table.csv", content), ("table.csv.gz", gzip.compress(content))):
        with pytest.raises(FeatureTableError, match="it has more than 1 MiB"):
            read_feature_table(write(tmp_path, packed, name))


@pytest.mark.parametrize("error", [KeyError("kind"), TypeError("a"), NotImplementedError("a type")])
def test_what_the_reader_of_parquet_stumbles_over_is_an_error_of_the_table(tmp_path, monkeypatch, error):
    def stumble(_):
        raise error

    monkeypatch.setattr(pd, "read_parquet", stumble)
    with pytest.raises(
        FeatureTableError, match=rf"table\.parquet .* no Parquet that can be read \({type(error).__name__}"
    ):
        read_feature_table(write(tmp_path, b"x", "table.parquet"))


def test_the_command(tmp_path):
    folder = tmp_path / "library"
    Library.create(folder).close()
    path = write(
        tmp_path, "Track URI,Track Name,Artist Name(s),Kraft\nspotify:track:1,Air,Anon,50\nspotify:track:2,Air,Anon,x\n"
    )
    stdout, stderr = audiosim(
        "baseline", "import", path, "--column", "energy=Kraft", "--rejected", tmp_path / "r.csv", "--library", folder
    )
    assert "matched 0 of 0 tracks" in stdout
    assert "read as exportify: 2 rows, 1 kept, 0 repeated, 0 contradicting, 1 rejected; features: energy" in stderr
    assert "energy was in percent, and is a share now" in stderr
    assert "rejected: 1 x, first in row 2: energy must be a finite number, got x" in stderr
    assert (tmp_path / "r.csv").read_text().startswith("row,reason\n2,")
    assert "--column must be NAME=COLUMN, got 'x'" in audiosim(
        "baseline", "import", path, "--column", "x", "--library", folder, expected=2
    )[1].replace("\n", " ").replace("│", "").replace("  ", " ")
