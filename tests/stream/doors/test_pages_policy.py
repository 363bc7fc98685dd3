"""What the pages may do: nothing written into the HTML runs, and nothing comes from another host."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stream.doors import pages as service
from stream.settings import Settings
from tests.stream.served import served

PAGES = Path(service.__file__).parents[1] / "pages"
HTML = sorted(path.name for path in PAGES.glob("*.html"))
SCRIPTS = sorted(path.name for path in PAGES.glob("*.js"))


class Elements(HTMLParser):
    """Every element with its attributes, and what text stands in scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.inline: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("name", HTML)
def test_nothing_is_written_into_the_html(name: str) -> None:
    elements = Elements()
    elements.feed((PAGES / name).read_text(encoding="utf-8"))
    assert not elements.inline
    for tag, attributes in elements.found:
        assert not [a for a in attributes if a.startswith("on") or a == "style"], (tag, attributes)
        for link in ("src", "href", "action", "data"):
            assert attributes.get(link, "/").startswith(("/", "#")), (tag, attributes)
            assert not attributes.get(link, "/").startswith("//"), (tag, attributes)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_markup_of_text_and_ask_nobody_else(name: str) -> None:
    script = re.sub(r"(?<![:\"'`])//.*", "", (PAGES / name).read_text(encoding="utf-8"))
    for wrong in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert wrong not in script, wrong
    assert not re.search(r"[\"'`](https?|wss?)://(?!127\.0\.0\.1)", script)


def test_every_page_comes_with_the_policy() -> None:
    with served(Settings(port=0, warm_composers=0)) as client:
        for path in ("/", "/source", *(f"/pages/{path.name}" for path in PAGES.iterdir() if path.is_file())):
            reply = client.send("GET", path)
            policy = dict(
                part.strip().partition(" ")[::2]
                for part in reply.headers["content-security-policy"].split(";")
            )
            assert (
                policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == "'self'"
            )
            assert "unsafe" not in str(policy) and "*" not in str(policy) and "http" not in str(policy)
            assert policy["base-uri"] == policy["form-action"] == "'none'", path
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] == "no-referrer"
