"""An error, a traceback or a repr ends up in a log; whoever reads that log finds nothing to log in with.

LO-02, LO-08, LG-24, SE-07 (OWASP ASVS 16.2.5).
"""

import traceback
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from coatcheck.auth import Auth
from coatcheck.errors import Broken, DataConflict
from coatcheck.model.client import Client
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.session import Carry
from coatcheck.settings import Settings
from coatcheck.stores.port import Transaction
from coatcheck.testing import ManualClock, fast_passwords
from tests.site import PASSWORD, SECRET, URL

pytestmark = pytest.mark.anyio


def installation(database: str) -> Auth:
    settings = Settings(database=database, url=URL, secrets=(SECRET,), passwords=fast_passwords())
    return Auth(settings, clock=ManualClock())


async def test_an_error_of_the_database_does_not_repeat_what_was_to_be_stored(database_url: str):
    async with installation(database_url) as auth:
        login = await auth.register("ann@example.com", PASSWORD)
        taken = structs.replace(login.session, id=new_identifier(SESSION), device="a canary")

        def twice_the_same_secret(tx: Transaction) -> None:
            tx.sessions.add(taken)

        with pytest.raises((DataConflict, Broken)) as refused:
            await auth.store.write(twice_the_same_secret)
        told = "".join(traceback.format_exception(refused.value))
        assert "DataConflict" in told
        assert "a canary" not in told
        assert repr(login.session.secret_digest) not in told
        assert login.session.secret_digest.hex() not in told


@pytest.mark.parametrize("carry", list(Carry))
async def test_nothing_that_is_handed_around_shows_its_secrets(tmp_path: Path, carry: Carry):
    async with installation(f"sqlite:///{tmp_path / 'db'}") as auth:
        login = await auth.register("ann@example.com", PASSWORD, carry=carry)
        credentials = login.credentials
        token = credentials.session_token or credentials.access_token or ""
        held = await auth.recall(token.encode())
        keys = await auth.keys()
        client = Client(device_token=credentials.device_token)
        objects: list[Any] = [login, login.user, login.session, credentials, held, held.principal, client, auth, *keys]
        texts = [token, credentials.refresh_token, credentials.device_token, login.user.password_hash, SECRET]
        secrets = [text for text in texts if text] + [repr(login.session.secret_digest)]
        secrets += [repr(key.sealed_private_key) for key in keys]
        for each in [*objects, auth.settings]:
            shown = f"{each!r} {each}"
            assert not [secret for secret in secrets if secret in shown], type(each)
