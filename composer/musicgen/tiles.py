"""Weights laid out as a step reads them: one stream of tiles from the first to the last, each byte once."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import numpy.typing as npt

from composer.musicgen.quantize import BLOCK, quantize
from composer.musicgen.stepper import Array

Bytes = npt.NDArray[np.uint8]

_PAGE = 2 << 20


def packed(weight: Array, bits: int, lanes: int) -> Bytes:
    """(N, K) as bytes (tiles, blocks, record): a tile is `lanes` outputs, a record a block of it.

    A code stands where its product is formed: four inputs of one output side by side, then the next output's.
    In 4 bits a byte holds one such step in its lower half and the next in its upper. What is missing to whole
    tiles and blocks has scale 0.
    """
    outputs, _ = weight.shape
    codes, scales = quantize(weight, bits)
    blocks = codes.shape[1]
    tiles = -(-outputs // lanes)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(outputs, blocks, BLOCK)
    whole = np.zeros((tiles * lanes, blocks, BLOCK), np.uint8)
    whole[:outputs] = codes
    steps = whole.reshape(tiles, lanes, blocks, BLOCK // 4, 4).transpose(0, 2, 3, 1, 4)
    if bits == 4:
        steps = steps[:, :, 0::2] | (steps[:, :, 1::2] << 4)
    scale = np.zeros((tiles * lanes, blocks), np.float32)
    scale[:outputs] = scales
    tail = np.ascontiguousarray(scale.reshape(tiles, lanes, blocks).transpose(0, 2, 1)).view(np.uint8)
    return np.concatenate([steps.reshape(tiles, blocks, -1), tail], axis=2)


def in_large_pages(size: int) -> Bytes:
    """Zeros (size,) in pages of 2 MB where Linux hands them out: small ones are read two thirds as fast."""
    if sys.platform != "linux":
        return np.zeros(size, np.uint8)
    # Memory that processes could share, as is the default, is not given in large pages.
    held = mmap.mmap(-1, size + _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    held.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(held, np.uint8)
    start = -whole.ctypes.data % _PAGE
    return whole[start : start + size]
