"""Every CUDA kernel compiles for the GPUs of data centres, and its hot loop stays as lean as it was recorded.

Needs no GPU, only NVIDIA's compilers, which are wheels. Skipped where they are not installed; with
AUDIOSIM_REQUIRE_GATE=1, as in `./check`, that is a failure.
"""

import json
import os
from pathlib import Path

import pytest
import sass

RECORDED = Path(sass.__file__).parent / "results" / "sass.json"
ARCHITECTURES = ["sm_80", "sm_90"]
SLACK = 1.1  # another version of the compilers may count a little differently


@pytest.fixture(scope="module")
def reports():
    missing = sass.missing()
    if missing:
        text = f"the gate of the CUDA kernels needs {', '.join(missing)}: pip install 'audiosim[dev]'"
        if os.environ.get("AUDIOSIM_REQUIRE_GATE") == "1":
            pytest.fail(f"AUDIOSIM_REQUIRE_GATE=1, but {text}")
        pytest.skip(text)
    return sass.in_a_process()


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_hot_loop_spills(reports, architecture):
    spilling = {name: report for name, report in reports[architecture].items() if report["loop_spills"]}
    assert not spilling
    assert all(report["shared_bytes"] <= 48 * 1024 for report in reports[architecture].values())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernels_are_as_lean_as_recorded(reports, recorded, architecture):
    """After a change that is meant to be one: python benchmarks/sass.py > benchmarks/results/sass.json."""
    assert reports[architecture].keys() == recorded[architecture].keys()
    for name, report in reports[architecture].items():
        before = recorded[architecture][name]
        assert report["registers"] <= min(255, SLACK * before["registers"] + 8), name
        assert report["spill_bytes"] <= SLACK * before["spill_bytes"] + 16, name
        if before["instructions_per_cell"]:
            assert report["instructions_per_cell"] <= SLACK * before["instructions_per_cell"], name


@pytest.mark.parametrize("precision", ["float16", "split"])
def test_the_headline_takes_four_instructions_a_cell_on_sm_90(reports, precision):
    report = reports["sm_90"][f"dtw_tensor {precision} squared symmetric1"]
    assert report["instructions_per_cell"] <= 4
    assert report["spill_bytes"] == 0


def test_a_kernel_without_tensor_cores_counts_its_differences(reports):
    """A subtraction and a fused product for each of 20 dimensions, and not half as much again for all else."""
    for architecture in ARCHITECTURES:
        assert 40 < reports[architecture]["dtw_warp 20 squared symmetric1"]["instructions_per_cell"] < 60


def test_sums_in_float64_take_few_instructions_more(reports):
    """One in six at most; on GPUs of data centres, where float64 runs at half rate, that is the price."""
    for architecture in ARCHITECTURES:
        for kernel in ("squared symmetric1", "euclidean symmetric2", "euclidean symmetric2 banded"):
            for n_dims in (20, 64):
                plain, double = (
                    reports[architecture][f"dtw_warp {variant} {kernel}"]["instructions_per_cell"]
                    for variant in (f"{n_dims}", f"{n_dims} float64")
                )
                assert plain < double < plain * 7 / 6
