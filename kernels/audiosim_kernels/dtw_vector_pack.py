# pyright: basic
"""Sequences side by side in the lanes of vectors, in the order in which tiles read them.

A frame lies dimension by dimension, and the frames of a tile lie together: vector
``(tile * n_dims + dim) * n_frames_of_tile + frame_of_tile``. So a kernel that works on a tile reads one stream.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from audiosim_kernels.dtw_tile import ZERO
from audiosim_kernels.lanes import LANES, address, aligned, load, multiply_add, splat, store
from audiosim_kernels.ragged import Frames, Integers


class Side(NamedTuple):
    """One side of a vector of pairs."""

    frames: Frames  # (n_frames * n_dims, LANES); of the queries, times -2
    norms: Frames  # (n_frames, LANES): squared
    last: Integers  # (LANES,): index of each sequence's last frame
    still: Integers  # (LANES,): whether it mostly repeats its frames
    sources: Integers  # (LANES,): where the frames to be packed next come from


def side(n_frames: int, n_dims: int) -> Side:
    """Allocate for sequences of up to `n_frames` frames, in whole tiles."""
    return Side(aligned(n_frames * n_dims), aligned(n_frames), *np.empty((3, LANES), dtype=np.int64))


@njit(nogil=True, error_model="numpy")
def pack(  # noqa: PLR0917 - kernels are called by position
    frames: Frames, offsets: Integers, chosen: Integers, factor: np.float32, n_frames_of_tile: int, side: Side
) -> None:
    """Lay the chosen sequences side by side, multiplied by `factor`, their last frames repeated to whole tiles."""
    n_dims = frames.shape[1]
    longest, shared = 0, True
    for lane in range(LANES):
        begin, end = offsets[chosen[lane]], offsets[chosen[lane] + 1]
        side.last[lane] = end - begin - 1
        longest = max(longest, int(end - begin))
        shared &= chosen[lane] == chosen[0]
        side.still[lane] = side.still[0] if shared and lane else _is_still(frames[begin:end])
    n_frames = longest + -longest % n_frames_of_tile
    packed = address(side.frames)
    for frame in range(n_frames):
        first = _position(frame, n_dims, n_frames_of_tile)
        if shared:
            source = offsets[chosen[0]] + min(frame, side.last[0])
            for dim in range(n_dims):
                store(packed, first + dim * n_frames_of_tile, splat(factor * frames[source, dim]))
        else:
            for lane in range(LANES):
                side.sources[lane] = offsets[chosen[lane]] + min(frame, side.last[lane])
            for dim in range(n_dims):
                for lane in range(LANES):
                    side.frames[first + dim * n_frames_of_tile, lane] = factor * frames[side.sources[lane], dim]
    _square(n_frames, n_dims, factor, n_frames_of_tile, side)


@njit(nogil=True, forceinline=True, error_model="numpy")
def _position(frame: int, n_dims: int, n_frames_of_tile: int) -> int:
    """Find the vector of a frame's first dimension."""
    frame_of_tile = frame % n_frames_of_tile
    return (frame - frame_of_tile) * n_dims + frame_of_tile


@njit(nogil=True)
def _is_still(frames: Frames) -> bool:
    """Whether half of the frames or more repeat the one before."""
    n_repeats = 0
    for frame in range(1, len(frames)):
        dim = 0
        while dim < frames.shape[1] and frames[frame, dim] == frames[frame - 1, dim]:
            dim += 1
        n_repeats += dim == frames.shape[1]
    return 2 * n_repeats >= len(frames)


@njit(nogil=True, error_model="numpy")
def _square(n_frames: int, n_dims: int, factor: np.float32, n_frames_of_tile: int, side: Side) -> None:
    """Squared norms of the packed frames, as they were before they were multiplied by `factor`."""
    packed, norms = address(side.frames), address(side.norms)
    unscale = splat(np.float32(1) / (factor * factor))
    for frame in range(n_frames):
        first = _position(frame, n_dims, n_frames_of_tile)
        norm = splat(ZERO)
        for dim in range(n_dims):
            x = load(packed, first + dim * n_frames_of_tile)
            norm = multiply_add(x, x, norm)
        store(norms, frame, norm * unscale)
