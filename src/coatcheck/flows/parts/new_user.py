"""An account is made: what registering and being registered have in common."""

from coatcheck.flows.parts.choose_password import choose_password
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.refusals import PASSWORD
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.email import parse_email
from coatcheck.model.identifiers import USER, new_identifier
from coatcheck.model.name import check_name
from coatcheck.model.roles import check_roles
from coatcheck.model.user import User
from coatcheck.stores.port import Transaction


async def compose_user(
    means: Means, email: str, password: str | None, *, name: str, roles: tuple[str, ...], client: Client
) -> User:
    """Check what somebody is to be called and to log in with, and hash the password; nothing is stored yet.

    Raises PasswordWeak, RequestInvalid, LoginBusy.
    """
    parsed = parse_email(email)
    check_name(name)
    check_roles(roles)
    password_hash = None
    if password is not None:
        password_hash = await choose_password(means, password, email=parsed.address, name=name, client=client)
    now = means.now()
    return User(
        id=new_identifier(USER),
        email=parsed.address,
        email_key=parsed.key,
        name=name.strip(),
        password_hash=password_hash,
        roles=tuple(sorted(set(roles))),
        created_at=now,
        password_changed_at=now,
    )


def add_user(
    means: Means, tx: Transaction, user: User, *, actor_id: str | None, client: Client, session_id: str | None = None
) -> bool:
    """Store the user, with the application's own steps. False when the e-mail address is taken.

    ``session_id`` is that of whoever is logged in by it.
    """
    if not tx.users.add(user):
        return False
    for hook in means.after_register:
        hook(tx, user)
    tx.audit.add(
        AuditEntry(
            at=user.created_at,
            kind="user.registered",
            user_id=user.id,
            actor_id=actor_id,
            session_id=session_id,
            address=client.address,
            factors=() if session_id is None else PASSWORD,
            detail={"roles": " ".join(user.roles)} if user.roles else {},
        )
    )
    return True
