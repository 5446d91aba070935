"""The library in Python: tracks are found by the names that people use, and questions are answered as tables."""

import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import audiosim
from audiosim.distances.hubness import DEFAULT_RESCALING
from audiosim.errors import LibraryError, NotComputedError, SettingsError, TrackNotFoundError
from audiosim.library import Library
from audiosim.store import DistanceStore

COLUMNS = ["rank", "track_id", "artist", "title", "distance", "percentile", "rescaled", "path"]
MEASURES = ["baseline", "cosine", "cosine_frames", "descriptors", "dtw", "timbre", "version"]
SEED = "The Originals - Morning Ferry"
OTHER = "First Take - Salt Road"


@pytest.fixture(scope="module")
def library(demo_run):
    return audiosim.Library.open(demo_run.folder)


@pytest.fixture(scope="module")
def odd(odd_library):
    return Library.open(str(odd_library))


# Opening


def test_a_folder_that_is_none_says_how_to_make_a_library(tmp_path):
    with pytest.raises(LibraryError, match=r"none does not exist; make one with: audiosim run MUSIC --library .*none"):
        Library.open(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="file is no folder"):
        Library.open(tmp_path / "file")
    with pytest.raises(LibraryError, match="is not an audiosim library"):
        Library.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_creating_opens_what_is_there(tmp_path, odd_library):
    assert Library.create(tmp_path / "new").tracks() == []
    copy = shutil.copytree(odd_library, tmp_path / "copy")
    assert len(Library.create(copy).tracks()) == 5


def test_tracks_come_in_order_of_arrival_with_their_tags(library):
    tracks = library.tracks()
    assert [track.position for track in tracks] == sorted(track.position for track in tracks)
    assert [track.paths[0].name[:2] for track in tracks] == [f"{n:02}" for n in range(1, 41)]
    assert (tracks[0].artist, tracks[0].title, tracks[0].genre) == ("The Originals", "Morning Ferry", "string")


# Finding


@pytest.mark.parametrize(
    "name",
    [
        "The Originals - Morning Ferry",
        "the originals - MORNING FERRY",
        "The Original's - Mórning   Ferry (2011 Remaster)",
        "Morning Ferry",
        "01-morning-ferry",
        "01 morning ferry",
        "originals - morning fer",
    ],
)
def test_a_track_is_found_by_what_people_call_it(library, name):
    assert library.find(name) == library.tracks()[0]


def test_a_track_is_found_by_its_id_or_its_beginning(library):
    for track in library.tracks():
        for length in (64, 12, 8):
            assert library.find(track.track_id[:length].upper()) == track


def test_a_track_is_found_by_its_path_however_written(library, monkeypatch):
    track = library.tracks()[3]
    monkeypatch.chdir(track.paths[0].parent)
    assert library.find(str(track.paths[0])) == track
    assert library.find(track.paths[0].name) == track
    assert library.find(f"../demo/./{track.paths[0].name}") == track


def test_a_word_that_could_be_an_id_is_a_name_first(odd_library, tmp_path):
    library = Library.open(shutil.copytree(odd_library, tmp_path / "library"))
    first, second = library.tracks()[:2]
    with library.catalog.transaction():
        tags = dict.fromkeys(("artist", "album", "genre", "isrc", "external_id"))
        library.catalog.update_track(second.track_id, {**tags, "title": first.track_id[:4]})
    assert library.find(first.track_id[:4]).track_id == second.track_id
    assert library.find(first.track_id[:5]).track_id == first.track_id


def test_several_candidates_are_offered_with_ids(library):
    with pytest.raises(TrackNotFoundError, match=r"'ferry' means 5 tracks; give one of these ids:") as error:
        library.find("ferry")
    _, *offered = str(error.value).splitlines()
    assert len(offered) == 5
    for line in offered:
        track_id, label = line.split(maxsplit=1)
        assert library.find(track_id).label == label
    with pytest.raises(TrackNotFoundError, match=r"means \d\d tracks(.|\n)*  and \d+ more$"):
        library.find("tempo")


def test_a_slip_of_the_pen_is_forgiven_with_an_offer(library):
    with pytest.raises(
        TrackNotFoundError, match=r"the nearest names are:\n(.|\n)*\w{12}  The Originals - Morning Ferry"
    ):
        library.find("Mornign Fery")


@pytest.mark.parametrize("name", ["nobody at all", "", " ", "x" * 5_000, "\0", "\udcff", "!!!"])
def test_what_is_not_there_is_not_found(library, name):
    with pytest.raises(TrackNotFoundError, match=r"no track is called .*all 40 are listed by: audiosim status"):
        library.find(name)


def test_an_empty_library_says_how_to_fill_it(tmp_path):
    with pytest.raises(TrackNotFoundError, match="has no tracks; add some with: audiosim run MUSIC --library"):
        Library.create(tmp_path).find("x")


# Matrices


@pytest.mark.parametrize("measure", MEASURES)
def test_the_matrix_is_named_lazy_symmetric_and_zero_on_the_diagonal(library, measure):
    matrix = library.matrix(measure)
    assert isinstance(matrix, xr.DataArray)
    assert (matrix.dims, matrix.shape, matrix.dtype) == (("query", "target"), (40, 40), np.float32)
    assert matrix.chunks is not None  # Dask: nothing is loaded yet
    ids = [track.track_id for track in library.tracks()]
    assert list(matrix["query"].values) == list(matrix["target"].values) == ids
    values = matrix.values
    np.testing.assert_array_equal(values, values.T)
    np.testing.assert_array_equal(np.diag(values), 0.0)
    assert np.isfinite(values).all()
    assert (values[~np.eye(40, dtype=bool)] > 0.0).all()


def test_the_matrix_is_asked_by_id(library):
    first, second = library.find(SEED), library.find("Slow River Trio - Morning Ferry (tempo 0.9)")
    asked = float(library.matrix("dtw").sel(query=first.track_id, target=second.track_id))
    assert asked == library.nearest(first, k=1, rescaling="none")["distance"][0]


def test_measures_are_those_that_are_complete(library, odd):
    assert library.measures() == MEASURES
    assert odd.measures() == ["cosine", "cosine_frames", "dtw"]


def test_what_is_not_compared_says_what_to_run(odd):
    for ask in (odd.matrix, lambda measure: odd.nearest("Die Ärzte - Übung", measure=measure)):
        with pytest.raises(NotComputedError, match=r"run: audiosim compare --measure baseline --library .*library$"):
            ask("baseline")
        with pytest.raises(SettingsError, match="unknown measure 'dwt'; choose from dtw, cosine"):
            ask("dwt")


# Nearest


@pytest.mark.parametrize("measure", MEASURES)
def test_nearest_are_the_smallest_of_the_row(library, measure):
    seed = library.find(SEED)
    table = library.nearest(seed, k=7, measure=measure, rescaling="none")
    assert list(table.columns) == COLUMNS
    assert table["rescaled"].isna().all()
    assert list(table["rank"]) == list(range(1, 8))
    row = library.matrix(measure).sel(query=seed.track_id)
    np.testing.assert_array_equal(table["distance"], np.sort(row.values)[1:8])
    np.testing.assert_array_equal(row.sel(target=table["track_id"].to_numpy()).values, table["distance"])
    by_id = {track.track_id: track for track in library.tracks()}
    for found in table.itertuples():
        track = by_id[found.track_id]
        assert (found.artist, found.title, found.path) == (track.artist, track.title, track.paths[0])


@pytest.mark.parametrize("measure", MEASURES)
def test_percentiles_are_shares_of_all_pairs(library, measure):
    table = library.nearest(SEED, k=39, measure=measure, rescaling="none")
    assert (np.diff(table["percentile"]) >= 0).all()
    values = library.matrix(measure).values
    pairs = values[np.triu_indices(40, k=1)]
    nearer = [100 * (pairs < distance).mean() for distance in table["distance"]]
    np.testing.assert_allclose(table["percentile"], nearer, atol=0.5)


@pytest.mark.parametrize("measure", MEASURES)
def test_nearest_ranks_as_the_table_that_compare_wrote(library, measure):
    tables = pd.read_parquet(library.folder / "neighbors" / f"{measure}.parquet")
    assert library.rescaling(measure) == DEFAULT_RESCALING[measure]
    for track in library.tracks()[::7]:
        stored = tables[tables["query_id"] == track.track_id]
        asked = library.nearest(track, k=39, measure=measure)
        assert list(asked["track_id"]) == list(stored["target_id"])
        for column in ("distance", "percentile", "rescaled"):
            np.testing.assert_array_equal(asked[column].astype(np.float32), stored[column].astype(np.float32))


@pytest.mark.parametrize("rescaling", ["mp_gauss", "mp_empirical", "local_scaling", "csls"])
def test_any_rescaling_can_be_asked_for(library, rescaling):
    seed, row = library.find(SEED), library.tracks().index(library.find(SEED))
    matrix = library.rescaled("cosine", rescaling=rescaling).distances
    np.testing.assert_array_equal(np.diag(matrix), 0.0)
    table = library.nearest(seed, k=39, measure="cosine", rescaling=rescaling)
    np.testing.assert_array_equal(table["rescaled"], np.sort(np.delete(matrix[row], row)))
    raw = library.matrix("cosine").sel(query=seed.track_id, target=table["track_id"].to_numpy())
    np.testing.assert_array_equal(raw.values, table["distance"])


def test_rescaled_seeds_are_ranked_by_their_own_lists(library):
    seeds = [SEED, OTHER]
    lists = [list(library.nearest(seed, k=39)["track_id"]) for seed in seeds]
    ids = [library.find(seed).track_id for seed in seeds]
    table = library.nearest(seeds, k=38)
    ranks = {track: sum(found.index(track) for found in lists) for track in table["track_id"]}
    assert not set(ids) & set(ranks)
    # Each seed stands in the other's list, so ranks behind it are one too high; the order of sums may swap by that.
    assert (np.diff(list(ranks.values())) >= -2).all()


def test_a_query_that_is_no_track_ranks_like_the_track_that_it_repeats(library):
    for measure in MEASURES:
        seed = library.find(SEED)
        row = library.matrix(measure).sel(query=seed.track_id).values.copy()
        row[library.tracks().index(seed)] = np.nan
        for rescaling in (None, "mp_empirical", "csls"):
            asked = {"k": 12, "measure": measure, "rescaling": rescaling, "artist_cap": 3, "exclude": [OTHER]}
            table = library.nearest_to_row(row, **asked)
            assert table.equals(library.nearest(seed, **asked))


def test_a_query_that_is_no_track_may_be_near_to_all(library):
    close = np.full(40, 1e-6, dtype=np.float32)
    table = library.nearest_to_row(close, measure="dtw", k=40)
    assert len(table) == 40  # none of them is the query
    assert np.isfinite(table["rescaled"]).all()


def test_more_than_there_are_gives_all(library, odd):
    assert len(library.nearest(SEED, k=1_000)) == 39
    assert len(odd.nearest("Die Ärzte - Übung", k=1_000)) == 3


def test_several_seeds_rank_by_how_many_reach_a_track(library):
    seeds = [SEED, OTHER]
    table = library.nearest(seeds, k=6, rescaling="none")
    assert list(table.columns) == ["rank", "n_seeds", *COLUMNS[1:]]
    assert (np.diff(table["n_seeds"]) <= 0).all()
    assert not set(table["track_id"]) & {library.find(seed).track_id for seed in seeds}
    rows = library.matrix("dtw").sel(query=[library.find(seed).track_id for seed in seeds])
    found = rows.sel(target=table["track_id"].to_numpy()).values
    np.testing.assert_array_equal(table["distance"], found.min(axis=0))
    # Neither seed drowns the other.
    assert {title.partition(" (")[0] for title in table["title"]} >= {"Morning Ferry", "Salt Road"}


def test_a_seed_that_is_given_twice_counts_once(library):
    once, twice = library.nearest(SEED, k=5), library.nearest([SEED, library.find(SEED)], k=5)
    assert list(twice.columns) == COLUMNS
    assert twice.equals(once)


def test_an_artist_can_be_capped(library):
    free = library.nearest(SEED, k=20)
    capped = library.nearest(SEED, k=10, artist_cap=1)
    assert free["artist"].value_counts().max() > 1
    assert capped["artist"].value_counts().max() == 1
    allowed = free.drop_duplicates("artist")["track_id"]
    assert list(capped["track_id"])[: len(allowed)] == list(allowed)[:10]


def test_tracks_and_artists_can_be_left_out(library):
    free = library.nearest(SEED, k=6)
    first, second = free["track_id"][:2]
    left = library.nearest(SEED, k=5, exclude=[first])
    assert list(left["track_id"]) == list(free["track_id"][1:])
    left = library.nearest(SEED, k=4, exclude=[library.find(first), second])
    assert list(left["track_id"]) == list(free["track_id"][2:])
    artist = free["artist"][0]
    for name in (artist, artist.upper()):
        assert artist not in set(library.nearest(SEED, k=39, exclude_artists=[name])["artist"])
    assert library.nearest(SEED, k=39, exclude_artists=["nobody"]).equals(library.nearest(SEED, k=39))


def test_nothing_left_is_an_empty_table(library):
    artists = {track.artist for track in library.tracks()}
    assert list(library.nearest(SEED, exclude_artists=sorted(artists)).columns) == COLUMNS
    assert library.nearest(SEED, exclude_artists=sorted(artists)).empty
    assert library.nearest([SEED, OTHER], exclude_artists=sorted(artists)).empty


def test_missing_names_are_none_beside_known_ones(odd):
    table = odd.nearest("Die Ärzte - Übung")
    untagged = table[[path.name == "clip 003.wav" for path in table["path"]]]
    assert (untagged["artist"].item(), untagged["title"].item()) == (None, None)


def test_impossible_questions_are_refused(library, odd):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        library.nearest(SEED, k=0)
    with pytest.raises(ValueError, match="artist_cap must be at least 1, got 0"):
        library.nearest(SEED, artist_cap=0)
    with pytest.raises(ValueError, match="at least one seed, got none"):
        library.nearest([])
    with pytest.raises(ValueError, match="unknown rescaling 'mp'; choose from none, mp_gauss, mp_empirical"):
        library.nearest(SEED, rescaling="mp")
    with pytest.raises(ValueError, match=r"one distance a track \(40\), got shape \(39,\)"):
        library.nearest_to_row(np.ones(39), measure="dtw")
    with pytest.raises(NotComputedError, match=r"'broken' has no 'dtw' distances; .*audiosim status --failures"):
        odd.nearest("broken")


def test_one_row_is_read_not_the_matrix(library, monkeypatch):
    read, blocks = DistanceStore.read_block, []

    def counted(store, rows, columns):
        blocks.append(rows)
        return read(store, rows, columns)

    monkeypatch.setattr(DistanceStore, "read_block", counted)
    library.nearest(SEED)
    assert [rows.stop - rows.start for rows in blocks] == [1]
