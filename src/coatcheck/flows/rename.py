"""A person changes what is shown of them: the name. No credential depends on it, so no event is needed."""

from msgspec import structs

from coatcheck.errors import DataConflict, SessionEnded
from coatcheck.flows.parts.means import Means
from coatcheck.model.name import check_name
from coatcheck.model.user import User
from coatcheck.stores.port import Transaction


async def rename(means: Means, user_id: str, name: str) -> User:
    """Set the name. Raises RequestInvalid, SessionEnded when there is no such user, DataConflict after a race."""
    check_name(name)

    def work(tx: Transaction) -> User:
        user = tx.users.lock(user_id)
        if user is None:
            raise SessionEnded
        renamed = structs.replace(user, name=name.strip())
        if not tx.users.save(renamed, expected_version=user.version):
            raise DataConflict
        return renamed

    return await means.store.write(work)
