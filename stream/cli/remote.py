"""The command that serves a composer to another process, environment or machine: composer."""

from __future__ import annotations

import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from stream.cli.music import (
    MusicGenAdapterOption,
    MusicGenBitsOption,
    MusicGenDownloadOption,
    MusicGenGuidanceOption,
    MusicGenOption,
    prepared,
)
from stream.cli.reach import CertOption, KeyOption, is_loopback
from stream.cli.terminal import JsonOption, VerboseOption, fail, log_to_console

if TYPE_CHECKING:
    from composer.musicgen.loading import Options
    from composer.remote.served import Instrument

TokenOption = Annotated[
    str,
    typer.Option(
        envvar="NARRASCORE_COMPOSER_TOKEN",
        help="Token a client must have, at least 16 characters; made and printed if others can reach it.",
    ),
]


def composer(
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one.")] = (
        "127.0.0.1:8090"
    ),
    composer: Annotated[Literal["symbolic", "musicgen"], typer.Option(help="Who plays.")] = "symbolic",
    musicgen: MusicGenOption = "",
    musicgen_download: MusicGenDownloadOption = False,
    musicgen_adapter: MusicGenAdapterOption = None,
    musicgen_guidance: MusicGenGuidanceOption = 3.0,
    musicgen_bits: MusicGenBitsOption = 8,
    token: TokenOption = "",
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    verbose: VerboseOption = False,
    log_json: JsonOption = False,
) -> None:
    """Serve a composer, one piece at a time, to `narrascore serve --composer ws://HOST:PORT`."""
    log_to_console(verbose, log_json)
    from composer.errors import ComposerError
    from composer.remote.server import ComposerServer
    from stream.access import Access, make_token
    from stream.precedence import put_music_first

    host, port = _address(listen)
    if not token and not is_loopback(host):
        token = make_token()
    try:
        Access(token)  # what can travel as a token
        tls = _tls(tls_cert, tls_key)
    except ValueError as error:
        raise fail(str(error)) from error
    options: Options | None = None
    if composer == "musicgen":
        options = prepared(musicgen, musicgen_download, musicgen_adapter, musicgen_guidance, musicgen_bits)[0]
    elif musicgen or musicgen_download or musicgen_adapter is not None:
        raise fail("--composer musicgen is what the other --musicgen options are about.")
    try:
        server = ComposerServer(
            lambda: of_symbolic() if options is None else of_musicgen(options),
            host,
            port,
            token=token,
            tls=tls,
            begin_thread=put_music_first,
        )
    except ComposerError as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(f"{listen} cannot be listened on ({error.strerror}): --listen HOST:PORT.") from error
    _announce(server.instrument, host, server.port, token, tls is not None)
    serving = threading.Thread(target=server.run, name="composer-server")
    serving.start()
    try:
        serving.join()
    finally:
        server.close()


def of_symbolic() -> Instrument:
    """The shipped weights, loaded. Raises WeightsError."""
    from composer.remote.served import Instrument
    from composer.weights import read_card
    from stream.cli.telling import TellingComposer, shipped

    shipped()
    card = read_card()
    return Instrument(
        card["name"],
        "symbolic",
        card["licence"],
        TellingComposer.latency_samples,
        TellingComposer,
    )


def of_musicgen(options: Options) -> Instrument:
    """The model, loaded. Raises WeightsError."""
    from composer.musicgen.assembly import assemble
    from composer.musicgen.engine import MusicGenComposer
    from composer.musicgen.loading import LICENCE
    from composer.remote.served import Instrument

    parts = assemble(replace(options, download=False))
    return Instrument(
        f"MusicGen: {parts.name}",
        "musicgen",
        LICENCE,
        MusicGenComposer.latency_samples,
        lambda: MusicGenComposer(parts),
    )


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise fail(f"--listen is HOST:PORT, such as 127.0.0.1:8090; not {listen}.")
    return host.strip("[]"), int(port)


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Raises ValueError with a sentence."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ValueError("--tls-cert and --tls-key go together.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"The certificate and key cannot be used: {error}.") from error
    return context


def _announce(instrument: Instrument, host: str, port: int, token: str, encrypted: bool) -> None:
    """What to type on the other machine."""
    out = Console(soft_wrap=True)
    place = f"[{host}]" if ":" in host else host
    address = f"{'wss' if encrypted else 'ws'}://{place}:{port}"
    out.print(f"{instrument.name}: {instrument.licence}", highlight=False, markup=False)
    out.print(f"narrascore serve --composer {address}", style="bold", highlight=False, markup=False)
    if token:
        out.print(f"NARRASCORE_COMPOSER_TOKEN={token}", style="bold", highlight=False, markup=False)
    if not encrypted and not is_loopback(host):
        out.print(
            "Token and music cross the network unencrypted: give --tls-cert and --tls-key, or use a tunnel.",
            style="yellow",
        )
    out.print("Ctrl-C ends it. One piece at a time.", style="dim")
