"""The command line on a terminal: what is asked, what is shown of an answer, and Ctrl-C."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.serving import PASSWORD

ADDRESS = "ann@example.com"
# Whoever runs the tests in the background lets them ignore Ctrl-C, and children inherit that.
TAKE_TERMINAL = (
    "import fcntl, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from coatcheck.cli import main; sys.argv[0] = 'coatcheck'; main()"
)


class Terminal:
    """Runs one command on a terminal of its own; each answer is typed when what it answers has been asked."""

    def __init__(self, run: CommandLine) -> None:
        self._run = run

    def __call__(self, *words: str, answers: dict[str, str]) -> tuple[int, str]:
        """Type ``answers`` (the end of a question, and what is typed); return the exit code and all that was shown."""
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", TAKE_TERMINAL, *words],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                env={**self._run.environment, "TERM": "xterm", "NO_COLOR": "1"},
                cwd=self._run.folder,
            )
            os.close(theirs)
            with process:
                shown = self._talk(ours, list(answers.items()), process)
                return process.wait(30), shown
        finally:
            os.close(ours)

    @staticmethod
    def _talk(terminal: int, answers: list[tuple[str, str]], process: "subprocess.Popen[bytes]") -> str:
        shown, since, until = b"", 0, time.monotonic() + 60
        with suppress(OSError):  # EIO: the other side has closed the terminal
            while time.monotonic() < until:
                if select.select([terminal], [], [], 0.1)[0]:
                    piece = os.read(terminal, 65_536)
                    if not piece:
                        break
                    shown += piece
                elif answers and answers[0][0].encode() in shown[since:] and waits(process.pid):
                    since = len(shown)
                    os.write(terminal, answers.pop(0)[1].encode())
            process.kill()
        return re.sub(r"\x1b\[\d+m", "", shown.decode()).replace("\r\n", "\n")


def waits(pid: int) -> bool:
    """True when the process sleeps: what it has asked is being read. Before, Python's ``input`` loses a Ctrl-C."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")


@pytest.fixture
def terminal(run: CommandLine) -> Terminal:
    run.add_user(ADDRESS)
    return Terminal(run)


def status_of(run: CommandLine) -> str:
    status: str = run.document("users", "show", ADDRESS)["status"]
    return status


def test_a_no_changes_nothing_and_says_so(run: CommandLine, terminal: Terminal) -> None:
    code, shown = terminal("users", "suspend", ADDRESS, answers={"[y/N]: ": "n\n"})
    assert (code, shown.endswith("\nNothing was changed.\n")) == (1, True), shown
    assert f"This suspends {ADDRESS} and ends no sessions. The database is " in shown
    assert status_of(run) == "active"


def test_one_ctrl_c_at_the_question_is_enough(run: CommandLine, terminal: Terminal) -> None:
    code, shown = terminal("users", "suspend", ADDRESS, answers={"[y/N]: ": "\x03"})
    assert (code, shown.endswith("\nStopped.\n")) == (130, True), shown
    assert status_of(run) == "active"


def test_a_yes_does_it(run: CommandLine, terminal: Terminal) -> None:
    code, shown = terminal("users", "suspend", ADDRESS, answers={"[y/N]: ": "y\n"})
    assert (code, f"Suspended {ADDRESS}" in shown) == (0, True), shown
    assert status_of(run) == "suspended"


class Meanwhile(str):
    """An answer before which somebody else writes a line."""

    path: Path
    line: str

    def encode(self, *how: str) -> bytes:
        self.path.write_text(f"{self.path.read_text()}{self.line}\n")
        return super().encode(*how)


def test_what_somebody_else_refuses_while_it_is_asked_stays_refused(run: CommandLine, terminal: Terminal) -> None:
    ann, bob = "usr_" + "a" * 26, "usr_" + "b" * 26
    run("incident", "deny", ann, "--reason", "x", "--yes")
    yes = Meanwhile("y\n")
    yes.path, yes.line = Path(run.document("incident", "denied")["file"]), bob
    code, shown = terminal("incident", "allow", ann, answers={"[y/N]: ": yes})
    assert code == 0, shown
    assert run.document("incident", "denied")["identifiers"] == [bob]


def test_a_password_is_asked_for_twice_and_not_shown(run: CommandLine, terminal: Terminal) -> None:
    answers = {"New password: ": f"{PASSWORD}\n", "The same again: ": f"{PASSWORD}\n"}
    code, shown = terminal("users", "add", "ben@example.com", answers=answers)
    assert (code, "Made ben@example.com" in shown) == (0, True), shown
    assert PASSWORD not in shown


def test_no_password_is_asked_for_in_vain(run: CommandLine, terminal: Terminal) -> None:
    code, shown = terminal("users", "add", "no address", answers={})
    assert (code, "password" in shown) == (1, False), shown
    run.database.rename(run.folder / "elsewhere.db")
    code, shown = terminal("users", "set-password", ADDRESS, answers={})
    assert (code, "New password" in shown) == (1, False), shown


def test_a_token_is_asked_for_and_not_shown(run: CommandLine, terminal: Terminal, tmp_path: Path) -> None:
    token = "ccs_" + "q" * 43 + "A"
    code, shown = terminal("token", answers={"Token (not shown): ": f"{token}\n"})
    assert (code, "refused (token.invalid)" in shown) == (1, True), shown
    assert "qqqq" not in shown
    code, shown = terminal("token", answers={"Token (not shown): ": "eyJ" + "A" * 4_096 + "\n"})
    assert (code, "pipe the token instead" in shown) == (1, True), shown
    code, shown = terminal("token", answers={"Token (not shown): ": "\x03"})
    assert (code, shown.endswith("\nStopped.\n")) == (130, True), shown
