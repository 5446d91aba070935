"""The review file names every kinship in a library that was made of known ones, and keeps what people decide."""

import csv
import io
import json
import re
import shutil
from itertools import combinations

import numpy as np
import pytest
import soundfile as sf
from make_kin import RATE, MelExtractor, played, score
from test_cli import assert_documented, parsed

from audiosim.alignment.kinship import KINSHIPS
from audiosim.errors import NotComputedError, SettingsError
from audiosim.library import Library
from audiosim.sources.degradation import DEGRADATIONS
from audiosim_pipelines import extract, verification
from audiosim_pipelines import settings as settings_module
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.run import run
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, MachineSettings, Settings
from audiosim_pipelines.versions import versions

MEASURES = ("version", "timbre", "cosine")
SETTINGS = Settings(
    features=FeatureSettings(families=("mfcc", "chroma")),
    compare=CompareSettings(measures=MEASURES),
    machine=MachineSettings(device="cpu", threads=2),
)
COPY, EDIT, VERSION, SIMILAR = KINSHIPS
# All pairs but these are merely similar.
KIN = {
    ("copy", "piece"): COPY,
    ("excerpt", "piece"): EDIT,
    ("copy", "excerpt"): EDIT,
    ("cover", "piece"): VERSION,
    ("copy", "cover"): VERSION,
    ("cover", "excerpt"): VERSION,
}


def write(folder, name, signal):
    sf.write(folder / f"{name}.wav", signal, RATE, subtype="FLOAT")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A piece, its copy through a codec, an excerpt of it, another performance in another key, and other pieces."""
    folder = tmp_path_factory.mktemp("kin")
    music = folder / "music"
    music.mkdir()
    piece = played(score(1))
    write(music, "piece", piece)
    write(music, "copy", DEGRADATIONS["mp3 64 kbit/s"](0.5 * piece, RATE))
    write(music, "excerpt", piece[2 * RATE : 14 * RATE])
    write(music, "cover", played(score(1), timbres=("bell", "brass"), ratio=1.05, semitones=2, seed=4, spread=0.05))
    write(music, "other", played(score(2)))
    write(music, "=another", played(score(3), timbres=("bell", "brass")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", MelExtractor)
        library = Library.create(folder / "library")
        settings_module.save(SETTINGS, library.folder)
        run(library, SETTINGS, [music])
        library.close()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made / "library", tmp_path / "library")


@pytest.fixture
def library(folder):
    return Library.open(folder)


def classes(report):
    return {_names(pair): pair.kinship for pair in report.pairs}


def _names(pair):
    first, second = sorted((pair.a.paths[0].stem, pair.b.paths[0].stem))
    return first, second


def table_in(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def decide(path, names, text):
    """What people do in a spreadsheet, which also writes a byte order mark."""
    rows = table_in(path)
    (row,) = (row for row in rows if {stem(row["a_path"]), stem(row["b_path"])} == set(names))
    row["decision"] = text
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows(rows)


def stem(path):
    return re.sub(r".*/|\.wav$", "", path)


# --- what is found


def test_every_pair_has_its_class(library):
    report = versions(library, SETTINGS)
    names = [track.paths[0].stem for track in library.tracks()]
    expected = {pair: KIN.get(pair, SIMILAR) for pair in combinations(sorted(names), 2)}
    # Of so few tracks everyone is among the ten nearest of everyone.
    assert classes(report) == expected
    assert report.counts == {COPY: 1, EDIT: 2, VERSION: 3, SIMILAR: 9}
    assert [KINSHIPS.index(pair.kinship) for pair in report.pairs] == sorted(
        KINSHIPS.index(pair.kinship) for pair in report.pairs
    )


def test_evidence_says_where_and_how(library):
    by_names = {_names(pair): pair for pair in versions(library, SETTINGS).pairs}
    excerpt = by_names["excerpt", "piece"]
    laid, course = excerpt.evidence.overlay, excerpt.evidence.course
    sign = 1.0 if excerpt.a.paths[0].stem == "piece" else -1.0
    np.testing.assert_allclose(laid.offset, sign * 2.0, atol=0.05)
    assert course.timbre_residual < 0.2
    cover = by_names["cover", "piece"]
    course, is_first = cover.evidence.course, cover.a.paths[0].stem == "cover"
    np.testing.assert_allclose(course.tempo_ratio, 1 / 1.05 if is_first else 1.05, atol=0.03)
    assert course.transposition == (-2 if is_first else 2)
    assert course.timbre_residual > 0.5
    assert set(cover.found_by) <= set(MEASURES)
    assert set(cover.distances) == set(MEASURES)


def test_kin_of_kin_are_found_though_no_measure_names_them(library):
    report = versions(library, SETTINGS, k=1)
    found = {names: kinship for names, kinship in classes(report).items() if kinship != SIMILAR}
    assert found == KIN
    by_a_third = [pair for pair in report.pairs if not pair.found_by]
    assert by_a_third
    assert all(pair.kinship != SIMILAR for pair in by_a_third)


def test_harmony_is_aligned_only_where_it_may_help(library, monkeypatch):
    aligned, original = [], verification.match
    monkeypatch.setattr(verification, "match", lambda a, b, **options: aligned.append(1) or original(a, b, **options))
    report = versions(library, SETTINGS, measures=["version", "timbre"], k=1)
    assert len(aligned) < len(report.pairs)
    for pair in report.pairs:
        is_sought = "version" in pair.found_by or not pair.found_by or pair.evidence.overlay.segments
        assert (pair.evidence.course is not None) >= bool(is_sought)
    # Without that measure all are aligned, also those that are known but for their harmony.
    without = versions(library, SETTINGS, measures=["timbre"], k=5)
    assert all(pair.evidence.course is not None for pair in without.pairs)


# --- the files


def test_both_files_say_the_same_and_are_the_same_twice(library):
    report = versions(library, SETTINGS)
    table, document = report.files
    assert [path.name for path in report.files] == ["versions.csv", "versions.json"]
    contents = [path.read_bytes() for path in report.files]
    rows, pairs = table_in(table), json.loads(contents[1])["pairs"]
    assert [(row["class"], row["a_id"], row["b_id"]) for row in rows] == [
        (pair["class"], pair["a"]["track_id"], pair["b"]["track_id"]) for pair in pairs
    ]
    first, *_, last = rows[0]
    assert (first, last) == ("class", "decision")
    assert {row["decision"] for row in rows} == {""}
    copy = rows[0]
    assert copy["class"] == COPY
    assert float(copy["same_sound_a"]) >= 0.9
    assert float(copy["distance_version"]) < 0.05
    again = versions(library, SETTINGS)
    assert (report.n_verified, again.n_verified) == (15, 0)
    assert [path.read_bytes() for path in again.files] == contents
    assert json.loads(document.read_text())["counts"] == report.counts


def test_no_name_is_taken_for_a_formula(library, tmp_path):
    names = {"title": "=1+1", "artist": "@home", "album": None, "genre": None, "isrc": None, "external_id": None}
    with library.catalog.transaction():
        library.catalog.update_track(library.tracks()[0].track_id, names)
    (path,) = versions(library, SETTINGS, output=tmp_path / "kin.csv").files
    cells = {cell for row in table_in(path) for cell in row.values()}
    assert {"'=1+1", "'@home"} <= cells
    assert not any(cell.startswith(("=", "@")) for cell in cells)


@pytest.mark.parametrize("name", ["mine.csv", "mine.json"])
def test_a_chosen_file_is_the_only_one(library, tmp_path, name):
    report = versions(library, SETTINGS, output=tmp_path / name)
    assert report.files == (tmp_path / name,)
    assert not (library.folder / "reports" / "versions.csv").exists()


def test_decisions_stay_even_of_pairs_that_are_no_candidates_any_more(library):
    table, _ = versions(library, SETTINGS).files
    decide(table, ("copy", "piece"), "keep the copy")
    decide(table, ("=another", "other"), "=no, and never ask again")
    report = versions(library, SETTINGS, measures=["version"], k=1)
    decided = {_names(pair): pair.decision for pair in report.pairs if pair.decision}
    assert decided == {("copy", "piece"): "keep the copy", ("=another", "other"): "=no, and never ask again"}
    assert {row["decision"] for row in table_in(table)} == {"", "keep the copy", "'=no, and never ask again"}
    table.unlink()
    assert {pair.decision for pair in versions(library, SETTINGS).pairs} == {"", *decided.values()}
    assert report.n_decisions_lost == 0


def test_decisions_about_tracks_that_are_gone_are_counted(library):
    table, _ = versions(library, SETTINGS).files
    decide(table, ("copy", "piece"), "merge")
    row = next(row for row in table_in(table) if row["decision"])
    table.write_text(table.read_text(encoding="utf-8-sig").replace(row["a_id"], "f" * 64), encoding="utf-8")
    assert versions(library, SETTINGS).n_decisions_lost == 1


def test_no_other_file_is_overwritten(library, tmp_path):
    for name, text in (("list.csv", "artist,title\nA,B\n"), ("list.csv", "a\n"), ("list.json", "[1]"), ("x.json", "{")):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(SettingsError, match="is no review file of versions, and would be replaced by one"):
            versions(library, SETTINGS, output=path)
        assert path.read_text() == text
    with pytest.raises(SettingsError, match=r"the review file must end in \.csv or \.json, got .*versions\.txt"):
        versions(library, SETTINGS, output=tmp_path / "versions.txt")


# --- going on


def journal_of(library):
    return library.folder / "reports" / verification.JOURNAL_NAME


def test_what_was_verified_before_a_kill_is_not_verified_again(library):
    expected = [path.read_bytes() for path in versions(library, SETTINGS).files]
    lines = journal_of(library).read_bytes().splitlines(keepends=True)
    # The fingerprint, nine pairs, and a line that was being written.
    journal_of(library).write_bytes(b"".join(lines[:10]) + lines[10][:100])
    report = versions(library, SETTINGS)
    assert report.n_verified == 15 - 9
    assert [path.read_bytes() for path in report.files] == expected
    assert sorted(journal_of(library).read_bytes().splitlines(keepends=True)) == sorted(lines)


def test_evidence_of_other_features_does_not_count(library, monkeypatch):
    versions(library, SETTINGS)
    monkeypatch.setattr(verification, "VERSION", verification.VERSION + 1)
    assert versions(library, SETTINGS).n_verified == 15


def test_of_a_library_that_grew_new_pairs_are_verified(library, made, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "_extractor", MelExtractor)
    versions(library, SETTINGS)
    sound, rate = sf.read(made / "music" / "other.wav", dtype="float32")
    write(tmp_path, "softer", 0.3 * sound)
    run(library, SETTINGS, [tmp_path / "softer.wav"])
    report = versions(library, SETTINGS)
    assert rate == RATE
    assert report.n_verified == 6
    assert classes(report)["other", "softer"] == COPY


# --- what is refused


@pytest.mark.usefixtures("library")
def test_what_is_lacking_is_said_with_what_to_run(library, made, tmp_path, monkeypatch):
    for k in (0, 51):
        with pytest.raises(SettingsError, match=rf"k must lie in 1 \.\. 50, .*, got {k}"):
            versions(library, SETTINGS, k=k)
    with pytest.raises(NotComputedError, match=r"'dtw' is not compared yet .* audiosim compare --measure dtw"):
        versions(library, SETTINGS, measures=["dtw"])
    monkeypatch.setattr(extract, "_extractor", MelExtractor)
    settings = Settings(features=FeatureSettings(families=("mfcc",)), machine=SETTINGS.machine)
    bare = Library.create(tmp_path / "bare")
    add(bare, [made / "music"])
    with pytest.raises(NotComputedError, match=r"none of version, timbre, cosine, dtw is compared in .*bare"):
        versions(bare, settings)
    extract.extract(bare, settings)
    compare(bare, settings, measures=["cosine"])
    with pytest.raises(NotComputedError, match=r"no track in .*bare has both MFCC and chroma"):
        versions(bare, settings)


# --- the command


def test_the_command_lists_kin_and_names_its_files(folder, command):
    outcome = command("versions", "--library", folder)
    assert outcome.code == 0, outcome.messages
    assert re.search(r"^same recording +(copy +piece|piece +copy) +100 / 100 %", outcome.output, flags=re.MULTILINE)
    assert re.search(r"^version .* [+-]2$", outcome.output, flags=re.MULTILINE)
    assert SIMILAR + " " not in outcome.output
    assert "15 pairs of 6 tracks verified: 1 same recording, 2 edit or excerpt, 3 version, 9 merely similar" in (
        outcome.output
    )
    assert outcome.output.splitlines()[-2:] == [
        str(folder / "reports" / name) for name in ("versions.csv", "versions.json")
    ]


def test_json_is_as_documented(folder, command):
    output = command("versions", "--json", "--library", folder, "-m", "timbre", "-m", "version").output
    assert_documented("versions", output)
    values = parsed(output)
    assert values["measures"] == ["timbre", "version"]
    assert {pair["class"] for pair in values["pairs"]} == set(KINSHIPS)
