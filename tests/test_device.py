"""Choosing and naming the device."""

import subprocess
import sys

import pytest

from audiosim_kernels import device


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(device, "_has_cuda", lambda: True)
    assert device.resolve("auto") == "cuda"
    assert device.resolve("cuda") == "cuda"
    assert device.resolve("cpu") == "cpu"


def test_without_a_gpu_auto_is_the_cpu_and_cuda_insists(monkeypatch):
    monkeypatch.setattr(device, "_has_cuda", lambda: False)
    assert device.resolve("auto") == "cpu"
    with pytest.raises(RuntimeError, match='device="cuda" but no CUDA GPU was found; use device="cpu"'):
        device.resolve("cuda")


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match='must be "auto", "cpu" or "cuda", got \'gpu\''):
        device.resolve("gpu")


def test_describes_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "_has_cuda", lambda: False)
    assert device.describe().endswith(" cores)")


def test_describes_the_cpu_where_there_is_no_proc(monkeypatch):
    monkeypatch.setattr(device, "_has_cuda", lambda: False)
    monkeypatch.setattr(device.Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError))
    assert device.describe().endswith(" cores)")


@pytest.mark.gpu
@pytest.mark.usefixtures("cuda")
def test_describes_the_gpu():
    description = device.describe()
    assert description == "CUDA simulator" or "compute capability" in description


def test_a_driver_that_fails_does_not_stop_the_description(monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise OSError("no driver")

    imported = device.import_module
    monkeypatch.setattr(device, "import_module", lambda name: Broken() if name == "numba.cuda" else imported(name))
    assert device._has_cuda() is False
    assert device._describe_gpu() == "CUDA GPU (no description: no driver)"


def test_importing_the_kernels_does_not_import_numba():
    program = "import sys, audiosim_kernels; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
