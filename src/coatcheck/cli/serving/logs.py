"""What ``coatcheck serve`` says while it runs: lines for people, or one JSON object a line for programs.

Only ``logging`` of the standard library. What is logged names no person and no secret: events of that kind are in the
audit trail (``docs/audit.md``).
"""

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click

from coatcheck.cli.outcome import REFUSED, TROUBLE, sentence_of
from coatcheck.cli.printing import visible
from coatcheck.errors import AuthError, Broken

TEXT, JSON = FORMATS = ("text", "json")

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; whatever else there is are fields."""


class JsonLines(logging.Formatter):
    """One object a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, then the record's own fields and
    those in ``always``, and ``exception`` with the traceback where there is one."""

    def __init__(self, always: dict[str, Any]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in it: JSON leaves no line break as it is."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **self._always,
        }
        said |= {name: value for name, value in vars(record).items() if name not in _OWN and name not in said}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


class Lines(logging.Formatter):
    """``warning: what happened``, without what a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        """A line, and the traceback below it where there is one."""
        message = "\n  ".join(map(visible, record.getMessage().split("\n")))  # no line of it looks like one of ours
        line = f"{record.levelname.lower()}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def log_as(form: str, **always: str) -> None:
    """Send what this process logs to stderr in that form. ``always`` are fields of every JSON line.

    Ours from ``info`` on, everybody else's from ``warning`` on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(always) if form == JSON else Lines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("coatcheck").setLevel(logging.INFO)
    logging.captureWarnings(True)


@contextlib.contextmanager
def said_in(form: str) -> Iterator[None]:
    """Say what went wrong as an error with its ``code``, where lines are JSON; else it is printed as ever."""
    try:
        yield
    except AuthError as fault:
        if form != JSON:
            raise
        record = {"name": "coatcheck.serve", "levelname": "ERROR", "msg": sentence_of(fault), "code": fault.code}
        click.echo(JsonLines({}).format(logging.makeLogRecord(record)), err=True)
        raise click.exceptions.Exit(TROUBLE if isinstance(fault, Broken) else REFUSED) from None
