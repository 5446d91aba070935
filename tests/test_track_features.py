"""Descriptors for people and programs: one track beside the library's, the table of all, fits to official values."""

import csv
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from audiosim.errors import NotComputedError, StoreMismatchError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.features.fit import FittedDescriptors
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines import features
from audiosim_pipelines.export import export_features
from audiosim_pipelines.features import descriptor_table, fit_features, track_descriptors
from audiosim_pipelines.layouts import layouts
from audiosim_pipelines.settings import Settings

N_TRACKS, N_ARTISTS = 60, 12
ENERGY, VALENCE = DESCRIPTORS.index("energy_est"), DESCRIPTORS.index("valence_est")


def write_library(folder):
    """A library of descriptors alone, of tracks that were never there."""
    rng = np.random.default_rng(11)
    values = rng.uniform(0.1, 0.9, (N_TRACKS, len(DESCRIPTORS))).astype(np.float32)
    values[:, DESCRIPTORS.index("duration_ms")] = np.arange(N_TRACKS) * 1_000.0 + 60_000.0
    values[:, DESCRIPTORS.index("key_est")] = np.arange(N_TRACKS) % 12
    ids = [f"{number:064x}" for number in range(N_TRACKS)]
    library = Library.create(folder)
    with library.catalog.transaction():
        for number, track_id in enumerate(ids):
            fields = {"artist": f"Artist {number % N_ARTISTS}", "title": f"Song {number:02}"}
            if number == 1:
                fields = {"artist": "=1+1", "title": "@evil"}
            others = dict.fromkeys(("album", "genre", "isrc", "external_id", "duration"))
            library.catalog.put_track(track_id, {**others, **fields})
    store = FeatureStore.open(library.folder, layouts(Settings())["descriptors"])
    store.write(0, list(values))
    with library.catalog.transaction():
        library.catalog.commit_rows("descriptors", 0, ids)
    return library, values.astype(np.float64)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    library, values = write_library(tmp_path_factory.mktemp("described") / "library")
    library.close()
    return library.folder, values


@pytest.fixture
def described(original, tmp_path):
    """A library that may be changed, and its descriptors."""
    return Library.open(shutil.copytree(original[0], tmp_path / "library")), original[1]


@pytest.fixture(scope="module")
def official(tmp_path_factory, original):
    """A table of values of which energy follows from the descriptors, and valence from nothing."""
    _, values = original
    rng = np.random.default_rng(12)
    energy = 0.1 + 0.8 * values[:, DESCRIPTORS.index("danceability_est")]
    table = {
        "track_id": [f"{number:064x}" for number in range(N_TRACKS)],
        "energy": energy,
        "valence": rng.uniform(size=N_TRACKS),
    }
    path = tmp_path_factory.mktemp("tables") / "official.csv"
    pd.DataFrame(table).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(original, official, tmp_path_factory):
    """A library with a fit, not to be changed, and the report."""
    folder = shutil.copytree(original[0], tmp_path_factory.mktemp("fitted") / "library")
    library = Library.open(folder)
    with threadpool_limits(1):  # so little is not worth a second thread
        return library, fit_features(library, Settings(), official)


# One track


def test_a_track_is_shown_beside_the_others(described):
    library, values = described
    found = track_descriptors(library, "Song 07")
    assert (found.track.title, found.n_tracks) == ("Song 07", N_TRACKS)
    assert [value.name for value in found.values] == list(DESCRIPTORS)
    np.testing.assert_array_equal([value.value for value in found.values], values[7])
    by_name = {value.name: value for value in found.values}
    assert by_name["duration_ms"].percentile == pytest.approx(100.0 * 7 / (N_TRACKS - 1))
    below = np.count_nonzero(values[:, ENERGY] < values[7, ENERGY])
    assert by_name["energy_est"].percentile == pytest.approx(100.0 * below / (N_TRACKS - 1))
    assert {name for name, value in by_name.items() if value.percentile is None} == {
        "key_est",
        "mode_est",
        "time_signature_est",
    }
    sources = [value.source for value in found.values]
    assert [sources.count(source) for source in ("measured", "estimated", "proxy")] == [2 + 24, 4, 7]
    assert {value.name for value in found.values if value.is_weak} == {
        "instrumentalness_est",
        "liveness_est",
        "valence_est",
    }


def test_equal_values_count_half_and_a_single_track_has_no_percentile():
    assert features._percentile([1.0, 1.0, 1.0], 0) == 50.0
    assert features._percentile([1.0, 2.0, 2.0, 3.0], 3) == 100.0
    assert features._percentile([1.0], 0) is None


def test_what_has_no_descriptors_says_what_to_run(odd_library, described, tmp_path):
    with pytest.raises(NotComputedError, match=r"no track of .* has descriptors yet; name them in features\.families"):
        track_descriptors(Library.open(odd_library), "Die Ärzte - Übung")
    library, _ = described
    with library.catalog.transaction():
        fields = dict.fromkeys(("artist", "album", "genre", "isrc", "external_id", "duration"))
        library.catalog.put_track("f" * 64, {**fields, "title": "Latecomer"})
    with pytest.raises(NotComputedError, match=r"'Latecomer' has no descriptors; what failed, and why: .*extract"):
        track_descriptors(library, "Latecomer")
    with pytest.raises(NotComputedError, match="has descriptors yet"):
        export_features(Library.open(odd_library), kind="csv", output=tmp_path / "features.csv")


# All tracks


def test_exports_hold_every_descriptor_of_every_track(described, tmp_path):
    library, values = described
    columns = ["track_id", "artist", "title", "path", *DESCRIPTORS, "fitted"]
    for kind, tolerance in (("csv", 1e-5), ("parquet", 0.0)):
        exported = export_features(library, kind=kind, output=tmp_path / f"features.{kind}")
        assert (exported.files, exported.n_tracks) == ((tmp_path / f"features.{kind}",), N_TRACKS)
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
        table = read(tmp_path / f"features.{kind}")
        assert list(table.columns) == columns
        assert list(table["track_id"]) == [track.track_id for track in library.tracks()]
        np.testing.assert_allclose(table[list(DESCRIPTORS)].to_numpy(), values, rtol=tolerance)
        assert not table["fitted"].dropna().any()
        assert table["artist"][1] == {"csv": "'=1+1", "parquet": "=1+1"}[kind]


def test_no_cell_of_a_table_is_a_formula(described, tmp_path):
    export_features(described[0], kind="csv", output=tmp_path / "features.csv")
    with (tmp_path / "features.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    names = [row[:4] for row in rows]
    assert header[:4] == ["track_id", "artist", "title", "path"]
    assert names[1][1:3] == ["'=1+1", "'@evil"]
    assert not [cell for row in names for cell in row if cell.startswith(("=", "+", "-", "@"))]


# Fits


def test_a_fit_keeps_what_beats_the_proxy_and_says_how_well(fitted):
    _, report = fitted
    assert (report.n_matched, report.n_tracks) == (N_TRACKS, N_TRACKS)
    assert "60 by id" in report.summary
    rows = {row.feature: row for row in report.rows}
    assert set(rows) == {"energy", "valence"}
    assert rows["energy"].kept != "proxy"
    assert rows["energy"].ridge.low > 0.8
    assert rows["valence"].kept == "proxy"


def test_fitted_values_stand_for_proxies_where_people_look_and_nowhere_else(fitted, original, tmp_path):
    library, report = fitted
    _, values = original
    table = descriptor_table(library)
    assert table.fitted_names == ("energy_est",)
    others = [column for column in range(len(DESCRIPTORS)) if column != ENERGY]
    np.testing.assert_array_equal(table.values[:, others], values[:, others])
    wanted = 0.1 + 0.8 * values[:, DESCRIPTORS.index("danceability_est")]
    assert np.abs(table.values[:, ENERGY] - wanted).mean() < 0.5 * np.abs(values[:, ENERGY] - wanted).mean()
    shown = {value.name: value for value in track_descriptors(library, "Song 07").values}
    assert (shown["energy_est"].source, shown["valence_est"].source) == ("fitted", "proxy")
    assert shown["energy_est"].value == table.values[7, ENERGY]
    row = report.rows[0]
    assert shown["energy_est"].r2 == getattr(row, row.kept).value
    export_features(library, kind="csv", output=tmp_path / "features.csv")
    exported = pd.read_csv(tmp_path / "features.csv")
    assert set(exported["fitted"]) == {"energy_est"}
    np.testing.assert_allclose(exported["energy_est"], table.values[:, ENERGY], rtol=1e-5)
    # What the measure compares is as it was.
    stored = FeatureStore.read(library.folder, "descriptors").vectors(0, N_TRACKS)
    np.testing.assert_array_equal(stored.astype(np.float64), values)


def test_a_file_that_holds_no_models_is_told_with_the_way_back(described):
    library, _ = described
    (library.folder / "features" / features.FIT_NAME).write_bytes(b"no models")
    with pytest.raises(StoreMismatchError, match=r"run: audiosim features fit TABLE, or delete .*fit\.npz to go back"):
        descriptor_table(library)


# The commands


def test_a_track_can_be_asked_for_without_saying_show(described, command):
    library, _ = described
    said = command("features", "show", "Song 07", "--library", library.folder)
    short = command("features", "Song 07", "--library", library.folder)
    before = command("features", "--library", library.folder, "Song 07")
    assert said.code == 0
    assert said == short == before
    assert said.output.startswith("descriptors of Artist 7 - Song 07")
    assert re.search(r"^duration_ms +67,000  ms ", said.output, flags=re.MULTILINE)
    assert re.search(r"^key_est +G  ", said.output, flags=re.MULTILINE)
    assert said.output.count("proxy, weak") == 3
    assert "beside 59 other tracks" in said.output


def test_fits_are_reported_and_then_shown(fitted, command, official, tmp_path, monkeypatch):
    shown = command("features", "Song 07", "--library", fitted[0].folder)
    assert shown.output.count("fitted, R²") == 1
    library = shutil.copytree(fitted[0].folder, tmp_path / "library")
    kept = library / "features" / features.FIT_NAME
    models = FittedDescriptors.load(kept)
    kept.unlink()
    monkeypatch.setattr(features, "fit_descriptors", lambda *_, **__: models)  # fitted once is enough
    outcome = command("features", "fit", official, "--library", library)
    assert outcome.code == 0
    assert outcome.output.startswith("matched 60 of 60 tracks (60 by id, 0 by ISRC, 0 by artist and title)")
    assert outcome.output.endswith("fitted values now stand for the proxies of: energy\n")
    assert command("features", "Song 07", "--library", library) == shown


def test_a_table_that_covers_too_few_tracks_changes_nothing(described, official, command):
    library, _ = described
    few = library.folder / "few.csv"
    few.write_text("\n".join(official.read_text().splitlines()[:20]) + "\n")
    outcome = command("features", "fit", few, "--library", library.folder)
    assert (outcome.code, outcome.output) == (1, "")
    assert "must cover at least 50 tracks by 5 artists, got 19 by" in outcome.messages
    assert descriptor_table(library).fitted == ()
