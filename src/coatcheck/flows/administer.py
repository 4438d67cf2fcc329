"""What an administrator does to an account: roles, suspension, restoring, deletion, "compromised".

Each takes effect on the next request everywhere, for cookies and JWTs alike: the change raises the user's version, and
what ends, ends in the same transaction. The last administrator can't be removed.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec import structs

from coatcheck.errors import DataConflict, RequestNotFound
from coatcheck.flows.means import Committed, Means
from coatcheck.flows.register import words_about
from coatcheck.model.client import Client
from coatcheck.model.email import parse_email
from coatcheck.model.roles import check_roles
from coatcheck.model.session import Ending
from coatcheck.model.user import ADMINISTRATOR, User, UserStatus
from coatcheck.passwords.policy import check_new, prepare
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import end_sessions_of
from coatcheck.stores.port import Transaction


async def set_roles(
    means: Means, user_id: str, roles: tuple[str, ...], *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Replace a user's roles. Raises RequestNotFound, RequestInvalid, DataConflict for the last administrator."""
    check_roles(roles)
    wanted = tuple(sorted(set(roles)))
    return await _change(
        means,
        user_id,
        lambda user: structs.replace(user, roles=wanted),
        kind="user.roles_changed",
        actor_id=actor_id,
        client=client,
        wait=wait,
        detail={"roles": " ".join(wanted)},
    )


async def change_account(
    means: Means,
    user_id: str,
    *,
    roles: tuple[str, ...] | None,
    status: UserStatus | None,
    actor_id: str | None,
    client: Client,
    wait: bool = False,
) -> Committed[User]:
    """Replace roles, status or both, in one transaction; None leaves as it is.

    Raises RequestNotFound, RequestInvalid, DataConflict for the last administrator.
    """
    check_roles(roles or ())
    now = means.now()

    def work(tx: Transaction) -> User:
        user = _locked(tx, user_id)
        if roles is not None:
            wanted = tuple(sorted(set(roles)))
            detail = {"roles": " ".join(wanted)}
            after = structs.replace(user, roles=wanted)
            user = _apply(
                tx, user, after, kind="user.roles_changed", at=now, actor_id=actor_id, client=client, detail=detail
            )
        if status is not None:
            after = structs.replace(user, status=status)
            is_suspended = status is UserStatus.SUSPENDED
            user = _apply(
                tx,
                user,
                after,
                kind="user.suspended" if is_suspended else "user.restored",
                at=now,
                actor_id=actor_id,
                client=client,
                ending=Ending.SUSPENDED if is_suspended else None,
            )
        return user

    return await means.commit(work, wait=wait)


async def suspend(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Suspend a user and end every session. Raises RequestNotFound, DataConflict for the last administrator."""
    return await _change(
        means,
        user_id,
        lambda user: structs.replace(user, status=UserStatus.SUSPENDED),
        kind="user.suspended",
        actor_id=actor_id,
        client=client,
        wait=wait,
        ending=Ending.SUSPENDED,
    )


async def restore(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Let a suspended user log in again; what was ended stays ended. Raises RequestNotFound."""
    return await _change(
        means,
        user_id,
        lambda user: structs.replace(user, status=UserStatus.ACTIVE),
        kind="user.restored",
        actor_id=actor_id,
        client=client,
        wait=wait,
    )


async def mark_compromised(
    means: Means, user_id: str, *, reason: str, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Somebody else has this account's password: end every session and void the password and all known devices.

    Raises RequestNotFound.
    """
    now = means.now()
    return await _change(
        means,
        user_id,
        lambda user: structs.replace(user, password_hash=None, password_changed_at=now),
        kind="user.compromised",
        actor_id=actor_id,
        client=client,
        wait=wait,
        ending=Ending.COMPROMISED,
        detail={"reason": reason},
    )


async def set_password(
    means: Means, user_id: str, password: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Give an account another password and end every session.

    Raises RequestNotFound, PasswordWeak, RequestInvalid, LoginBusy.
    """
    user = await means.store.read(lambda tx: tx.users.get(user_id))
    if user is None:
        raise RequestNotFound
    prepared = prepare(password)
    check_new(prepared, means.settings.passwords, about=words_about(means, parse_email(user.email), user.name))
    password_hash = await means.pool.run(means.hasher.hash, prepared, address=client.address)
    now = means.now()
    return await _change(
        means,
        user_id,
        lambda user: structs.replace(user, password_hash=password_hash, password_changed_at=now),
        kind="password.set",
        actor_id=actor_id,
        client=client,
        wait=wait,
        ending=Ending.PASSWORD_CHANGED,
    )


async def delete_user(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[None]:
    """End every session and delete the account; its id is never used again.

    Raises RequestNotFound, DataConflict for the last administrator.
    """
    now = means.now()

    def work(tx: Transaction) -> None:
        user = _locked(tx, user_id)
        _require_another_administrator(tx, user, None)
        end_sessions_of(tx, user_id, at=now, ending=Ending.DELETED, actor_id=actor_id, address=client.address)
        change_user(tx, user, kind="user.deleted", at=now, actor_id=actor_id, address=client.address)
        tx.users.remove(user_id)

    return await means.commit(work, wait=wait)


async def _change(
    means: Means,
    user_id: str,
    change: Callable[[User], User],
    *,
    kind: str,
    actor_id: str | None,
    client: Client,
    wait: bool,
    ending: Ending | None = None,
    detail: dict[str, str] | None = None,
) -> Committed[User]:
    now = means.now()

    def work(tx: Transaction) -> User:
        before = _locked(tx, user_id)
        return _apply(
            tx,
            before,
            change(before),
            kind=kind,
            at=now,
            actor_id=actor_id,
            client=client,
            ending=ending,
            detail=detail,
        )

    return await means.commit(work, wait=wait)


def _apply(
    tx: Transaction,
    before: User,
    after: User,
    *,
    kind: str,
    at: datetime,
    actor_id: str | None,
    client: Client,
    ending: Ending | None = None,
    detail: dict[str, str] | None = None,
) -> User:
    _require_another_administrator(tx, before, after)
    if after != before:
        change_user(tx, after, kind=kind, at=at, actor_id=actor_id, address=client.address, detail=detail)
    if ending is not None:
        end_sessions_of(tx, after.id, at=at, ending=ending, actor_id=actor_id, address=client.address)
    return tx.users.get(after.id) or after


def _locked(tx: Transaction, user_id: str) -> User:
    tx.users.lock(user_id)
    user = tx.users.get(user_id)
    if user is None:
        raise RequestNotFound
    return user


def _require_another_administrator(tx: Transaction, before: User, after: User | None) -> None:
    was = ADMINISTRATOR in before.roles and before.status is UserStatus.ACTIVE
    stays = after is not None and ADMINISTRATOR in after.roles and after.status is UserStatus.ACTIVE
    if was and not stays and tx.users.count_with_role(ADMINISTRATOR) <= 1:
        raise DataConflict("This is the last administrator.")
