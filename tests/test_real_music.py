"""On real music, each measure finds what is known to belong together."""

import bench_retrieval
import numpy as np
import pytest
from make_library import MFCC_ONLY

from audiosim.library import Library
from audiosim_pipelines.add import add
from audiosim_pipelines.compare import compare
from audiosim_pipelines.extract import extract


@pytest.fixture(scope="module")
def scores(shared_data, tmp_path_factory):
    library = Library.create(tmp_path_factory.mktemp("real") / "library")
    add(library, [shared_data / "music"])
    extract(library, MFCC_ONLY)
    compare(library, MFCC_ONLY)
    library.close()
    return bench_retrieval.report(library.folder)


def test_dtw_finds_every_recording_behind_another_codec(scores):
    assert scores["dtw"]["codec_twin_nearest"] == scores["dtw"]["n_codec_twins"] == 62


def test_cosine_finds_every_recording_behind_another_codec(scores):
    # Two loops have a second excerpt with the same averages: there it, not the copy, may come first.
    assert scores["cosine"]["codec_twin_nearest_without_excerpts"] == 62
    assert scores["cosine"]["codec_twin_nearest"] >= 58


def test_the_second_excerpt_is_found_far_above_chance(scores):
    assert scores["cosine"]["second_excerpt_mrr"] >= 0.60
    assert scores["dtw"]["second_excerpt_mrr"] >= 0.35
    assert scores["cosine_frames"]["second_excerpt_mrr"] >= 0.25
    assert scores["random"]["second_excerpt_mrr"] <= 0.15


def test_a_judge_that_knows_nothing_finds_nothing():
    stems = [f"{i}{suffix}" for i in range(30) for suffix in ("", "__seg2", "__frommp3")]
    far = 1.0 - np.eye(len(stems))
    judged = bench_retrieval.judge(far, stems)
    assert judged["second_excerpt_mrr"] < 0.4
    assert judged["codec_twin_nearest"] < 10
