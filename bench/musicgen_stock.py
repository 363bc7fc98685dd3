"""The stock ways to play MusicGen, timed: transformers' `generate()` here, audiocraft in its environment."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
AUDIOCRAFT = ROOT / ".venv-audiocraft/bin/python"
TEXT_TOKENS = 24


def stock(model: Any, guidance: float, tokens: int) -> float:
    """The best factor of two runs of transformers' generate(), text encoding and codec included.

    The best, where ours is a mean: whatever else the machine did is not held against them.
    """
    return max(_stock_once(model, guidance, tokens) for _ in range(2))


def _stock_once(model: Any, guidance: float, tokens: int) -> float:
    ids = torch.ones((1, TEXT_TOKENS), dtype=torch.long)
    began = time.perf_counter()
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        top_k=250,
        guidance_scale=guidance if guidance > 1.0 else None,
        max_new_tokens=tokens,
    )
    return float(out.shape[-1] / 32_000 / (time.perf_counter() - began))


def audiocraft(tokens: int, threads: int, tiny: bool) -> tuple[float | None, str]:
    """The factor of audiocraft's own generate() with guidance, and why there is none."""
    if not AUDIOCRAFT.is_file():
        return None, "not measured: make audiocraft-env builds its environment (7 GB)"
    command = [str(AUDIOCRAFT), "-m", "bench.audiocraft_stock", f"--tokens={tokens}", f"--threads={threads}"]
    try:
        done = subprocess.run(
            command + ["--tiny"] * tiny, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return None, "not measured: it was not done after two minutes"
    if done.returncode:
        return None, f"not measured: it failed: {done.stderr.strip().splitlines()[-1:]}"
    return float(json.loads(done.stdout.splitlines()[-1])["factor_guided"]), "1.3.0, fp32"
