"""docs/incidents.md: every step of it is run, and does what the page says."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.cli.incident import command
from coatcheck.errors import AuthError
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings, Settings
from coatcheck.testing import fast_passwords, login_as
from tests.surface.documents import blocks, text_of

PAGE = "docs/incidents.md"
BIN = Path(sys.executable).parent
SESSIONS, ACCOUNT, LOOK, API_KEY, SERVICE, KEY, SECRET, EVERYTHING, BACKUP, DENY, LIFT = blocks(PAGE, "sh")
NAMES = ("ann@example.com", "bob@example.com")

pytestmark = pytest.mark.slow


class Installation:
    """A database with two people in it, each logged in with a session token and with a JWT."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets: tuple[str, ...] = ("a secret of this test that is longer than 32 characters",)
        self.tokens: dict[str, list[str]] = {}

    async def log_in(self) -> None:
        async with self.auth() as auth:
            for name in NAMES:
                logins = [await login_as(auth, name, carry=carry) for carry in (Carry.HEADER, Carry.TOKENS)]
                self.tokens[name] = [each.headers["authorization"].removeprefix("Bearer ") for each in logins]

    def auth(self) -> Auth:
        return Auth(
            Settings(
                database=f"sqlite:///{self.folder}/app.db",
                secrets=self.secrets,
                passwords=fast_passwords(),
                revocation=RevocationSettings(lease=RevocationSettings().lease / 50),
            )
        )

    def run(self, script: str, folder: Path | None = None) -> str:
        """Run a block of the page as it stands there; what it printed."""
        environment = {
            "PATH": f"{BIN}:/usr/bin:/bin",
            "COATCHECK_DATABASE_URL": f"sqlite:///{self.folder}/app.db",
            "COATCHECK_SECRETS": self.secrets[0],
            "COATCHECK_REVOCATION_LEASE": "100ms",
        }
        if "COATCHECK_SECRETS_FILE" in script:
            del environment["COATCHECK_SECRETS"]
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=folder or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def codes(self) -> dict[str, list[str]]:
        """What a check says to each credential: a code, or that it passes."""

        async def ask() -> dict[str, list[str]]:
            async with self.auth() as auth:
                return {name: [await _code(auth, token) for token in tokens] for name, tokens in self.tokens.items()}

        return asyncio.run(ask())

    def reasons(self) -> set[str]:
        """Every reason in the audit trail."""

        async def read() -> set[str]:
            async with self.auth() as auth:
                return {entry.detail.get("reason", "") for entry in await auth.audit(limit=100)}

        return asyncio.run(read())


async def _code(auth: Auth, token: str) -> str:
    try:
        await auth.check(token)
    except AuthError as refusal:
        return refusal.code
    return "passes"


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    asyncio.run(made.log_in())
    assert made.codes() == {key: ["passes", "passes"] for key in NAMES}
    return made


ANN, BOB = NAMES
FINE = ["passes", "passes"]
ENDED = ["session.ended", "session.ended"]


def test_a_persons_sessions_end(place: Installation):
    place.run(SESSIONS)
    assert place.codes() == {ANN: ENDED, BOB: FINE}


def test_an_account_is_locked_and_opened_with_another_password(place: Installation):
    (place.folder / "new-password").write_text("nine green bottles hanging\n", "utf-8")
    place.run(ACCOUNT)
    assert place.codes() == {ANN: ENDED, BOB: FINE}
    assert "phished" in place.reasons()
    assert "The account was marked as compromised" in place.run(LOOK)

    async def log_in() -> None:
        async with place.auth() as auth:
            await auth.login(ANN, "nine green bottles hanging")

    asyncio.run(log_in())


def test_an_api_key_is_revoked_and_sessions_go_on(place: Installation):
    async def make() -> tuple[str, str]:
        async with place.auth() as auth:
            ann = (await auth.check(place.tokens[ANN][0])).user_id or ""
            made = await auth.api_keys.create(ann, "backup")
            return made.credential.id, made.secret or ""

    key_id, secret = asyncio.run(make())
    place.tokens["key"] = [secret]
    assert place.codes()["key"] == ["passes"]
    assert key_id in place.run(API_KEY.replace("apk_…", key_id))
    assert place.codes() == {ANN: FINE, BOB: FINE, "key": ["session.ended"]}


def test_a_service_gets_another_secret_and_the_leaked_one_is_revoked(place: Installation):
    async def make() -> tuple[str, str]:
        async with place.auth() as auth:
            made = (await auth.services.create("orders", audiences=["orders"])).first
            return made.credential.id, made.secret or ""

    async def proves_itself(secret: str) -> bool:
        async with place.auth() as auth:
            try:
                await auth.services.authenticate(secret)
            except AuthError:
                return False
            return True

    credential_id, leaked = asyncio.run(make())
    assert credential_id in place.run(SERVICE.replace("crd_…", credential_id))
    fresh = (place.folder / "orders.secret").read_text("ascii").strip()
    assert (place.folder / "orders.secret").stat().st_mode & 0o077 == 0
    assert [asyncio.run(proves_itself(each)) for each in (leaked, fresh)] == [False, True]


def test_a_leaked_keys_tokens_are_refused_and_sessions_go_on(place: Installation):
    place.run(KEY)
    assert place.codes() == {ANN: ["passes", "token.invalid"], BOB: ["passes", "token.invalid"]}
    assert "was in a log file" in place.reasons()


def test_nothing_made_under_a_leaked_master_secret_counts(place: Installation):
    place.run(SECRET)
    place.secrets = ((place.folder / "coatcheck.secret").read_text("ascii").strip(),)
    assert place.codes() == {key: ["token.invalid", "token.invalid"] for key in NAMES}
    assert "the master secret leaked" in place.reasons()


def test_everybody_is_logged_out(place: Installation):
    place.run(EVERYTHING)
    codes = place.codes()
    assert codes == {key: ["session.ended", "token.revoked"] for key in NAMES}
    assert "backups were stolen" in place.reasons()


def test_a_restored_backup_is_said_to_be_one(place: Installation):
    place.run(BACKUP)
    assert not any("passes" in codes for codes in place.codes().values())
    assert "the disk failed" in place.reasons()


def test_what_cant_be_ended_is_refused_and_then_ended_and_allowed(place: Installation):
    said = place.run(DENY)
    assert "phone stolen" in said
    stale = ["checking.stale", "checking.stale"]
    assert place.codes() == {ANN: stale, BOB: FINE}
    assert (place.folder / "app.db-deny").exists()
    place.run(LIFT)
    assert not (place.folder / "app.db-deny").exists()
    assert place.codes() == {ANN: ENDED, BOB: FINE}


def test_the_page_names_every_command_of_the_group():
    text = text_of(PAGE)
    assert [name for name in command.commands if f"coatcheck incident {name}" not in text] == []


def test_each_line_of_the_table_leads_to_its_step():
    targets = set(re.findall(r"\]\(#([\w-]+)\)", text_of(PAGE)))
    steps = {
        re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-")
        for each in re.findall(r"^## (.+)$", text_of(PAGE), re.MULTILINE)
    }
    assert targets == steps
