"""Commands that run the service: serve and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from stream.cli.company import ObsOption, ObsPasswordOption, PlayOption, RecordOption, SourceOption, company
from stream.cli.music import (
    ComposerOption,
    ComposerTokenOption,
    MusicGenAdapterOption,
    MusicGenBitsOption,
    MusicGenChoice,
    MusicGenDownloadOption,
    MusicGenGuidanceOption,
    MusicGenOption,
    offers,
    settings_for,
)
from stream.cli.reach import (
    AllowHostOption,
    AllowOriginOption,
    CertOption,
    ControlTokenOption,
    IceServerOption,
    KeyOption,
    ListenTokenOption,
    PublishTokenOption,
    TokenOption,
    print_addresses,
    reachable,
)
from stream.cli.story import (
    DeviceOption,
    DownloadOption,
    DtypeOption,
    RevisionOption,
    Story,
    VlmAnchorOption,
    VlmOption,
    VlmProbeOption,
    slow_reading,
)
from stream.cli.terminal import AnchorOption, JsonOption, SeedOption, VerboseOption, fail, log_to_console
from stream.cli.threads import keep_for_good
from stream.cli.wiring import app_or_exit

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")]
ReactivityOption = Annotated[str, typer.Option(help="How fast affect follows: calm, balanced or reactive.")]

GovernOption = Annotated[
    bool,
    typer.Option(help="Read the picture less often, and refuse sessions, while the machine is strained."),
]
AdaptationOption = Annotated[
    Literal["off", "half", "full"],
    typer.Option(help="How far the range of a session's own picture is stretched, over minutes."),
]


def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    anchor: AnchorOption = "",
    seed: SeedOption = None,
    reactivity: ReactivityOption = "balanced",
    adaptation: AdaptationOption = "half",
    source: SourceOption = "",
    obs: ObsOption = "",
    obs_password: ObsPasswordOption = "",
    record: RecordOption = "",
    play: PlayOption = None,
    token: TokenOption = "",
    publish_token: PublishTokenOption = "",
    listen_token: ListenTokenOption = "",
    control_token: ControlTokenOption = "",
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    ice_server: IceServerOption = None,
    allow_host: AllowHostOption = None,
    allow_origin: AllowOriginOption = None,
    vlm: VlmOption = "",
    vlm_revision: RevisionOption = "",
    vlm_device: DeviceOption = "auto",
    vlm_dtype: DtypeOption = "auto",
    vlm_download: DownloadOption = False,
    vlm_probe: VlmProbeOption = None,
    vlm_anchor_s: VlmAnchorOption = 15.0,
    composer: ComposerOption = None,
    composer_token: ComposerTokenOption = "",
    musicgen: MusicGenOption = "",
    musicgen_download: MusicGenDownloadOption = False,
    musicgen_adapter: MusicGenAdapterOption = None,
    musicgen_guidance: MusicGenGuidanceOption = 3.0,
    musicgen_bits: MusicGenBitsOption = 8,
    govern: GovernOption = True,
    verbose: VerboseOption = False,
    log_json: JsonOption = False,
) -> None:
    """Start the service and print the addresses a streamer needs."""
    log_to_console(verbose, log_json)
    from composer.errors import ComposerError
    from stream.access import Access
    from stream.doors import server
    from stream.outputs import OutputError, check_place
    from stream.settings import Settings

    try:
        settings = reachable(
            Settings(
                host=host,
                port=port,
                default_anchor=anchor,
                reactivity=reactivity,
                seed=seed,
                tls_cert=tls_cert,
                tls_key=tls_key,
                govern=govern,
                record=bool(record),
                record_folder=record or Settings.record_folder,
            ),
            access=Access(token, publish_token, listen_token, control_token),
            ice_servers=ice_server or [],
            allow_hosts=allow_host or [],
            allow_origins=allow_origin or [],
        )
        if record:
            check_place(Path(record) / "a recording", force=True)
    except (ValueError, OutputError) as error:
        raise fail(str(error)) from error
    # A style that was asked for is not asked of the picture.
    anchor_after_s = 0.0 if anchor else vlm_anchor_s
    slow = slow_reading(
        Story(vlm, vlm_revision, vlm_device, vlm_dtype, vlm_download, vlm_probe, anchor_after_s)
    )
    choice = MusicGenChoice(musicgen, musicgen_download, musicgen_adapter, musicgen_guidance, musicgen_bits)
    try:
        players = offers(composer or [], choice, composer_token)
    except ComposerError as error:
        raise fail(str(error)) from error
    settings = settings_for(players, settings)
    service = app_or_exit(settings, adaptation, company(source, obs, obs_password, play), slow, players)

    def announce(base: str) -> None:
        keep_for_good()
        print_addresses(base, settings)

    try:
        server.run(service, settings, announce)
    except server.CannotListen as error:
        raise fail(f"{error} (narrascore serve --port N)") from error
    except server.BadCertificate as error:
        raise fail(str(error)) from error


def demo(
    seconds: Annotated[float, typer.Option(min=10.0, max=3600.0, help="How long to play.")] = 30.0,
    out: Annotated[
        Path, typer.Option(help="Folder for score.mp4 and what it was made of; those of before are replaced.")
    ] = Path("demo"),
    anchor: AnchorOption = "cinematic",
    seed: SeedOption = 7,
    verbose: VerboseOption = False,
) -> None:
    """Score real clips through the real service, over loopback WebRTC, and measure it.

    Ends with 1, and says what was too slow, when this machine was too busy for it.
    """
    log_to_console(verbose)
    import asyncio

    from composer.symbolic import create
    from stream.demo import run as work
    from stream.demo.table import print_table
    from stream.errors import StreamError
    from stream.outputs import check_place
    from stream.settings import Settings

    settings = Settings(port=0, default_anchor=anchor, seed=seed, warm_composers=1)
    try:
        clips = work.find_clips()
        work.check_plotting()
        for name in work.WRITTEN:
            check_place(out / name, force=True)
        service = app_or_exit(settings)
        keep_for_good()
        figures = asyncio.run(work.run(service, settings, create, clips, seconds, out))
    except StreamError as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(f"The demo cannot go on: {error.strerror or error}.") from error
    print_table(figures, Console())
    if figures.too_slow:
        raise fail(" ".join(("This machine was too busy for these figures to mean much.", *figures.too_slow)))
