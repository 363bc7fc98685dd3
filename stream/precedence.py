"""Music first: thread priority, where the system has such a thing and allows it.

Only ever raised, and only for what makes the music. A thread of ours with a lower priority would be preempted
while it holds the interpreter's lock, and the music would wait for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

_MUSIC_NICENESS = -10


def put_music_first() -> None:
    """Raise the calling thread's priority. Without the right to (most users have none), nothing changes."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _MUSIC_NICENESS)
