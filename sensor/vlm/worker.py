"""The process of the vision-language model: reads questions from a pipe, answers them in order.

A process, not a thread: preparing pictures and launching kernels hold the interpreter for milliseconds at a
time, and the service's own has a block of sound to send every 20. It runs at a lower priority than the
music.
"""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sensor.errors import SensorError
from sensor.vlm.messages import Answer, Failed, Forget, Look, Looked, Question, Ready, Refused, Write, Wrote

NICENESS = 10


class Plan(NamedTuple):
    """What to load."""

    folder: Path
    device: str
    dtype: str
    probe: Path | None


class Reads(Protocol):
    """What the process needs of a reader; tests have others."""

    def look(self, session: int, t_s: float, rgb: Any) -> Looked: ...

    def write(self, session: int) -> Wrote: ...

    def forget(self, session: int) -> None: ...


def run(pipe: Connection, plan: Plan) -> None:
    """The process's whole life; ends when the pipe does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends us
    # Everything was put in place before; a library that wants the network is told there is none.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    import torch

    from sensor.vlm.reader import create_reader

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    try:
        reader = create_reader(*plan)
    except SensorError as error:
        pipe.send(Refused(str(error)))
        return
    how = "a trained probe" if plan.probe is not None else "ratings"
    pipe.send(Ready(f"{plan.folder.name}, read by {how}"))
    serve(pipe, reader)


def serve(pipe: Connection, reader: Reads) -> None:
    """Answer until the other end closes."""
    while True:
        try:
            question: Question = pipe.recv()
            answer = _answer(reader, question)
            if answer is not None:
                pipe.send(answer)
        except (EOFError, OSError):
            return


def _answer(reader: Reads, question: Question) -> Answer | None:
    try:
        match question:
            case Look(session, t_s, rgb):
                return reader.look(session, t_s, rgb)
            case Write(session):
                return reader.write(session)
            case Forget(session):
                reader.forget(session)
                return None
    except RuntimeError as error:
        # Torch's own errors are these; the window may be half-way through a step.
        reader.forget(question.session)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Failed(question.session, reason[:200])
