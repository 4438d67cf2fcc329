"""``coatcheck schema``: the database's tables, and what to do after a backup was put back."""

import asyncio
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.acting import acting
from coatcheck.cli.groups import Group
from coatcheck.cli.opening import configured, opened, reachable
from coatcheck.cli.printing import ask, json_option, show_document, show_ending, show_fields, waiting, yes_option
from coatcheck.cli.users import sessions_in_words

if TYPE_CHECKING:
    from coatcheck.auth import Auth
    from coatcheck.model.receipt import Receipt

_DO_AGAIN: Final = (
    "As in the backup, and to be done again where it changed since: suspensions, deletions, roles, passwords "
    "(`coatcheck users`)."
)


@click.group("schema", cls=Group, short_help="The database: upgrade it, look at it, restore a backup.")
def command() -> None:
    """The database: bring it up to date, look at it, restore a backup of it.

    \b
    coatcheck schema upgrade
    coatcheck schema restored
    """


@command.command("upgrade", short_help="Make the tables, or bring them up to date.")
@json_option
def upgrade(as_json: bool) -> None:
    """Make the database and its tables, or bring them up to date. Servers do this too when they start.

    Tables of a newer version that only added to them stay as they are.
    """
    from coatcheck.cli.database import look

    url = configured().settings.database
    before = look(url).state

    async def work(_: "Auth") -> None:
        """Opening it has done it."""

    opened(work, may_make=True)
    after = look(url).state
    if as_json:
        show_document({"before": before, "after": after})
    elif after != "current":
        click.echo(f"Nothing was done: the tables are {after}, which this one works with.")
    else:
        click.echo("It was up to date." if before == "current" else "The tables are up to date now.")


@command.command("status", short_help="Where it is, and whether its tables are up to date.")
@json_option
def status(as_json: bool) -> None:
    """Show where the database is, whether its tables are up to date, and where its log ends. Changes nothing."""
    from coatcheck.cli.database import look

    found = look(configured().settings.database)
    fields = {"database": found.place, "tables": found.state, "log ends at": found.position or "-"}
    if as_json:
        show_document({"database": found.place, "tables": found.state, "position": found.position})
    else:
        show_fields(fields)


@command.command("restored", short_help="What to run after a backup was put back.")
@click.option("--reason", default="a backup was restored", show_default=True, help="Goes to the audit trail.")
@yes_option
@json_option
def restored(reason: str, yes: bool, as_json: bool) -> None:
    """Run this after a backup was put back, before anything is served from it.

    A backup knows nothing of what was ended after it was made. This ends every session, replaces the signing keys, and
    begins a new epoch of the log, so that nothing issued before is accepted anywhere. It takes a few seconds: it waits
    until no running server trusts what it knew.

    \b
    1. stop the servers, or at least take the database away from them
    2. put the backup in place of the database, and remove the files
       beside it that end in -wal and -shm
    3. coatcheck schema restored
    4. start the servers
    """
    from coatcheck.cli.database import count_sessions

    auth = reachable()
    count = count_sessions(auth.settings.database)
    sessions = "" if count is None else f" ({sessions_in_words(count)})"
    ask(f"This logs everybody out{sessions} and replaces the signing keys.", yes=yes)

    async def work() -> "Receipt":
        try:
            with waiting("Waiting until no checker trusts what it knew before"):
                return await auth.begin_again(reason=reason, actor_id=acting())
        finally:
            await auth.stop()

    receipt = asyncio.run(work())
    show_ending("Everything issued before has ended.", receipt, as_json=as_json)
    if not as_json:
        click.echo(_DO_AGAIN)
