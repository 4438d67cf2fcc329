"""docs/operating.md does what it says: secrets, what a production start needs, a full disk, a database that is away."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import Misconfigured, StoreUnavailable, TokenInvalid
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import ManualClock, fast_passwords, login_as
from tests.surface.documents import ROOT, blocks, text_of

COATCHECK = str(Path(sys.executable).parent / "coatcheck")
(SECRET,) = blocks("docs/operating.md", "sh")

pytestmark = pytest.mark.slow


def coatcheck(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with an environment of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")}
    environment |= {"COATCHECK_DATABASE_URL": f"sqlite:///{folder}/app.db", "COATCHECK_REVOCATION_LEASE": "100ms"}
    return subprocess.run(
        [COATCHECK, *arguments], cwd=folder, env=environment | variables, capture_output=True, text=True, timeout=60
    )


def settings(folder: Path, *secrets: str) -> Settings:
    return Settings(
        database=f"sqlite:///{folder}/app.db",
        secrets=secrets,
        passwords=fast_passwords(),
        revocation=RevocationSettings(lease=RevocationSettings().lease / 50),
    )


async def log_in(chosen: Settings, carry: Carry = Carry.HEADER) -> str:
    """Start, log somebody in, stop; the credential."""
    async with Auth(chosen) as auth:
        login = await login_as(auth, "ann@example.com", carry=carry)
    return login.headers["authorization"].removeprefix("Bearer ")


async def code_for(chosen: Settings, credential: str) -> str:
    """What a check says: a code, or that it passes."""
    async with Auth(chosen) as auth:
        try:
            await auth.check(credential)
        except Exception as refusal:  # noqa: BLE001 - its code is what is looked at
            return str(getattr(refusal, "code", refusal))
    return "passes"


def test_after_the_master_secret_was_replaced_alone_nothing_made_under_it_counts(tmp_path):
    old, new = "the first master secret of this test 1", "the second master secret of this test 2"
    session_token = asyncio.run(log_in(settings(tmp_path, old)))
    access_token = asyncio.run(log_in(settings(tmp_path, old), Carry.TOKENS))
    with pytest.raises(Misconfigured, match="sealed under another secret"):
        asyncio.run(log_in(settings(tmp_path, new)))
    done = coatcheck(tmp_path, "schema", "restored", "--yes", COATCHECK_SECRETS=new)
    assert done.returncode == 0, done.stderr
    chosen = settings(tmp_path, new)
    for credential in (session_token, access_token):
        assert asyncio.run(code_for(chosen, credential)) == "token.invalid"
    assert asyncio.run(code_for(chosen, asyncio.run(log_in(chosen)))) == "passes"


def test_a_master_secret_is_replaced_by_plan_without_anybody_noticing(tmp_path):
    old, new = "the first master secret of this test 1", "the second master secret of this test 2"
    credentials = [asyncio.run(log_in(settings(tmp_path, old), carry)) for carry in (Carry.HEADER, Carry.TOKENS)]
    for given in ((old, new), (new, old)):
        for credential in credentials:
            assert asyncio.run(code_for(settings(tmp_path, *given), credential)) == "passes"


def test_a_known_device_stays_known_while_the_master_secret_is_replaced_by_plan(tmp_path):
    old, new = "the first master secret of this test 1", "the second master secret of this test 2"
    password, tokens = "three quiet herons wade", []

    async def log_in_from_here(*secrets: str) -> None:
        async with Auth(settings(tmp_path, *secrets)) as auth:
            if not tokens:
                await auth.register("ann@example.com", password, name="Ann")
            client = Client(device_token=tokens[-1] if tokens else None)
            login = await auth.login("ann@example.com", password, client=client)
            tokens.append(login.credentials.device_token or tokens[-1])

    for given in ((old,), (old, new), (new, old), (new, old)):
        asyncio.run(log_in_from_here(*given))
    first, both, changed, again = tokens
    assert first == both != changed == again, "a token of the old secret was replaced before that is removed"
    assert first[:25] == changed[:25], "it is the same device: 4 characters of a prefix, and 21 for its name"


@pytest.mark.anyio
async def test_api_keys_and_secrets_of_services_need_the_old_secret_for_as_long_as_they_live(tmp_path):
    old, new = "the first master secret of this test 1", "the second master secret of this test 2"
    clock = ManualClock()
    async with Auth(settings(tmp_path, old), clock=clock) as auth:
        owner = (await login_as(auth, "ann@example.com", carry=Carry.HEADER)).user.id
        api_key = (await auth.api_keys.create(owner, "my backup")).secret.encode()
        secret = (await auth.services.create("orders", audiences=("orders",))).first.secret.encode()
    async with Auth(settings(tmp_path, new, old), clock=clock) as auth:
        for _ in range(2):
            clock.advance(timedelta(days=31))
            await auth.rotate_keys()
        assert (await auth.check(api_key.decode())).user_id == owner
        assert auth.parts.ready.service_secrets.is_genuine(secret)
    async with Auth(settings(tmp_path, new), clock=clock) as auth:
        with pytest.raises(TokenInvalid):
            await auth.check(api_key.decode())
        assert not auth.parts.ready.service_secrets.is_genuine(secret)


def test_the_secret_is_made_as_the_page_says_and_for_its_owner_alone(tmp_path):
    command = SECRET.replace("coatcheck keys", f"{COATCHECK} keys")
    subprocess.run(["sh", "-eu", "-c", command], check=True, cwd=tmp_path)
    file = tmp_path / "coatcheck.secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text(encoding="ascii").strip()) >= 32


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"COATCHECK_URL": "http://app.example.com"}, "must be https"),
        ({"COATCHECK_URL": "https://app.example.com"}, "COATCHECK_WEB_TRUSTED_PROXIES"),
        (
            {"COATCHECK_URL": "https://app.example.com", "COATCHECK_WEB_TRUSTED_PROXIES": "10.0.0.0/8"},
            "a secret is needed in production",
        ),
        ({"COATCHECK_SESSION_IDLE_AFTER": "1h"}, "is not a setting"),
    ],
)
def test_an_unsafe_start_is_refused_with_a_reason(tmp_path, variables, complaint):
    refused = coatcheck(tmp_path, "serve", "--port", "1", **variables)
    assert refused.returncode == 1
    assert complaint in refused.stderr


def test_the_production_settings_of_the_readme_are_settings(tmp_path):
    text = text_of("README.md")
    lines = [line.split("#")[0].strip() for line in text.splitlines() if line.startswith("    COATCHECK_")]
    given = dict(line.split("=", 1) for line in lines)
    assert {"COATCHECK_URL", "COATCHECK_SECRETS_FILE"} <= set(given)
    (tmp_path / "secret").write_text("a secret of this test that is longer than 32 characters\n", encoding="ascii")
    given |= {
        "COATCHECK_SECRETS_FILE": str(tmp_path / "secret"),
        "COATCHECK_DATABASE_URL": f"sqlite:///{tmp_path}/a.db",
    }
    done = coatcheck(tmp_path, "schema", "upgrade", **given)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_stops_writing_and_not_checking(tmp_path):
    mount = f"mount -t tmpfs -o size=1m none {tmp_path}"
    command = f"{sys.executable} -m tests.surface.full_disk {tmp_path}"
    apart = ["unshare", "--map-root-user", "--mount", "sh", "-eu", "-c"]
    if subprocess.run([*apart, mount], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small file system")
    done = subprocess.run([*apart, f"{mount}; {command}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "writing store.unavailable",
        "under the lease passes",
        "without it passes",
        "with room session.ended",
    ], done.stderr


@pytest.mark.anyio
async def test_without_its_database_a_process_says_try_again_and_never_yes(tmp_path):
    clock = ManualClock()
    async with Auth(settings(tmp_path), clock=clock) as auth:
        login = await login_as(auth, "ann@example.com", carry=Carry.HEADER)
        token = login.headers["authorization"].removeprefix("Bearer ")
        await auth.check(token)
        (tmp_path / "app.db").rename(tmp_path / "away.db")
        await auth.check(token)
        clock.advance(timedelta(seconds=30))
        with pytest.raises(StoreUnavailable):
            await auth.check(token)
        (tmp_path / "away.db").rename(tmp_path / "app.db")
        await auth.check(token)
