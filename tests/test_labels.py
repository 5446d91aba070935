"""Pairs of tracks and columns of labels: what a table names is found, and what it cannot mean is refused."""

from pathlib import Path

import pytest

from audiosim.catalog import Track
from audiosim.errors import SourceError
from audiosim.sources.labels import label_columns, read_labels, read_pairs

IDS = {name: f"{name * 8}{'0' * 56}" for name in "abcde"}


def track(name, *, artist=None, title=None, paths=()):
    return Track(0, IDS[name], artist, title, None, None, None, None, None, tuple(map(Path, paths)))


@pytest.fixture
def tracks(tmp_path):
    return [
        track("a", artist="Ann", title="One", paths=[tmp_path / "music" / "one.ogg"]),
        track("b", artist="Ben", title="One", paths=["/x/two.flac"]),
        track("c", paths=["/x/three.v2.flac"]),
        track("d", artist="Dan", title="Same"),
        track("e", artist="Dan", title="Same"),
    ]


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "pairs.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "row",
    [
        f"{IDS['a']},{IDS['b']}",
        "aaaaaaaa,BBBBBBBB",
        "music/one.ogg,/x/two.flac",
        "Ann - One,BEN - One (Remastered 2011)",
        "one,two.mp3",
        "one.ogg,bbbbbbbb",
    ],
)
def test_a_cell_is_an_id_a_path_a_name_or_a_stem(row, tracks, table):
    assert read_pairs(table(f"A,note,b\n{row.replace(',', ',x,')}\n"), tracks) == [(IDS["a"], IDS["b"])]


def test_a_stem_may_have_dots(tracks, table):
    assert read_pairs(table("a,b\none,three.v2\n"), tracks) == [(IDS["a"], IDS["c"])]


def test_rows_that_find_no_two_tracks_are_left_out_and_repeats_count_once(tracks, table):
    rows = "one,two\ntwo,one\none,one\none,nobody\n,two\ntwo,three.v2\n"
    assert read_pairs(table(f"a,b\n{rows}"), tracks) == [(IDS["a"], IDS["b"]), (IDS["b"], IDS["c"])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\none,two\n", "must have the columns a and b, and has no b; got a, c"),
        ("a,b\nnobody,nothing\n", "must pair at least two of 5 tracks, got no pair in 1 rows"),
        ("a,b\none,two\none,Dan - Same\n", "row 2 says 'Dan - Same', which 2 tracks are called; give the id or"),
        ("a,b\n", "a header and at least one row"),
    ],
)
def test_unusable_pairs_are_refused(text, message, tracks, table):
    with pytest.raises(SourceError, match=message):
        read_pairs(table(text), tracks)


def test_columns_are_those_that_labels_can_be_read_from(tracks, table):
    path = table("File,Mood,Artist\none.ogg,calm,X\n")
    assert label_columns(path) == ("file", "mood", "artist")
    assert [read_labels(path, name, tracks) for name in ("mood", "Artist")] == [{IDS["a"]: "calm"}, {IDS["a"]: "X"}]
