"""Lives of a scripted process in place of the model's; pickled by name, so they are found here."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from sensor.picture import Rgb
from sensor.vlm.messages import Looked, Ready, Refused, Wrote
from sensor.vlm.worker import Plan, serve


class Brightness:
    """Valence is how bright the picture is, arousal how large the session's number."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        self.seen[session] = self.seen.get(session, 0) + 1
        return Looked(session, t_s, float(rgb.mean()) / 127.5 - 1.0, session / 10, 1.0)

    def write(self, session: int) -> Wrote:
        return Wrote(session, f"after {self.seen.get(session, 0)}", "")

    def forget(self, session: int) -> None:
        self.seen.pop(session, None)


class Silent(Brightness):
    def write(self, session: int) -> Wrote:
        return Wrote(session, "", "no words under Genre")


class Musical(Brightness):
    """Reads every picture as bliss, and asks for music."""

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        return Looked(session, t_s, 1.0, -1.0, 1.0)

    def write(self, session: int) -> Wrote:
        return Wrote(session, "ambient drone; soft piano; dreamy; slow", "")


class Failing(Brightness):
    """Out of memory in every second frame."""

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        looked = super().look(session, t_s, rgb)
        if self.seen[session] % 2:
            return looked
        raise RuntimeError("CUDA out of memory.\nTried to allocate more")


class Broken(Brightness):
    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        raise RuntimeError("no kernel image")


class Dying(Brightness):
    """Dies of its second frame."""

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        if self.seen.get(session):
            os._exit(9)
        return super().look(session, t_s, rgb)


class Hanging(Brightness):
    """Hangs in its second frame."""

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        if self.seen.get(session):
            time.sleep(3600)
        return super().look(session, t_s, rgb)


class Slow(Brightness):
    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        time.sleep(0.5)
        return super().look(session, t_s, rgb)


def _begin(pipe: Connection, plan: Plan, reader: Brightness) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Says who it is, so that a test can see to its end.
    (plan.folder / str(os.getpid())).touch()
    pipe.send(Ready("a script"))
    serve(pipe, reader)


def bright(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Brightness())


def silent(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Silent())


def musical(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Musical())


def failing(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Failing())


def broken(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Broken())


def dying(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Dying())


def hanging(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Hanging())


def slow(pipe: Connection, plan: Plan) -> None:
    _begin(pipe, plan, Slow())


def stopping(pipe: Connection, plan: Plan) -> None:
    """Stops before it hears anything: what is sent to it fills the pipe."""
    (plan.folder / str(os.getpid())).touch()
    pipe.send(Ready("a script"))
    os.kill(os.getpid(), signal.SIGSTOP)


def stillborn(pipe: Connection, plan: Plan) -> None:
    (plan.folder / str(os.getpid())).touch()
    os._exit(3)


def refusing(pipe: Connection, plan: Plan) -> None:
    (plan.folder / str(os.getpid())).touch()
    pipe.send(Refused(f"{Path('model')}: expected weights, found none"))


def loading(pipe: Connection, plan: Plan) -> None:
    """Loads for ever."""
    (plan.folder / str(os.getpid())).touch()
    time.sleep(3600)
