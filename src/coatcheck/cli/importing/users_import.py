"""``coatcheck users import``: accounts from another application, with their password hashes."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.opening import opened, reachable
from coatcheck.cli.outcome import say_warning
from coatcheck.cli.printing import json_option, progress, show_document, visible
from coatcheck.errors import Misconfigured
from coatcheck.settings import POSTGRESQL

if TYPE_CHECKING:
    from coatcheck.auth import Auth
    from coatcheck.cli.importing.accounts import Form, Rules
    from coatcheck.cli.importing.records import Source
    from coatcheck.cli.importing.running import Outcome

_SQLITE: Final = b"SQLite format 3\0"


@click.command("import", short_help="Bring accounts from another application.")
@click.argument("source", metavar="FILE")
@click.option(
    "--format",
    "form_name",
    type=click.Choice(["jsonl", "fastapi-users", "django"]),
    default="jsonl",
    show_default=True,
    help="Whose accounts they are.",
)
@click.option("--table", metavar="NAME", help="The table, or the model in a dump, if it is not the usual one.")
@click.option("--superuser-role", metavar="ROLE", help="The role that superusers get; otherwise none.")
@click.option("--staff-role", metavar="ROLE", help="The role that Django's staff gets; otherwise none.")
@click.option(
    "--without-unsupported-hashes",
    is_flag=True,
    help="Import who has a hash that can't be verified here, without a password.",
)
@click.option("--errors", type=click.Path(path_type=Path), metavar="FILE", help="Write what was not imported there.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--again", is_flag=True, help="Go through an import once more that was finished or stopped.")
@json_option
def import_(
    source: str,
    form_name: str,
    table: str | None,
    superuser_role: str | None,
    staff_role: str | None,
    without_unsupported_hashes: bool,
    errors: Path | None,
    dry_run: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Bring accounts from another application, with their password hashes.

    FILE is a file of JSON objects, a SQLite database, or the address of a PostgreSQL database. Whoever logs in gets a
    hash of today's kind. An import that was stopped goes on where it was when the same command is given again; no
    account that is there is changed.

    \b
    coatcheck users import accounts.jsonl --errors refused.jsonl
    coatcheck users import db.sqlite3 --format django --dry-run
    coatcheck users import postgresql://shop@db/shop --format fastapi-users \\
      --superuser-role coatcheck:admin
    """
    from coatcheck.cli.importing.accounts import FORMS, Rules
    from coatcheck.model.roles import check_roles
    from coatcheck.passwords.argon2 import PasswordHasher

    check_roles(role for role in (superuser_role, staff_role) if role is not None)
    form = FORMS[form_name]
    rules = Rules(
        hasher=PasswordHasher(reachable().settings.passwords),
        superuser_role=superuser_role,
        staff_role=staff_role,
        without_unsupported_hashes=without_unsupported_hashes,
    )
    with closing(_source(source, form, table)) as accounts:
        outcome, settings = _imported(accounts, form, rules, table, errors, dry_run=dry_run, again=again)
    from coatcheck.cli.importing.summary import document_of, sentences_of, warnings_of

    if as_json:
        show_document(document_of(outcome, settings, dry_run=dry_run))
    else:
        for fault in outcome.faults if errors is None else ():
            click.echo(visible(fault.sentence), err=True)
        for sentence in sentences_of(outcome, settings, dry_run=dry_run, errors=errors):
            click.echo(sentence)
    for sentence in warnings_of(outcome):
        say_warning(sentence)
    if outcome.progress.errors:
        raise click.exceptions.Exit(1)


def _source(named: str, form: "Form", table: str | None) -> "Source":
    """What FILE names. Raises Misconfigured, UsageError for a form that is no table of a database."""
    from coatcheck.cli.importing.databases import PostgresTable, SqliteTable
    from coatcheck.cli.importing.json_files import JsonFile

    if "://" in named and not named.startswith(POSTGRESQL):
        raise click.UsageError("FILE is a path, or an address like postgresql://user@host/name")
    is_sqlite = not named.startswith(POSTGRESQL) and _begins_with(Path(named), _SQLITE)
    if not is_sqlite and not named.startswith(POSTGRESQL):
        return JsonFile(Path(named))
    if not form.table:
        raise click.UsageError("a database is read with --format fastapi-users or --format django")
    if is_sqlite:
        return SqliteTable(Path(named), table or form.table, form.columns)
    return PostgresTable(named, table or form.table, form.columns)


def _begins_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            if not file.seekable():
                raise Misconfigured(f"{path} is no file, and can be read only once: write it into one first")
            return file.read(len(mark)) == mark
    except OSError as fault:
        raise Misconfigured(f"{path} can't be read: {fault.strerror}") from None


def _imported(
    accounts: "Source", form: "Form", rules: "Rules", table: str | None, errors: Path | None, **how: bool
) -> "tuple[Outcome, tuple[str, ...]]":
    """Do it; what became of it, and the imported schemes that the settings know."""
    from coatcheck.cli.importing.running import Order, run_import

    order = Order(
        source=accounts, form=form, rules=rules, model=table or form.table.replace("_", ".", 1), errors=errors, **how
    )

    async def work(auth: "Auth") -> "tuple[Outcome, tuple[str, ...]]":
        with progress("Importing", total=accounts.total) as show:
            return await run_import(auth, order, show), auth.settings.passwords.imported_schemes

    return opened(work)
