from __future__ import annotations

import base64
import json

import pytest

from stream.beside.obs_protocol import (
    EVENTS,
    BadObsMessage,
    authentication,
    identify,
    level_db,
    microphones,
    parsed,
    picture_of,
    request,
)


def test_the_password_is_proven_as_the_protocol_says() -> None:
    """The same two steps, done with `openssl dgst -sha256 -binary | base64`."""
    assert authentication("supersecretpassword", "salt", "challenge") == (
        "mIHHpjpK6WDg6ZJBtVx3D2nKe13YKJYtVx9NBIlEt6g="
    )


def test_identify_asks_for_scenes_transitions_and_meters_and_never_holds_the_password() -> None:
    hello = {"authentication": {"salt": "a", "challenge": "b"}}
    text = identify(hello, "hunter2hunter2")
    data = json.loads(text)["d"]
    assert data["eventSubscriptions"] == EVENTS == 65_556
    assert data["rpcVersion"] == 1 and "hunter2" not in text
    assert "authentication" not in json.loads(identify({}, "hunter2hunter2"))["d"]
    with pytest.raises(BadObsMessage):
        identify({"authentication": {"salt": "a"}}, "x")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"op": "0"}', '{"op": 0, "d": []}', "null", "[" * 5000])
def test_what_is_not_the_protocol_is_said_to_be_so(text: str) -> None:
    with pytest.raises(BadObsMessage):
        parsed(text)


def test_a_request_has_its_number() -> None:
    assert json.loads(request("GetInputList", "7"))["d"] == {"requestType": "GetInputList", "requestId": "7"}


def test_a_screenshot_is_a_data_url() -> None:
    data = "data:image/jpg;base64," + base64.b64encode(b"picture").decode()
    assert picture_of({"imageData": data}) == b"picture"
    for bad in ({}, {"imageData": "data:image/jpg;base64,*"}):
        with pytest.raises(BadObsMessage):
            picture_of(bad)


def test_microphones_are_special_inputs_and_capture_inputs() -> None:
    special = {"desktop1": "Desktop Audio", "mic1": "Mic/Aux", "mic2": None}
    inputs = [
        {"inputName": "Headset", "unversionedInputKind": "wasapi_input_capture"},
        {"inputName": "Game", "unversionedInputKind": "game_capture"},
        "nonsense",
    ]
    assert microphones(special, inputs) == {"Mic/Aux", "Headset"}


def test_the_loudest_microphone_counts() -> None:
    event = {
        "inputs": [
            {"inputName": "Mic", "inputLevelsMul": [[0.1, 0.5, 0.5], [0.05, 0.5, 0.5]]},
            {"inputName": "Quiet", "inputLevelsMul": [[0.001, 0.5, 0.5]]},
            {"inputName": "Music", "inputLevelsMul": [[1.0, 1.0, 1.0]]},
            {"inputName": "Off", "inputLevelsMul": []},
        ]
    }
    assert level_db(event, frozenset({"Mic", "Quiet"})) == pytest.approx(-20.0)
    assert level_db(event, frozenset({"Off"})) == -120.0
    assert level_db(event, frozenset({"Gone"})) is None
    odd = {"inputs": [{"inputName": "Mic", "inputLevelsMul": [["x"], 3]}]}
    assert level_db(odd, frozenset({"Mic"})) == -120.0
    for inputs in (None, 3, "Mic"):
        assert level_db({"inputs": inputs}, frozenset({"Mic"})) is None
