"""An administrator changes what a person may do: roles, suspension, restoring.

It takes effect on the next request everywhere, for cookies and JWTs alike: the change raises the user's version, and
what ends, ends in the same transaction.
"""

from msgspec import structs

from coatcheck.flows.parts.account import alter_account, locked_account
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.roles import check_roles
from coatcheck.model.session import Ending
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Committed, Transaction


async def change_account(
    means: Means,
    user_id: str,
    *,
    roles: tuple[str, ...] | None = None,
    status: UserStatus | None = None,
    actor_id: str | None,
    client: Client,
    wait: bool = False,
) -> Committed[User]:
    """Replace roles, status or both, in one transaction; None leaves as it is.

    Suspending ends every session; restoring lets the person log in again, and what was ended stays ended. Raises
    RequestNotFound, RequestInvalid, DataConflict for the last administrator.
    """
    check_roles(roles or ())
    now = means.now()

    def work(tx: Transaction) -> User:
        user = locked_account(tx, user_id)
        if roles is not None:
            wanted = tuple(sorted(set(roles)))
            user = alter_account(
                tx,
                user,
                structs.replace(user, roles=wanted),
                kind="user.roles_changed",
                at=now,
                actor_id=actor_id,
                client=client,
                detail={"roles": " ".join(wanted), "before": " ".join(user.roles)},
            )
        if status is not None:
            is_suspended = status is UserStatus.SUSPENDED
            user = alter_account(
                tx,
                user,
                structs.replace(user, status=status),
                kind="user.suspended" if is_suspended else "user.restored",
                at=now,
                actor_id=actor_id,
                client=client,
                ending=Ending.SUSPENDED if is_suspended else None,
            )
        return user

    return await means.commit(work, wait=wait)
