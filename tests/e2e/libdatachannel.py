"""The libdatachannel peer: its library from npm, in pytest's cache, and the H.264 it sends."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

PACKAGE = "node-datachannel@0.33.4"
PEER = Path(__file__).with_name("libdatachannel_peer.mjs")
FPS = 30
HOW = f"install Node.js and npm, and let `npm install {PACKAGE}` reach its registry"


def node_modules(config: pytest.Config) -> Path:
    """A folder whose node_modules hold the library, installed once; skips the test where it cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"no second WebRTC stack: {HOW}")
    cache = config.cache
    assert cache is not None
    folder = cache.mkdir(PACKAGE.replace("@", "-"))
    if not (folder / "node_modules").exists():
        with tempfile.TemporaryDirectory(dir=folder) as name:
            fresh = Path(name)
            (fresh / "package.json").write_text('{"private": true}')
            command = [npm, "install", "--no-audit", "--no-fund", PACKAGE]
            done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=100)
            if done.returncode != 0:
                pytest.skip(f"no second WebRTC stack: {HOW}; npm said {done.stderr[-200:]!r}")
            with contextlib.suppress(OSError):  # a test beside this one was quicker
                (fresh / "node_modules").rename(folder / "node_modules")
    return folder


def write_access_units(
    path: Path, levels: Sequence[int], size: tuple[int, int] = (1280, 720), bit_rate: int = 2_500_000
) -> None:
    """A second of H.264 for each of `levels`, as OBS would be told to send it: baseline, a key frame a
    second, no B-frames. A checkerboard of the level whose phase moves, so that every frame differs.
    """
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    (codec.width, codec.height), codec.pix_fmt = size, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.gop_size = FPS
    codec.bit_rate = bit_rate
    codec.profile = "Baseline"
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0"}
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    with path.open("wb") as out:
        for n in range(len(levels) * FPS):
            level = levels[n // FPS]
            board = ((x + 8 * n) // 64 + y // 64) % 2
            gray = np.where(board == 1, level, level * 3 // 4).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, axis=2), format="rgb24")
            frame.pts = n
            for packet in codec.encode(frame.reformat(format="yuv420p")):
                unit = bytes(packet)
                out.write(len(unit).to_bytes(4, "big") + unit)
