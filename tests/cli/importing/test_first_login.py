"""The first login of somebody who was imported: the old password opens the account, and the hash is replaced."""

import asyncio
import json

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import LoginRefused, UserSuspended
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.settings import PasswordSettings
from coatcheck.testing import fast_passwords
from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import PASSWORD, database

SCHEMES = {
    "django": {
        "ann": "pbkdf2_sha256$1000000",
        "ben": "argon2id$102400$2$8",
        "cleo": "bcrypt$12",
        "gus": "pbkdf2_sha1$1000000",
        "hal": "bcrypt$12",
    },
    "fastapi_users": {"ann": "argon2id$65536$3$4", "ben": "bcrypt$12", "hal": "argon2id$65536$3$4"},
}


@pytest.mark.anyio
@pytest.mark.parametrize("made_by", SCHEMES)
async def test_the_password_from_before_logs_in_and_its_hash_becomes_ours(tmp_path, made_by):
    folder = CommandLine(tmp_path)
    settings = Settings(database=f"sqlite:///{folder.database}", passwords=fast_passwords())
    hasher = PasswordHasher(settings.passwords)
    path = database(tmp_path, made_by)
    async with Auth(settings) as auth:
        await run_in_thread(folder, "users", "import", str(path), "--format", made_by.replace("_", "-"), "--json")
        named = json.loads(folder.out)["imported_schemes"]
        assert set(named) >= set(SCHEMES[made_by].values())
        PasswordHasher(PasswordSettings(imported_schemes=tuple(named)))
        for name, scheme in SCHEMES[made_by].items():
            address = f"{name}@example.com"
            (before,) = await auth.find_users(query=address)
            assert hasher.work_of(before.password_hash or "") == scheme
            with pytest.raises(LoginRefused):
                await auth.login(address, PASSWORD + " ")
            assert await hash_of(auth, before.id) == before.password_hash
            await auth.login(address, PASSWORD)
            after = await hash_of(auth, before.id)
            assert after.startswith("$argon2id$v=19$")
            assert hasher.is_current(hasher.work_of(after) or "")
            await auth.login(address, PASSWORD)
            with pytest.raises(LoginRefused):
                await auth.login(address, "wrong" + PASSWORD)


@pytest.mark.anyio
async def test_who_was_not_active_or_had_no_password_gets_no_session(tmp_path):
    folder = CommandLine(tmp_path)
    settings = Settings(database=f"sqlite:///{folder.database}", passwords=fast_passwords())
    async with Auth(settings) as auth:
        await run_in_thread(folder, "users", "import", str(database(tmp_path, "django")), "--format", "django")
        with pytest.raises(UserSuspended):
            await auth.login("dora@example.com", PASSWORD)
        for password in (PASSWORD, "", "!", "!jDBaeRCM3QjjzivrJqsx9FGQRclqMSEwQGVXpOVQ"):
            with pytest.raises(LoginRefused):
                await auth.login("eve@example.com", password)
        (eve,) = await auth.find_users(query="eve@example.com")
        await auth.set_password(eve.id, "four quiet cranes fly home")
        await auth.login("eve@example.com", "four quiet cranes fly home")


async def hash_of(auth: Auth, user_id: str) -> str:
    user = await auth.get_user(user_id)
    return user.password_hash or "" if user else ""


async def run_in_thread(folder, *words):
    """Run a command beside an event loop: it has one of its own."""
    await asyncio.to_thread(folder, *words)
