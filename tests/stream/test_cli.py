"""The command: what it refuses, and that it says so in one line with a non-zero exit."""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import subprocess
import urllib.error
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from composer import weights
from stream.cli import bench, files
from stream.cli.__main__ import make_command
from stream.cli.music import read_anchor

runner = CliRunner()
app = make_command()


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = runner.invoke(app, ["serve", "--port", str(port)])
    assert result.exit_code == 1
    assert str(port) in result.stderr and "--port" in result.stderr


def test_unreadable_weights_are_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / weights.CARD).write_text("{}")
    monkeypatch.setattr(weights.read, "__defaults__", (tmp_path,))
    result = runner.invoke(app, ["serve", "--port", "0"])
    assert result.exit_code == 1
    assert weights.CARD in result.stderr.replace("\n", "")


def test_bench_passes_everything_on_in_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[1:])
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    result = runner.invoke(app, ["bench", "capacity", "--full"])
    assert ran == [["-m", "bench", "capacity", "--full"]] and result.exit_code == 3


def test_bench_says_that_it_needs_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    result = runner.invoke(app, ["bench", "capacity"])
    assert result.exit_code == 1 and "checkout" in result.stderr


@pytest.mark.parametrize("anchor", ["   ", "x" * 3000])
def test_an_anchor_that_is_none_is_refused(anchor: str) -> None:
    result = runner.invoke(app, ["serve", "--port", "0", "--anchor", anchor])
    assert result.exit_code == 1
    assert "anchor" in result.stderr.lower()


def test_sense_refuses_what_is_not_there(tmp_path: Path) -> None:
    result = runner.invoke(app, ["sense", str(tmp_path / "nothing.mp4")])
    assert result.exit_code == 1
    assert "nothing.mp4" in result.stderr.replace("\n", "")


class Full(io.StringIO):
    """Where nothing more can be written."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_sense_says_that_its_rows_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sensor.live.create_eye", lambda: None)
    monkeypatch.setattr("sensor.sense.sense", lambda *_: [])
    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(typer.Exit) as ended:
        files.sense([Path("any.png")])
    assert ended.value.exit_code == 1 and "--csv" in capsys.readouterr().err


def test_sense_without_a_standard_output_says_so_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `>&-` leaves of it."""
    monkeypatch.setattr("sensor.sense.sense", lambda *_: pytest.fail("it has begun to work"))
    monkeypatch.setattr("sensor.live.create_eye", lambda: None)
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(typer.Exit) as ended:
        files.sense([Path("any.png")])
    assert ended.value.exit_code == 1 and "--csv" in capsys.readouterr().err


def test_demo_says_in_a_sentence_what_the_machine_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clips() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/any")

    monkeypatch.setattr("stream.demo.run.find_clips", clips)
    result = runner.invoke(app, ["demo", "--out", str(tmp_path)])
    said = " ".join(result.stderr.split())
    assert result.exit_code == 1 and said == "narrascore: The demo cannot go on: No space left on device."


REFUSED = urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] ... (_ssl.c:1006)")
UNTRUSTED.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (REFUSED, "cannot be asked (Connection refused): is the service running?"),
        (urllib.error.URLError(UNTRUSTED), "(its certificate is not trusted: self-signed certificate)"),
        (urllib.error.URLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "(it does not speak TLS)"),
        (TimeoutError("timed out"), "(no answer within 5 s)"),
        (http.client.RemoteDisconnected("Remote end closed connection"), "(Remote end closed connection)"),
        (http.client.BadStatusLine("SSH-2.0"), "is not this service"),
        (http.client.InvalidURL("spaces in it"), "the address, or the token, is not one."),
        (ValueError("Invalid header value b'Bearer secret'"), "the address, or the token, is not one."),
        (urllib.error.HTTPError("", 401, "", http.client.HTTPMessage(), None), "answers 401: give --token"),
    ],
)
def test_top_says_in_a_sentence_why_there_is_nothing_to_show(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    def urlopen(*_: object, **how: object) -> None:
        raise fault

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    result = runner.invoke(app, ["top", "http://127.0.0.1:8080", "--token", "secret"])
    said = " ".join(result.stderr.split())
    assert result.exit_code == 1 and words in said
    assert not any(raw in said for raw in ("<", "Errno", "[SSL", "secret"))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"not metrics\n"])
def test_top_says_that_somebody_else_answers(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **how: io.BytesIO(body))
    result = runner.invoke(app, ["top"])
    assert result.exit_code == 1 and "is not this service" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["serve", "--record", "taken"], "is a file"),
        (["serve", "--seed", "-1"], "--seed"),
        (["demo", "--out", "taken"], "is a file"),
        (["demo", "--seed", "-1"], "--seed"),
    ],
)
def test_what_could_not_be_kept_or_played_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stream.demo.run.find_clips", list)
    monkeypatch.setattr("stream.demo.run.check_plotting", lambda: None)
    Path("taken").write_text("precious")
    result = runner.invoke(app, arguments)
    assert result.exit_code and word in " ".join(result.stderr.split())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("stage", ["symbolic", "symbolic-adapter"])
def test_training_without_scores_says_what_was_expected(tmp_path: Path, stage: str) -> None:
    arguments = [
        "train",
        stage,
        "--data",
        str(tmp_path),
        "--run",
        str(tmp_path / "run"),
        "--out",
        str(tmp_path),
    ]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr.strip()


def test_an_anchor_is_read_in_the_streams_words() -> None:
    reply = read_anchor("slow dreamy piano, no drums, xyzzy")
    assert "piano" in reply.understood and "xyzzy" in reply.ignored
    assert reply.preset and reply.genre and reply.instrumentation and reply.atmosphere and reply.pacing
