from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from stream.doors.listener_socket import ListenerSocket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are not limited there")


@pytest.fixture
def listener() -> Iterator[ListenerSocket]:
    with ListenerSocket(socket.AF_INET) as made:
        made.bind(("127.0.0.1", 0))
        made.listen(8)
        yield made


def test_connections_are_taken_while_there_is_room(listener: ListenerSocket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        taken, address = listener.accept()
        with taken:
            assert address == client.getsockname() and listener.turned_away == 0


def test_the_last_descriptors_are_not_for_connections(listener: ListenerSocket) -> None:
    listener._highest = 0
    with socket.create_connection(listener.getsockname(), 5.0) as client:
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert client.recv(1) == b"" and listener.turned_away == 1


def test_out_of_descriptors_whoever_waits_is_turned_away(listener: ListenerSocket) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(listener.getsockname(), 5.0) as client:
        held = [os.open(os.devnull, os.O_RDONLY)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 1, before[1]))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                os.open(os.devnull, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                listener.accept()
            assert client.recv(1) == b""
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for descriptor in held:
                os.close(descriptor)
    assert listener.turned_away == 1
