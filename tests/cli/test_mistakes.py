"""What a newcomer gets wrong, and what the command line says to it."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from coatcheck.cli.groups import Group
from coatcheck.cli.program import coatcheck
from tests.cli.conftest import CommandLine

ADDRESS = "ann@example.com"
LOOKING = [
    ("users", "list"),
    ("users", "show", ADDRESS),
    ("users", "suspend", ADDRESS, "--yes"),
    ("users", "restore", ADDRESS),
    ("users", "set-password", ADDRESS, "--yes"),
    ("users", "compromised", ADDRESS, "--reason", "x", "--yes"),
    ("users", "delete", ADDRESS, "--yes"),
    ("sessions", "list", ADDRESS),
    ("sessions", "end", "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa", "--yes"),
    ("sessions", "end-all", ADDRESS, "--yes"),
    ("sessions", "end-everything", "--reason", "x", "--yes"),
    ("sessions", "purge"),
    ("keys", "list"),
    ("keys", "rotate"),
    ("keys", "revoke", "key_nothing", "--reason", "x", "--yes"),
    ("schema", "restored", "--yes"),
    ("schema", "status"),
    ("audit", "list"),
    ("audit", "export"),
    ("doctor",),
]


def groups(command: click.Command, *path: str) -> list[tuple[str, click.Group]]:
    """The group and every group in it, by the words one types."""
    if not isinstance(command, click.Group):
        return []
    context = click.Context(command)
    inner = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    below = [each for name, found in inner if found for each in groups(found, *path, name)]
    return [(" ".join(path), command), *below]


GROUPS = groups(coatcheck)


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_a_command_that_looks_makes_no_database(run: CommandLine, words: tuple[str, ...]) -> None:
    run(*words, stdin="four quiet cranes fly home\n")
    assert list(run.folder.iterdir()) == []
    if words not in (("doctor",), ("schema", "status")):
        assert run.code == 1
        assert run.err.startswith(f"error: there is no database at {run.database}. If it is elsewhere, set")
        assert "to make one here, run `coatcheck schema upgrade` or `coatcheck serve`" in run.err


def test_an_empty_file_is_no_database_either(run: CommandLine) -> None:
    run.database.touch(0o600)
    run("users", "list")
    assert (run.code, run.database.stat().st_size) == (1, 0)


def test_the_first_account_makes_the_database(run: CommandLine) -> None:
    run.add_user(ADDRESS)
    assert run.database.exists()


def test_no_command_pretends_to_reach_into_a_memory_store(run: CommandLine) -> None:
    for words in (("users", "list"), ("users", "add", ADDRESS), ("schema", "upgrade")):
        run(*words, stdin="four quiet cranes fly home\n", COATCHECK_DATABASE_URL="memory:")
        assert run.code == 1, words
        assert run.err.startswith("error: a memory: store lives inside the process that serves")


def test_a_database_that_is_gone_is_not_begun_anew_in_silence(run: CommandLine) -> None:
    run.database.with_name("app.db-witness").write_text('{"position":"1-abcd.7","event_id":"evt_x"}', encoding="utf-8")
    for words in (("serve",), ("users", "add", ADDRESS), ("users", "list")):
        run(*words, stdin="four quiet cranes fly home\n")
        assert run.code == 1, words
        assert run.err.startswith(f"error: {run.database} is gone: {run.database}-witness has seen event 1-abcd.7")
        assert not run.database.exists()


def test_restoring_and_suspending_say_when_there_is_nothing_to_do(run: CommandLine) -> None:
    run.add_user(ADDRESS)
    assert (run("users", "restore", ADDRESS), run.code) == (f"{ADDRESS} is not suspended.\n", 0)
    run("users", "suspend", ADDRESS, "--yes")
    assert (run("users", "suspend", ADDRESS, "--yes"), run.code) == (f"{ADDRESS} is suspended already.\n", 0)
    assert run.document("users", "suspend", ADDRESS)["ended"] == 0
    assert run("users", "restore", ADDRESS).startswith(f"{ADDRESS} may log in again.")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("user list", "coatcheck users"),
        ("users lst", "coatcheck users list"),
        ("users setpassword", "coatcheck users set-password"),
        (f"users {ADDRESS}", f"coatcheck users show {ADDRESS}"),
        (f"users {ADDRESS} suspend", f"coatcheck users suspend {ADDRESS}"),
        (f"sessions {ADDRESS}", f"coatcheck sessions list {ADDRESS}"),
        (f"sessions {ADDRESS} end-all", f"coatcheck sessions end-all {ADDRESS}"),
        (f"keys {ADDRESS}", f"coatcheck users show {ADDRESS}"),
        (f"suspend {ADDRESS}", "coatcheck users suspend"),
        ("users end-all", "coatcheck sessions end-all"),
        ("keys doctor", "coatcheck doctor"),
    ],
)
def test_a_mistyped_command_is_guessed(run: CommandLine, typed: str, meant: str) -> None:
    run(*typed.split())
    assert run.code == 2
    assert run.err.splitlines()[0].endswith(f" Did you mean `{meant}`?")


def test_what_is_near_to_nothing_is_not_guessed(run: CommandLine) -> None:
    run("zzz")
    assert (run.code, run.err) == (2, "error: There is no command 'zzz'.\nSee `coatcheck --help`.\n")


def test_a_user_where_a_session_belongs_leads_to_the_right_command(run: CommandLine) -> None:
    run("sessions", "end", ADDRESS, "--yes")
    assert run.code == 2
    assert f"`coatcheck sessions end-all {ADDRESS}`" in run.err
    assert f"`coatcheck sessions list {ADDRESS}`" in run.err


@pytest.mark.parametrize(("path", "group"), GROUPS, ids=[path or "coatcheck" for path, _ in GROUPS])
def test_every_group_guesses_and_no_listing_is_cut_off(run: CommandLine, path: str, group: click.Group) -> None:
    assert isinstance(group, Group)
    listing = run(*path.split(), "--help").partition("Commands:")[2]
    assert listing
    assert "..." not in listing


def test_without_the_extra_the_script_says_what_to_install() -> None:
    """As after a bare ``pip install coatcheck``: none of the server's libraries can be imported."""
    for absent in ("click", "uvicorn", "argon2"):
        bare = (
            f"import sys; sys.modules[{absent!r}] = None; sys.argv = ['coatcheck', 'serve', '--port', '1'];"
            "from coatcheck.cli import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"error: the command line needs more than was installed ({absent} is missing); run: "
            "pip install 'coatcheck[server]'\n"
        )


def test_what_stands_in_an_argument_does_not_steer_the_terminal(run: CommandLine) -> None:
    run.make_database()
    run("users", "show", "\x1b[2Jann\u202e@example.com")
    assert run.code != 0
    run("users", "list", "--limit", "\x1b[2J\x9b2J")
    assert run.code == 2
    assert not [each for each in run.err if not each.isprintable() and each != "\n"]


def test_a_folder_that_is_not_there_is_named(run: CommandLine, tmp_path: Path) -> None:
    run("schema", "upgrade", COATCHECK_DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/app.db")
    assert (run.code, f"mkdir -p -m 700 {tmp_path}/nowhere" in run.err) == (1, True)
