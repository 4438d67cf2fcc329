"""A person proves the password again, before something sensitive (RFC 9470). All credentials of the session change."""

from coatcheck.errors import SessionEnded
from coatcheck.flows.parts.credentials import login_from, renew_credentials
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.prove_password import current_user, prove_password
from coatcheck.flows.parts.refusals import PASSWORD
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.sessions.grant import Grant
from coatcheck.stores.port import Committed, Transaction


async def reauthenticate(
    means: Means, user_id: str, session_id: str, password: str, *, client: Client, wait: bool = False
) -> Committed[Login]:
    """Move ``authenticated_at`` to now and renew every credential of the session, without grace.

    Raises LoginRefused, AttemptsExceeded, LoginBusy, SessionEnded.
    """
    _, proven, verdict = await prove_password(
        means, user_id, session_id, password, kind="reauthentication.failed", client=client
    )
    now = means.now()

    def work(tx: Transaction) -> tuple[Grant, str] | None:
        user = current_user(tx, user_id, proven)
        if user is None:
            return None
        renewed = renew_credentials(means, tx, session_id, expected_version=user.version, now=now)
        if renewed is not None:
            means.attempts.succeeded(tx, verdict)
            tx.audit.add(
                AuditEntry(
                    at=now,
                    kind="session.reauthenticated",
                    user_id=user_id,
                    actor_id=user_id,
                    session_id=session_id,
                    address=client.address,
                    factors=PASSWORD,
                )
            )
        return renewed

    committed = await means.commit(work, wait=wait)
    if committed.result is None:
        raise SessionEnded
    return committed.but(login_from(means, *committed.result))
