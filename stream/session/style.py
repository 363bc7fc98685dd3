"""What is to be played: the anchor and the seed, who may choose them, and the music that is told."""

from __future__ import annotations

import logging
import secrets

from stream.ports import AnchorReply
from stream.session.music import Music
from stream.session.services import Services

log = logging.getLogger(__name__)


class Style:
    """Lives on the event loop. Set once and held: by the user whenever, by the picture once at most."""

    def __init__(self, name: str, services: Services, music: Music) -> None:
        settings = services.settings
        self._name = name
        self._read_anchor = services.read_anchor
        self._music = music
        self.seed = secrets.randbits(31) if settings.seed is None else settings.seed
        self.text = services.default_anchor
        self.anchor: AnchorReply = self._read_anchor(self.text)
        self._open = not settings.default_anchor
        """Whether nobody has chosen, so that the picture may."""

    def choose(self, text: str) -> AnchorReply:
        """Change it. Raises ValueError with a sentence when the text cannot be an anchor."""
        self.anchor = self._read_anchor(text)
        self.text = text
        self._open = False
        self._music.set_anchor(text)
        return self.anchor

    def propose(self, text: str) -> None:
        """What the picture asks for: taken if nobody has chosen and it can be played, then held."""
        if not self._open:
            return
        try:
            meant = self._read_anchor(text).understood
        except ValueError:
            meant = ()
        if meant:
            self.choose(text)
            log.info("session %s: anchored to what the picture asks for: %s", self._name, text)
        else:
            log.warning("session %s: the anchor written from the picture says nothing playable", self._name)

    def another(self) -> None:
        """Something else in the same style: a new seed."""
        self.seed = secrets.randbits(31)
        self._music.set_seed(self.seed)
