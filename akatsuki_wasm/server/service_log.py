"""What the service logs, and that no token is ever in it."""

from __future__ import annotations

import logging
import sys

LEVELS = ("debug", "info", "warning", "error")


class _WithoutQuery(logging.Filter):
    """Cuts the query off uvicorn's access log: ``/?token=…`` is in one."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                each.partition("?")[0] + "?…" if isinstance(each, str) and "?" in each else each for each in record.args
            )
        return True


def configure(level: str, *, access: bool) -> None:
    """Sends the log to stderr.

    Args:
        level: Of `LEVELS`.
        access: Whether each request is a line of it, at the level ``info``.
    """
    number = getattr(logging, level.upper())
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in ("akatsuki_wasm", "uvicorn.error"):
        logging.getLogger(name).setLevel(number)
    requests = logging.getLogger("uvicorn.access")
    requests.setLevel(logging.INFO if access else logging.CRITICAL)
    requests.addFilter(_WithoutQuery())
    # httpx says at the level info which address it asks, with its query.
    logging.getLogger("httpx").setLevel(logging.WARNING)
