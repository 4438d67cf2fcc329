"""``coatcheck services``: programs with credentials of their own."""

from datetime import datetime
from pathlib import Path
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
    show_fields,
    show_table,
    waiting,
    yes_option,
)
from coatcheck.errors import DataConflict, RequestNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coatcheck.auth import Auth
    from coatcheck.flows.parts.new_credential import NewCredential
    from coatcheck.model.receipt import Receipt
    from coatcheck.model.service import Service
    from coatcheck.model.session import Session

_public_key_option = click.option(
    "--public-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PEM file: it signs with the other half (private_key_jwt), and gets no secret.",
)


@click.group("services", cls=Group, short_help="Programs with credentials of their own.")
def command() -> None:
    """Programs that get tokens of their own, ask about tokens, or follow revocations.

    \b
    coatcheck services add orders --audience orders --feed > orders.secret
    coatcheck services secret orders > orders.secret.new
    coatcheck services revoke orders crd_…

    SERVICE is a name that only one service has, or an id (svc_…). A secret is printed once, alone on standard output.
    """


@command.command("add")
@click.argument("name")
@click.option("--audience", "audiences", multiple=True, help="Whom its tokens may be for; may be given several times.")
@click.option("--scope", "scopes", multiple=True, help="What its tokens may allow; may be given several times.")
@click.option("--feed", is_flag=True, help="It may follow revocations: for a Verifier.")
@_public_key_option
@json_option
def add(
    name: str, audiences: tuple[str, ...], scopes: tuple[str, ...], feed: bool, public_key: Path | None, as_json: bool
) -> None:
    """Register a service. Prints its secret, once."""

    async def work(auth: "Auth") -> "tuple[Service, NewCredential]":
        return await auth.services.create(
            name, audiences=audiences, scopes=scopes, feed=feed, public_key=_read(public_key), actor_id=acting()
        )

    service, first = opened(work)
    if as_json:
        show_document({**_document(service), "secret": first.secret, "credential": _credential(first.credential)})
        return
    click.echo(f"Registered {service.name} ({service.id}).", err=True)
    _tell(first)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List services."""
    services = opened(_all)
    if as_json:
        show_document([_document(service) for service in services])
        return
    rows = (
        (
            each.name,
            " ".join(each.audiences) or "-",
            " ".join(each.scopes) or "-",
            "yes" if each.feed else "no",
            each.status.value,
            each.id,
        )
        for each in services
    )
    show_table(("name", "audiences", "scopes", "feed", "status", "id"), rows, empty="No services.")


@command.command("show")
@click.argument("service")
@json_option
def show(service: str, as_json: bool) -> None:
    """Show one service, with its secrets and keys."""

    async def work(auth: "Auth") -> "tuple[Service, Sequence[Session]]":
        found = await _named(auth, service)
        return found, await auth.services.credentials_of(found.id)

    found, credentials = opened(work)
    if as_json:
        show_document({**_document(found), "credentials": [_credential(each) for each in credentials]})
        return
    show_fields(
        {
            "name": found.name,
            "id": found.id,
            "audiences": " ".join(found.audiences) or "-",
            "scopes": " ".join(found.scopes) or "-",
            "feed": "may follow revocations" if found.feed else "no",
            "status": found.status.value,
            "registered": ago(found.created_at),
        }
    )
    click.echo()
    rows = ((each.name, _form(each), _last_used(each), _ends(each), each.id) for each in credentials)
    show_table(("name", "form", "last used", "expires", "id"), rows, empty="No secret and no key: it can do nothing.")


@command.command("secret", short_help="Give a service another secret or public key.")
@click.argument("service")
@click.option("--name", default="secret", show_default=True, help="What tells it from others later.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The day on which it ends, in UTC.")
@_public_key_option
@json_option
def secret(service: str, name: str, expires: datetime | None, public_key: Path | None, as_json: bool) -> None:
    """Give a service another secret, or another public key, before the old one is revoked. Prints the secret, once."""
    from datetime import UTC

    expires_at = None if expires is None else expires.replace(tzinfo=UTC)

    async def work(auth: "Auth") -> "tuple[Session, str | None]":
        found, pem = await _named(auth, service), _read(public_key)
        if pem is not None:
            key = await auth.services.add_key(found.id, name, pem, expires_at=expires_at, actor_id=acting())
            return key, None
        made = await auth.services.add_secret(found.id, name, expires_at=expires_at, actor_id=acting())
        return made.credential, made.secret

    credential, text = opened(work)
    if as_json:
        show_document({**_credential(credential), "secret": text})
        return
    click.echo(f"Added {credential.name} ({credential.id}).", err=True)
    if text is not None:
        click.echo(text)


@command.command("revoke", short_help="Revoke a secret or key of a service (crd_…).")
@click.argument("service")
@click.argument("credential_id", metavar="CREDENTIAL")
@yes_option
@json_option
def revoke(service: str, credential_id: str, yes: bool, as_json: bool) -> None:
    """Revoke a secret or key of a service, by its id (crd_…), and every token that was got by it."""

    async def work(auth: "Auth") -> "tuple[Service, Receipt | None]":
        found = await _named(auth, service)
        credentials = {each.id: each for each in await auth.services.credentials_of(found.id)}
        if credential_id not in credentials:
            raise RequestNotFound(f"{found.name} has no secret or key {credential_id}; it may be revoked already")
        left = len(credentials) - 1
        after = "It has no other, and can do nothing then." if not left else f"It has {left} more."
        ask(f"This revokes {credentials[credential_id].name} of {found.name}. {after}", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            receipt = await auth.services.revoke_credential(found.id, credential_id, actor_id=acting(), wait=True)
        return found, receipt

    found, receipt = opened(work)
    show_ending(f"Revoked {credential_id} of {found.name}.", receipt, as_json=as_json, id=credential_id)


@command.command("remove")
@click.argument("service")
@yes_option
@json_option
def remove(service: str, yes: bool, as_json: bool) -> None:
    """Delete a service, with every secret and key."""

    async def work(auth: "Auth") -> "tuple[Service, Receipt | None]":
        found = await _named(auth, service)
        ask(f"This deletes {found.name} ({found.id}) with all its secrets and keys, for good.", yes=yes)
        with waiting("Waiting until every checker has confirmed"):
            return found, await auth.services.delete(found.id, actor_id=acting(), wait=True)

    found, receipt = opened(work)
    show_ending(f"Removed {found.name}.", receipt, as_json=as_json, id=found.id)


async def _all(auth: "Auth") -> "Sequence[Service]":
    found: list[Service] = []
    while page := await auth.services.page(after=found[-1].id if found else None, limit=200):
        found += page
    return found


async def _named(auth: "Auth", named: str) -> "Service":
    from coatcheck.model.service import is_service

    if is_service(named):
        service = await auth.services.get(named)
        if service is not None:
            return service
    matching = [each for each in await _all(auth) if each.name == named]
    if not matching:
        raise RequestNotFound(f"there is no service {named}")
    if len(matching) > 1:
        raise DataConflict(f"{len(matching)} services are called {named}: name the one you mean by its id (svc_…)")
    return matching[0]


def _read(path: Path | None) -> str | None:
    return None if path is None else path.read_text(encoding="utf-8", errors="replace")


def _tell(made: "NewCredential") -> None:
    if made.secret is None:
        click.echo(f"It signs with its own key; the kid is {made.credential.id}.", err=True)
    else:
        click.echo("This is its secret. It is not kept here and can't be shown again:", err=True)
        click.echo(made.secret)


def _form(credential: "Session") -> str:
    return "secret" if credential.public_key is None else "public key"


def _last_used(credential: "Session") -> str:
    return ago(credential.seen_at) if credential.seen_at > credential.created_at else "never"


def _ends(credential: "Session") -> str:
    from coatcheck.model.session import NEVER

    return "never" if credential.expires_at >= NEVER else instant(credential.expires_at) or "-"


def _document(service: "Service") -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "audiences": list(service.audiences),
        "scopes": list(service.scopes),
        "feed": service.feed,
        "status": service.status.value,
        "created_at": instant(service.created_at),
    }


def _credential(credential: "Session") -> dict[str, Any]:
    from coatcheck.model.session import NEVER

    return {
        "id": credential.id,
        "name": credential.name,
        "form": "secret" if credential.public_key is None else "public_key",
        "created_at": instant(credential.created_at),
        "last_used_at": instant(credential.seen_at) if credential.seen_at > credential.created_at else None,
        "expires_at": None if credential.expires_at >= NEVER else instant(credential.expires_at),
    }
