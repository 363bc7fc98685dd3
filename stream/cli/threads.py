"""What is settled before a process works: threads of numerical libraries, heaps, what is never garbage."""

from __future__ import annotations

import ctypes
import gc
import os
import sys

_M_ARENA_MAX = -8
"""Of mallopt(3), glibc."""


def one_thread_each() -> None:
    """Keep numerical libraries to one thread a process, here and in the composer's.

    Read when they are first loaded, so to be called before. Small products gain nothing from more threads,
    and the game beside us needs the cores: with the defaults, threads waiting for each other starved the
    music on a busy machine.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def few_arenas() -> None:
    """Let threads share two heaps; to be called before there are any. Does nothing where libc is not glibc.

    glibc gives each new thread a heap of its own, up to eight a core. Sessions come with threads that hold
    pictures and go, and every heap keeps what it once held: the process grew with each session.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)


def keep_for_good() -> None:
    """Everything made so far stays as long as the process: to be called when nothing plays yet.

    Each full collection looked at 70,000 objects, held the interpreter's lock for 40 ms, and found them all
    alive. In a process forked from this one it would also copy every page it looked at.
    """
    gc.collect()
    gc.freeze()
