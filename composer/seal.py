"""A composer's state with a checksum before it: what is not whole is refused before it is read."""

from __future__ import annotations

import hashlib

from composer.errors import ComposerError

_SIZE = 16


def seal(state: bytes) -> bytes:
    return _sum(state) + state


def unseal(sealed: bytes) -> bytes:
    """What was sealed.

    Raises:
        ComposerError: it is not whole.
    """
    state = sealed[_SIZE:]
    if sealed[:_SIZE] != _sum(state):
        raise ComposerError("This is not a composer's state, or not a whole one: its checksum is wrong.")
    return state


def _sum(state: bytes) -> bytes:
    return hashlib.blake2b(state, digest_size=_SIZE).digest()
