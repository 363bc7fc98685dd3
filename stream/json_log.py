"""Log records as JSON, one object a line, for programs that collect them."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

_SESSION = re.compile(r"session ([A-Za-z0-9_-]{1,64}): ")


class JsonFormatter(logging.Formatter):
    """`time` (RFC 3339, UTC), `level`, `logger`, `message`; `session` when it is about one; `error` with the
    traceback of what was raised."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        about = _SESSION.match(message)
        if about is not None:
            told["session"] = about.group(1)
            message = message[about.end() :]
        told["message"] = message
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told)
