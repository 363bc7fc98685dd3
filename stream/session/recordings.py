"""A session's recordings, one after another, and what they are told to write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stream.recording.recorder import Look, Recorder
from stream.session.control import Control
from stream.session.music import Music
from stream.session.remarks import Remarks
from stream.session.services import Services
from stream.session.style import Style
from stream.sound.egress import Egress


class Recordings:
    """Lives on the event loop."""

    def __init__(
        self,
        name: str,
        services: Services,
        *,
        music: Music,
        style: Style,
        control: Control,
        remarks: Remarks,
    ) -> None:
        self._name = name
        self._services = services
        self._music = music
        self._style = style
        self._control = control
        self._remarks = remarks
        self.recorder: Recorder | None = None
        """The present recording, or the last."""

    def set(self, on: bool, play: Callable[[], Egress]) -> None:
        """Begin a recording of what `play` gives, or end the present one; returns at once.

        Raises what `play` raises.
        """
        if self.recorder is not None and self.recorder.on == on:
            return
        self._remarks.put("recording", None)
        if self.recorder is not None:
            self.recorder.stop()
            self._music.remove_tap(self.recorder.tap)
        if on:
            egress = play()
            folder = Path(self._services.settings.record_folder)
            open_notes = self._music.composer.open_notes
            recorder = Recorder(folder, self._name, self._look, self._provenance, open_notes)
            self.recorder = recorder
            self._remarks.put("recording", lambda: recorder.trouble)
            recorder.start()
            egress.add_tap(recorder.tap)
            self._music.hear_notes(recorder.take_notes)

    def _look(self) -> Look:
        """For the recording's thread."""
        mood, style = self._control.mood, self._style
        composer = self._music.composer
        settings = {
            "anchor": {"text": style.text, **style.anchor._asdict()},
            "seed": style.seed,
            "composer": {"name": composer.title, "licence": composer.licence},
        }
        return Look(mood.affect, mood.reading, mood.cuts.count, settings)

    def _provenance(self) -> Mapping[str, Any]:
        """For the recording's thread: what the service knows, and the composer that plays as it begins."""
        known = dict(self._services.provenance())
        if card := self._music.composer.card:
            known["models"] = [card, *known.get("models", [])]
        return known

    def finish(self) -> None:
        """End the present recording and wait for its files. Blocks: not for the loop."""
        if self.recorder is not None:
            self.recorder.stop()
            self.recorder.join()
