"""Who can reach the service and how: tokens, TLS, names, ICE servers, and the addresses to print."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from stream.access import Access
    from stream.settings import Settings

_TOKEN = "At least 16 characters; read from the environment variable too, which `ps` does not show."

TokenOption = Annotated[
    str, typer.Option(envvar="NARRASCORE_TOKEN", help=f"Token that opens everything. {_TOKEN}")
]
PublishTokenOption = Annotated[
    str, typer.Option(envvar="NARRASCORE_PUBLISH_TOKEN", help="Token that may only send a picture.")
]
ListenTokenOption = Annotated[
    str, typer.Option(envvar="NARRASCORE_LISTEN_TOKEN", help="Token that may only listen.")
]
ControlTokenOption = Annotated[
    str, typer.Option(envvar="NARRASCORE_CONTROL_TOKEN", help="Token that may only control.")
]
CertOption = Annotated[Path | None, typer.Option(help="TLS certificate (PEM): serve https.")]
KeyOption = Annotated[Path | None, typer.Option(help="The certificate's private key (PEM).")]
IceServerOption = Annotated[
    list[str] | None,
    typer.Option(
        envvar="NARRASCORE_ICE_SERVERS",
        help="stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT; may be repeated.",
    ),
]
AllowHostOption = Annotated[
    list[str] | None, typer.Option(help="Another host name of this service, such as a tunnel's; repeatable.")
]
AllowOriginOption = Annotated[
    list[str] | None, typer.Option(help="Origin of a foreign page that may use the service; repeatable.")
]


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reachable(
    settings: Settings,
    *,
    access: Access,
    ice_servers: list[str],
    allow_hosts: list[str],
    allow_origins: list[str],
) -> Settings:
    """`settings` with all of this in it. Where others can reach us and a right has no token, one is made.

    Raises ValueError with a sentence when an ICE server or an origin cannot be read.
    """
    from stream.access import ALL_RIGHTS, make_token
    from stream.ice_servers import read_ice_server

    for origin in allow_origins:
        if "://" not in origin or origin.count("/") != 2:
            raise ValueError(f"An origin is written as browsers send it, https://example.org: not {origin}.")
    exposed = not is_loopback(settings.host) or bool(allow_hosts)
    if exposed and access.guarded != ALL_RIGHTS:
        access = replace(access, full=make_token())
    # A foreign page that posed as us by DNS would still have no token.
    hosts = ("*",) if access.guarded == ALL_RIGHTS else (*settings.allowed_hosts, *allow_hosts)
    return replace(
        settings,
        access=access,
        ice_servers=tuple(read_ice_server(text) for text in ice_servers),
        allowed_hosts=hosts,
        allowed_origins=(*settings.allowed_origins, *allow_origins),
    )


def print_addresses(base: str, settings: Settings) -> None:
    """What a streamer pastes where. A page's token is in the part of its address that browsers never send."""
    from stream.access import Right

    access = settings.access
    out = Console(soft_wrap=True)

    def line(name: str, value: str) -> None:
        out.print(f"{name:<19}[bold]{escape(value)}[/]", highlight=False)

    # The studio page does everything: nothing less than the full token opens all of it.
    line("Studio page", base + "/" + _fragment(access.full or access.token_for(Right.CONTROL)))
    line("OBS source page", base + "/source" + _fragment(access.token_for(Right.LISTEN)))
    line("Music for players", base + "/audio/live.ogg" + _query(access.token_for(Right.LISTEN)))
    line("WHIP endpoint", base + "/whip")
    if token := access.token_for(Right.PUBLISH):
        line("WHIP bearer token", token)
    if access.guarded and settings.tls_cert is None and not is_loopback(settings.host):
        out.print(
            "Tokens and addresses cross the network unencrypted, and browsers share no screen with a plain "
            "http page from another machine: give --tls-cert and --tls-key, or use a tunnel.",
            style="yellow",
        )
    out.print("Ctrl-C stops the music and the service.", style="dim")


def _fragment(token: str) -> str:
    return f"#token={token}" if token else ""


def _query(token: str) -> str:
    """For players, which send no fragment and set no header."""
    return f"?token={token}" if token else ""
