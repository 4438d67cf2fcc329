"""``coatcheck sessions``: who is logged in, and ending it."""

from typing import TYPE_CHECKING

import click

from coatcheck.cli.acting import acting
from coatcheck.cli.groups import Group
from coatcheck.cli.opening import opened, user_named
from coatcheck.cli.printing import (
    ago,
    ask,
    instant,
    json_option,
    progress,
    show_document,
    show_ending,
    show_table,
    waiting,
    yes_option,
)
from coatcheck.cli.users import sessions_in_words
from coatcheck.errors import RequestNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.auth import Auth
    from coatcheck.model.receipt import Receipt
    from coatcheck.model.session import Session


@click.group("sessions", cls=Group)
def command() -> None:
    """Logins: list them, end them.

    Every ending waits until no checker anywhere accepts what was ended, and says who confirmed.

    \b
    coatcheck sessions list ann@example.com
    coatcheck sessions end-all ann@example.com
    coatcheck sessions end-everything --reason "laptop with the backups was stolen"

    USER is an e-mail address or an id (usr_…).
    """


@command.command("list")
@click.argument("user")
@json_option
def list_(user: str, as_json: bool) -> None:
    """List where a user is logged in, newest first."""

    async def work(auth: "Auth") -> "Sequence[Session]":
        return await auth.sessions_of((await user_named(auth, user)).id)

    sessions = opened(work)
    if as_json:
        show_document(
            [
                {
                    "id": session.id,
                    "device": session.device,
                    "address": session.address,
                    "carry": session.carry.value,
                    "created_at": instant(session.created_at),
                    "seen_at": instant(session.seen_at),
                    "expires_at": instant(session.expires_at),
                }
                for session in sessions
            ]
        )
        return
    rows = ((each.device or "-", each.address or "-", ago(each.seen_at), each.id) for each in sessions)
    show_table(("device", "address", "last seen", "id"), rows, empty="Not logged in anywhere.")


@command.command("end", short_help="End one session, by its id (ses_…).")
@click.argument("session_id", metavar="SESSION")
@yes_option
@json_option
def end(session_id: str, yes: bool, as_json: bool) -> None:
    """End one session, by its id (ses_…), which `coatcheck sessions list` shows."""
    from coatcheck.model.session import Ending

    _require_session_id(session_id)

    async def work(auth: "Auth") -> "tuple[bool, Receipt | None]":
        session = await auth.get_session(session_id)
        if session is None:
            raise RequestNotFound(f"there is no session {session_id}")
        was_live = session.ended_at is None
        if was_live:
            ask(f"This ends the session on {session.device or 'an unnamed device'}.", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            receipt = await auth.end_session(
                session.user_id, session.id, ending=Ending.ENDED_BY_ADMIN, actor_id=acting(), wait=True
            )
        return was_live, receipt

    was_live, receipt = opened(work)
    said = "Ended 1 session." if was_live else "It had ended before."
    show_ending(said, receipt, as_json=as_json, ended=int(was_live))


def _require_session_id(named: str) -> None:
    """Raise UsageError for a user instead of a session, with the commands that take one."""
    if "@" in named or named.startswith("usr_"):
        raise click.UsageError(
            f"a session is named by its id (ses_…). To end all of them: `coatcheck sessions end-all {named}`. To see "
            f"their ids: `coatcheck sessions list {named}`."
        )


@command.command("end-all")
@click.argument("user")
@yes_option
@json_option
def end_all(user: str, yes: bool, as_json: bool) -> None:
    """End every session of a user."""

    async def work(auth: "Auth") -> "tuple[int, Receipt | None]":
        found = await user_named(auth, user)
        count = len(await auth.sessions_of(found.id))
        ask(f"This ends {sessions_in_words(count)} of {found.email}.", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            return count, await auth.logout_everywhere(found.id, actor_id=acting(), wait=True)

    count, receipt = opened(work)
    show_ending(f"Ended {sessions_in_words(count)}.", receipt, as_json=as_json, ended=count)


@command.command("end-everything")
@click.option("--reason", required=True, help="What happened; goes to the audit trail.")
@click.option("--feeds", is_flag=True, help="The credentials of services that follow the feed, too.")
@yes_option
@json_option
def end_everything(reason: str, feeds: bool, yes: bool, as_json: bool) -> None:
    """End every session and API key of everybody, at once. For "we don't know what was taken".

    Services that follow the feed keep their credentials, so that they hear of it. With --feeds they don't, and their
    Verifiers accept nothing until they are given new ones.
    """

    async def work(auth: "Auth") -> "tuple[int, Receipt | None]":
        from coatcheck.clock import now_of

        now = now_of(auth.clock)
        count = await auth.store.read(lambda tx: tx.sessions.count_live(now))
        services = " Services that follow the feed are cut off." if feeds else ""
        ask(f"This logs everybody out: {sessions_in_words(count)}.{services}", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            return count, await auth.end_everything(reason=reason, spare_feeds=not feeds, actor_id=acting(), wait=True)

    count, receipt = opened(work)
    show_ending(f"Ended {sessions_in_words(count)}.", receipt, as_json=as_json, ended=count)


@command.command("purge")
@json_option
def purge(as_json: bool) -> None:
    """Clear away what ended or expired over a day ago. Servers do this by themselves, a little at a time."""

    async def work(auth: "Auth") -> int:
        from coatcheck.clock import now_of
        from coatcheck.upkeep.purge import BATCH
        from coatcheck.upkeep.purge import purge as purge_batch

        total, now = 0, now_of(auth.clock)
        with progress("Clearing away") as show_total:
            while True:
                cleared = await purge_batch(auth.store, now)
                total += cleared
                show_total(total)
                if cleared < BATCH:
                    return total

    total = opened(work)
    if as_json:
        show_document({"cleared": total})
    else:
        click.echo(f"Cleared {total} rows away." if total != 1 else "Cleared 1 row away.")
