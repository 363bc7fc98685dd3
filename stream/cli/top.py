"""`narrascore top`: a live table of a running service's sessions, from its `/metrics`."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, NamedTuple

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stream.cli.terminal import console, fail

TIMEOUT_S = 5.0
_SESSION = "narrascore_session_"
GIVEN_UP = ("readings given up", "pictures given up but one a second", "all pictures but key frames given up")
STAGES = ("decode", "wait", "read", "compose", "encode", "egress", "loop")


class Scrape(NamedTuple):
    """One reading of `/metrics`. `sessions`: by session, by figure; `stages`: by stage, count and seconds."""

    t_s: float
    sessions: dict[str, dict[str, float]]
    stages: dict[str, tuple[float, float]]
    plain: dict[str, float]
    work: Mapping[str, float] = MappingProxyType({})
    """Processor seconds of the service's threads, by what they do."""


def parse(text: str, t_s: float) -> Scrape:
    """From Prometheus's text format. Raises ValueError when it is not that."""
    from prometheus_client.parser import text_string_to_metric_families

    sessions: dict[str, dict[str, float]] = defaultdict(dict)
    counts: dict[str, float] = {}
    sums: dict[str, float] = {}
    plain: dict[str, float] = {}
    work: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "session" in sample.labels:
                sessions[sample.labels["session"]][sample.name.removeprefix(_SESSION)] = sample.value
            elif sample.name == "narrascore_stage_seconds_count":
                counts[sample.labels["stage"]] = sample.value
            elif sample.name == "narrascore_stage_seconds_sum":
                sums[sample.labels["stage"]] = sample.value
            elif sample.name == "narrascore_work_cpu_seconds":
                work[sample.labels["work"]] = sample.value
            elif not sample.labels:
                plain[sample.name] = sample.value
    stages = {stage: (counts[stage], sums.get(stage, 0.0)) for stage in counts}
    return Scrape(t_s, dict(sessions), stages, plain, work)


def view(now: Scrape, before: Scrape | None) -> RenderableType:
    """Rates are over the time since `before`; without it they are not shown."""
    table = Table(title=_title(now, before), title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("name", overflow="fold")
    for name in ("video", "fps", "r/s", "queue", "V", "A", "ms", "gaps", "lives"):
        table.add_column(name, justify="right")
    table.add_column("CPU", justify="right")
    table.add_column("MiB", justify="right")
    table.add_column("ears", justify="right")
    for name, figures in sorted(now.sessions.items()):
        last = before.sessions.get(name) if before is not None else None
        elapsed_s = now.t_s - before.t_s if before is not None else 0.0

        def rate(
            figure: str,
            figures: dict[str, float] = figures,
            last: dict[str, float] | None = last,
            elapsed_s: float = elapsed_s,
        ) -> float | None:
            if last is None or elapsed_s <= 0 or figure not in last:
                return None
            return max(0.0, (figures[figure] - last[figure]) / elapsed_s)

        table.add_row(
            Text(name),
            "live" if figures.get("publishing") else "-",
            _number(rate("frames_total"), "{:.1f}"),
            _number(rate("readings_total"), "{:.1f}"),
            _number(figures.get("frames_undecoded"), "{:.0f}"),
            _number(figures.get("valence"), "{:+.2f}"),
            _number(figures.get("arousal"), "{:+.2f}"),
            _number(figures.get("buffer_seconds", 0.0) * 1000, "{:.0f}"),
            _number(figures.get("underruns_total"), "{:.0f}"),
            _number(figures.get("composer_restarts_total"), "{:.0f}"),
            _number(_times(rate("composer_cpu_seconds_total"), 100.0), "{:.0f}%"),
            _number(figures.get("composer_resident_bytes", 0.0) / 2**20, "{:.0f}"),
            _number(figures.get("listeners"), "{:.0f}"),
        )
    return Group(table, _stages(now, before), *_work(now, before))


def _title(now: Scrape, before: Scrape | None) -> str:
    parts = [f"{len(now.sessions)} of {now.plain.get('narrascore_sessions_limit', 0):.0f} sessions"]
    cpu = "process_cpu_seconds_total"
    if before is not None and now.t_s > before.t_s and cpu in now.plain and cpu in before.plain:
        parts.append(f"service {100 * (now.plain[cpu] - before.plain[cpu]) / (now.t_s - before.t_s):.0f} %")
    if "process_resident_memory_bytes" in now.plain:
        parts.append(f"{now.plain['process_resident_memory_bytes'] / 2**20:.0f} MiB")
    level = int(now.plain.get("narrascore_load_level", 0))
    if level:
        parts.append(GIVEN_UP[min(level, len(GIVEN_UP)) - 1])
    return ", ".join(parts)


def _stages(now: Scrape, before: Scrape | None) -> Text:
    """The mean of each stage since the last look."""
    parts = []
    for stage in STAGES:
        count, seconds = now.stages.get(stage, (0.0, 0.0))
        if before is not None:
            old = before.stages.get(stage, (0.0, 0.0))
            count, seconds = count - old[0], seconds - old[1]
        parts.append(f"{stage} {1000 * seconds / count:.1f} ms" if count > 0 else f"{stage} -")
    return Text("mean: " + ", ".join(parts))


def _work(now: Scrape, before: Scrape | None) -> list[Text]:
    """Where the service's processor time goes, largest first, since the last look."""
    if before is None or now.t_s <= before.t_s:
        return []
    shares = {
        work: max(0.0, seconds - before.work.get(work, 0.0)) / (now.t_s - before.t_s)
        for work, seconds in now.work.items()
    }
    parts = [f"{work} {100 * share:.0f} %" for work, share in sorted(shares.items(), key=lambda w: -w[1])]
    return [Text("processor: " + ", ".join(parts))] if parts else []


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


class NoAnswer(Exception):
    """There is nothing to show: a sentence for the user."""


def look(url: str, token: str) -> Scrape:
    """Raises NoAnswer."""
    try:
        return parse(fetch(url, token), time.monotonic())
    except urllib.error.HTTPError as error:
        hint = ": give --token" if error.code in (401, 403) else ""
        raise NoAnswer(f"{url} answers {error.code}{hint}") from error
    except OSError as error:
        raise NoAnswer(f"{url} cannot be asked ({reason(error)}): is the service running?") from error
    except CannotAsk as error:
        raise NoAnswer(f"{url} cannot be asked: the address, or the token, is not one.") from error
    except (ValueError, http.client.HTTPException) as error:
        raise NoAnswer(f"What answers at {url} is not this service: is the address another's?") from error


def reason(error: OSError) -> str:
    """What is wrong, for people."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {TIMEOUT_S:.0f} s"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS"
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)


class CannotAsk(ValueError):
    """By such an address, or with such a token. Its cause would print the token."""


def fetch(url: str, token: str) -> str:
    """Raises CannotAsk, OSError and HTTPException when the service cannot be asked or does not answer."""
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/metrics")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        reply = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except (ValueError, http.client.InvalidURL) as error:
        raise CannotAsk from error
    with reply:
        body: bytes = reply.read()
    return body.decode("utf-8")


def top(
    url: Annotated[str, typer.Argument(help="The service's address.")] = "http://127.0.0.1:8080",
    token: Annotated[
        str, typer.Option(envvar="NARRASCORE_TOKEN", help="A token that may listen or control.")
    ] = "",
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between looks.")] = 1.0,
    once: Annotated[bool, typer.Option(help="Print two looks' worth once, and end.")] = False,
) -> None:
    """A live table of a running service's sessions.

    queue: pictures that wait to be decoded. ms: music ready to be played. gaps: underruns. lives: times the
    composer was replaced; CPU and MiB are its own. ears: listeners.
    """
    if not url.startswith(("http://", "https://")):
        raise fail(f"{url} is not an address: it begins with http:// or https://")
    try:
        before = look(url, token)
        if once:
            time.sleep(every)
            console.print(view(look(url, token), before))
            return
        with Live(view(before, None), console=console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                now = look(url, token)
                live.update(view(now, before), refresh=True)
                before = now
    except NoAnswer as error:
        raise fail(str(error)) from error
