"""What can go wrong in the stream, as errors a caller can act on."""

from __future__ import annotations


class StreamError(Exception):
    """Root of every error the stream package raises on purpose."""


class Refused(StreamError):
    """A request that is answered with a problem: HTTP `status` and a sentence saying what to change."""

    def __init__(self, status: int, detail: str, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


class HungUp(StreamError):
    """Whoever asked is not there any more: nothing was done for them, and there is nobody to tell."""


class PeerFailed(StreamError):
    """A WebRTC peer could not be reached, or a server refused it."""
