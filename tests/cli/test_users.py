"""``coatcheck users``."""

from tests.cli.conftest import CommandLine
from tests.serving import PASSWORD

NEW = "four quiet cranes fly home"


def test_an_account_is_made_listed_and_shown(run: CommandLine) -> None:
    user_id = run.add_user("ann@example.com", "--name", "Ann", "--role", "editor")
    listed = run.document("users", "list")
    assert [(each["id"], each["email"], each["roles"]) for each in listed] == [(user_id, "ann@example.com", ["editor"])]
    assert run.document("users", "show", user_id) == run.document("users", "show", "ANN@example.com")
    assert "ann@example.com" in run("users", "list")


def test_a_password_is_no_argument(run: CommandLine) -> None:
    run("users", "add", "ann@example.com", "--password", PASSWORD)
    assert run.code == 2
    run("users", "add", "ann@example.com", PASSWORD)
    assert run.code == 2


def test_a_password_comes_from_a_file(run: CommandLine) -> None:
    file = run.folder / "password"
    file.write_text(PASSWORD + "\n", encoding="utf-8")
    run("users", "add", "ann@example.com", "--password-file", str(file))
    assert run.code == 0
    run("users", "add", "ben@example.com", "--password-file", str(run.folder / "nowhere"))
    assert (run.code, run.err) == (1, f"error: the password can't be read from {run.folder / 'nowhere'}\n")


def test_what_is_refused_is_one_sentence_and_code_1(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    run("users", "add", "ann@example.com", stdin=PASSWORD)
    assert (run.code, run.err) == (1, "error: There is already an account with this e-mail address.\n")
    run("users", "add", "ben@example.com", stdin="short")
    assert run.code == 1
    assert run.err.startswith("error: Please use at least 15 characters.")
    assert run.err.count("\n") == 1
    run("users", "add", "cleo@example.com", stdin="")
    assert (run.code, run.err) == (1, "error: no password was given\n")
    run("users", "show", "nobody@example.com")
    assert (run.code, run.err) == (1, "error: there is no user nobody@example.com\n")


def test_roles_are_given_and_taken(run: CommandLine) -> None:
    run.add_user("ann@example.com", "--role", "author")
    changed = run.document("users", "roles", "ann@example.com", "--add", "editor", "--remove", "author")
    assert changed["user"]["roles"] == ["editor"]
    assert changed["receipt"]["confirmed"] == []
    assert run("users", "roles", "ann@example.com") == "ann@example.com: editor.\n"


def test_nothing_is_ended_without_a_yes(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    for words in (
        ("users", "suspend", "ann@example.com"),
        ("users", "delete", "ann@example.com"),
        ("users", "compromised", "ann@example.com", "--reason", "x"),
        ("sessions", "end-all", "ann@example.com"),
        ("sessions", "end-everything", "--reason", "x"),
        ("schema", "restored"),
    ):
        run(*words)
        assert run.code == 2, words
        assert "--yes" in run.err
    assert run.document("users", "show", "ann@example.com")["status"] == "active"


def test_suspending_and_restoring(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    assert run("users", "suspend", "ann@example.com", "--yes").startswith(
        "Suspended ann@example.com, ended no sessions."
    )
    assert run.document("users", "list", "--status", "suspended")[0]["email"] == "ann@example.com"
    assert run.document("users", "restore", "ann@example.com")["user"]["status"] == "active"


def test_the_last_administrator_stays(run: CommandLine) -> None:
    run.add_user("root@example.com", "--role", "coatcheck:admin")
    run("users", "delete", "root@example.com", "--yes")
    assert (run.code, run.err) == (1, "error: This is the last administrator.\n")


def test_a_password_is_replaced_and_a_user_deleted(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    run("users", "set-password", "ann@example.com", "--yes", "--password-file", "-", stdin=NEW)
    assert run.code == 0, run.err
    assert run("users", "compromised", "ann@example.com", "--reason", "phished", "--yes").startswith("Locked")
    assert "none: nobody can log in" in run("users", "show", "ann@example.com")
    assert run("users", "delete", "ann@example.com", "--yes").startswith("Deleted ann@example.com")
    assert run.document("users", "list") == []


def test_no_secret_is_ever_printed(run: CommandLine) -> None:
    run.add_user("ann@example.com")
    said = run("users", "show", "ann@example.com", "--json") + run("users", "list", "--json") + run.err
    assert "argon2" not in said
    assert PASSWORD not in said
