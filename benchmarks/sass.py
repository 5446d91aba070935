"""What the compiler makes of each CUDA kernel: registers, spills, instructions. Needs no GPU, only NVIDIA's compilers.

    python benchmarks/sass.py > benchmarks/results/sass.json

numba compiles to PTX, ptxas of the wheel `nvidia-cuda-nvcc` to machine code, and cuobjdump (`nvidia-cuda-cuobjdump`)
shows it. Of the hot loop, the innermost one that computes costs, the instructions are counted: on a GPU that issues one
a cycle they bound the speed.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from numba.core.errors import NumbaError
from numba.cuda import compiler, types

from audiosim_kernels import (
    cosine_cuda,
    dtw_matrix_cuda,
    dtw_tensor,
    dtw_tensor_band,
    dtw_tensor_pack,
    dtw_tensor_tile,
    dtw_warp,
    gaussian_cuda,
    nearest_cuda,
    paths_cuda,
)

CAPABILITIES = ((8, 0), (9, 0))
WHEELS = ("nvidia-cuda-nvcc", "nvidia-cuda-cuobjdump", "nvidia-nvvm")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel as it is launched; `n_cells` are those of one turn of a lane in the hot loop, which does `products`."""

    name: str
    function: Callable[..., None]
    signature: Any
    products: str = ""
    n_cells: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a kernel; `loop_` figures are of the hot loop, if it has one."""

    registers: int
    spill_bytes: int
    shared_bytes: int
    loop_instructions: int | None
    loop_spills: int | None
    instructions_per_cell: float | None


def missing() -> list[str]:
    """Compiler wheels that are not installed."""
    return [wheel for wheel in WHEELS if not any(True for _ in metadata.distributions(name=wheel))]


def reports() -> dict[str, dict[str, Report]]:
    """Compile every kernel; reports by architecture and name of the kernel.

    What numba makes of a kernel is the same for all architectures and takes the longest, so it is made once; NVVM and
    ptxas then compile that for each.
    """
    with ThreadPoolExecutor() as pool:
        pending = {
            kernel.name: {
                architecture: pool.submit(_report, kernel, architecture, ptx)
                for architecture, ptx in _ptx(kernel).items()
            }
            for kernel in _kernels()
        }
        return {
            architecture: {name: of[architecture].result() for name, of in pending.items()}
            for architecture in map(_architecture, CAPABILITIES)
        }


def in_a_process() -> dict[str, dict[str, dict[str, float | None]]]:
    """Return `reports` of a fresh process, as JSON has them: for this one numba keeps what it compiled."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"compiling failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)


def _kernels() -> Iterator[Kernel]:
    yield from _warp_kernels()
    yield from _tensor_kernels()
    yield from _tile_kernels()
    yield from _other_kernels()


def _warp_kernels() -> Iterator[Kernel]:
    reals, doubles, integers = (_arrays(kind) for kind in (types.float32, types.float64, types.int64))
    for n_dims in (20, 64):
        for double, banded, squared, weight in (
            (False, False, True, 1.0),
            (False, False, False, 2.0),
            (False, True, False, 2.0),
            (True, False, True, 1.0),
            (True, False, False, 2.0),
            (True, True, False, 2.0),
        ):
            boundary = doubles(2) if double else reals(2)
            signature = types.void(
                reals(2), integers(1), reals(2), integers(1), integers(2), integers(1), boundary, reals(1)
            )
            width = dtw_warp.columns_per_lane(n_dims)
            n_columns = min(width, 2) if banded else width
            function = dtw_warp.kernel(n_dims, n_columns, banded, squared, weight, double).py_func
            variant = f"{n_dims} float64" if double else f"{n_dims}"
            name = _name("dtw_warp", variant, banded, "squared" if squared else "euclidean", weight)
            yield Kernel(name, function, signature, "FFMA", n_columns)


def _tensor_kernels() -> Iterator[Kernel]:
    reals, integers, words, whole = (_arrays(kind) for kind in (types.float32, types.int64, types.uint32, types.int32))
    operand = words(1), integers(1), whole(2)
    tensor = types.void(*operand, *operand, integers(2), whole(2), reals(3), reals(2))
    for precision, n_steps in (("float16", 2), ("split", 4)):
        n_rows = dtw_tensor.N_ROWS[n_steps]
        for banded, weight in ((False, 1), (False, 2), (True, 2)):
            function = dtw_tensor.kernel(n_steps, n_rows, dtw_tensor.N_WARPS, banded, weight).py_func
            yield Kernel(
                _name("dtw_tensor", precision, banded, "squared", weight), function, tensor, "HMMA", 8 * n_rows
            )
        pack = types.void(reals(2), integers(1), integers(2), integers(1), _arrays(types.float16)(1))
        for size in (dtw_tensor_band.ROWS, dtw_tensor_band.COLUMNS):
            packer = dtw_tensor_pack.packer(size, 20, n_steps, precision == "split").py_func
            yield Kernel(f"dtw_tensor_pack {size} {precision}", packer, pack)


def _tile_kernels() -> Iterator[Kernel]:
    reals, doubles, integers, whole = (
        _arrays(kind) for kind in (types.float32, types.float64, types.int64, types.int32)
    )
    yield Kernel(
        "band radii",
        dtw_tensor_tile.draw_radii.py_func,
        types.void(integers(2), integers(2), whole(2), integers(2), whole(2), whole(1), types.boolean, whole(2)),
    )
    yield Kernel(
        "spread",
        dtw_tensor_tile.spread.py_func,
        types.void(
            reals(2), integers(2), integers(2), integers(2), doubles(1), doubles(1), types.boolean, reals(2), whole(2),
            integers(1),
        ),
    )  # fmt: skip
    yield Kernel(
        "scatter",
        dtw_matrix_cuda.scatter.py_func,
        types.void(integers(2), reals(1), types.boolean, reals(2)),
    )
    yield Kernel(
        "finish",
        dtw_matrix_cuda.finish.py_func,
        types.void(reals(2), integers(1), integers(1), types.boolean, types.boolean, *[types.int64] * 3, integers(1)),
    )
    yield Kernel(
        "nearest",
        nearest_cuda.kernel.py_func,
        types.void(reals(2), types.int64, types.int64, types.boolean, integers(2), reals(2)),
    )


def _other_kernels() -> Iterator[Kernel]:
    # ruff: noqa: SLF001 - private to their modules, but kernels all the same
    reals, doubles, integers = (_arrays(kind) for kind in (types.float32, types.float64, types.int64))
    side = reals(2), integers(1), doubles(1)
    blocks = cosine_cuda._kernel(*cosine_cuda.THREADS_PER_BLOCK).py_func
    yield Kernel("cosine", blocks, types.void(*side, *side, reals(2)))
    measure = types.boolean, types.float64
    rows = types.void(
        reals(2), reals(2), types.int64, *measure, types.int64, types.int64, doubles(1), _arrays(types.uint8)(2)
    )
    yield Kernel("warping path", paths_cuda._advance.py_func, rows)
    pairs = types.void(
        reals(2), integers(1), reals(2), integers(1), integers(2), *measure, doubles(2), integers(2), doubles(2)
    )
    yield Kernel("subsequence", paths_cuda._match.py_func, pairs)
    merged = gaussian_cuda._kernel(25, gaussian_cuda.PAIRS_PER_BLOCK).py_func
    yield Kernel("gaussian 25", merged, types.void(reals(2), reals(2), integers(2), doubles(1)))


def _arrays(kind: Any) -> Callable[[int], Any]:
    return lambda n_axes: types.Array(kind, n_axes, "C")


def _name(kernel: str, variant: object, banded: bool, cost: str, weight: float) -> str:  # noqa: FBT001
    return f"{kernel} {variant} {cost} symmetric{weight:.0f}{' banded' if banded else ''}"


def _architecture(capability: tuple[int, int]) -> str:
    return "sm_{}{}".format(*capability)


def _ptx(kernel: Kernel) -> dict[str, str]:
    """PTX of one kernel for each architecture."""
    first = CAPABILITIES[0]
    device = SimpleNamespace(compute_capability=first)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        try:
            library, _ = compiler._compile_pyfunc_with_fixup(
                kernel.function, kernel.signature, cc=first, device=False, abi="numba"
            )
        except NumbaError as error:
            raise RuntimeError(f"{kernel.name} does not compile") from error
        return {_architecture(capability): library.get_asm_str(cc=capability) for capability in CAPABILITIES}


def _report(kernel: Kernel, architecture: str, ptx: str) -> Report:
    """Assemble the PTX of one kernel and read what came out."""
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx, encoding="utf-8")
        said = _tool("ptxas", f"-arch={architecture}", "-v", "-o", binary, source)
        loop = _hot_loop(_tool("cuobjdump", "-sass", binary), kernel.products) if kernel.products else None
    return Report(
        registers=_number(r"Used (\d+) registers", said),
        spill_bytes=_number(r"(\d+) bytes spill stores", said) + _number(r"(\d+) bytes spill loads", said),
        shared_bytes=_number(r"(\d+) bytes smem", said),
        loop_instructions=len(loop) if loop else None,
        loop_spills=sum("LDL" in instruction or "STL" in instruction for instruction in loop) if loop else None,
        instructions_per_cell=round(len(loop) / kernel.n_cells, 3) if loop else None,
    )


def _hot_loop(listing: str, products: str) -> list[str]:
    """Instructions of the innermost loop that computes costs; of several, the shortest: others treat ends and edges."""
    code = [
        (int(at, 16), text) for at, text in re.findall(r"^\s+/\*([0-9a-f]{4,5})\*/\s+(.*?);", listing, re.MULTILINE)
    ]
    jumps = [(re.search(r"BRA.*?0x([0-9a-f]+)", text), at) for at, text in code]
    loops = [(int(jump[1], 16), at) for jump, at in jumps if jump and int(jump[1], 16) < at]
    bodies = {loop: [text for at, text in code if loop[0] <= at <= loop[1]] for loop in loops}
    computing = {loop: body for loop, body in bodies.items() if sum(products in text for text in body) >= 8}
    innermost = [
        body
        for (begin, end), body in computing.items()
        if not any((begin, end) != inner and begin <= inner[0] and inner[1] <= end for inner in computing)
    ]
    return min(innermost, key=len)


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _tool(name: str, *arguments: str | Path) -> str:
    """Run a tool of the compiler wheels; both of its outputs."""
    package = util.find_spec("nvidia")
    assert package is not None, f"install {', '.join(WHEELS)}"
    paths = [Path(folder, "cu13", "bin", name) for folder in package.submodule_search_locations or ()]
    path = next(path for path in paths if path.exists())
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-4000:]}")
    return done.stdout + done.stderr


def main() -> None:
    """Print the reports."""
    found: dict[str, Any] = {"compilers": {wheel: metadata.version(wheel) for wheel in ("numba-cuda", *WHEELS)}}
    for architecture, kernels in reports().items():
        found[architecture] = {name: asdict(report) for name, report in kernels.items()}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
