"""Fixtures that more than one test file needs."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

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
