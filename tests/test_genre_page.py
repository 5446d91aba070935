"""The page about genres: it stands alone, says what was found, and its pictures show it."""

import re

import browser
import numpy as np
import pytest
from make_songs import songs, written
from PIL import Image

from audiosim.recommend.genre.tree import ReadableTree, TreeNode
from audiosim.recommend.genre.work import Effort
from audiosim_pipelines.genre.evaluation import evaluate_table
from audiosim_pipelines.genre.files import write_report
from audiosim_pipelines.pages.genre import genre_page
from audiosim_pipelines.pages.genre.maps import confusion_map, correlation_map
from audiosim_pipelines.pages.genre.outline import branches
from audiosim_pipelines.pages.pictures import SQUARE
from audiosim_pipelines.pages.style import NARROW, drawing

PICTURES = ["confusion", "reliability", "coverage", "importance", "tree", "spreads", "correlations", "medians"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = written(songs(np.random.default_rng(5), n_artists=12, n_songs=3), tmp_path_factory.mktemp("songs"))
    return evaluate_table(path, "genre", effort=Effort(n_trees=4))


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    [path] = write_report(report, tmp_path_factory.mktemp("page") / "genre.html")
    return path


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as opened:
        yield opened


def test_the_page_says_what_the_report_says(report, page):
    text = page.read_text()
    assert re.findall(r'<figure id="(\w+)"', text) == PICTURES
    chosen = report.judgement.evaluation.row("chosen").scores
    assert f"<b>{100 * chosen.accuracy:.0f} %</b>" in text
    assert "63 %" in text  # of the write-up
    for track in report.judgement.confused:
        assert track.title in text
    for line in report.judgement.tree.lines():
        assert line in text
    assert "Labels are opinions" in text


def test_the_page_is_the_same_every_time_and_asks_for_nothing(report, page):
    assert genre_page(report) == page.read_bytes()
    assert "://" not in page.read_text()
    assert "<script" not in page.read_text()


@pytest.mark.parametrize("screen", browser.SCREENS)
def test_the_page_is_shown_soundly(chromium, page, screen):
    with browser.visit(chromium, page, screen=screen) as found:
        browser.assert_sound(found, n_pictures=len(PICTURES), n_players=0)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_every_picture_is_a_file(report, suffix, tmp_path):
    files = write_report(report, tmp_path / f"genres.{suffix}")
    assert [path.name for path in files] == [f"genres-{name}.{suffix}" for name in PICTURES]
    if suffix == "svg":
        assert all(path.read_text().startswith("<?xml") for path in files)
        return
    for path in files:
        with Image.open(path) as image:
            assert len(image.convert("RGB").getcolors(2**24)) > 10


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_cells_say_shares_of_rows_and_counts():
    counts = np.array([[30, 10], [0, 5]])
    with drawing(SQUARE):
        assert texts(confusion_map(["a", "b"], counts, SQUARE)) == ["75 %\n30", "25 %\n10", "0 %\n0", "100 %\n5"]
    many = np.full((12, 12), 1)
    with drawing(NARROW):
        assert set(texts(confusion_map([f"genre {i}" for i in range(12)], many, NARROW))) == {"8"}
        assert texts(confusion_map([f"genre {i}" for i in range(40)], np.eye(40, dtype=int), NARROW)) == []


def test_correlations_that_are_not_defined_stay_empty():
    correlations = np.array([[1.0, -0.004, np.nan], [-0.004, 1.0, -0.5], [np.nan, -0.5, 1.0]])
    with drawing(SQUARE):
        said = texts(correlation_map(["a", "b", "c"], correlations, SQUARE))
    assert said == [".00", ".00", "\N{MINUS SIGN}.50", "\N{MINUS SIGN}.50"]


def test_an_outline_lists_what_is_asked_depth_first():
    def leaf(*shares):
        return TreeNode(None, None, None, None, 5, shares)

    nodes = (
        TreeNode("duration_ms", 90_000.0, 1, 2, 15, (0.5, 0.5)),
        leaf(1.0, 0.0),
        TreeNode("loudness", -8.25, 3, 4, 10, (0.5, 0.5)),
        leaf(0.0, 1.0),
        leaf(0.6, 0.4),
    )
    tree = ReadableTree(nodes, ("pop", "rock"), None, np.zeros((0, 2)))
    assert [(line.text, line.depth, line.begins) for line in branches(tree)] == [
        ("duration up to 1.5 min", 0, -1),
        ("duration above 1.5 min", 0, -1),
        ("loudness up to \N{MINUS SIGN}8.25", 1, 1),
        ("loudness above \N{MINUS SIGN}8.25", 1, 1),
    ]
    assert tree.lines() == [
        "duration_ms up to 90000:",
        "  pop (100 % of 5 tracks)",
        "duration_ms above 90000:",
        "  loudness up to -8.25:",
        "    rock (100 % of 5 tracks)",
        "  loudness above -8.25:",
        "    pop (60 % of 5 tracks)",
    ]
