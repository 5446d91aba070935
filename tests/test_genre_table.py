"""Tables with a label a row: what is read, what is rejected, and which rows are one track."""

import numpy as np
import pandas as pd
import pytest

from audiosim.errors import FeatureTableError
from audiosim.recommend.labelled_table import artist_groups, read_labelled_table, without_duplicates


def written(tmp_path, rows):
    path = tmp_path / "table.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


ROW = {"artist": "Ann", "title": "One", "duration_ms": 180_000, "energy": 0.5, "key": 7, "genre": "pop"}


def test_rows_that_cannot_be_used_are_kept_out_with_their_reason(tmp_path):
    rows = [ROW, ROW | {"energy": -1}, ROW | {"genre": ""}, ROW | {"key": "x"}]
    table = read_labelled_table(written(tmp_path, rows), "Genre")
    assert (len(table), table.labels, table.artists, table.titles) == (1, ("pop",), ("ann",), ("Ann - One",))
    assert [(item.row, item.reason) for item in table.rejected] == [
        (2, "energy must lie in 0..1, got -1.0"),
        (3, "it has no Genre"),
        (4, "key must be a finite number, got x"),
    ]


def test_what_models_are_shown(tmp_path):
    """The key is a kind for trees and a point on the circle of fifths for weighted sums; the label is no feature."""
    rows = [ROW, ROW | {"title": "Two", "key": 1}]
    table = read_labelled_table(written(tmp_path, rows), "energy")
    assert table.inputs.names == ("key", "duration_ms")
    assert table.inputs.kinds == (0,)
    np.testing.assert_allclose(
        table.inputs.encoded[0], [np.cos(7 * np.pi / 6 * 7), np.sin(7 * np.pi / 6 * 7), 12.1007], atol=1e-4
    )
    assert table.labels == ("0.5", "0.5")


def test_seconds_become_milliseconds(tmp_path):
    row = {name: value for name, value in ROW.items() if name != "duration_ms"} | {"duration_s": 180}
    inputs = read_labelled_table(written(tmp_path, [row]), "genre").inputs
    assert inputs.values[0, inputs.names.index("duration_ms")] == 180_000


def test_duplicates_are_one_track_with_its_most_frequent_label(tmp_path):
    rows = [
        ROW,
        ROW | {"title": "One (2011 Remaster)", "genre": "rock"},
        ROW | {"energy": 0.4, "genre": "rock"},
        ROW | {"duration_ms": 240_000},
        ROW | {"artist": "Bob"},
    ]
    table = without_duplicates(read_labelled_table(written(tmp_path, rows), "genre"))
    assert table.labels == ("rock", "pop", "pop")
    assert (table.n_duplicates, table.n_ambiguous) == (2, 1)
    assert artist_groups(table.artists).tolist() == [0, 0, 1]


def test_tracks_without_names_are_one_if_all_features_are(tmp_path):
    row = {"energy": 0.5, "tempo": 100.0, "genre": "pop"}
    table = without_duplicates(read_labelled_table(written(tmp_path, [row, row, row | {"tempo": 101.0}]), "genre"))
    assert (len(table), table.n_duplicates) == (2, 1)
    assert artist_groups(table.artists).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"artist": "Ann", "genre": "pop"}], "at least one feature column"),
        ([{"energy": 0.5}], "must have the column 'genre', got energy"),
        (
            [{"energy": -5, "genre": "pop"}],
            "at least one row that can be used, got row 1 rejected since energy must lie",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, rows, said):
    with pytest.raises(FeatureTableError, match=said):
        read_labelled_table(written(tmp_path, rows), "genre")
