"""``coatcheck api-keys``: what people gave to programs that act for them."""

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
    show_document,
    show_ending,
    show_table,
    waiting,
    yes_option,
)
from coatcheck.errors import RequestNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.auth import Auth
    from coatcheck.model.receipt import Receipt
    from coatcheck.model.session import Session


@click.group("api-keys", cls=Group)
def command() -> None:
    """API keys: list them, revoke them. People make them on their own.

    \b
    coatcheck api-keys list ann@example.com
    coatcheck api-keys revoke apk_…

    USER is an e-mail address or an id (usr_…).
    """


@command.command("list")
@click.argument("user", required=False)
@json_option
def list_(user: str | None, as_json: bool) -> None:
    """List a user's API keys, or everybody's."""
    from coatcheck.model.session import NEVER

    async def work(auth: "Auth") -> "Sequence[Session]":
        if user is not None:
            return await auth.api_keys.of((await user_named(auth, user)).id)
        found: list[Session] = []
        while page := await auth.api_keys.page(after=found[-1].id if found else None, limit=200):
            found += page
        return found

    keys = opened(work)
    if as_json:
        show_document(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "user_id": key.user_id,
                    "scopes": list(key.scopes),
                    "created_at": instant(key.created_at),
                    "last_used_at": instant(key.seen_at) if key.seen_at > key.created_at else None,
                    "expires_at": None if key.expires_at >= NEVER else instant(key.expires_at),
                }
                for key in keys
            ]
        )
        return
    rows = (
        (
            key.name,
            " ".join(key.scopes) or "-",
            ago(key.seen_at) if key.seen_at > key.created_at else "never",
            "never" if key.expires_at >= NEVER else instant(key.expires_at) or "-",
            key.user_id,
            key.id,
        )
        for key in keys
    )
    show_table(("name", "scopes", "last used", "expires", "user", "id"), rows, empty="No API keys.")


@command.command("revoke")
@click.argument("key_id", metavar="KEY")
@yes_option
@json_option
def revoke(key_id: str, yes: bool, as_json: bool) -> None:
    """Revoke an API key, by its id (apk_…)."""
    from coatcheck.model.principal import Kind

    async def work(auth: "Auth") -> "tuple[bool, Receipt | None]":
        key = await auth.get_session(key_id)
        if key is None or key.kind is not Kind.API_KEY:
            raise RequestNotFound(f"there is no API key {key_id}")
        was_good = key.ended_at is None
        if was_good:
            ask(f"This revokes the API key {key.name}.", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            return was_good, await auth.api_keys.revoke(key_id, actor_id=acting(), wait=True)

    was_good, receipt = opened(work)
    said = f"Revoked {key_id}." if was_good else "It had been revoked before."
    show_ending(said, receipt, as_json=as_json, revoked=int(was_good))
