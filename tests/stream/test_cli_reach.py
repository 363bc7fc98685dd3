"""Where others can reach the service, tokens are needed, made when not given, and printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.access import ALL_RIGHTS, OPEN, Access, Right
from stream.cli.__main__ import make_command
from stream.cli.reach import is_loopback, print_addresses, reachable
from stream.ice_servers import IceServer
from stream.settings import Settings

PUBLISH, LISTEN, FULL = "publish-token-publish", "listen-token-listen-t", "full-token-full-token"


def reach(
    host: str = "127.0.0.1", access: Access = OPEN, hosts: tuple[str, ...] = (), servers: tuple[str, ...] = ()
) -> Settings:
    return reachable(
        Settings(host=host),
        access=access,
        ice_servers=list(servers),
        allow_hosts=list(hosts),
        allow_origins=[],
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    settings = reach(host)
    assert settings.access == OPEN and "*" not in settings.allowed_hosts


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", "128.0.0.1"])
def test_an_address_others_can_reach_has_a_token_for_every_right(host: str) -> None:
    first, second = reach(host), reach(host)
    assert first.access.guarded == second.access.guarded == ALL_RIGHTS
    assert first.access.full and first.access.full != second.access.full
    assert reach(host, Access(full=FULL)).access == Access(full=FULL)


def test_rights_left_without_a_token_get_one() -> None:
    access = reach("0.0.0.0", Access(publish=PUBLISH)).access
    assert access.publish == PUBLISH and access.guarded == ALL_RIGHTS
    assert access.rights(PUBLISH) == {Right.PUBLISH}


def test_a_tunnel_that_ends_on_loopback_needs_a_token_too() -> None:
    settings = reach(hosts=("stream.example.org",))
    assert settings.access.guarded == ALL_RIGHTS


def test_a_host_name_is_checked_unless_tokens_guard_everything() -> None:
    assert reach(access=Access(full=FULL)).allowed_hosts == ("*",)
    assert "*" not in reach(access=Access(publish=PUBLISH)).allowed_hosts


def test_ice_servers_are_read() -> None:
    assert reach(servers=("stun:192.0.2.1",)).ice_servers == (IceServer("stun:192.0.2.1"),)


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/", "https://example.org/page"])
def test_an_origin_is_one_that_browsers_send(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        reachable(Settings(), access=OPEN, ice_servers=[], allow_hosts=[], allow_origins=[origin])


def test_addresses_are_printed_with_the_least_token_each_needs(capsys: pytest.CaptureFixture[str]) -> None:
    print_addresses("http://127.0.0.1:8080", reach())
    printed = capsys.readouterr().out
    assert "http://127.0.0.1:8080/source\n" in printed and "token" not in printed
    assert "http://127.0.0.1:8080/audio/live.ogg\n" in printed

    settings = reach("192.168.1.5", Access(full=FULL, publish=PUBLISH, listen=LISTEN))
    print_addresses("http://192.168.1.5:8080", settings)
    printed = capsys.readouterr().out
    assert f"http://192.168.1.5:8080/#token={FULL}\n" in printed
    assert f"http://192.168.1.5:8080/source#token={LISTEN}\n" in printed
    assert f"http://192.168.1.5:8080/audio/live.ogg?token={LISTEN}\n" in printed
    assert "http://192.168.1.5:8080/whip\n" in printed and re.search(rf"bearer token *{PUBLISH}\n", printed)
    assert "unencrypted" in printed


@pytest.mark.parametrize("host", ["[fd12:3456::7]", "[2001:db8::1]"])
def test_an_ipv6_address_is_printed_whole(capsys: pytest.CaptureFixture[str], host: str) -> None:
    print_addresses(f"http://{host}:8080", reach())
    printed = capsys.readouterr().out
    for path in ("/", "/source", "/audio/live.ogg", "/whip"):
        assert f" http://{host}:8080{path}\n" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--token", "short"], "16 to 128"),
        (["--ice-server", "turn:me:secret@"], "TURN|ICE"),
        (["--allow-origin", "nonsense"], "origin"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_starts(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(make_command(), ["serve", *arguments])
    assert result.exit_code == 1
    assert re.search(words, result.stderr) and "secret" not in result.stderr


def test_tokens_may_come_from_the_environment(tmp_path: Path) -> None:
    result = CliRunner().invoke(make_command(), ["serve"], env={"NARRASCORE_TOKEN": "short"})
    assert result.exit_code == 1 and "16 to 128" in result.stderr
