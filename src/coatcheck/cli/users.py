"""``coatcheck users``: accounts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coatcheck.cli.acting import acting
from coatcheck.cli.groups import Group
from coatcheck.cli.importing.users_import import import_
from coatcheck.cli.opening import opened, reachable, user_named
from coatcheck.cli.printing import (
    ago,
    ask,
    instant,
    json_option,
    show_document,
    show_ending,
    show_fields,
    show_table,
    waiting,
    yes_option,
)
from coatcheck.cli.secret_input import password_option, read_password

if TYPE_CHECKING:
    from coatcheck.auth import Auth, Done
    from coatcheck.model.receipt import Receipt
    from coatcheck.model.user import User, UserStatus


@click.group("users", cls=Group)
def command() -> None:
    """Accounts: make, import, look at, change, suspend, delete.

    \b
    coatcheck users add ann@example.com --role coatcheck:admin
    coatcheck users suspend ann@example.com

    USER is an e-mail address or an id (usr_…).
    """


command.add_command(import_)


@command.command("add")
@click.argument("email")
@click.option("--name", default="", help="The name that is shown.")
@click.option("--role", "roles", multiple=True, help="A role; may be given several times.")
@click.option("--no-password", is_flag=True, help="Nobody can log in until a password is set.")
@password_option
@json_option
def add(
    email: str, name: str, roles: tuple[str, ...], no_password: bool, password_file: Path | None, as_json: bool
) -> None:
    """Make an account. The password is asked for, or read from standard input.

    Makes the database too, where there is none yet.

    \b
    coatcheck users add ann@example.com --name Ann
    coatcheck users add root@example.com --role coatcheck:admin \\
      --password-file /run/secrets/root
    """
    from coatcheck.model.email import parse_email

    parse_email(email)  # all this before anybody types a password for nothing
    reachable(may_make=True)
    password = None if no_password else read_password(password_file)
    user = opened(
        lambda auth: auth.create_user(email, password, name=name, roles=roles, actor_id=acting()), may_make=True
    )
    if as_json:
        show_document(_document(user))
    else:
        click.echo(f"Made {user.email} ({user.id}).")


@command.command("list")
@click.option("--query", default="", help="A part of the e-mail address or the name.")
@click.option("--status", type=click.Choice(["active", "suspended"]), help="Only those.")
@click.option(
    "--limit", type=click.IntRange(1, 10**6), metavar="NUMBER", default=1000, show_default=True, help="At most so many."
)
@json_option
def list_(query: str, status: str | None, limit: int, as_json: bool) -> None:
    """List accounts."""
    from coatcheck.model.user import UserStatus

    wanted = None if status is None else UserStatus(status)
    users = opened(lambda auth: auth.find_users(query=query, status=wanted, limit=limit))
    if as_json:
        show_document([_document(user) for user in users])
        return
    rows = ((user.email, user.name, " ".join(user.roles), user.status.value, user.id) for user in users)
    show_table(("e-mail", "name", "roles", "status", "id"), rows, empty="No accounts.")


@command.command("show")
@click.argument("user")
@json_option
def show(user: str, as_json: bool) -> None:
    """Show one account, with how many sessions it has."""

    async def work(auth: "Auth") -> "tuple[User, int]":
        found = await user_named(auth, user)
        return found, len(await auth.sessions_of(found.id))

    found, sessions = opened(work)
    if as_json:
        show_document({**_document(found), "sessions": sessions})
        return
    show_fields(
        {
            "e-mail": found.email,
            "id": found.id,
            "name": found.name or "-",
            "roles": " ".join(found.roles) or "-",
            "status": found.status.value,
            "password": f"set {ago(found.password_changed_at)}" if found.password_hash else "none: nobody can log in",
            "sessions": str(sessions),
            "made": ago(found.created_at),
        }
    )


@command.command("roles")
@click.argument("user")
@click.option("--add", "added", multiple=True, help="A role to give; may be given several times.")
@click.option("--remove", "removed", multiple=True, help="A role to take; may be given several times.")
@json_option
def roles(user: str, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool) -> None:
    """Show or change a user's roles. A change takes effect on the next request everywhere.

    \b
    coatcheck users roles ann@example.com --add editor --remove author
    """

    async def work(auth: "Auth") -> "tuple[User, Receipt | None]":
        found = await user_named(auth, user)
        if not added and not removed:
            return found, None
        wanted = (set(found.roles) | set(added)) - set(removed)
        with waiting("Waiting until every checker has confirmed"):
            done = await auth.set_roles(found.id, tuple(wanted), actor_id=acting(), wait=True)
        return done.user, done.receipt

    found, receipt = opened(work)
    said = " ".join(found.roles) or "no roles"
    show_ending(f"{found.email}: {said}.", receipt, as_json=as_json, user=_document(found))


@command.command("suspend", short_help="End every session and let nobody log in.")
@click.argument("user")
@yes_option
@json_option
def suspend(user: str, yes: bool, as_json: bool) -> None:
    """End every session of a user and let nobody log in to the account."""
    from coatcheck.model.user import UserStatus

    _change(
        user,
        lambda auth, found: auth.suspend(found.id, actor_id=acting(), wait=True),
        asking="This suspends {email} and ends {sessions}.",
        done="Suspended {email}, ended {sessions}.",
        unless=UserStatus.SUSPENDED,
        yes=yes,
        as_json=as_json,
    )


@command.command("restore")
@click.argument("user")
@json_option
def restore(user: str, as_json: bool) -> None:
    """Let a suspended user log in again. What was ended stays ended."""
    from coatcheck.model.user import UserStatus

    _change(
        user,
        lambda auth, found: auth.restore(found.id, actor_id=acting(), wait=True),
        asking="",
        done="{email} may log in again.",
        unless=UserStatus.ACTIVE,
        yes=True,
        as_json=as_json,
    )


@command.command("set-password", short_help="Set a password and end every session.")
@click.argument("user")
@password_option
@yes_option
@json_option
def set_password(user: str, password_file: Path | None, yes: bool, as_json: bool) -> None:
    """Give an account another password and end every session of it.

    \b
    coatcheck users set-password ann@example.com
    pass show ann | coatcheck users set-password ann@example.com \\
      --yes --password-file -
    """
    reachable()
    password = read_password(password_file)
    _change(
        user,
        lambda auth, found: auth.set_password(found.id, password, actor_id=acting(), wait=True),
        asking="This replaces the password of {email} and ends {sessions}.",
        done="Set the password of {email}, ended {sessions}.",
        yes=yes,
        as_json=as_json,
    )


@command.command("compromised", short_help="Lock an account that somebody else has.")
@click.argument("user")
@click.option("--reason", required=True, help="What happened; goes to the audit trail.")
@yes_option
@json_option
def compromised(user: str, reason: str, yes: bool, as_json: bool) -> None:
    """Somebody else has this account: end every session, void the password and all known devices."""
    _change(
        user,
        lambda auth, found: auth.mark_compromised(found.id, reason=reason, actor_id=acting(), wait=True),
        asking="This ends {sessions} and {keys} of {email} and voids the password; set another one afterwards.",
        done="Locked {email}, ended {sessions} and {keys}; set another password with `coatcheck users set-password`.",
        yes=yes,
        as_json=as_json,
    )


@command.command("delete", short_help="Delete an account for good.")
@click.argument("user")
@yes_option
@json_option
def delete(user: str, yes: bool, as_json: bool) -> None:
    """End every session of a user and delete the account. This can't be undone."""
    _change(
        user,
        lambda auth, found: auth.delete_user(found.id, actor_id=acting(), wait=True),
        asking="This deletes {email} for good and ends {sessions}.",
        done="Deleted {email}, ended {sessions}.",
        yes=yes,
        as_json=as_json,
    )


def _change(
    named: str,
    change: Any,
    *,
    asking: str,
    done: str,
    yes: bool,
    as_json: bool,
    unless: "UserStatus | None" = None,
) -> None:
    """Say what will happen, ask, do it, and show who confirmed. Says so instead where the status is ``unless``
    already."""

    async def work(auth: "Auth") -> "tuple[User, int, int, Done | Receipt | None]":
        found = await user_named(auth, named)
        count, keys = len(await auth.sessions_of(found.id)), len(await auth.api_keys.of(found.id))
        if found.status is unless:
            return found, count, keys, None
        ask(asking.format(email=found.email, sessions=sessions_in_words(count), keys=_keys_in_words(keys)), yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            return found, count, keys, await change(auth, found)

    found, count, keys, outcome = opened(work)
    from coatcheck.auth import Done

    after, receipt = (outcome.user, outcome.receipt) if isinstance(outcome, Done) else (found, outcome)
    more = {"ended": count} if "{sessions}" in done else {}
    if found.status is unless:
        done = "{email} is suspended already." if "{sessions}" in done else "{email} is not suspended."
    said = done.format(email=found.email, sessions=sessions_in_words(count), keys=_keys_in_words(keys))
    show_ending(said, receipt, as_json=as_json, user=_document(after), **more)


def sessions_in_words(count: int) -> str:
    """How many sessions, as a sentence has it."""
    return "1 session" if count == 1 else f"{count or 'no'} sessions"


def _keys_in_words(count: int) -> str:
    return "1 API key" if count == 1 else f"{count or 'no'} API keys"


def _document(user: "User") -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "roles": list(user.roles),
        "status": user.status.value,
        "created_at": instant(user.created_at),
    }
