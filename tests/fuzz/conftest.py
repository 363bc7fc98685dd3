from __future__ import annotations

from typing import Any

from tests.fuzz.effort import tried


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tried:
        each = ", ".join(f"{target} {number}" for target, number in sorted(tried.items()))
        terminalreporter.write_line(f"fuzz: {sum(tried.values())} inputs tried: {each}")
