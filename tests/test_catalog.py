"""The catalog says what counts: tracks by their bytes, failures with reasons, rows and matrices only when committed."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from audiosim.catalog import CATALOG_NAME, Catalog, Failure, printable
from audiosim.errors import LibraryError, LibraryVersionError

FIELDS = {"artist": "A", "title": "T", "album": None, "genre": "g", "isrc": None, "external_id": None, "duration": 3.0}


@pytest.fixture
def catalog(tmp_path):
    catalog = Catalog.create(tmp_path)
    yield catalog
    catalog.close()


def test_tracks_keep_their_order_of_arrival_and_collect_their_files(catalog):
    with catalog.transaction():
        for track_id in ("b" * 64, "a" * 64):
            assert catalog.put_track(track_id, FIELDS)
            catalog.put_file(Path("/music") / track_id[:1], track_id, size=1, mtime_ns=2)
        assert not catalog.put_track("b" * 64, {**FIELDS, "title": "another"})
        catalog.put_file(Path("/music/copy"), "b" * 64, size=1, mtime_ns=2)
    first, second = catalog.tracks()
    assert [first.track_id[0], second.track_id[0]] == ["b", "a"]
    assert first.paths == (Path("/music/b"), Path("/music/copy"))
    assert first.title == "T"


def test_paths_that_are_no_text_survive(catalog):
    path = Path(os.fsdecode(b"/music/\xff\xfe\n.ogg"))
    catalog.put_failure(Failure("add", path, None, "broken"))
    (failure,) = catalog.failures()
    assert os.fsencode(failure.path) == b"/music/\xff\xfe\n.ogg"
    assert printable(str(failure.path)) == "/music/\\udcff\\udcfe\\n.ogg"


def test_a_known_file_is_known_until_it_is_touched(catalog):
    catalog.put_track("a" * 64, FIELDS)
    catalog.put_file(Path("/m/a"), "a" * 64, size=10, mtime_ns=5)
    assert catalog.known_file(Path("/m/a"), size=10, mtime_ns=5)
    assert not catalog.known_file(Path("/m/a"), size=10, mtime_ns=6)
    assert not catalog.known_file(Path("/m/b"), size=10, mtime_ns=5)


def test_a_new_place_of_a_track_forgives_its_failures(catalog):
    catalog.put_track("a" * 64, FIELDS)
    catalog.put_failure(Failure("extract", Path("/old"), "a" * 64, "gone"))
    catalog.put_failure(Failure("extract", Path("/other"), "b" * 64, "gone"))
    catalog.put_file(Path("/new"), "a" * 64, size=1, mtime_ns=1)
    assert [failure.track_id for failure in catalog.failures()] == ["b" * 64]


def test_a_transaction_counts_as_a_whole_or_not_at_all(catalog):
    with pytest.raises(RuntimeError, match="killed"), catalog.transaction():  # noqa: PT012 - the point is the order
        catalog.put_track("a" * 64, FIELDS)
        catalog.commit_rows("mfcc", 0, ["a" * 64])
        raise RuntimeError("killed")
    assert catalog.tracks() == []
    assert catalog.rows("mfcc") == []


def test_no_row_is_committed_twice(catalog):
    catalog.commit_rows("mfcc", 0, ["a", "b"])
    with pytest.raises(sqlite3.IntegrityError):
        catalog.commit_rows("mfcc", 1, ["c"])
    with pytest.raises(sqlite3.IntegrityError):
        catalog.commit_rows("mfcc", 2, ["a"])
    assert catalog.rows("mfcc") == ["a", "b"]


def test_statistics_come_back_to_the_bit(catalog, rng):
    mean, std = rng.normal(size=20), rng.random(20)
    catalog.put_statistics("mfcc", mean=mean, std=std, n_frames=77)
    stored = catalog.statistics("mfcc")
    assert stored is not None
    np.testing.assert_array_equal(stored[0], mean)
    np.testing.assert_array_equal(stored[1], std)
    assert stored[2] == 77
    catalog.drop_statistics("mfcc")
    assert catalog.statistics("mfcc") is None


def test_a_folder_without_catalog_is_no_library(tmp_path):
    with pytest.raises(LibraryError, match=r"is not an audiosim library.*audiosim run"):
        Catalog.open(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / CATALOG_NAME).write_bytes(b"no database at all" * 100)
    with pytest.raises(LibraryError, match="not a catalog that can be read"):
        Catalog.open(tmp_path)


def test_a_library_of_another_format_is_refused_and_left_alone(tmp_path):
    Catalog.create(tmp_path).close()
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format_version'")
    connection.close()
    before = (tmp_path / CATALOG_NAME).read_bytes()
    with pytest.raises(LibraryVersionError, match="format 99, this audiosim reads format 1"):
        Catalog.open(tmp_path)
    assert (tmp_path / CATALOG_NAME).read_bytes() == before


def test_a_half_made_catalog_is_made_again(tmp_path):
    (tmp_path / f"{CATALOG_NAME}.draft").write_bytes(b"half a database")
    catalog = Catalog.create(tmp_path)
    assert catalog.tracks() == []
    catalog.close()
