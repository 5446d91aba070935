"""What `audiosim doctor` says about the kernels that compute distances."""

import json
import sys

import pytest

from audiosim_kernels import device, lanes
from audiosim_pipelines import doctor


def dtw_kernel(outcome):
    """The line about DTW of a report on the screen."""
    return next(line for line in outcome.output.splitlines() if "DTW kernel" in line)


@pytest.fixture
def on_gpu(monkeypatch):
    """As if there were a GPU of some compute capability."""
    from audiosim_kernels import dtw_cuda

    def claim(*capability):
        monkeypatch.setattr(device, "resolve", lambda _wish: "cuda")
        monkeypatch.setattr(dtw_cuda, "compute_capability", lambda: capability)

    return claim


def test_without_a_gpu_it_names_the_vectors_of_the_cpu(monkeypatch, command, tmp_path):
    monkeypatch.setattr(device, "_has_cuda", lambda: False)
    line = dtw_kernel(command("doctor", "--library", tmp_path))
    assert line == f"ok       DTW kernel      DTW on the CPU in float32, {lanes.LANES} pairs in a vector"


@pytest.mark.parametrize(
    ("capability", "words"),
    [((9, 0), "on tensor cores in split float16"), ((8, 9), "DTW on CUDA cores in float32, a warp a pair")],
)
def test_with_a_gpu_it_names_what_that_gpu_does_best(on_gpu, command, tmp_path, capability, words):
    on_gpu(*capability)
    assert words in dtw_kernel(command("doctor", "--library", tmp_path))


def test_json_has_it_too(on_gpu, command, tmp_path):
    on_gpu(8, 0)
    findings = json.loads(command("doctor", "--json", "--library", tmp_path).output)["findings"]
    finding = next(finding for finding in findings if finding["topic"] == "DTW kernel")
    assert finding["state"] == "ok"
    assert "tensor cores" in finding["found"]


def test_kernels_that_cannot_be_loaded_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "audiosim_kernels.lanes", None)
    monkeypatch.delattr("audiosim_kernels.lanes", raising=False)
    finding = doctor._dtw_kernel()
    assert (finding.state, finding.topic) == ("missing", "DTW kernel")
    assert finding.advice
