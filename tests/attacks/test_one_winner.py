"""Many do at once what only one may, in two processes on one database.

ST-07, ST-09, ID-11, KM-02 (OWASP ASVS 15.4.2).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import DataConflict, EmailTaken
from coatcheck.model.key import KeyStatus
from coatcheck.model.user import ADMINISTRATOR, UserStatus
from coatcheck.settings import AttemptSettings, Settings
from coatcheck.testing import ManualClock, fast_passwords
from tests.site import PASSWORD, SECRET, URL

pytestmark = pytest.mark.anyio

Result = TypeVar("Result")


@asynccontextmanager
async def two_processes(file: Path) -> AsyncIterator[tuple[Auth, Auth, ManualClock]]:
    """Two installations over one file, with one clock."""
    limits = AttemptSettings(per_account=1000, per_address=1000)
    settings = Settings(
        database=f"sqlite:///{file}", url=URL, secrets=(SECRET,), passwords=fast_passwords(), attempts=limits
    )
    clock = ManualClock()
    async with Auth(settings, clock=clock, name="one") as one, Auth(settings, clock=clock, name="two") as two:
        yield one, two, clock


async def together(*doing: Awaitable[Result]) -> tuple[list[Result], list[BaseException]]:
    """What came of it: the results and the refusals."""
    outcomes = await asyncio.gather(*doing, return_exceptions=True)
    refusals = [each for each in outcomes if isinstance(each, BaseException)]
    return [each for each in outcomes if not isinstance(each, BaseException)], refusals


async def test_one_address_is_registered_once(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, _):
        spellings = ["ann@example.com", "ANN@example.com"] * 5
        made, refused = await together(*(each.register(text, PASSWORD) for text in spellings for each in (one, two)))
        assert len(made) == 1
        assert {type(error) for error in refused} == {EmailTaken}
        assert len(await one.find_users()) == 1


@pytest.mark.parametrize("deed", ["suspend", "delete", "demote"])
async def test_administrators_who_remove_each_other_leave_one(tmp_path: Path, deed: str):
    async with two_processes(tmp_path / "db") as (one, two, _):
        ids = [(await one.create_user(f"root{n}@example.com", PASSWORD, roles=(ADMINISTRATOR,))).id for n in range(4)]

        def remove(auth: Auth, user_id: str) -> Awaitable[object]:
            match deed:
                case "suspend":
                    return auth.suspend(user_id)
                case "delete":
                    return auth.delete_user(user_id)
                case _:
                    return auth.set_roles(user_id, ())

        done, refused = await together(*(remove(auth, each) for auth, each in zip((one, two) * 2, ids, strict=True)))
        assert len(done) == 3
        assert [type(error) for error in refused] == [DataConflict]
        left = [user for user in await one.find_users(status=UserStatus.ACTIVE) if ADMINISTRATOR in user.roles]
        assert len(left) == 1


async def test_a_session_ends_once(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, _):
        login = await one.register("ann@example.com", PASSWORD)
        deeds = [auth.end_session(login.user.id, login.session.id) for auth in (one, two) * 10]
        _, refused = await together(*deeds)
        assert not refused
        assert len(await one.audit(kind="session.ended")) == 1


async def test_keys_are_rotated_and_revoked_by_one(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, clock):
        clock.advance(timedelta(minutes=1))
        first = next(key.kid for key in await one.keys() if key.status is KeyStatus.CURRENT)
        await together(*(auth.rotate_keys() for auth in (one, two) * 5))
        statuses = sorted(key.status for key in await one.keys())
        assert statuses == [KeyStatus.CURRENT, KeyStatus.RETIRED, KeyStatus.UPCOMING]
        await together(*(auth.revoke_key(first, reason="a test") for auth in (one, two) * 5))
        assert len(await one.audit(kind="key.revoked")) == 1
        statuses = sorted(key.status for key in await one.keys())
        assert statuses == [KeyStatus.CURRENT, KeyStatus.UPCOMING]
