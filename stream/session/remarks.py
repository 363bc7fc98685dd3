"""The one sentence a user is told about a session, if there is something to tell."""

from __future__ import annotations

from collections.abc import Callable

from stream.composing.losses import ComposerStatus


class Remarks:
    """Lives on the event loop. What parts of the session have to say, in the order they began to."""

    def __init__(self) -> None:
        self._remarks: dict[str, Callable[[], str]] = {}

    def put(self, about: str, say: Callable[[], str] | None) -> None:
        """Have `say()` shown while it is not empty; None: no more is to be said `about` this."""
        self._remarks.pop(about, None)
        if say is not None:
            self._remarks[about] = say

    def notice(self, composer: ComposerStatus, video_state: str) -> str:
        """A sentence for the user, or empty. The music comes first, the picture last."""
        if composer.state == "failed":
            return f"The music has stopped ({composer.error}): set the anchor again to restart it."
        if composer.state == "restarting":
            return f"The music is being restarted ({composer.error})."
        remark = next((words for say in self._remarks.values() if (words := say())), "")
        if remark:
            return remark
        if video_state == "gone":
            return "The picture has stopped coming: the music goes on and drifts to neutral."
        return ""
