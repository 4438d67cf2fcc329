"""Running the command line as people do, without a terminal, but in this process: starting one each time is slow."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from coatcheck.cli.outcome import reported
from coatcheck.cli.program import coatcheck
from tests.serving import PASSWORD, QUICK


class CommandLine:
    """Runs commands against one database; ``code``, ``out`` and ``err`` are the last one's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "app.db"
        self.code, self.out, self.err = 0, "", ""
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")},
            **QUICK,
            "COATCHECK_DATABASE_URL": f"sqlite:///{self.database}",
            "COLUMNS": "80",
        }

    def __call__(self, *words: str, stdin: str = "", **environment: str) -> str:
        """Run one command and return its standard output."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with (
            patch.object(sys, "argv", ["coatcheck", *words]),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            self.code = reported(coatcheck)
        self.out, self.err = _written(out), _written(err)
        return self.out

    def document(self, *words: str, stdin: str = "", **environment: str) -> Any:
        """Run one command with ``--json`` and return the document."""
        text = self(*words, "--json", stdin=stdin, **environment)
        assert self.code == 0, self.err
        return json.loads(text)

    def make_database(self, **environment: str) -> None:
        """Make the database that the commands look at."""
        self("schema", "upgrade", **environment)
        assert self.code == 0, self.err

    def add_user(self, email: str, *more: str) -> str:
        """Make an account and return its id."""
        user_id: str = self.document("users", "add", email, *more, stdin=PASSWORD + "\n")["id"]
        return user_id


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
