"""Ratings from tables and from the history: rows find tracks, kinds lie apart, nothing is imported twice."""

import json

import pandas as pd
import pytest
from test_cli import assert_documented

from audiosim.errors import FeatureTableError
from audiosim.library import Library
from audiosim.listening import ImportedRatings, Listening
from audiosim.sources.play import Play
from audiosim.sources.rating_table import read_rating_table
from audiosim_pipelines.taste.imports import import_history, import_ratings

ISRC = "USRC17607839"


@pytest.fixture
def library(tmp_path):
    """Six tracks: five with names of their own, of which one goes by a Spotify id and one by an ISRC, and a copy."""
    library = Library.create(tmp_path / "library")
    with library.writing(), library.catalog.transaction():
        for i in range(6):
            named = {"artist": "Ann", "title": f"Piece {min(i, 4)}", "album": None, "genre": None, "duration": None}
            ids = {"isrc": ISRC if i == 1 else None, "external_id": "sp0tify" if i == 0 else None}
            library.catalog.put_track(f"{i:064x}", named | ids)
            library.catalog.put_file(tmp_path / "music" / f"{i}.ogg", f"{i:064x}", size=1, mtime_ns=1)
    return library


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_find_tracks_by_whatever_names_them(library, tmp_path):
    tracks = library.tracks()
    path = table(
        tmp_path,
        "track_id,isrc,path,artist,title,rating\n"
        "spotify:track:sp0tify,,,,,1\n"
        f",{ISRC.lower()},,,,2\n"
        ",,music/2.ogg,,,3\n"
        ",,,ANN,piece 3 (2011 Remaster),4\n"
        f"{5:064x},,,,,5.5\n",
    )
    found = read_rating_table(path, tracks)
    assert found.values == {tracks[i].track_id: value for i, value in enumerate([1, 2, 3, 4])} | {
        tracks[5].track_id: 5.5
    }
    assert (found.column, found.kind, found.rejected) == ("rating", "rating", ())


def test_rows_of_no_use_are_listed_with_reasons(library, tmp_path, command):
    """What matches nothing, means two tracks, contradicts, is no rating or out of range; the rest is kept, exit 3."""
    path = table(
        tmp_path,
        "artist,title,rating\n"
        "Ann,Piece 0,7\n"
        "Ann,Piece 0,7\n"
        "Ann,Piece 0,6\n"
        "Ann,Piece 4,5\n"
        "Bob,Piece 1,5\n"
        "Ann,Piece 1,good\n"
        "Ann,Piece 1,0\n"
        "Ann,Piece 1,\n"
        ",,5\n"
        "Ann,Piece 2,inf\n",
    )
    outcome = command(
        "taste", "import", path, "--library", library.folder, "--rejected", tmp_path / "out.csv", "--json"
    )
    assert outcome.code == 3
    assert_documented("taste import", outcome.output)
    said = json.loads(outcome.output)
    assert (said["n_rows"], said["n_tracks"], said["n_repeated"]) == (10, 1, 1)
    assert {row["row"]: row["reason"] for row in said["rejected"]} == {
        3: "it says 6 of a track of which another row says otherwise: 7 in row 1",
        4: "2 tracks of the library are 'Ann - Piece 4'; give the track id or the path",
        5: "no track of the library is 'Bob - Piece 1'",
        6: "rating must be a number, got 'good'",
        7: "rating must lie between 1 and 10, got 0; of plays, say so",
        8: "it has no rating",
        9: "it names no track",
        10: "rating must be a finite number, got 'inf'",
    }
    assert len(pd.read_csv(tmp_path / "out.csv")) == 8
    text = command("taste", "import", path, "--library", library.folder)
    assert "0 are new, 0 changed, 1 known; 8 rows rejected, 1 repeated" in text.output
    assert "no track of the library is 'Bob - Piece 1'" in text.messages


def test_the_same_table_again_changes_nothing(library, tmp_path):
    path = table(tmp_path, "artist,title,like\nAnn,Piece 0,yes\nAnn,Piece 1,0\n")
    assert import_ratings(library, path, dry_run=True).ratings == ImportedRatings(2, 0, 0)
    assert Listening(library.catalog).imported_ratings("like") == {}
    assert import_ratings(library, path).ratings == ImportedRatings(2, 0, 0)
    assert import_ratings(library, path).ratings == ImportedRatings(0, 0, 2)
    table(tmp_path, "artist,title,like\nAnn,Piece 0,no\nAnn,Piece 2,1\n")
    assert import_ratings(library, path).ratings == ImportedRatings(1, 1, 0)
    assert list(Listening(library.catalog).imported_ratings("like").values()) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (("like", "liked", "disliked"), "like", [1.0, 0.0]),
        (("rating", "1", "0"), "like", [1.0, 0.0]),
        (("score", "1", "7.5"), "rating", [1.0, 7.5]),
        (("play_count", "0", "112"), "plays", [0.0, 112.0]),
    ],
)
def test_kinds_are_told_by_what_columns_hold(library, tmp_path, column, kind, values):
    header, *cells = column
    path = table(tmp_path, f"artist,title,{header}\nAnn,Piece 0,{cells[0]}\nAnn,Piece 1,{cells[1]}\n")
    report = import_ratings(library, path)
    assert report.kind == kind
    listening = Listening(library.catalog)
    assert list(listening.imported_ratings(kind).values()) == values
    for other in {"like", "rating", "plays"} - {kind}:
        assert listening.opinions(other) == {}


def test_what_is_said_of_a_kind_is_held_to_it(library, tmp_path):
    path = table(tmp_path, "artist,title,n\nAnn,Piece 0,3\nAnn,Piece 1,-1\n")
    report = import_ratings(library, path, column="N", kind="plays")
    assert [row.reason for row in report.rejected] == ["n must be a finite number, at least 0, got '-1'"]
    with pytest.raises(FeatureTableError, match="n must be yes or no, or 1 or 0, got '3'"):
        import_ratings(library, path, column="n", kind="like")


def test_stars_are_suspected(library, tmp_path):
    path = table(tmp_path, "artist,title,rating\nAnn,Piece 0,5\nAnn,Piece 1,3.5\n")
    assert import_ratings(library, path).notes == ("no rating is above 5 of 10; if these are stars, double them first",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("energy,rating\n0.5,7\n", "must have a column that finds tracks"),
        ("artist,title,stars\nAnn,Piece 0,5\n", "must have one of the columns rating, like, liked"),
        (
            "artist,title,rating\nBob,Nothing,5\n",
            "at least one row that can be used, got row 1 rejected since no track",
        ),
        ("artist,title,rating\n", "at least one row that can be used, got none"),
    ],
)
def test_tables_of_no_use_are_refused(library, tmp_path, command, text, said):
    outcome = command("taste", "import", table(tmp_path, text), "--library", library.folder)
    assert outcome.code == 1
    assert said in outcome.messages
    assert Listening(library.catalog).opinions("rating") == {}


def test_a_table_or_the_history(library, tmp_path, command):
    for arguments in ([], [table(tmp_path, "a\n"), "--from-history"]):
        outcome = command("taste", "import", *arguments, "--library", library.folder)
        assert outcome.code == 2
        assert "give a table, or --from-history" in outcome.messages
    with_kind = command("taste", "import", tmp_path / "t.csv", "--kind", "stars", "--library", library.folder)
    assert with_kind.code == 2


def test_plays_of_the_history_are_counted(library, command):
    """Skips count as none; what was only skipped was played 0 times, what was never played is not known."""
    assert import_history(library).notes == ("no plays are known yet; add some with: audiosim history import FILE",)
    heard = [("Piece 0", 200_000), ("Piece 0", None), ("Piece 0", 3_000), ("Piece 1", 29_999), ("Elsewhere", 90_000)]
    plays = [Play(1_000 * i, "Ann", title, "test", ms_played=ms) for i, (title, ms) in enumerate(heard)]
    Listening(library.catalog).add_plays([plays])
    outcome = command("taste", "import", "--from-history", "--library", library.folder, "--json")
    assert outcome.code == 0
    said = json.loads(outcome.output)
    assert (said["kind"], said["n_rows"], said["n_tracks"], said["ratings"]["n_new"]) == ("plays", 5, 2, 2)
    assert list(Listening(library.catalog).imported_ratings("plays").values()) == [2.0, 0.0]
    assert import_history(library).ratings == ImportedRatings(0, 0, 2)


def test_libraries_of_before_take_imports(library, tmp_path):
    """A catalog that knows ratings by hand alone is read as it is, and gets its table when one is needed."""
    Listening(library.catalog).rate(f"{0:064x}", 8.0, rated_at=0)
    with library.catalog.transaction():
        library.catalog.connection.execute("DROP TABLE imported_ratings")
    listening = Listening(library.catalog)
    assert listening.opinions("rating") == {f"{0:064x}": 8.0}
    report = import_ratings(library, table(tmp_path, "artist,title,rating\nAnn,Piece 0,3\nAnn,Piece 1,9\n"))
    assert (report.ratings.n_new, report.n_outweighed) == (2, 1)
    assert listening.opinions("rating") == {f"{0:064x}": 8.0, f"{1:064x}": 9.0}
