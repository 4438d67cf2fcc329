"""One command's way to an installation: open it, do one thing, close it. The command line is no subscriber."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from coatcheck.errors import RequestNotFound

if TYPE_CHECKING:
    from coatcheck.auth import Auth
    from coatcheck.model.user import User

Result = TypeVar("Result")


def opened(work: "Callable[[Auth], Awaitable[Result]]", *, may_make: bool = False) -> Result:
    """Run ``work`` with the installation that the environment names. Raises as ``reachable`` does, and what opening and
    ``work`` raise."""
    return asyncio.run(_opened(reachable(may_make=may_make), work))


def reachable(*, may_make: bool = False) -> "Auth":
    """The installation that the environment names, not opened.

    Only with ``may_make`` may its database not be there yet: a typing error in its place must not make an empty one.
    Raises Misconfigured.
    """
    from coatcheck.cli.database import require_not_lost, require_shared, require_there

    auth = configured()
    url = auth.settings.database
    require_shared(url)
    require_not_lost(auth.settings)
    if not may_make:
        require_there(url)
    return auth


def database_named() -> str:
    """What to call the database that the environment names, never with a password: whoever works in another folder than
    was meant works on another one. Raises Misconfigured."""
    from coatcheck.cli.environment import settings_from
    from coatcheck.stores.place import place_of

    return place_of(settings_from(os.environ).database)


def configured() -> "Auth":
    """The installation that the environment names, as it is named. Raises Misconfigured."""
    from coatcheck.auth import Auth
    from coatcheck.cli.environment import settings_from

    return Auth(settings_from(os.environ))


async def _opened(auth: "Auth", work: "Callable[[Auth], Awaitable[Result]]") -> Result:
    try:
        await auth.open()
        return await work(auth)
    finally:
        await auth.stop()


async def user_named(auth: "Auth", named: str) -> "User":
    """The user with this id or e-mail address. Raises RequestNotFound, RequestInvalid for what is neither."""
    from coatcheck.model.email import parse_email
    from coatcheck.model.identifiers import USER

    if "@" in named or not named.startswith(f"{USER}_"):
        key = parse_email(named).key
        user = await auth.store.read(lambda tx: tx.users.by_email_key(key))
    else:
        user = await auth.get_user(named)
    if user is None:
        raise RequestNotFound(f"there is no user {named}")
    return user
