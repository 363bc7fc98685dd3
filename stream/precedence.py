"""Music first: thread priority where the system allows it, and a quick turn at the interpreter's lock.

Priority is only ever raised, and only for what makes the music. A thread of ours with a lower priority would
be preempted while it holds the interpreter's lock, and the music would wait for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_MUSIC_NICENESS = -10
_HANDOVER_S = 0.001


def put_music_first() -> None:
    """Raise the calling thread's priority. Without the right to (most users have none), nothing changes."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _MUSIC_NICENESS)


@contextlib.contextmanager
def quick_handover() -> Iterator[None]:
    """While the block runs, a thread that waits for the interpreter's lock gets it within a millisecond.

    The music's thread wakes fifty times a second and needs the lock for half a millisecond; by default every
    busy thread before it may keep the lock for five.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_HANDOVER_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
