"""The page of a match: it stands alone, says what was found, and draws it where it lies."""

import base64
import contextlib
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from audiosim.alignment.match import Match
from audiosim.alignment.passages import Passage
from audiosim.errors import AudiosimError, SettingsError
from audiosim.library import Library
from audiosim_pipelines.add import add
from audiosim_pipelines.explain import Explanation, PairStanding, sentences
from audiosim_pipelines.pages.html import read
from audiosim_pipelines.pages.match import match_page
from audiosim_pipelines.pages.match.courses import COLOURS, courses
from audiosim_pipelines.pages.match.page import render
from audiosim_pipelines.pages.match.picture import SMALL, SQUARE, draw, margins, matrix_height, words
from audiosim_pipelines.pages.style import drawing

FRAME_RATE = 43.06640625
VOID = {"meta", "source", "br"}
SIMULATIONS = {  # of full dichromacy, in linear RGB: Machado, Oliveira and Fernandes (2009)
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


class Page(HTMLParser):
    """Elements with their attributes and text, and whether all that was opened was closed."""

    def __init__(self, source):
        super().__init__()
        self.source, self.elements, self.open = source, [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        assert len(dict(attrs)) == len(attrs), "an attribute is given twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **wanted):
        return [e for e in self.elements if e["tag"] == tag and wanted.items() <= e.items()]

    def one(self, tag, **wanted):
        (element,) = self.all(tag, **wanted)
        return element


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Three tracks, one with a name that tries what a page can be given, and one with a very long name."""
    folder = tmp_path_factory.mktemp("matched")
    for i in range(3):
        sf.write(folder / f"{i} #?%.wav", 0.1 * np.sin(np.arange(4_000) * (i + 1) / 9.0), 22_050)
    (folder / "table.csv").write_text(
        "path,artist,title\n"
        '0 #?%.wav,"<script>alert(""x"")</script>","""Lied"" & {{ 7*7 }} 漢字"\n'
        f"1 #?%.wav,Ends,{'Länge ' * 40}\n"
        "2 #?%.wav,AC/DC,A\\B?\n",
        encoding="utf-8",
    )
    with contextlib.closing(Library.create(folder / "library")) as made:
        add(made, [folder / "table.csv"])
        yield made


def passage(a, b, *, offsets=(0.0, 0.0), transposition=0, bend=0.0):
    """From the times `a` to the times `b`, as straight as `bend` allows."""
    share = np.linspace(0.0, 1.0, 400)
    ends = np.array([a, b]).T - offsets
    path = ends[0] + share[:, None] * (ends[1] - ends[0])
    path[:, 1] += bend * np.sin(np.pi * share)
    return Passage(
        a_start=a[0], a_stop=a[1], b_start=b[0], b_stop=b[1], mean_cost=0.184,
        tempo_ratio=(a[1] - a[0]) / (b[1] - b[0]), transposition=transposition, score=12.0,
        path=np.rint(path * FRAME_RATE).astype(np.int64),
    )  # fmt: skip


def explained(library, passages, *, rows=(0, 2), duration=(100.0, 80.0), offsets=(0.5, 0.0), notes=()):
    """An explanation with made-up costs and sounds."""
    a, b = (library.tracks()[row] for row in rows)
    rng = np.random.default_rng(3)
    match = Match(tuple(passages), 0.5, 0.4, 2, 1.05, 0.0834) if passages else Match((), 0.0, 0.0, None, None, None)
    waveform = np.array([-0.5, 0.25]) * rng.random((700, 1))
    return Explanation(
        a=a,
        b=b,
        match=match,
        measures=(
            PairStanding("dtw", 1.25, "mp_gauss", 0.125, 3.25, None, 2.0),
            PairStanding("version", None, "none", None, None, None, None),
        ),
        cost=rng.random((300, 240), dtype=np.float32),
        a_extent=(offsets[0], duration[0]),
        b_extent=(offsets[1], duration[1]),
        a_offset=offsets[0],
        b_offset=offsets[1],
        frame_rate=FRAME_RATE,
        a_waveform=waveform.astype(np.float32),
        b_waveform=waveform.astype(np.float32),
        a_duration=duration[0],
        b_duration=duration[1],
        sentences=sentences(match, is_same=rows[0] == rows[1]),
        notes=notes,
    )


@pytest.fixture(scope="module")
def explanation(library):
    first = passage((10.5, 40.5), (30.0, 58.0), offsets=(0.5, 0.0), transposition=2, bend=3.0)
    return explained(library, [first, passage((60.0, 75.0), (5.0, 20.0), offsets=(0.5, 0.0))])


@pytest.fixture(scope="module")
def written(library, explanation, tmp_path_factory):
    return match_page(library, explanation, output=tmp_path_factory.mktemp("page") / "a.b.html", formats=("svg", "png"))


@pytest.fixture(scope="module")
def page(written):
    return Page(written[0].read_text(encoding="utf-8"))


# A page that stands alone


def test_the_page_needs_no_network(page, written):
    assert not re.search(r"""(?:https?|ftp|wss?):|["'(]//""", page.source)
    for element in page.elements:
        assert element["tag"] not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        assert not [name for name in element if name.startswith("on")]
        assert "src" not in element or element["tag"] == "source"
        for name in ("href", "xlink:href"):
            assert element.get(name, "#").startswith(("#", "data:image/png;base64,"))
    # Noise is what can be packed the least.
    assert written[0].stat().st_size < 600_000


def test_no_script_runs_but_ours(page):
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"})["content"]
    digest = base64.b64encode(hashlib.sha256(page.one("script")["text"].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_what_they_are_used_for_exists(page):
    ids = [element["id"] for element in page.elements if "id" in element]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page.source)) <= set(ids)


def test_names_are_text_and_no_markup(page, library):
    label = library.tracks()[0].label
    assert label.startswith('<script>alert("x")</script>')
    assert label in page.one("title")["text"]
    assert page.source.count("<script>alert") == 0
    assert "{{ 7*7 }}" in page.one("div", id="deck-a")["text"]


def test_the_same_explanation_gives_the_same_bytes(library, explanation, written, tmp_path):
    again = match_page(library, explanation, output=written[0], formats=("png", "svg"))
    copies = match_page(library, explanation, output=tmp_path / "x" / "other name.html", formats=("png", "svg"))
    assert [path.name for path in again] == ["a.b.html", "a.b.png", "a.b.svg"]
    for path, copy in zip(written, copies, strict=True):
        assert less_addresses(path.read_bytes()) == less_addresses(copy.read_bytes())


def less_addresses(content):
    """Where music lies depends on where the page does."""
    return re.sub(rb'<source src="[^"]*">', b"", content)


def test_players_find_their_files_from_the_page(page, library, written):
    sources = [unquote(element["src"]) for element in page.all("source")]
    assert len(sources) == 4
    for track, beside, absolute in zip((0, 2), sources[::2], sources[1::2], strict=True):
        path = library.tracks()[track].paths[0]
        assert (written[0].parent / beside).resolve() == path.resolve()
        assert absolute == f"file://{path.absolute()}"


# What it says


def test_passages_are_told_with_their_times_and_how_they_go_together(page, explanation):
    buttons = [button for button in page.all("button") if "data-course" in button]
    assert [button["aria-label"] for button in buttons] == list(explanation.sentences[1:])
    assert buttons[0]["text"] == "1A 0:10–0:40B 0:30–0:58mean cost 0.18 · B 7.1 % faster · B +2 semitones"  # noqa: RUF001
    assert buttons[1]["text"].endswith("mean cost 0.18 · same tempo · same key")
    assert page.one("h1")["text"] == explanation.sentences[0]
    facts = [element["text"] for element in page.all("dd")]
    assert facts == ["2", "50 %", "40 %", "B 5.0 % faster", "B +2 semitones", "83 ms"]


def test_columns_of_measures_that_nothing_fills_are_left_out(page):
    heads = [element["text"] for element in page.all("th", scope="col")]
    assert heads == ["measure", "distance", "rescaled", "of all", "by two artists"]
    row = page.one("tr", **{"data-measure": "dtw"})["text"]
    assert row == "dtw + mp_gaussthe same course: sounds that follow one another alike1.25000.12503.2 %2.0 %"
    assert page.one("tr", **{"data-measure": "version"})["text"].endswith("in whatever key–––")  # noqa: RUF001


def test_where_nothing_matches_the_page_says_so(library, tmp_path):
    found = explained(library, [], notes=("no waveform of 'x': its file is gone",))
    page = Page(render(replace(found, measures=(), b_waveform=None), library.catalog, tmp_path))
    assert page.one("h1")["text"].startswith("Nothing matches")
    assert [element["text"] for element in page.all("dd")] == ["0"]
    assert "None. The picture can be listened to" in page.one("section", id="passages")["text"]
    assert page.one("p", **{"class": "missing"})["text"] == "No waveform of 'x': its file is gone."
    assert not page.all("section", id="measures")
    assert "no file" in page.one("section", id="picture")["text"]


def test_a_repetition_is_about_one_track(library, tmp_path):
    found = explained(library, [passage((0.0, 20.0), (40.0, 60.0))], rows=(2, 2), duration=(80.0, 80.0), offsets=(0, 0))
    found = replace(found, measures=())
    page = Page(render(found, library.catalog, tmp_path))
    assert page.one("title")["text"] == f"{found.a.label}: what returns"
    assert page.one("h1")["text"].startswith("One passage is repeated")
    assert len(page.all("audio")) == 2
    assert match_page(library, found)[0] == library.folder / "reports" / "matches" / "AC_DC - A_B_ ~ itself.html"


# What it draws


def test_both_pictures_have_the_matrix_where_the_page_believes_it(explanation):
    for layout in (SQUARE, SMALL):
        with drawing(layout):
            matrix = draw(explanation, layout).axes[0]
        place, around = matrix.get_position(), margins(explanation, layout)
        np.testing.assert_allclose(
            [place.x0, 1 - place.x1, place.y0, 1 - place.y1],
            [around[side] for side in ("left", "right", "bottom", "top")],
            atol=1e-6,
        )
        assert matrix.get_xlim() == (0.0, 100.0)
        assert matrix.get_ylim() == (0.0, 80.0)
        assert matrix.images[0].get_extent() == [0.5, 100.0, 0.0, 80.0]


def test_what_sounds_alike_lies_where_it_is(library):
    """One cheap cell of the costs is dark in the picture, at its time in A from the left and in B from below."""
    cost = np.ones((100, 50), np.float32)
    cost[20, 40] = 0.0
    found = replace(explained(library, [], duration=(100.0, 100.0), offsets=(0.0, 0.0)), cost=cost)
    with drawing(SQUARE):
        matrix = draw(found, SQUARE).axes[0]
        shades = matrix.images[0].get_array()
    ((row, column),) = np.argwhere(shades < 0.1)
    assert matrix.images[0].origin == "lower"
    assert (row / shades.shape[0], column / shades.shape[1]) == pytest.approx((0.8, 0.2), abs=0.01)


@pytest.mark.parametrize(("a", "b", "ratio"), [(100.0, 80.0, 0.8), (100.0, 10.0, 0.5), (60.0, 600.0, 1.1)])
def test_a_second_is_as_long_upwards_unless_that_would_be_out_of_shape(library, a, b, ratio):
    found = explained(library, [], duration=(a, b))
    assert matrix_height(found, SQUARE) == pytest.approx(ratio * SQUARE.plot_width, abs=1.0)


def test_files_are_pictures(written):
    _, png, svg = written
    assert (png.name, svg.name) == ("a.b.png", "a.b.svg")
    with Image.open(io.BytesIO(png.read_bytes())) as image:
        assert image.width == 2 * SQUARE.width
    root = ET.fromstring(svg.read_text())
    assert root.attrib["width"] == f"{SQUARE.width}pt"
    text = svg.read_text()
    assert COLOURS[0] in text
    assert COLOURS[1] in text


def test_those_who_cannot_see_it_are_told(page, explanation, library):
    wide, narrow = page.all("svg", role="img")
    assert wide["aria-label"] == narrow["aria-label"] == words(explanation)
    assert words(explanation) == "Cost matrix of A (1:40) and B (1:20). " + " ".join(explanation.sentences)
    many = explained(library, [passage((i, i + 5.0), (i, i + 5.0)) for i in range(11)])
    assert words(many).endswith("And 3 more.")


def test_colours_of_the_page_follow_the_light(page):
    for number in range(1, len(COLOURS) + 1):
        assert f".passage-{number} {{" in page.source
    drawn = page.source[page.source.index('<section id="picture"') : page.source.index('<section id="passages"')]
    assert "var(--blue)" in drawn
    assert not [colour for colour in COLOURS if colour in drawn]


def test_the_colour_blind_can_tell_passages_apart():
    """By the CIELAB distance of any two colours, on light and on dark, and by contrast with what lies around them."""
    sheet = read("page.css") + read("match.css")
    colours = {name: re.findall(rf"--{name}: (#\w+);", sheet) for name in ("blue", "vermillion", "page")}
    colours |= {f"passage-{i}": re.findall(rf"--passage-{i}: (#\w+);", sheet) for i in range(3, len(COLOURS) + 1)}
    light, dark = (
        {name: values[place] for name, values in colours.items() if name != "page"} for place in (0, 1)
    )  # fmt: skip
    assert tuple(light.values()) == COLOURS
    for shown, around in ((light, colours["page"][0]), (dark, colours["page"][1])):
        assert min(contrast(colour, around) for colour in shown.values()) > 3.0  # WCAG 2.2, 1.4.11
        for simulation in SIMULATIONS.values():
            seen = [lab(np.array(simulation) @ linear(colour)) for colour in shown.values()]
            assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 16.0


def linear(colour):
    """Linear RGB of a colour of the web."""
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIELAB of linear RGB, D65."""
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0.0, 1.0) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def contrast(*colours):
    low, high = sorted(np.dot([0.2126, 0.7152, 0.0722], linear(colour)) for colour in colours)
    return (high + 0.05) / (low + 0.05)


# Courses


def test_a_course_is_that_of_the_passage_in_time_of_the_files(explanation, page):
    course = courses(explanation)[0]
    at = explanation.match.passages[0]
    assert (course.a[0], course.a[-1], course.b[0], course.b[-1]) == (10.5, 40.5, 30.0, 58.0)
    seconds = at.path / FRAME_RATE + [0.5, 0.0]
    np.testing.assert_allclose(np.interp(seconds[:, 0], course.a, course.b), seconds[:, 1], atol=0.06)
    told = json.loads(next(button["data-course"] for button in page.all("button") if "data-course" in button))
    np.testing.assert_allclose([told["a"], told["b"]], [course.a, course.b], atol=0.005)


@given(
    steps=st.lists(st.sampled_from([(1, 1), (0, 1), (1, 0)]), min_size=1, max_size=300),
    start=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    offset=st.floats(0.0, 3.0),
)
def test_no_course_ever_turns_back(library, steps, start, offset):
    """Whatever way a path takes: times ascend from one end of the passage to the other, about four a second."""
    path = np.cumsum([start, *steps], axis=0)
    (a, b), (a_stop, b_stop) = path[0] / FRAME_RATE + offset, (path[-1] + 1) / FRAME_RATE + offset
    found = explained(library, [passage((0.0, 1.0), (0.0, 1.0))], offsets=(offset, offset))
    there = replace(found.match.passages[0], a_start=a, a_stop=a_stop, b_start=b, b_stop=b_stop, path=path)
    (course,) = courses(replace(found, match=replace(found.match, passages=(there,))))
    for times, first, last in ((course.a, a, a_stop), (course.b, b, b_stop)):
        assert (times[0], times[-1]) == (first, last)
        assert (np.diff(times) >= 0.0).all()
    assert len(course.a) == len(course.b) <= 2 + len(path) / FRAME_RATE / 0.2


def test_colours_come_again_after_the_last(library):
    found = courses(explained(library, [passage((i, i + 5.0), (i, i + 5.0)) for i in range(len(COLOURS) + 1)]))
    assert [course.colour for course in found] == [*COLOURS, COLOURS[0]]


# Where it is written


def test_long_names_are_cut_and_told_apart_by_the_track(library):
    found = explained(library, [], rows=(1, 2))
    (path,) = match_page(library, found)
    assert path.parent == library.folder / "reports" / "matches"
    first, second = path.stem.split(" ~ ")
    assert first.startswith("Ends - Länge Länge")
    assert first.endswith(found.a.track_id[:12])
    assert second == "AC_DC - A_B_"
    assert len(path.name.encode()) < 230


def test_what_cannot_be_written_is_refused(library, explanation, tmp_path):
    with pytest.raises(SettingsError, match="written as png, svg, not 'gif'"):
        match_page(library, explanation, formats=("gif",))
    (tmp_path / "file").write_text("")
    with pytest.raises(AudiosimError, match="cannot be made"):
        match_page(library, explanation, output=tmp_path / "file" / "page.html")
