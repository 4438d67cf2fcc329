"""docs/importing.md: its commands are run, in order, on what the applications named there keep."""

import json
import shlex
from pathlib import Path

import psycopg

from coatcheck.cli.importing.accounts import FORMS
from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import FOLDER, database
from tests.surface.documents import blocks, rows, text_of

PAGE = "docs/importing.md"
ON_THE_PAGE = "postgresql://shop@db.internal/shop"


def commands() -> list[list[str]]:
    """Every command of ours on the page."""
    text = "\n".join(blocks(PAGE, "sh")).replace("\\\n", " ")
    return [words[1:] for words in map(shlex.split, text.splitlines()) if words and words[0] == "coatcheck"]


def prepare(folder: Path, url: str) -> None:
    database(folder, "django").rename(folder / "db.sqlite3")
    database(folder, "fastapi_users").rename(folder / "shop.sqlite3")
    (folder / "users.json").write_bytes((FOLDER / "django.json").read_bytes())
    (folder / "people.jsonl").write_text(blocks(PAGE, "json")[0], encoding="utf-8")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE auth_user (id int, email text, password text, is_staff bool)")
        connection.execute("INSERT INTO auth_user VALUES (1, 'pia@example.com', '!', false)")
        connection.execute('CREATE TABLE "user" (id uuid, email text, hashed_password text, is_active bool)')
        connection.execute("INSERT INTO \"user\" VALUES (gen_random_uuid(), 'quinn@example.com', '', true)")


def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, postgres_url: str) -> None:
    prepare(tmp_path, postgres_url)
    run = CommandLine(tmp_path)
    run.make_database()
    made = []
    for words in commands():
        run(*(postgres_url if word == ON_THE_PAGE else word for word in words), "--json")
        assert run.out, run.err
        made.append(json.loads(run.out)["made"])
    # A rehearsal; Django; its PostgreSQL; its dump, whose people are there; fastapi-users, whose Ann, Ben, Cleo and Hal
    # are, too; its PostgreSQL; the two lines, whose people are.
    assert made == [7, 7, 1, 0, 0, 1, 0]
    assert (tmp_path / "refused.jsonl").read_text().count("\n") == 3
    roles = {each["email"]: each["roles"] for each in run.document("users", "list")}
    assert (roles["hal@example.com"], roles["gus@example.com"]) == (["coatcheck:admin", "staff"], ["staff"])


def test_the_lines_of_the_page_are_imported(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    run.make_database()
    (tmp_path / "people.jsonl").write_text(blocks(PAGE, "json")[0], encoding="utf-8")
    assert run.document("users", "import", "people.jsonl")["made"] == 2


def test_every_column_that_is_read_is_on_the_page() -> None:
    named = " ".join(row[0] for row in rows(PAGE)) + text_of(PAGE)
    missing = {column for form in FORMS.values() for column in form.columns if f"`{column}`" not in named}
    assert not missing
