"""Nothing is said or understood that docs/protocol.md does not tell of: the code is read for it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.doors import controls, gatekeeper
from stream.session.session import Session
from stream.settings import Settings
from tests.stream.doors.test_messages import with_session
from tests.stream.doors.test_protocol import PROTOCOL, examples
from tests.stream.served import served

STREAM = Path(controls.__file__).parents[1]
# Our end of OBS's own protocol, and messages between our own processes: no client of ours hears them.
INSIDE = ("beside/obs", "composing/", "demo/", "webrtc/loopback", "cli/")


def sources() -> Iterator[ast.Module]:
    for path in sorted(STREAM.rglob("*.py")):
        if not path.relative_to(STREAM).as_posix().startswith(INSIDE):
            yield ast.parse(path.read_text(encoding="utf-8"))


def nodes(*kinds: type[ast.AST]) -> Iterator[ast.AST]:
    for tree in sources():
        yield from (node for node in ast.walk(tree) if isinstance(node, kinds))


def said_types() -> set[str]:
    """`x` of every `{"type": "x"}` that is written out in the code."""
    found = set()
    for node in nodes(ast.Dict):
        assert isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                found.add(str(value.value))
    # Without ASGI's own and the type of a problem.
    return {kind for kind in found if "." not in kind and kind not in ("websocket", "about:blank")}


def first_arguments(*names: str) -> set[int]:
    """Every number given first to a call of one of `names`."""
    found = set()
    for node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in names and node.args and isinstance(node.args[0], ast.Constant):
            found.add(int(node.args[0].value))  # type: ignore[arg-type]
    return found


def documented_controls() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\{.*?\})` \|", PROTOCOL, re.MULTILINE)
    messages = [json.loads(row) for row in rows]
    return {message.pop("type"): set(message) for message in messages}


def fields_read(function: Callable[..., object]) -> set[str]:
    """The fields of a message that a control reads: by `message.get("x")`, or "value" through `_flag`."""
    tree = ast.parse((STREAM / "doors/controls.py").read_text(encoding="utf-8"))
    (body,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function.__name__]
    found = set()
    for node in ast.walk(body):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            assert isinstance(node.func.value, ast.Name) and node.func.value.id == "message"
            assert isinstance(node.args[0], ast.Constant)
            found.add(str(node.args[0].value))
        elif isinstance(node.func, ast.Name) and node.func.id == "_flag":
            found.add("value")
    return found


def test_every_message_that_is_sent_is_documented() -> None:
    assert said_types() == {message["type"] for message in examples()}


def test_every_message_that_is_understood_is_documented_with_its_fields() -> None:
    understood = {kind: fields_read(function) for kind, function in controls._CONTROLS.items()}
    assert understood == documented_controls()


def test_an_unknown_message_is_told_what_is_known() -> None:
    def check(session: Session) -> None:
        with pytest.raises(controls.BadControl) as refused:
            controls.obey(session, {"type": "nonsense"})
        assert all(kind in str(refused.value) for kind in documented_controls())

    with_session(check)


def test_every_status_is_documented() -> None:
    table = PROTOCOL.split("| status | when |")[1].split("\n\n")[0]
    documented = {int(status) for status in re.findall(r"^\| (\d{3}) \|", table, re.MULTILINE)}
    of_its_own = {405}  # Starlette says it
    assert first_arguments("Refused", "problem") - {500} | of_its_own == documented


def test_every_close_code_is_documented() -> None:
    codes = set()
    for node in nodes(ast.Constant):
        assert isinstance(node, ast.Constant)
        if type(node.value) is int and 1001 <= node.value <= 1015:
            codes.add(node.value)
    documented = {int(code) for code in re.findall(r"\b10[01]\d\b", PROTOCOL)}
    assert codes - {1006} <= documented  # 1006 is never sent
    assert documented - codes <= {1009}  # which the WebSocket library sends


def test_every_exposed_header_is_documented() -> None:
    for name in gatekeeper.EXPOSED_HEADERS.split(", "):
        assert f"`{name}`" in PROTOCOL


def test_redirections_are_as_documented() -> None:
    with served(Settings(port=0, warm_composers=0)) as client:
        targets = {"/": "/whip", "/whip/": f"{client.url}/whip", "/whep/": f"{client.url}/whep"}
        for path, target in targets.items():
            reply = client.send("POST", path, {"Content-Type": "application/sdp"}, "v=0")
            assert (reply.status, reply.headers["location"]) == (307, target)
