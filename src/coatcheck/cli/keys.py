"""``coatcheck keys``: signing keys, and the master secret that they are sealed under."""

import secrets
from typing import TYPE_CHECKING, Any

import click

from coatcheck.cli.acting import acting
from coatcheck.cli.groups import Group
from coatcheck.cli.opening import opened
from coatcheck.cli.printing import (
    ago,
    ask,
    instant,
    json_option,
    show_document,
    show_ending,
    show_table,
    visible,
    waiting,
    yes_option,
)
from coatcheck.errors import DataConflict, RequestNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.auth import Auth
    from coatcheck.model.key import SigningKey
    from coatcheck.model.receipt import Receipt


@click.group("keys", cls=Group)
def command() -> None:
    """Signing keys, and the master secret.

    They rotate by themselves; these commands are for looking, and for the day on which one leaks.

    \b
    coatcheck keys secret > coatcheck.secret
    coatcheck keys revoke key_… --reason "was in a log file"
    """


@command.command("secret", short_help="Print a fresh random master secret.")
def secret() -> None:
    """Print a fresh random master secret, for COATCHECK_SECRETS or the file that COATCHECK_SECRETS_FILE names.

    To replace the one in use, put the new one on the first line and keep the old one below it until its last token has
    expired.

    \b
    (umask 077; coatcheck keys secret > coatcheck.secret)
    """
    click.echo(secrets.token_urlsafe(32))


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys that sign or verify."""

    async def work(auth: "Auth") -> "Sequence[SigningKey]":
        return await auth.keys()

    keys = opened(work)
    if as_json:
        show_document([_document(key) for key in keys])
        return
    rows = ((key.kid, key.algorithm.value, key.status.value, ago(key.status_since)) for key in keys)
    show_table(("id", "algorithm", "status", "since"), rows, empty="No keys yet; the first server to start makes them.")


@command.command("rotate")
@json_option
def rotate(as_json: bool) -> None:
    """Let the upcoming key take over now. The one before verifies until its last token has expired."""

    async def work(auth: "Auth") -> "tuple[SigningKey | None, SigningKey | None]":
        before = await _current(auth)
        await auth.rotate_keys(actor_id=acting())
        return before, await _current(auth)

    before, current = opened(work)
    if current is None or current == before:
        raise DataConflict("the upcoming key is not known everywhere yet; try again in a few seconds")
    if as_json:
        show_document({"current": _document(current)})
    else:
        click.echo(f"{current.kid} signs from now on.")


@command.command("revoke")
@click.argument("kid", metavar="KEY")
@click.option("--reason", required=True, help="What happened; goes to the audit trail.")
@yes_option
@json_option
def revoke(kid: str, reason: str, yes: bool, as_json: bool) -> None:
    """Refuse whatever a key has signed, at once. The upcoming key takes over if it was the current one.

    KEY is its id (key_…), or `current` for the one that signs now. Sessions go on: clients refresh and get tokens under
    the other key. Where the database was read or the signing key is not all that leaked, end everything, too.
    """
    from coatcheck.model.key import KeyStatus

    async def work(auth: "Auth") -> "tuple[str, Receipt | None]":
        from coatcheck.clock import now_of

        named = [key for key in await auth.keys() if kid in (key.kid, key.status.value)]
        if len(named) != 1 or kid == KeyStatus.RETIRED:
            raise RequestNotFound(f"there is no key {visible(kid)} that is still valid")
        key, now = named[0], now_of(auth.clock)
        sessions = await auth.store.read(lambda tx: tx.sessions.count_live(now))
        ask(
            f"This makes every access token that {key.kid} has signed invalid. Sessions go on ({sessions} at the "
            "moment): clients refresh.",
            yes=yes,
        )
        with waiting("Waiting until every checker has confirmed"):
            return key.kid, await auth.revoke_key(key.kid, reason=reason, actor_id=acting(), wait=True)

    revoked, receipt = opened(work)
    show_ending(f"Revoked {revoked}.", receipt, as_json=as_json, kid=revoked)


async def _current(auth: "Auth") -> "SigningKey | None":
    from coatcheck.model.key import KeyStatus

    return next((key for key in await auth.keys() if key.status is KeyStatus.CURRENT), None)


def _document(key: "SigningKey") -> dict[str, Any]:
    return {
        "kid": key.kid,
        "algorithm": key.algorithm.value,
        "status": key.status.value,
        "status_since": instant(key.status_since),
        "usable_from": instant(key.usable_from),
    }
