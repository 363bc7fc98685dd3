"""What is to be played and by whom: anchor, seed and composer, who may choose, and the music that is told."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress

from stream.ports import AnchorReply
from stream.session.music import Music
from stream.session.services import Services

log = logging.getLogger(__name__)


class Style:
    """Lives on the event loop. Set once and held: by the user whenever, by the picture once at most."""

    def __init__(self, name: str, services: Services, music: Music) -> None:
        settings = services.settings
        self._name = name
        self.composers = services.composers.offers
        self._music = music
        self.seed = secrets.randbits(31) if settings.seed is None else settings.seed
        self.text = services.default_anchor
        self.anchor: AnchorReply = self._read_anchor(self.text)
        self._open = not settings.default_anchor
        """Whether nobody has chosen, so that the picture may."""
        self.refused = 0
        """How often a composer that was chosen could not be started."""

    def _read_anchor(self, text: str) -> AnchorReply:
        """As the composer that plays understands it."""
        return self._music.composer.read_anchor(text)

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

    def choose_composer(self, name: str) -> AnchorReply:
        """Let another composer play, in the same style: what it takes the anchor to mean.

        Raises ValueError with a sentence when there is none of this name, or it cannot take the anchor.
        """
        offers = self.composers
        if name not in offers:
            raise ValueError(f"The composer is one of {', '.join(offers)}.")
        if offers[name] is not self._music.composer:
            self.anchor = offers[name].read_anchor(self.text)
            self._music.change_composer(offers[name])
            log.info("session %s: %s plays from now on", self._name, name)
        return self.anchor

    def keep_composer(self) -> None:
        """Who was chosen could not be started: the one that plays on reads the anchor again."""
        self.refused += 1
        with suppress(ValueError):  # it was chosen since, and only the other could read it
            self.anchor = self._read_anchor(self.text)

    def another(self) -> None:
        """Something else in the same style: a new seed."""
        self.seed = secrets.randbits(31)
        self._music.set_seed(self.seed)
