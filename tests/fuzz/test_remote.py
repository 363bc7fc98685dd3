"""What may come over the socket of `narrascore composer`: from a client, and from what answers one."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from composer.remote.messages import (
    KINDS,
    MAX_CREDIT_SAMPLES,
    PROTOCOL,
    BadMessage,
    Hello,
    Prime,
    Told,
    decode,
    encode,
)
from composer.remote.served import Hangup, Instrument, Served
from tests.composer.remote.test_served import Ramp
from tests.fuzz.effort import count, fuzz
from tests.fuzz.test_messages import VALUES

FIELDS = sorted({name for kind in KINDS.values() for name in kind._fields})
NEAR = st.sampled_from(
    [0, 1, -1, 8, PROTOCOL, 480, MAX_CREDIT_SAMPLES, MAX_CREDIT_SAMPLES + 1, 2**61, -(2**61)]
)
SENSIBLE: st.SearchStrategy[Any] = NEAR | st.booleans() | st.floats(-2.0, 2.0) | st.sampled_from(["", "lofi"])
SAID = st.builds(
    lambda kind, rest: json.dumps({"type": kind, **rest}),
    st.sampled_from(sorted(KINDS)) | VALUES,
    st.dictionaries(st.sampled_from(FIELDS), SENSIBLE | VALUES, max_size=4),
)
WHOLE = st.builds(
    lambda kind, values: json.dumps({"type": kind, **dict(zip(FIELDS, values, strict=True))}),
    st.sampled_from(sorted(KINDS)),
    st.tuples(*[SENSIBLE] * len(FIELDS)),
)
FRAMES = SAID | WHOLE | st.binary(max_size=24) | st.binary(min_size=8, max_size=8) | st.text(max_size=60)


@fuzz(60)
@given(st.lists(FRAMES, max_size=12), st.booleans())
def test_a_client_is_answered_or_hung_up_on_and_never_gets_more_than_its_credit(
    frames: list[str | bytes], greeted: bool
) -> None:
    made: list[Ramp] = []

    def begin() -> Ramp:
        made.append(Ramp())
        return made[-1]

    served = Served(Instrument("Ramp", "symbolic", "free", 3, begin))
    opening = [encode(Hello(PROTOCOL)), encode(Prime("lofi", 1))] if greeted else []
    try:
        for frame in [*opening, *frames]:
            count("composer's socket")
            answers = list(served.hear(decode(frame) if isinstance(frame, str) else frame))
            sound = [one for one in answers if isinstance(one, bytes)]
            assert sum(map(len, sound)) <= 8 * MAX_CREDIT_SAMPLES
            for one in answers:
                if not isinstance(one, bytes):
                    assert isinstance(one, Told) and decode(encode(one)) == one
    except (BadMessage, Hangup) as reason:
        refused = str(reason)
    else:
        refused = "nothing was"
    finally:
        served.close()
    assert refused, "who is hung up on gets a sentence"
    assert len(made) <= 1 and all(ramp.closed == 1 for ramp in made)


@fuzz(60)
@given(SAID | WHOLE | VALUES.map(json.dumps) | st.text(max_size=60))
def test_whatever_is_said_is_a_message_or_is_refused_with_a_sentence(text: str) -> None:
    count("composer's socket")
    sentence, message = "", None
    try:
        message = decode(text)
    except BadMessage as reason:
        sentence = str(reason)
    assert 0 < len(sentence) < 400 if message is None else decode(encode(message)) == message
