"""How many threads numerical libraries may take."""

from __future__ import annotations

import os


def one_thread_each() -> None:
    """Keep numerical libraries to one thread a process, here and in the composer's.

    Read when they are first loaded, so to be called before. Small products gain nothing from more threads,
    and the game beside us needs the cores: with the defaults, threads waiting for each other starved the
    music on a busy machine.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
