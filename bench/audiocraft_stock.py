"""audiocraft's own `generate()` and decode, timed in its environment; `bench.musicgen` starts this.

.venv-audiocraft/bin/python -m bench.audiocraft_stock --tokens 60     # prints one JSON object
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from composer.audiocraft.random_models import TINY, compression_model, language_model
from composer.audiocraft.stepper import DESCRIPTION
from composer.musicgen.geometry import FRAME_RATE_HZ, Geometry


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    geometry = TINY if options.tiny else Geometry()
    model = language_model(geometry)
    codec = compression_model(geometry, *((4, 8) if options.tiny else (64, 128)))
    from audiocraft.modules.conditioners import ConditioningAttributes

    asked = [ConditioningAttributes(text={DESCRIPTION: "music"})]
    best = 0.0
    with torch.no_grad():
        for _ in range(2):
            began = time.perf_counter()
            few = min(250, geometry.vocabulary)
            codes = model.generate(None, asked, max_gen_len=options.tokens, top_k=few, cfg_coef=3.0)
            codec.decode(codes)
            best = max(best, options.tokens / FRAME_RATE_HZ / (time.perf_counter() - began))
    print(json.dumps({"factor_guided": best}))


if __name__ == "__main__":
    main()
