"""The workers of a run: results as they end, failures as they are, and not a word of their own."""

import asyncio
import gc
import io
import logging
import operator

import pytest

from audiosim_pipelines.cluster import Scheduling, connect


def test_results_come_with_their_keys():
    with connect(Scheduling(threads=2)) as cluster:
        found = dict(cluster.run(operator.mul, ((n, (n, n)) for n in range(20))))
    assert found == {n: n * n for n in range(20)}


def test_what_fails_in_a_task_is_raised_as_it_is():
    with connect(Scheduling()) as cluster, pytest.raises(ZeroDivisionError):
        list(cluster.run(operator.truediv, [("key", (1, 0))]))


def test_what_workers_say_to_their_scheduler_is_not_for_people():
    """A heartbeat that comes while both are being ended fails, which is no error of anybody."""
    handler = logging.StreamHandler(io.StringIO())
    logging.getLogger("distributed").addHandler(handler)
    try:
        with connect(Scheduling()) as cluster:
            logging.getLogger("distributed.worker").error("Failed to communicate with scheduler during heartbeat.")
            assert dict(cluster.run(operator.neg, [("key", (1,))])) == {"key": -1}
    finally:
        logging.getLogger("distributed").removeHandler(handler)
    assert handler.stream.getvalue() == ""


@pytest.mark.parametrize(("error", "is_said"), [(TimeoutError("Timeout"), False), (OSError("no route"), True)])
def test_a_deadline_that_nobody_waits_for_any_more_is_not_for_people(error, is_said, caplog):
    async def leave():
        asyncio.get_running_loop().create_future().set_exception(error)

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(leave())
        gc.collect()
    assert ("Future exception was never retrieved" in caplog.text) == is_said
