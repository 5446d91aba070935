"""The command line: help that can be followed, exit codes, JSON that is as documented, plain text in pipes."""

import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from killed_run import SpectrumExtractor
from loopback import Answer, Loopback
from make_library import ENVIRONMENT, audiosim, write_clips
from typer.main import get_command

from audiosim.distances import MEASURES
from audiosim.evaluation.perturbation import PerturbationScores
from audiosim.features import fit, fit_models
from audiosim.features.descriptors import ENCODED
from audiosim.library import Library
from audiosim_pipelines import cli, doctor, extract, features, perturb
from audiosim_pipelines.cli.options import MeasureName
from audiosim_pipelines.online.reccobeats import FEATURES
from audiosim_pipelines.settings import PROFILES, MachineSettings

DOCUMENT = Path(__file__).parents[1] / "docs" / "json.md"
SEED = "Die Ärzte - Übung"
ANOTHER = "Die Ärzte - Übung zwei"


@pytest.fixture
def odd(odd_library, tmp_path):
    return shutil.copytree(odd_library, tmp_path / "odd library")


@pytest.fixture
def demo(demo_run, tmp_path):
    return shutil.copytree(demo_run.folder, tmp_path / "demo library")


# Help


def commands(group=None, prefix=()):
    """Every command with the words that call it."""
    for name, command in sorted((group or get_command(cli.app)).commands.items()):
        words = (*prefix, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


COMMANDS = dict(commands())


def test_there_are_these_commands():
    assert {" ".join(words) for words in COMMANDS} == {
        *("run", "add", "extract", "compare", "evaluate", "nearest", "status", "doctor"),
        *("baseline import", "baseline fetch", "releases", "history import", "history show", "rate", "ratings"),
        *("recommend", "history evaluate", "next", "weekly", "fetch", "explain", "versions", "journey"),
        *("genre evaluate", "genre train", "genre predict"),
        *("taste import", "taste fit", "taste predict", "taste next", "taste report"),
        "taste compare",
        *("export matrix", "export neighbors", "export playlist", "export features", "features show", "features fit"),
        *("report", "bench dtw", "bench features", "bench yasr", "bench quality"),
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example_on_one_line_that_the_command_takes(words, command):
    outcome = command(*words, "--help")
    assert outcome.code == 0
    (example,) = re.findall(r"^  Example: audiosim (.+)$", outcome.output, flags=re.MULTILINE)
    arguments = shlex.split(example)
    assert tuple(arguments[: len(words)]) == words
    # Parsing alone finds an option that is not there any more, or a value that is none.
    COMMANDS[words].make_context(" ".join(words), arguments[len(words) :])


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_takes_a_library_and_gives_json(words):
    options = {option for parameter in COMMANDS[words].params for option in parameter.opts}
    # A benchmark measures the machine, whatever lies in a library.
    assert ({"--json"} if words[0] == "bench" else {"--library", "--json"}) <= options


def test_the_list_of_commands_cuts_no_sentence(command):
    outcome = command("--help")
    assert "..." not in outcome.output.partition("Commands:")[2]
    assert "Exit codes: 0 done, 1 failure, 2 wrong usage, 3 some" in outcome.output


def test_choices_are_those_of_what_they_choose(command):
    assert [name.value for name in MeasureName] == list(MEASURES)
    shown = command("run", "--help").output
    assert "|".join(get_args(get_type_hints(MachineSettings)["device"])) in shown
    assert "|".join(PROFILES) in shown


# Exit codes and errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nearest", "x", "--library", "{tmp}/none"],
            r"library .*none does not exist; make one with: audiosim run MUSIC",
        ),
        (["status", "--library", "{tmp}"], "is not an audiosim library"),
        (["nearest", "nobody knows this"], r"no track is called 'nobody knows this'; all 5 are listed by: audiosim "),
        (["nearest", "Die Artze - Übung"], r"the nearest names are:\n  \w{12}  Die Ärzte - Übung\n"),
        (["nearest", "arzte"], r"'arzte' means 2 tracks; give one of these ids:\n  \w{12}  Die Ärzte - Übung\n"),
        (["nearest", SEED, "--exclude", "nobody"], "no track is called 'nobody'"),
        (["nearest", SEED, "--measure", "baseline"], "not compared yet .* run: audiosim compare --measure baseline"),
        (["nearest", "broken"], "'broken' has no 'dtw' distances; what failed, and why: audiosim status --failures"),
        (["evaluate", "--measure", "baseline"], "'baseline' is not compared yet"),
        (["evaluate", "--label", "mood"], r"label 'mood' is no tag \(genre, artist, album\)"),
        (["evaluate", "--label", "mood", "--labels", "{table}"], "must have the column 'mood', got path, artist"),
        (["evaluate", "--labels", "{tmp}/none.csv"], r"none.csv must be a CSV file"),
        (["evaluate", "--pairs", "{table}"], "must have the columns a and b, and has no a; got path"),
        (["evaluate", "--label", "genre", "--label", "genre"], "none of them twice"),
        (["baseline", "import", "{table}"], "table.csv must have at least one feature column"),
        (["baseline", "import", "{keyless}"], "must have a key column"),
        (["baseline", "import", "{tmp}/none.csv"], "none.csv must be a table that can be read"),
        (["baseline", "import", "{tmp}/table.xls"], r"must end in .csv, .csv.gz, .parquet"),
        (["run", "{tmp}/none"], "none does not exist"),
        (["run", "{keyless}"], "must have a column named path or file"),
        (["add", "{tmp}/none.mp3"], "none.mp3 does not exist"),
        (["run", "--profile", "yasr"], "was made with other settings than profile 'yasr'; use another"),
        (["compare", "--recompute", "--scheduler", "nowhere"], "no Dask scheduler answers at nowhere"),
        (["export", "matrix", "-o", "{tmp}/none/m.parquet"], "m.parquet cannot be written: No such file"),
        (["export", "neighbors", "-o", "{tmp}"], "cannot be written: Is a directory"),
        (["export", "playlist", "--seed", SEED, "-o", "{tmp}/none/p.m3u8"], "p.m3u8 cannot be written"),
        (["export", "features", "-o", "{tmp}/f.csv"], r"no track of .* has descriptors yet; name them in features\."),
        (["features", SEED], "has descriptors yet"),
        (["features", "show", "nobody knows this"], "no track is called 'nobody knows this'"),
        (["features", "fit", "{table}"], "table.csv must have at least one feature column"),
        (["status", "--csv", "{tmp}/none/f.csv"], "f.csv cannot be written"),
    ],
)
def test_a_foreseeable_mistake_is_one_error_and_exit_1(arguments, message, odd, tmp_path, command):
    (tmp_path / "keyless.csv").write_text("mood,colour\nsad,blue\n")
    (tmp_path / "table.csv").write_text("path,artist,title\nx.wav,X,X\n")
    places = {"tmp": tmp_path, "table": tmp_path / "table.csv", "keyless": tmp_path / "keyless.csv"}
    arguments = [argument.format(**places) for argument in arguments]
    outcome = command(*arguments, *([] if "--library" in arguments else ["--library", odd]))
    assert (outcome.code, outcome.output) == (1, ""), outcome
    assert re.search(r"^error: ", outcome.messages, flags=re.MULTILINE)
    assert re.search(message, outcome.messages), outcome.messages


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["nearest"],
        ["nearest", "x", "-k", "0"],
        ["nearest", "x", "-k", "many"],
        ["nearest", "x", "--artist-cap", "0"],
        ["nearest", "x", "--measure", "dwt"],
        ["compare", "--measure", "dwt"],
        ["run", "--device", "tpu"],
        ["run", "--profile", "mine"],
        ["run", "--threads", "0"],
        ["add"],
        ["export"],
        ["export", "matrix"],
        ["export", "matrix", "-o", "m", "--format", "xls"],
        ["export", "neighbors", "-o", "n", "--format", "npy"],
        ["export", "playlist", "-o", "p.m3u8"],
        ["export", "features"],
        ["export", "features", "-o", "f", "--format", "npy"],
        ["features"],
        ["features", "x", "y"],
        ["features", "fit"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2(arguments, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = command(*arguments)
    assert outcome.code == 2
    assert (
        outcome.output == "" or not arguments or arguments in (["export"], ["features"])
    )  # the help was asked for, in a way
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[dtw", "audiosim.toml cannot be read as TOML"),
        ("[dtw]\nband = 1", r"unknown key 'dtw\.band'"),
        ("[compare]\ntop_k = 0", r"compare\.top_k must be at least 1, got 0"),
        ("[compare]\ntile = -1", r"compare\.tile must be at least 0, got -1"),
        ("[compare]\nmeasures = []", r"compare\.measures must name at least one measure"),
        ("[compare]\nmeasures = ['dwt']", "unknown measure 'dwt'"),
        ("[dtw]\nband_fraction = 7", r"dtw\.band_fraction must lie in 0 \.\. 1"),
        ("[evaluate]\nks = [0]", r"evaluate\.ks must be whole numbers from 1 on"),
        ("[evaluate]\nn_permutations = -1", r"evaluate\.n_permutations must be at least 0"),
        ("[evaluate]\nn_draws = 0", r"evaluate\.n_draws must be at least 1"),
        ("[evaluate]\nlabel = []", r"evaluate\.label must name at least one tag or column"),
        ("[machine]\nthreads = -1", r"machine\.threads must be at least 0"),
        ("[features]\npooled_rate = 0", r"features\.pooled_rate must be above 0"),
        ("[features]\nn_mfcc = 300", "n_mfcc must be at most n_mels = 128, got 300"),
        ("[audio]\nsample_rate = 3", r"audio\.sample_rate must be between"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_done(odd, command, text, message):
    (odd / "audiosim.toml").write_text(text)
    outcome = command("compare", "--library", odd)
    assert (outcome.code, outcome.output) == (1, "")
    assert re.search(message, outcome.messages)


def test_an_evaluation_of_two_tracks_is_refused_and_a_run_goes_on_without(tmp_path, command, monkeypatch):
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)
    write_clips(tmp_path / "music", 2)
    ran = command("run", tmp_path / "music", "--library", tmp_path / "library")
    assert ran.code == 0
    assert "no evaluation: an evaluation needs at least 3 tracks" in ran.messages
    outcome = command("evaluate", "--library", tmp_path / "library")
    assert outcome.code == 1
    measures = ", ".join(sorted(set(MEASURES) - {"baseline"}))
    assert f"needs at least 3 tracks that have all of {measures}; there are 2" in outcome.messages


def test_before_there_is_anything_each_command_says_what_to_run(tmp_path, command):
    write_clips(tmp_path / "music", 1)
    library = tmp_path / "library"
    assert command("add", tmp_path / "music", "--library", library).output == "1 tracks added from 1 files\n"
    assert "nothing is compared yet" in command("evaluate", "--library", library).messages
    assert "run: audiosim compare --measure dtw" in command("nearest", "clip 000", "--library", library).messages
    compared = command("compare", "--library", library)
    n_measures = len(MEASURES) - 1  # nothing was imported
    assert (compared.code, compared.output.count("run: audiosim extract")) == (0, n_measures)
    status = command("status", "--library", library)
    assert status.output.count("none yet") == 1 + n_measures
    assert f"to compute what is missing: audiosim run --library {library}" in status.output


def test_an_empty_folder_is_no_failure_but_is_told(tmp_path, command):
    (tmp_path / "music").mkdir()
    outcome = command("run", tmp_path / "music", "--library", tmp_path / "library")
    assert outcome.code == 0
    assert "no audio was found" in outcome.messages
    asked = command("nearest", "x", "--library", tmp_path / "library")
    assert "has no tracks; add some with: audiosim run MUSIC" in asked.messages


def test_exit_codes_of_the_real_command(odd_library, tmp_path):
    library = ["--library", odd_library]
    output, messages = audiosim("status", *library)
    assert "5 tracks in 5 files" in output
    assert messages == ""
    assert audiosim("status", "--library", tmp_path / "none", expected=1)[0] == ""
    assert "No such option: --frobnicate" in audiosim("status", "--frobnicate", expected=2)[1]
    output, messages = audiosim("extract", "--library", odd_library, expected=3)
    assert output == "0 tracks extracted now, 4 have features\n"
    assert "1 files or tracks failed; reasons: audiosim status --failures --library" in messages


def test_failures_are_listed_with_reasons(odd_library, tmp_path, command):
    outcome = command("status", "--failures", "--csv", tmp_path / "failures.csv", "--library", odd_library)
    assert outcome.code == 0
    assert re.search(r"^extract: .*broken\.mp3: cannot be decoded", outcome.output, flags=re.MULTILINE)
    assert re.search(r"^add: .*table\.csv: row 6: gone\.flac does not exist", outcome.output, flags=re.MULTILINE)
    stage, _, track_id, reason = (tmp_path / "failures.csv").read_text().splitlines()[1].split(",", 3)
    assert (stage, track_id) == ("add", "")
    assert "gone.flac" in reason


def test_what_a_broken_installation_lacks_is_a_finding(monkeypatch, command, tmp_path):
    monkeypatch.setattr(doctor, "_PACKAGES", ("numpy", "no-such-package"))
    # As if Keras could not be imported, whether or not an earlier test did.
    monkeypatch.setitem(sys.modules, "audiosim.features.backend", None)
    monkeypatch.delattr("audiosim.features.backend", raising=False)
    outcome = command("doctor", "--library", tmp_path)
    assert outcome.code == 1
    for finding in ("missing  no-such-package not installed", "missing  GPU, features   Keras cannot be loaded"):
        assert finding in outcome.output
    assert "-> install audiosim again: make .venv" in outcome.output
    assert "missing  library" in outcome.output


# JSON


def documented():
    """Types by key, for every command with a table of its own."""
    tables = {}
    for section in re.split(r"^## audiosim ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", section, flags=re.MULTILINE)
        tables[section.partition("\n")[0]] = {key: (types.strip(), meaning) for key, types, meaning in rows}
    for table in tables.values():
        for key, (_, meaning) in list(table.items()):
            if reference := re.match(r"as (?:`(\w+)` of )?`audiosim (\w+)`(?:, without its `(\w+)`)?", meaning):
                part, command, without = reference.groups()
                for other, row in tables[command].items():
                    if part is None and not re.match(rf"{without}\b", other):
                        table[f"{key}.{other}"] = row
                    elif part is not None and other.startswith(f"{part}["):
                        table[f"{key}{other.removeprefix(part)}"] = row
    return {name: {key: types for key, (types, _) in table.items()} for name, table in tables.items()}


KEYS = documented()
TYPES = {
    dict: "object",
    list: "list",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def found_keys(value, known, prefix=""):
    """Every (key, type) in a JSON value, with * for the keys of objects that are documented so."""
    items = value.items() if isinstance(value, dict) else []
    for key, item in items:
        path = f"{prefix}*" if f"{prefix}*" in known else f"{prefix}{key}"
        yield path, TYPES[type(item)]
        yield from found_keys(item, known, f"{path}.")
        if isinstance(item, list):
            for member in item:
                yield from found_keys(member, known, f"{path}[].")


def parsed(text):
    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    value = json.loads(text, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


def assert_documented(section, *outputs):
    """Together the outputs have exactly the documented keys, each with a documented type."""
    known = KEYS[section]
    found = {pair for output in outputs for pair in found_keys(parsed(output), known)}
    assert {key for key, _ in found} == set(known)
    for key, name in found:
        accepted = known[key].split(" or ")
        assert name in accepted or (name == "integer" and "number" in accepted), (key, name)


def test_json_of_run(demo, odd, command):
    again = command("run", "--json", "--library", demo)
    assert again.code == 0
    partial = command("run", "--json", "--library", odd)
    assert partial.code == 3
    assert_documented("run", again.output, partial.output)
    assert parsed(partial.output)["baseline"] is None


def test_json_of_add_extract_and_compare(demo, odd, odd_library, command):
    added = command("add", odd_library.parent / "music" / "table.csv", "--json", "--library", odd)
    assert added.code == 3
    assert_documented("add", added.output)
    extracted = command("extract", "--json", "--library", odd)
    assert extracted.code == 3
    assert_documented("extract", extracted.output)
    few = command("compare", "--json", "--library", odd)
    many = command("compare", "--json", "--library", demo, "--measure", "dtw")
    assert (few.code, many.code) == (0, 0)
    assert_documented("compare", few.output, many.output)
    assert parsed(few.output)["compared"][0]["hubs"]["raw"] == []  # 4 tracks have no list of 5


def test_json_of_evaluate(demo, odd, command):
    two = ("--measure", "dtw", "--measure", "cosine", "--label", "genre", "--label", "artist")
    tagged = command("evaluate", "--json", "--library", demo, *two)
    untagged = command("evaluate", "--json", "--library", odd, "--label", "album")
    assert (tagged.code, untagged.code) == (0, 0)
    assert_documented("evaluate", tagged.output, untagged.output)
    assert parsed(tagged.output) == json.loads((demo / "reports" / "evaluation.json").read_text())
    assert [task["name"] for task in parsed(tagged.output)["tasks"]] == ["genre", "artist"]
    assert parsed(untagged.output)["measures"]["dtw"]["retrieval"] is None


def test_json_of_perturbations(odd, command, monkeypatch):
    scores = PerturbationScores(0.5, 0.75, 2)
    failure = perturb.CopyFailure("0" * 64, "a title", "crop", "it is too short")
    found = perturb.MeasurePerturbations(scores, {"crop": scores})
    results = perturb.Perturbations(2, 0, 4, 0, {"dtw": found}, (failure,))
    asked = {}
    monkeypatch.setattr(perturb, "perturb", lambda *_, **options: asked.update(options) or results)
    outcome = command("evaluate", "--json", "--library", odd, "--perturb", 2)
    assert outcome.code == 0
    kept = {"perturbations": parsed(outcome.output)["perturbations"]}
    assert_documented("evaluate --perturb", json.dumps(kept))
    assert asked["n_tracks"] == 2


def test_evaluate_says_the_verdict_the_tables_and_where_the_page_is(demo, tmp_path, command):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b\nThe Originals - Morning Ferry,Slow River Trio - Morning Ferry (tempo 0.9)\n")
    outcome = command("evaluate", "--library", demo, "--label", "genre", "--label", "mood of", "--pairs", pairs)
    assert (outcome.code, outcome.output) == (1, "")  # no such tag
    outcome = command("evaluate", "--library", demo, "--label", "genre", "--pairs", pairs)
    assert outcome.code == 0
    lines = outcome.output.splitlines()
    assert lines[0] == "verdict by genre: with the baseline"
    assert all(re.match(r"  (better|worse|neutral|unclear) .* baseline", line) for line in lines[1:7])
    places = [lines.index(f"verdict by {name}: with one another") for name in ("genre", "pairs")]
    assert places == sorted(places)
    tables = [i for i, line in enumerate(lines) if line.startswith("who finds the same")]
    assert len(tables) == 2
    assert tables[0] > places[-1]
    assert lines[-1] == f"to look at and to listen to: {demo / 'reports' / 'evaluation.html'}"
    assert (demo / "reports" / "evaluation.html").stat().st_size > 100_000


def test_json_of_baseline(demo, command):
    table = demo.parent / "features.csv"
    table.write_text((demo / "demo" / "features.csv").read_text() + "nobody\n")
    outcome = command("baseline", "import", table, "--json", "--library", demo)
    assert outcome.code == 0
    assert_documented("baseline import", outcome.output)
    assert parsed(outcome.output)["n_matched"] == 40


def test_json_of_features(demo, command, monkeypatch):
    shown = command("features", "The Originals - Morning Ferry", "--json", "--library", demo)
    score = fit.Score(0.5, 0.25, 0.75)
    row = fit.FitRow("energy", 40, 8, score, score, score, score, score, "ridge")
    model = fit_models.LinearModel(weights=np.zeros(len(ENCODED)), constant=np.array([0.5]))
    models = fit.FittedDescriptors({"energy": model}, (row,))
    monkeypatch.setattr(features, "fit_descriptors", lambda *_, **__: models)
    fitted = command("features", "fit", demo / "demo" / "features.csv", "--json", "--library", demo)
    then = command("features", "The Originals - Morning Ferry", "--json", "--library", demo)
    assert (shown.code, fitted.code, then.code) == (0, 0, 0)
    assert_documented("features show", shown.output, then.output)
    assert_documented("features fit", fitted.output)
    assert parsed(then.output)["descriptors"][1] == {
        **parsed(shown.output)["descriptors"][1],
        "value": 0.5,
        "percentile": 50.0,
        "source": "fitted",
        "r2": 0.5,
    }


def test_json_of_nearest(odd_library, command):
    one = command("nearest", SEED, "--json", "--library", odd_library)
    several = command("nearest", SEED, "--seed", ANOTHER, "--seed", SEED, "--json", "--library", odd_library)
    assert_documented("nearest", one.output, several.output)
    assert "n_seeds" not in one.output
    assert len(parsed(several.output)["seeds"]) == 2  # one given twice counts once
    untagged = [row for row in parsed(one.output)["nearest"] if row["path"].endswith("003.wav")]
    assert [(row["artist"], row["title"]) for row in untagged] == [(None, None)]


def test_json_of_status(odd_library, command):
    outcome = command("status", "--tracks", "--json", "--library", odd_library)
    assert_documented("status", outcome.output)
    assert len(parsed(outcome.output)["tracks"]) == 5
    assert "tracks" not in parsed(command("status", "--json", "--library", odd_library).output)


def test_json_of_doctor(odd_library, command):
    outcome = command("doctor", "--json", "--library", odd_library)
    assert outcome.code == 0
    assert_documented("doctor", outcome.output)


def test_json_of_export(odd_library, demo, tmp_path, command):
    described = command("export", "features", "-o", tmp_path / "features.csv", "--json", "--library", demo)
    assert_documented("export matrix", described.output)
    assert parsed(described.output)["n_tracks"] == 40
    for arguments in (["matrix"], ["matrix", "--format", "npy"], ["neighbors"], ["playlist", "--seed", SEED]):
        outcome = command("export", *arguments, "-o", tmp_path / "output.m3u8", "--json", "--library", odd_library)
        assert outcome.code == 0
        assert_documented("export matrix", outcome.output)
        assert all(Path(name).is_file() for name in parsed(outcome.output)["files"])


def test_the_result_of_an_export_is_in_its_file_alone(odd_library, tmp_path, command):
    outcome = command("export", "matrix", "--format", "npy", "-o", tmp_path / "m.npy", "--library", odd_library)
    assert (outcome.code, outcome.output) == (0, "")
    assert outcome.messages.replace("\n", " ").split() == [
        *("wrote", str(tmp_path / "m.npy"), "and", str(tmp_path / "m.npy.ids.csv:"), "4", "tracks"),
    ]


# What would be done


def test_a_dry_run_foresees_what_the_run_then_does(tmp_path, command, monkeypatch):
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)
    library, music = tmp_path / "library", write_clips(tmp_path / "music", 3)

    def foresee(*arguments):
        outcome = command(*arguments, "--dry-run", "--json", "--library", library)
        assert outcome.code == 0
        return parsed(outcome.output)

    for first in (3, 5):
        foreseen = foresee("run", music)
        assert library.exists() == (first > 3)
        done = parsed(command("run", music, "--json", "--library", library).output)
        assert foreseen["n_files_seen"] == done["added"]["n_files_seen"]
        assert foreseen["n_files_new"] == done["added"]["n_tracks_added"]
        assert foreseen["n_tracks_to_extract"] == done["extracted"]["n_extracted"]
        assert foreseen["n_pairs_to_compare"] == {m["measure"]: m["n_pairs_computed"] for m in done["compared"]}
        write_clips(music, 2, first=first)
    command("add", music, "--library", library)
    assert foresee("add", music) == {**dict.fromkeys(foreseen), "n_files_seen": 7, "n_files_new": 0}
    assert foresee("extract")["n_tracks_to_extract"] == 2
    assert foresee("extract", "--recompute")["n_tracks_to_extract"] == 7
    assert foresee("compare", "--measure", "dtw")["n_pairs_to_compare"] == {"dtw": 0}  # of those that have features
    assert foresee("compare", "--measure", "dtw", "--recompute")["n_pairs_to_compare"] == {"dtw": 10}
    assert foresee("run")["n_pairs_to_compare"]["dtw"] == 11


def test_a_dry_run_of_the_demo_makes_nothing(tmp_path, command, demo_run):
    outcome = command("run", "--dry-run", "--library", tmp_path / "library")
    assert outcome.code == 0
    n_pieces = len(list((demo_run.folder / "demo").glob("*.flac")))
    assert f"would add {n_pieces} of {n_pieces} files\nwould extract at most {n_pieces} tracks\n" in outcome.output
    assert "would compare at most 780 pairs by dtw" in outcome.output
    assert not list(tmp_path.iterdir())


def test_dry_runs_are_documented(odd_library, command, tmp_path):
    outcomes = [
        command("run", "--dry-run", "--json", "--library", odd_library),
        command("add", "--dry-run", "--json", tmp_path, "--library", odd_library),
    ]
    assert_documented("run --dry-run", *(outcome.output for outcome in outcomes))


# Plain text


def test_there_are_no_escape_codes_in_pipes(demo_run):
    assert "\x1b" not in demo_run.output + demo_run.messages


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_means_no_escape_codes_on_a_terminal(odd_library, no_color):
    main, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from audiosim_pipelines.cli import main; main()", "nearest", SEED, "-l", odd_library],
        env={**ENVIRONMENT, "NO_COLOR": no_color, "TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(main, 65_536):
                shown += part
        except OSError:  # the other end is closed
            pass
    os.close(main)
    assert process.returncode == 0
    assert "Übung zwei".encode() in shown
    assert (b"\x1b" in shown) == (no_color == "")


def test_what_the_terminal_cannot_show_is_escaped_and_stays_json(odd_library):
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    output, _ = audiosim("nearest", "Übung", "--library", odd_library, settings=ascii_only)
    assert r"Die \xc4rzte" in output
    output, _ = audiosim("nearest", "Übung", "--json", "--library", odd_library, settings=ascii_only)
    assert output.isascii()
    assert "Die Ärzte" in {row["artist"] for row in parsed(output)["nearest"]}


def test_the_version_is_told(command):
    assert command("--version").output == "audiosim 0.1.0\n"


# JSON of what comes from elsewhere


STREAMS = [
    {"endTime": "2020-01-16 03:13", "artistName": "The Originals", "trackName": "Morning Ferry", "msPlayed": 199_925},
    {"endTime": "2020-01-16 03:17", "artistName": "Nobody", "trackName": "Nothing", "msPlayed": 4_454},
    {"endTime": "yesterday", "artistName": "Nobody", "trackName": "Nothing", "msPlayed": 4_454},
    {"endTime": "2020-01-16 03:20", "podcastName": "Talk", "episodeName": "One", "msPlayed": 100_000},
]


def test_json_of_history(odd, tmp_path, command):
    shown = command("history", "show", "--json", "--library", odd)
    (tmp_path / "streams.json").write_text(json.dumps(STREAMS))
    imported = command("history", "import", tmp_path / "streams.json", "--json", "--library", odd)
    again = command("history", "show", "--json", "--library", odd)
    assert (shown.code, imported.code, again.code) == (0, 0, 0)
    assert_documented("history import", imported.output)
    assert_documented("history show", shown.output, again.output)
    assert parsed(again.output) == parsed(imported.output)["summary"]
    with zipfile.ZipFile(tmp_path / "streams.zip", "w") as archive:
        archive.writestr("1.json", json.dumps(STREAMS))
        archive.writestr("2.json", "[{")
    partial = command("history", "import", tmp_path / "streams.zip", "--json", "--library", odd)
    assert partial.code == 3
    assert [file["kind"] for file in parsed(partial.output)["files"]] == ["Spotify, last year", "unreadable"]


def test_json_of_recommend_and_ratings(demo, command):
    nothing = command("ratings", "--json", "--library", demo)
    found = command("recommend", "--seed", "The Originals - Morning Ferry", "--json", "--library", demo)
    first = parsed(found.output)["tracks"][0]["track_id"]
    rated = command("rate", first, 8, "--json", "--library", demo)
    then = command("ratings", "--json", "--library", demo)
    dropped = command("rate", first, "--clear", "--json", "--library", demo)
    assert {outcome.code for outcome in (nothing, found, rated, then, dropped)} == {0}
    assert_documented("recommend", found.output)
    assert_documented("rate", rated.output, dropped.output)
    assert_documented("ratings", nothing.output, then.output)
    assert parsed(then.output)["means"]["near"]["mean"] == 8.0


def test_json_of_releases(odd, command, monkeypatch):
    told = {"artist_credit_name": "Anon", "release_name": "Suites", "release_date": "2026-11-19", "release_tags": ["x"]}
    with Loopback() as server:
        server.answers["/1/explore/fresh-releases/"] = Answer({"payload": {"releases": [told]}})
        monkeypatch.setenv("AUDIOSIM_ONLINE_LISTENBRAINZ_URL", server.url)
        outcome = command("releases", "--json", "--library", odd)
    assert outcome.code == 0
    assert_documented("releases", outcome.output)


def test_json_of_baseline_fetch(odd, command, monkeypatch):
    foreseen = command("baseline", "fetch", "--dry-run", "--json", "--library", odd)
    assert_documented("baseline fetch --dry-run", foreseen.output)
    nothing = command("baseline", "fetch", "--json", "--library", odd)
    assert (nothing.code, parsed(nothing.output)["imported"]) == (0, None)
    ids = [f"{i:022d}" for i in range(2)]
    library = Library.open(odd)
    with library.writing(), library.catalog.transaction():
        for key in ids:
            unknown = dict.fromkeys(("artist", "title", "album", "genre", "isrc", "duration"))
            library.catalog.put_track(key * 2 + "0" * 20, {**unknown, "external_id": key})
    library.close()
    with Loopback() as server:
        server.answers["/v1/track"] = Answer(
            {"content": [{"id": key, "href": f"https://open.spotify.com/track/{key}"} for key in ids]}
        )
        server.answers[f"/v1/track/{ids[0]}/audio-features"] = Answer(dict.fromkeys(FEATURES, 2.0))
        server.answers[f"/v1/track/{ids[1]}/audio-features"] = Answer(status=400)
        monkeypatch.setenv("AUDIOSIM_ONLINE_RECCOBEATS_URL", server.url)
        refused = command("baseline", "fetch", "--json", "--library", odd)
        server.answers[f"/v1/track/{ids[1]}/audio-features"] = Answer(dict.fromkeys(FEATURES, 0.5))
        fetched = command("baseline", "fetch", "--json", "--library", odd)
    assert (refused.code, fetched.code) == (1, 0)
    assert "must lie in 0..1, got 2" in refused.messages
    assert_documented("baseline fetch", fetched.output)
