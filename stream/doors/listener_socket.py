"""The listening socket: turns connections away while file descriptors are short: media need theirs.

Left to itself asyncio, out of descriptors, logs and starts a timer for every place in the backlog (2048) each
second: the event loop never recovers (CPython 3.11, `_accept_connection`).
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Any

RESERVE = 64
"""Descriptors that connections leave to peers, composers and files; a quarter where there are few."""


def descriptor_limit() -> int | None:
    """How many this process may have; None where nobody says."""
    if sys.platform == "win32":
        return None
    limit = os.sysconf("SC_OPEN_MAX")
    return limit if limit > 0 else None


class ListenerSocket(socket.socket):
    """Whoever is turned away sees the connection closed at once."""

    def __init__(self, family: int) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        limit = descriptor_limit()
        self._highest = None if limit is None else limit - min(RESERVE, limit // 4)
        self._spare: int | None = os.open(os.devnull, os.O_RDONLY)
        self.turned_away = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError for one that was turned away: others may wait, and the loop asks again."""
        try:
            connection, address = super().accept()
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or self._spare is None:
                raise
            # The spare's place is enough to take the connection out of the queue.
            os.close(self._spare)
            self._spare = None
            connection, address = super().accept()
            connection.close()
            self._spare = os.open(os.devnull, os.O_RDONLY)
        else:
            # The kernel gives the lowest number that is free: a high one means that few are left.
            if self._highest is None or connection.fileno() < self._highest:
                return connection, address
            connection.close()
        self.turned_away += 1
        raise BlockingIOError(errno.EAGAIN, "turned away")

    def close(self) -> None:
        """Idempotent."""
        spare, self._spare = self._spare, None
        if spare is not None:
            os.close(spare)
        super().close()
