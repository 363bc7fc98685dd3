"""Weights in 8 or 4 bits as ONNX Runtime's MatMulNBits reads them: a scale for each block of inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from composer.musicgen.stepper import Array

BLOCK = 256

Bytes = npt.NDArray[np.uint8]


def quantize(weight: Array, bits: int) -> tuple[Bytes, Array]:
    """(N, K) to bytes (N, blocks, BLOCK * bits / 8) and scales (N, blocks). Symmetric about the middle code.

    Raises ValueError for other than 8 or 4 bits.
    """
    if bits not in (4, 8):
        raise ValueError(f"Weights are kept in 8 or 4 bits, not {bits}.")
    rows, columns = weight.shape
    blocks = -(-columns // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), dtype=np.float32)
    padded[:, :columns] = weight
    parts = padded.reshape(rows, blocks, BLOCK)
    middle = 1 << (bits - 1)
    # The extreme of a block takes the lowest code, which has one step more than the highest.
    extreme = np.take_along_axis(parts, np.abs(parts).argmax(axis=2)[..., None], axis=2)
    scales = (extreme / -middle)[..., 0]
    inverse = np.where(scales == 0.0, 0.0, 1.0 / np.where(scales == 0.0, 1.0, scales))
    codes = np.clip(np.rint(parts * inverse[..., None]) + middle, 0, 2 * middle - 1).astype(np.uint8)
    if bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return codes, scales.astype(np.float32)
