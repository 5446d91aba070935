"""Steps that were computed before an interruption are not computed again, and nothing else is read in their place."""

import os
import time

import numpy as np
import pytest

from audiosim_pipelines.steps import kept_steps


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOSIM_CACHE", str(tmp_path))
    return tmp_path / "steps"


class StoppedError(Exception):
    pass


def counted(calls, value):
    def compute():
        calls.append(value)
        return np.full(3, float(value))

    return compute


def run(calls, *, depends_on="inputs", until=None):
    with kept_steps(depends_on, b"bytes") as recall:
        found = [recall("one", counted(calls, 1))]
        if until == 1:
            raise StoppedError
        return [*found, recall("two", counted(calls, 2))]


def interrupted(calls, **options):
    with pytest.raises(StoppedError):
        run(calls, until=1, **options)


def test_a_step_is_computed_once_and_forgotten_when_all_is_done(cache):
    calls = []
    interrupted(calls)
    found = run(calls)
    assert calls == [1, 2]
    np.testing.assert_array_equal(found, [[1.0] * 3, [2.0] * 3])
    assert not list(cache.iterdir())
    run(calls)
    assert calls == [1, 2, 1, 2]


def test_other_inputs_are_another_computation():
    calls = []
    interrupted(calls)
    run(calls, depends_on="others")
    assert calls == [1, 1, 2]


def test_a_damaged_step_is_computed_again(cache):
    calls = []
    interrupted(calls)
    (path,) = cache.glob("*/one.npy")
    path.write_bytes(path.read_bytes()[:20])
    np.testing.assert_array_equal(run(calls)[0], np.ones(3))
    assert calls == [1, 1, 2]


def test_without_a_cache_all_is_computed(cache, monkeypatch):
    calls = []
    monkeypatch.setenv("AUDIOSIM_CACHE", "none")
    interrupted(calls)
    run(calls)
    assert calls == [1, 1, 2]
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(cache):
    calls = []
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("a file in place of the folder")
    interrupted(calls)
    run(calls)
    assert calls == [1, 1, 2]


def test_what_was_left_behind_is_swept_after_a_month(cache):
    interrupted([])
    (left,) = cache.iterdir()
    run([], depends_on="others")
    assert left.exists()
    long_ago = time.time() - 40 * 86_400
    os.utime(left, (long_ago, long_ago))
    run([], depends_on="others")
    assert not left.exists()
