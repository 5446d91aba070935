"""Fixtures that more than one test file needs.

Libraries that a bare GPU machine lacks are imported by the fixtures that need them: it runs the kernels' tests.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from audiosim_kernels import device

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
if SIMULATED:
    import warp_shims

    warp_shims.install()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout, or where AUDIOSIM_TEST_DATA says."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AUDIOSIM_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set AUDIOSIM_TEST_DATA to its folder")
    return folder


if importlib.util.find_spec("hypothesis"):  # not on a bare GPU machine
    from hypothesis import settings

    settings.register_profile(
        "repeatable",
        derandomize=True,
        deadline=None,  # the first example compiles a kernel
        database=None,
        max_examples=10 if SIMULATED else 40,  # the simulator runs every CUDA thread in Python
    )
    settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def cuda() -> None:
    """A GPU or its simulator; with AUDIOSIM_REQUIRE_GPU=1 a real GPU, or the test fails."""
    available = device.describe() if device._has_cuda() else "no CUDA GPU"
    if os.environ.get("AUDIOSIM_REQUIRE_GPU") == "1":
        if available in ("no CUDA GPU", "CUDA simulator"):
            pytest.fail(f"AUDIOSIM_REQUIRE_GPU=1 but found {available}")
    elif available == "no CUDA GPU":
        pytest.skip("no CUDA GPU; set NUMBA_ENABLE_CUDASIM=1 to run this in numba's simulator")


@pytest.fixture(scope="session", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each device in turn, with blocks of threads so small that tiny inputs cross them."""
    if request.param == "cpu":
        yield "cpu"
        return
    request.getfixturevalue("cuda")
    from audiosim_kernels import cosine_cuda, dtw_warp

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dtw_warp, "WARPS_PER_BLOCK", 2)
        patch.setattr(cosine_cuda, "THREADS_PER_BLOCK", (2, 3))
        yield "cuda"


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """A folder of short synthesised clips."""
    import make_library

    return make_library.write_clips(tmp_path_factory.mktemp("music"), make_library.N_CLIPS)


def made_once(tmp_path_factory, name, make):
    """A folder that is made for all processes of the tests by the first of them to ask for it."""
    import fcntl

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / name / "made").exists():
            shutil.rmtree(place / name, ignore_errors=True)  # of one that failed
            (place / name).mkdir()
            make(place / name)
            (place / name / "made").touch()
    return place / name


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, clips):
    """The library of the clips, made by one run of the command line. Copy it before you change it.

    The features are stand-ins; who extracts again does so after `STAND_INS`.
    """
    import make_library

    def make(folder):
        make_library.audiosim("run", clips, "--library", folder / "library", before=make_library.STAND_INS)

    return made_once(tmp_path_factory, "undisturbed", make) / "library"


@dataclass(frozen=True)
class DemoRun:
    """The demo library as the command line made it, and what it said. Copy the folder before you change it."""

    folder: Path
    output: str
    messages: str


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    import make_library

    def make(folder):
        settings = make_library.EVERYTHING | {"AUDIOSIM_COMPARE_TILE": "0"}
        said = make_library.audiosim("run", "--library", folder / "library", settings=settings)
        (folder / "said.json").write_text(json.dumps(said), encoding="utf-8")

    folder = made_once(tmp_path_factory, "demo run", make)
    return DemoRun(folder / "library", *json.loads((folder / "said.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def odd_library(tmp_path_factory):
    """Four tracks, one of them without tags, with names that try every format, one file that is no audio and one gone.

    The features are stand-ins. Copy the folder before you change it.
    """
    import make_library
    from killed_run import SpectrumExtractor
    from make_library import MFCC_ONLY

    from audiosim.library import Library
    from audiosim_pipelines import extract, settings
    from audiosim_pipelines.run import run

    folder = tmp_path_factory.mktemp("odd")
    make_library.write_clips(folder / "music", 4)
    (folder / "music" / "broken.mp3").write_bytes(b"no audio")
    (folder / "music" / "table.csv").write_text(
        "path,artist,title,genre\n"
        "clip 000.wav,Die Ärzte,Übung,étude\n"
        'clip 001.wav,"=HYPERLINK(""x"")",#1 in "C",étude\n'
        "clip 002.wav,Die Ärzte,Übung zwei,\n"
        "clip 003.wav,,,\n"
        "broken.mp3,,,\n"
        "gone.flac,Nobody,Nothing,\n",
        encoding="utf-8",
    )
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(Library.create(folder / "library")) as library:
        patch.setattr(extract, "_extractor", SpectrumExtractor)
        settings.save(MFCC_ONLY, library.folder)
        run(library, MFCC_ONLY, [folder / "music" / "table.csv"])
    return folder / "library"


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str
    messages: str


@pytest.fixture
def command(monkeypatch, capsys):
    """The command line in this process, down to its exit code."""
    from audiosim_pipelines import cli

    def leave(code):
        raise SystemExit(code)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["audiosim", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Outcome(ended.value.code or 0, *capsys.readouterr())

    monkeypatch.setattr(os, "_exit", leave)
    for name in [name for name in os.environ if name.startswith("AUDIOSIM_")]:
        monkeypatch.delenv(name)
    return run
