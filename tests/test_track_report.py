"""The report of a track: a page that stands alone, says what the stores say, and shows what is there."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
import soundfile as sf
from killed_run import SpectrumExtractor
from make_library import ENVIRONMENT, SAMPLE_RATE, audiosim, write_clips

from audiosim import audio
from audiosim.catalog import Track, printable
from audiosim.distances import MEASURES
from audiosim.errors import AudiosimError, NotComputedError, SettingsError, StoreMismatchError
from audiosim.features.descriptors import DESCRIPTORS
from audiosim.features.spec import MfccSpec
from audiosim.library import Library
from audiosim.store import FeatureStore
from audiosim_pipelines import extract, settings
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.features import track_descriptors
from audiosim_pipelines.pages.columns import column_edges, highest, lowest, means, root_mean_squares
from audiosim_pipelines.pages.style import WIDE, drawing, inline_svg
from audiosim_pipelines.pages.track import figures, report_names, track_report
from audiosim_pipelines.pages.track.contents import Contents, read_contents
from audiosim_pipelines.pages.track.page import ABOUT
from audiosim_pipelines.pages.track.pictures import pictures
from audiosim_pipelines.pages.track.sound import Sound, mel_powers
from audiosim_pipelines.settings import CompareSettings, FeatureSettings, HubnessSettings, Settings

DOCUMENT = Path(__file__).parents[1] / "docs" / "json.md"
OVER_TIME = ("waveform", "mel", "mfcc", "chroma", "tempo", "loudness")
INJECTION = '<script>alert("x")</script>'
MEASURES_HERE = ("cosine", "descriptors")
VOID = {"meta", "source", "br"}


class Page(HTMLParser):
    """Elements with their attributes, the text of every element, and whether all that was opened was closed."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.open = [], []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = SimpleNamespace(tag=tag, attributes=dict(attrs), text="", within=tuple(self.open))
        assert len(element.attributes) == len(attrs), "an attribute is given twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, tag, **attributes):
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, tag, **attributes):
        (element,) = self.all(tag, **attributes)
        return element

    def within(self, outer, tag):
        return [element for element in self.all(tag) if outer in element.within]


def tone(seconds, *, frequency=440.0, gain=0.3):
    return gain * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Eight tracks whose names and sounds try what a page can be given. The MFCC are stand-ins."""
    folder = tmp_path_factory.mktemp("report")
    music = write_clips(folder / "music", 3)
    (music / "clip 000.wav").rename(music / "100 % #1?.wav")
    silence = np.zeros(SAMPLE_RATE)
    sf.write(music / "trimmed.wav", np.concatenate([silence, tone(2.5), silence[:9_999]]), SAMPLE_RATE)
    sf.write(music / "short.wav", tone(0.2), SAMPLE_RATE)
    sf.write(music / "hush.wav", tone(1.0, gain=1e-4), SAMPLE_RATE)
    sf.write(music / "click.wav", np.eye(1, 3 * SAMPLE_RATE, 9_000)[0], SAMPLE_RATE)
    (music / "broken.mp3").write_bytes(b"no audio")
    (folder / "table.csv").write_text(
        "path,artist,title,genre\n"
        'music/100 % #1?.wav,"<script>alert(""x"")</script>","""Lied"" & {{ 7*7 }} 漢字 🎵",<b>folk\n'
        "music/clip 001.wav,AC/DC:,A\\B?,\n"
        "music/clip 002.wav,Ac/dc:,a\\b?,\n"
        "music/trimmed.wav,Ends,Trimmed,\n"
        "music/short.wav,,,\n"
        "music/hush.wav,Ends,Hush,\n"
        "music/click.wav,Ends,Click,\n"
        "music/broken.mp3,,Broken,\n",
        encoding="utf-8",
    )
    ours = Settings(compare=CompareSettings(measures=MEASURES_HERE), hubness=HubnessSettings(rescaling="mp_gauss"))
    library = Library.create(folder / "library")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        settings.save(ours, library.folder)
        add(library, [folder / "table.csv"])
        extract.extract(library, ours)
        compare(library, ours)
    library.close()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change; its files are the ones that were added."""
    return shutil.copytree(made / "library", tmp_path / "library")


def report(folder, name, **options):
    library = Library.open(folder)
    try:
        return track_report(library, settings.load(folder), name, **options)
    finally:
        library.close()


@pytest.fixture(scope="module")
def trimmed(made, tmp_path_factory):
    """The report of the track with silence at its ends, and its pictures as files."""
    return report(made / "library", "Ends - Trimmed", output=tmp_path_factory.mktemp("trimmed"), formats=("png",))


@pytest.fixture(scope="module")
def page(trimmed):
    return Page(trimmed.files[0])


@pytest.fixture
def _without_pictures(monkeypatch):
    """Pages without drawings, which take nearly all of the time."""

    def undrawn(contents):
        return [replace(picture, draw=None) for picture in pictures(contents)]

    monkeypatch.setattr("audiosim_pipelines.pages.track.pictures.pictures", undrawn)


def row_of(library, feature, track):
    ids = library.catalog.rows(feature)
    return ids.index(track.track_id), FeatureStore.read(library.folder, feature)


# A page that stands alone


def test_every_picture_is_there_for_wide_and_for_narrow_screens_with_words_for_it(page, trimmed):
    assert trimmed.missing == {}
    for name in OVER_TIME:
        figure = page.one("figure", id=name)
        drawings = page.within(figure, "svg")
        assert [element.attributes["viewbox"].split()[2] for element in drawings] == ["860", "400"]
        for element in drawings:
            assert element.attributes["role"] == "img"
            assert re.fullmatch(r"[A-Z].+ over 0:0\d: .+\.", element.attributes["aria-label"])
        assert "time (m:ss)" in figure.text
        assert page.within(figure, "figcaption")
    (radar,) = page.within(page.one("figure", id="radar"), "svg")
    assert radar.attributes["aria-label"].count("(") == 7
    for section in ("time", "descriptors", "nearest"):
        page.one("section", id=section)
    for text in ("amplitude (%)", "frequency (Hz)", "tempo (BPM)", "onset (dB)", "loudness (LUFS)"):
        assert text in page.source


def test_the_page_needs_no_network(page, trimmed):
    assert not re.search(r"""(?:https?|ftp|wss?):|["'(]//""", page.source)
    # Scripts, styles and pictures lie in the page; what is addressed is the music, a place in the page or a neighbour.
    for element in page.elements:
        attributes = element.attributes
        assert element.tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        assert not [name for name in attributes if name.startswith("on")]
        if "src" in attributes:
            assert element.tag == "source"
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
    assert trimmed.files[0].stat().st_size < 1_000_000


def test_no_script_runs_but_ours(page):
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    digest = base64.b64encode(hashlib.sha256(page.one("script").text.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_what_they_are_used_for_exists(page):
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="|url\()#([^")]+)', page.source)
    assert used
    assert set(used) <= set(ids)


def test_another_process_writes_the_same_bytes_without_pyplot(made, trimmed, tmp_path):
    asked = ["report", "Ends - Trimmed", "--library", made / "library", "-o", tmp_path, "--format", "png"]
    # Pyplot holds a state for the whole process, and may ask for a screen.
    watch = "import atexit, sys; atexit.register(lambda: print('pyplot:', 'matplotlib.pyplot' in sys.modules))"
    output, messages = audiosim(*asked, before=watch, settings={"PYTHONHASHSEED": "5"})
    assert output.splitlines() == [str(tmp_path / "Ends - Trimmed.html"), "pyplot: False"]
    assert messages.startswith("and 7 pictures in ")
    first, *others = trimmed.files
    assert [path.name for path in others] == [f"{name}.png" for name in (*OVER_TIME, "radar")]
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert comparable(written.pop("Ends - Trimmed.html")) == comparable(first.read_bytes())
    assert written == {path.name: path.read_bytes() for path in others}


def test_the_taste_of_the_user_changes_nothing(made, trimmed, tmp_path):
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 30.0, "axes.grid": True, "svg.hashsalt": "other"}):
        again = report(made / "library", "Ends - Trimmed", output=tmp_path)
    assert comparable(again.files[0].read_bytes()) == comparable(trimmed.files[0].read_bytes())


def comparable(page):
    """A page less the address of the music, which another folder has another one of."""
    return re.sub(rb'<source src="\.\.[^"]*">', b"", page)


# What it says


def test_the_descriptors_are_those_of_the_stores(made, page):
    library = Library.open(made / "library")
    track = library.find("Ends - Trimmed")
    row, store = row_of(library, "descriptors", track)
    shown = {
        element.attributes["data-name"]: element for element in page.all("tr") if "data-name" in element.attributes
    }
    assert tuple(shown) == DESCRIPTORS
    values, percentiles = {}, {}
    for name, line in shown.items():
        for cell in page.within(line, "td"):
            if "data-value" in cell.attributes:
                values[name] = float(cell.attributes["data-value"])
            if "data-percentile" in cell.attributes:
                percentiles[name] = float(cell.attributes["data-percentile"])
    np.testing.assert_array_equal(list(values.values()), store.vectors(row, row + 1)[0].astype(np.float64))
    known = track_descriptors(library, track.track_id).values
    assert percentiles == {value.name: value.percentile for value in known if value.percentile is not None}
    assert page.one("dd", id="fact-loudness").text == f"{values['loudness_est']:.1f} LUFS".replace("-", "−")  # noqa: RUF001
    assert page.one("dd", id="fact-duration").text == "0:03.9"
    assert "weak" in shown["valence_est"].text
    library.close()


def test_the_nearest_are_those_of_the_library(made, page):
    library = Library.open(made / "library")
    for measure in MEASURES_HERE:
        card = page.one("section", id=f"nearest-{measure}")
        table = library.nearest("Ends - Trimmed", k=5, measure=measure)
        rows = [row for row in page.within(card, "tr") if "data-track" in row.attributes]
        assert [row.attributes["data-track"] for row in rows] == list(table["track_id"])
        cells = [cell.attributes for cell in page.within(card, "td")]
        for column in ("distance", "rescaled"):
            shown = [float(cell[f"data-{column}"]) for cell in cells if f"data-{column}" in cell]
            assert shown == table[column].tolist()
        assert "+ mp_gauss" in card.text
    library.close()


def test_every_measure_is_explained():
    assert set(ABOUT) == set(MEASURES)


@pytest.mark.usefixtures("_without_pictures")
def test_a_neighbour_whose_report_is_there_is_linked(folder, tmp_path):
    assert not Page(report(folder, "Ends - Trimmed").files[0]).all("a", href="Ends%20-%20Hush.html")
    report(folder, "Ends - Hush")
    (linked, *_) = Page(report(folder, "Ends - Trimmed").files[0]).all("a", href="Ends%20-%20Hush.html")
    assert linked.text == "Ends - Hush"
    # Other folders have links of their own.
    elsewhere = Page(report(folder, "Ends - Trimmed", output=tmp_path / "elsewhere").files[0])
    assert all(element.attributes["href"].startswith("#") for element in elsewhere.all("a"))


def test_odd_names_are_text(folder):
    written = report(folder, f"{INJECTION} - ")
    page = Page(written.files[0])
    assert page.one("h1").text == '"Lied" & {{ 7*7 }} 漢字 🎵'
    assert page.one("p", **{"class": "artist"}).text == INJECTION
    assert page.one("title").text == f'{INJECTION} - "Lied" & {{{{ 7*7 }}}} 漢字 🎵'
    assert page.one("dd", id="fact-genre").text == "<b>folk"
    assert not page.all("b")
    assert "alert" not in page.one("script").text
    assert written.files[0].name == "_script_alert(_x_)__script_ - _Lied_ & {{ 7_7 }} 漢字 🎵.html"
    beside, absolute = (source.attributes["src"] for source in page.all("source"))
    (path,) = written.track.paths
    assert path.name == "100 % #1?.wav"
    assert (written.files[0].parent / unquote(beside)).resolve() == path.resolve()
    assert Path(unquote(urlsplit(absolute).path)) == path
    assert urlsplit(absolute).scheme == "file"


def track(number, artist, title):
    return Track(number, f"{number:064}", artist, title, *[None] * 5, paths=(Path(f"file {number}.wav"),))


def test_names_of_reports_are_different_files_on_any_system():
    tracks = [
        *(track(1, "A", "B"), track(2, "a", "b"), track(3, None, "x" * 400), track(4, None, None)),
        *(track(5, "..", "/"), track(6, None, "é" * 300), track(7, None, ".."), track(8, None, "line\nfeed\x07")),
    ]
    names = report_names(tracks)
    assert names[tracks[0].track_id] == "A - B"
    assert names[tracks[1].track_id] == f"a - b {tracks[1].track_id[:12]}"
    assert names[tracks[3].track_id] == names[tracks[6].track_id].partition(" ")[0] == "0" * 12
    assert len({name.casefold() for name in names.values()}) == len(tracks)
    for name in names.values():
        assert re.fullmatch(r'[^\x00-\x1f<>:"/\\|?*]+', name)
        assert not name.startswith((".", " "))
        assert len(f"{name}.html.draft".encode()) <= 255
    # Names stay when tracks are added.
    assert report_names(tracks[:3]).items() <= names.items()


# What is not there


def test_what_is_stored_is_drawn_when_the_file_is_gone(folder, command, tmp_path):
    (path,) = Library.open(folder).find("Ends - Hush").paths
    hidden = path.rename(tmp_path / "hidden.wav")
    try:
        outcome = command("report", "Ends - Hush", "--library", folder, "--json")
    finally:
        hidden.rename(path)
    assert outcome.code == 0
    said = json.loads(outcome.output)
    section = DOCUMENT.read_text(encoding="utf-8").partition("## audiosim report\n")[2].partition("\n## ")[0]
    keys = {*said, *(f"missing[].{key}" for key in said["missing"][0])}
    assert keys == set(re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE))
    reason = "cannot be read: No such file or directory"
    assert said["missing"] == [{"picture": name, "reason": reason} for name in ("waveform", "mel")]
    page = Page(Path(said["files"][0]))
    assert not page.all("audio")
    assert not page.all("script")
    assert reason in page.one("p", id="no-player").text
    for name in OVER_TIME:
        figure = page.one("figure", id=name)
        assert len(page.within(figure, "svg")) == (0 if name in ("waveform", "mel") else 2)
        assert (f"Not drawn: {reason}." in figure.text) == (name in ("waveform", "mel"))
    assert "time after trimming (m:ss)" in page.one("figure", id="mfcc").text
    assert len([row for row in page.all("tr") if "data-name" in row.attributes]) == len(DESCRIPTORS)


@pytest.mark.usefixtures("_without_pictures")
def test_a_file_that_changed_is_another_track_and_not_played(folder):
    (path,) = Library.open(folder).find("Ends - Hush").paths
    content, times = path.read_bytes(), path.stat()
    try:
        path.write_bytes(content + bytes(8))
        page = Page(report(folder, "Ends - Hush").files[0])
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not page.all("audio")
    assert "changed since it was added" in page.one("p", id="no-player").text


def test_a_track_that_failed_shows_its_sound_and_why_there_is_no_more(made, tmp_path, command):
    outcome = command("report", "Ends - Click", "--library", made / "library", "-o", tmp_path)
    assert (outcome.code, outcome.output) == (0, f"{tmp_path / 'Ends - Click.html'}\n")
    reason = "too short: 0.093 s after trimming; audio.min_duration is 0.1 s"
    assert outcome.messages.replace("\n", " ").strip() == f"not drawn: mfcc, chroma, tempo, loudness, radar: {reason}"
    page = Page(tmp_path / "Ends - Click.html")
    assert page.all("audio")
    assert len(page.all("svg")) == 4
    assert "None by cosine, descriptors: the track is not among those that were compared" in page.source


@pytest.mark.usefixtures("_without_pictures")
def test_families_that_are_not_extracted_are_named(made, tmp_path, monkeypatch):
    few = Settings(features=FeatureSettings(families=("mfcc",)))
    monkeypatch.setattr(extract, "_extractor", SpectrumExtractor)
    library = Library.create(tmp_path / "library")
    add(library, [made / "music" / "hush.wav"])
    extract.extract(library, few)
    written = track_report(library, few, "hush")
    library.close()
    assert set(written.missing) == {"chroma", "tempo", "loudness", "radar"}
    assert "not among features.families of its audiosim.toml" in written.missing["chroma"]
    assert "nothing is compared yet; run: audiosim compare" in Page(written.files[0]).source


def test_a_track_of_which_there_is_nothing_is_refused(made, tmp_path):
    with pytest.raises(NotComputedError, match=r"nothing to show of 'Broken': its file cannot be decoded"):
        report(made / "library", "Broken", output=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_features_of_other_settings_are_refused(folder, monkeypatch):
    monkeypatch.setenv("AUDIOSIM_FEATURES_HOP_LENGTH", "256")
    with pytest.raises(StoreMismatchError, match=r"mfcc in .* was made with other settings"):
        report(folder, "Ends - Hush")


@pytest.mark.usefixtures("_without_pictures")
def test_nothing_half_done_is_left(folder, tmp_path, monkeypatch):
    (before,) = report(folder, "Ends - Hush").files
    content = before.read_bytes()

    def fail(self, _):
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(AudiosimError, match=r"Ends - Hush\.html cannot be written: No space left"):
            report(folder, "Ends - Hush")
    assert before.read_bytes() == content
    assert list(before.parent.iterdir()) == [before]
    (tmp_path / "file").touch()
    with pytest.raises(AudiosimError, match="cannot be made: "):
        report(folder, "Ends - Hush", output=tmp_path / "file" / "below")


def test_an_unknown_format_is_refused_before_anything_is_done(folder, command):
    with pytest.raises(SettingsError, match="written as html, png, svg, not 'pdf'"):
        report(folder, "Ends - Hush", formats=("pdf",))
    assert command("report", "Ends - Hush", "--format", "pdf", "--library", folder).code == 2


# What is drawn


def test_pictures_are_files_that_other_programs_read(made, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audiosim_pipelines.pages.style.inline_svg", lambda *_, **__: "")
        written = report(made / "library", "short", output=tmp_path, formats=("svg",))
    for path in written.files[1:]:
        root = ET.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        # Letters are drawn, so that no font is missing.
        assert not list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert root.find(".//{*}date") is None


@pytest.mark.parametrize("name", ["Ends - Hush", "short"])
def test_what_is_short_or_hardly_heard_is_drawn(made, tmp_path, name):
    written = report(made / "library", name, output=tmp_path)
    assert written.missing == {}
    page = Page(written.files[0])
    assert len(page.all("svg")) == 2 * len(OVER_TIME) + 1
    assert ("no pulse was found" in page.one("figure", id="tempo").text) == (name == "short")


def test_the_time_axis_is_that_of_the_file(made):
    library = Library.open(made / "library")
    contents = read_contents(library, settings.load(library.folder), library.find("Ends - Trimmed"), k=1)
    sound = contents.sound
    assert sound is not None
    assert contents.end == sound.duration == (SAMPLE_RATE + 2.5 * SAMPLE_RATE + 9_999) / SAMPLE_RATE
    assert sound.start == pytest.approx(1.0, abs=0.1)
    # What features are made of is this very stretch.
    kept = sound.signal[round(sound.start * SAMPLE_RATE) : round(sound.stop * SAMPLE_RATE)]
    np.testing.assert_array_equal(kept, audio.load(contents.track.paths[0]))
    n_frames = len(contents.stored["mfcc"])
    assert len(sound.mel_power) == n_frames == 1 + len(kept) // 512
    with drawing(WIDE):
        axes = figures.mfcc(contents, WIDE).axes[0]
        left, right, *_ = axes.images[0].get_extent()
    assert axes.get_xlim() == (0.0, contents.end)
    assert left == pytest.approx(sound.start - 256 / SAMPLE_RATE)
    assert right == pytest.approx(left + n_frames * 512 / SAMPLE_RATE)
    library.close()


def test_mel_powers_are_librosas(rng, monkeypatch):
    import librosa

    from audiosim_pipelines.pages.track import sound

    monkeypatch.setattr(sound, "_FRAMES_AT_ONCE", 7)
    signal = rng.standard_normal(12_345).astype(np.float32)
    expected = librosa.feature.melspectrogram(y=signal, sr=22_050, n_fft=2_048, hop_length=512, pad_mode="constant")
    np.testing.assert_allclose(mel_powers(signal, MfccSpec()), expected.T, rtol=1e-4)


@pytest.mark.parametrize("frequency", [60.0, 440.0, 999.0, 1_001.0, 5_000.0])
def test_a_tone_is_marked_at_its_frequency(frequency):
    import librosa

    contents = SimpleNamespace(fmin=0.0, fmax=11_025.0)
    middles = librosa.mel_frequencies(130, fmin=0.0, fmax=11_025.0)[1:-1]
    (position,) = figures.mel_positions([frequency], contents, n_bands=128)
    assert np.interp(position, np.arange(128), middles) == pytest.approx(frequency, rel=0.005)
    assert figures.mel_frequency(40, contents, n_bands=128) == pytest.approx(middles[40])


def test_columns_keep_what_they_are_to_show(rng):
    signal = rng.standard_normal(1_003).astype(np.float32)
    edges = column_edges(len(signal), 100)
    parts = np.split(signal, edges[1:-1])
    assert {len(part) for part in parts} == {10, 11}
    np.testing.assert_array_equal(lowest(signal, edges), [part.min() for part in parts])
    np.testing.assert_array_equal(highest(signal, edges), [part.max() for part in parts])
    np.testing.assert_allclose(
        root_mean_squares(signal, edges), [np.sqrt(np.mean(part**2)) for part in parts], rtol=1e-5
    )
    np.testing.assert_allclose(means(signal[:, None], edges)[:, 0], [part.mean() for part in parts], atol=1e-6)


def test_two_hours_fit_into_a_page(rng, made):
    n_frames, n_samples = 310_000, 2 * 3_600 * 1_000
    frames = rng.random((n_frames, 12), dtype=np.float32)
    noise = rng.standard_normal(n_samples, dtype=np.float32)
    beats = np.arange(0.5, 7_200.0, 0.5, dtype=np.float32)[:, None]
    library = Library.open(made / "library")
    stored = {"mfcc": frames, "chroma": frames, "onset": frames[:, :1], "beats": beats, "loudness": frames[:72_000, :1]}
    contents = Contents(
        track=library.tracks()[0],
        sound=Sound(noise, 1_000, 0.0, 7_200.0, frames),
        stored=stored,
        scale=None,
        frame_rate=n_frames / 7_200.0,
        top_db=80.0,
        fmin=0.0,
        fmax=11_025.0,
        descriptors=None,
        distribution=None,
        neighbors=(),
        missing={"descriptors": "not asked for"},
    )
    library.close()
    size = 0
    for picture in pictures(contents)[:-1]:
        assert "over 2:00:00" in picture.alt
        with drawing(WIDE):
            figure = picture.draw(WIDE)
            for axes in figure.axes:
                assert all(image.get_array().shape[1] <= 2_000 for image in axes.images)
                # A stroke for a beat takes three points.
                assert all(len(line.get_xdata()) <= 3 * 2_000 for line in axes.lines)
            size += len(inline_svg(figure, name=picture.name, alt=picture.alt))
    # Noise is what can be packed the least; narrow pictures take half as much again.
    assert size < 1_200_000


def test_local_tempo_follows_the_beats():
    beats = np.concatenate([np.arange(0.0, 10.0, 0.5), np.arange(10.0, 20.0, 0.4)])
    times, tempi = figures.local_tempo(beats, 4)
    np.testing.assert_allclose(tempi[times < 9.0], 120.0)
    np.testing.assert_allclose(tempi[times > 11.0], 150.0)
    assert len(figures.local_tempo(beats[:1], 4)[0]) == 0


def test_only_the_command_itself_loads_what_draws():
    heavy = "{'matplotlib', 'jinja2', 'PIL', 'sklearn', 'pandas'}"
    code = (
        f"import sys, audiosim_pipelines.cli, audiosim_pipelines.pages.track; print(sorted({heavy} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_words_in_a_picture_are_escaped_and_warnings_stay_off_the_screen():
    from matplotlib.figure import Figure

    with drawing(WIDE):
        figure = Figure()
        figure.text(0.1, 0.1, "漢字 <script> 🎵")  # letters that the font lacks
        element = inline_svg(figure, name="x", alt='a "quote" & <b>')
    assert "<script>" not in element
    assert 'aria-label="a &quot;quote&quot; &amp; &lt;b>"' in element
    assert warnings.filters  # restored
    assert printable("漢字") == "漢字"
