"""While the local switch refuses somebody, nobody gets a fresh credential for them either (rule 19)."""

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import CheckingStale
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD = "ann@example.com", "a rather long pass phrase"


async def test_a_refused_person_gets_no_fresh_token_and_goes_on_where_they_were_when_it_is_lifted():
    async with Auth(Settings(database="memory:", passwords=fast_passwords())) as auth:
        ann = await auth.register(EMAIL, PASSWORD, carry=Carry.TOKENS)
        bob = await auth.register("bob@example.com", PASSWORD, carry=Carry.TOKENS)
        auth.checker.deny(identifiers=[ann.user.id])
        with pytest.raises(CheckingStale):
            await auth.login(EMAIL, PASSWORD)
        for _ in range(2):
            with pytest.raises(CheckingStale):
                await auth.refresh(ann.credentials.refresh_token)
        await auth.refresh(bob.credentials.refresh_token)
        auth.checker.deny()
        renewed = await auth.refresh(ann.credentials.refresh_token)
        assert (await auth.check(renewed.credentials.access_token)).user_id == ann.user.id


async def test_while_everything_is_refused_nobody_gets_one():
    async with Auth(Settings(database="memory:", passwords=fast_passwords())) as auth:
        ann = await auth.register(EMAIL, PASSWORD, carry=Carry.TOKENS)
        auth.checker.deny(everything=True)
        with pytest.raises(CheckingStale):
            await auth.refresh(ann.credentials.refresh_token)
        with pytest.raises(CheckingStale):
            await auth.register("bob@example.com", PASSWORD)
