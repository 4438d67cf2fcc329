"""What people do with an installation over SQLite while everything is recorded: what its files go through, each commit,
and what people know for sure, since it was acknowledged.
"""

import asyncio
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from coatcheck import Auth, Settings
from coatcheck.errors import CredentialRefused, LoginRefused
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.model.principal import Principal
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings, TokenSettings
from coatcheck.testing import fast_passwords
from coatcheck.upkeep.touches import write_touches
from tests.faults.deeds import NEW, token_of
from tests.faults.power_loss.cuts import disk_after
from tests.faults.power_loss.disk_writes import Entry, Noted, Recording, Synced, recorded
from tests.serving import PASSWORD, SECRET

MAIN: Final = "app.db"
REGISTRY: Final = f"{MAIN}-subscribers"
WITNESS: Final = f"{MAIN}-witness"

LIVES: Final = 4
"""Each installation but the last is killed, and another one goes on with what it has left."""

LATEST: Final = 16
"""An installation is killed at one of so many syncs, if it made any: those of its closing are among them."""


@dataclass(frozen=True)
class Committed:
    """A commit was over, and then the database held this. ``is_forced`` if it was to be on the disk."""

    database: str
    content: str
    is_forced: bool


@dataclass(frozen=True)
class Device:
    """What somebody holds since a login."""

    token: str
    refresh_token: str | None
    email: str
    who: Principal


@dataclass(frozen=True)
class Known:
    """What people know for sure: what they hold, by session; the ended tokens; the passwords, by e-mail. And what the
    witness has seen. Of the sessions and people in ``unsure`` something has been asked and not yet answered.
    """

    held: dict[str, Device] = field(default_factory=dict)
    ended: tuple[str, ...] = ()
    passwords: dict[str, str] = field(default_factory=dict)
    witness: bytes = b""
    unsure: frozenset[str] = frozenset()


def auth_over(folder: Path) -> Auth:
    """An installation over the database in ``folder``. No access token expires before the judge has seen it, and
    receipts don't wait long for a process that was killed."""
    settings = Settings(
        database=f"sqlite:///{folder}/{MAIN}",
        secrets=(SECRET,),
        passwords=fast_passwords(),
        tokens=TokenSettings(access_for=timedelta(hours=12)),
        revocation=RevocationSettings(lease=timedelta(seconds=1)),
    )
    return Auth(settings)


def content_of(raw: sqlite3.Connection) -> str:
    """A digest of every row of every table."""
    tables = sorted(name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())
    rows = [(table, sorted(map(repr, raw.execute(f'SELECT * FROM "{table}"')))) for table in tables]
    return sha256(repr(rows).encode()).hexdigest()


NOTHING: Final = sha256(b"[]").hexdigest()
"""The digest of a database without tables."""


def noting(recording: Recording, modes: dict[str, str]) -> type[sqlite3.Connection]:
    """A connection that notes its commits. When ``synchronous`` is to be one of ``modes``, it is set to another."""

    class Connection(sqlite3.Connection):
        mode = ""

        def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
            if statement.startswith("PRAGMA synchronous = "):
                self.mode = statement.rpartition(" ")[2]
                statement = statement.replace(self.mode, modes.get(self.mode, self.mode))
            cursor = super().execute(statement, *given)
            if statement == "COMMIT":
                _, _, path = super().execute("PRAGMA database_list").fetchone()
                recording.note(Committed(Path(path).name, content_of(self), self.mode == "FULL"))
            return cursor

    return Connection


class Life:
    """What a few people do, one thing after the other."""

    def __init__(self, recording: Recording, chance: Random) -> None:
        self._recording, self._chance = recording, chance
        self._folder = Path()
        self._known = Known()
        self._begun = 0

    async def go_on(self, folder: Path, deeds: int) -> None:
        """With an installation in ``folder`` that is opened first, and closed in the end."""
        usual = (self._log_in, self._log_in, self._log_in, self._refresh, self._refresh, self._log_out, self._be_seen)
        seldom = (self._register, self._change_password, self._log_out_everywhere, self._subscribe)
        self._folder, self._begun = folder, len(self._recording.entries)
        async with auth_over(folder) as auth:
            await self._ask_again(auth)
            for _ in range(deeds):
                verb = self._chance.choice((*usual, *usual, *seldom)) if self._known.held else self._register
                await verb(auth)

    def die(self) -> bytes:
        """At one of the last syncs, before it has done anything: what was written is seen by all who come later. Return
        what the witness holds then."""
        entries, begun = self._recording.entries, self._begun
        syncs = [at for at, entry in enumerate(entries[begun:], begun) if isinstance(entry, Synced)]
        self._recording.kill(self._chance.choice(syncs[-LATEST:] or [len(entries)]))
        told = [entry.what for entry in entries if isinstance(entry, Noted) and isinstance(entry.what, Known)]
        self._known = told[-1] if told else Known()
        return self._known.witness

    async def _ask_again(self, auth: Auth) -> None:
        """What came of that to which nobody had answered when the installation was killed?"""
        unsure = self._known.unsure
        for session_id, device in [each for each in self._known.held.items() if each[0] in unsure]:
            try:
                await auth.check(device.token)
            except CredentialRefused:
                self._acknowledged(device.email, session_id)
                continue
            if device.refresh_token is not None:
                login = await auth.refresh(device.refresh_token, client=self._client())
                self._acknowledged(device.email, login=login, who=device.who)
        for email in unsure & self._known.passwords.keys():
            try:
                await auth.login(email, self._known.passwords[email], client=self._client())
            except LoginRefused:
                self._acknowledged(email, password=_other(self._known.passwords[email]))
        self._known = replace(self._known, unsure=frozenset())
        self._recording.note(self._known)

    async def _register(self, auth: Auth) -> None:
        email = f"{self._chance.getrandbits(64)}@example.com"
        self._begin(email)
        await auth.create_user(email, PASSWORD, client=self._client())
        self._acknowledged(email, password=PASSWORD)
        await self._log_in(auth, email)

    async def _log_in(self, auth: Auth, email: str = "") -> None:
        email = email or self._chance.choice(list(self._known.passwords))
        carry = self._chance.choice((Carry.TOKENS, Carry.HEADER))
        self._begin()
        login = await auth.login(email, self._known.passwords[email], carry=carry, client=self._client())
        self._acknowledged(email, login=login, who=await auth.check(token_of(login)))

    async def _refresh(self, auth: Auth) -> None:
        session_id, device = self._anyone()
        if device.refresh_token is None:
            return await self._be_seen(auth)
        self._begin(session_id)
        login = await auth.refresh(device.refresh_token, client=self._client())
        self._acknowledged(device.email, login=login, who=device.who)
        return None

    async def _log_out(self, auth: Auth) -> None:
        session_id, device = self._anyone()
        self._begin(session_id)
        await auth.logout(device.who, client=self._client(), wait=self._chance.random() < 0.2)
        self._acknowledged(device.email, session_id)

    async def _log_out_everywhere(self, auth: Auth) -> None:
        _, device = self._anyone()
        ended = self._sessions_of(device)
        self._begin(*ended)
        user_id = device.who.require_person()
        await auth.logout_everywhere(user_id, actor_id=user_id, client=self._client())
        self._acknowledged(device.email, *ended)

    async def _change_password(self, auth: Auth) -> None:
        _, device = self._anyone()
        current = self._known.passwords[device.email]
        new, ended = _other(current), self._sessions_of(device)
        self._begin(device.email, *ended)
        login = await auth.change_password(device.who, current=current, new=new, client=self._client())
        who = await auth.check(token_of(login))
        self._acknowledged(device.email, *ended, login=login, who=who, password=new)

    async def _be_seen(self, auth: Auth) -> None:
        await auth.check(self._anyone()[1].token)
        await write_touches(auth.checker, auth.store)

    async def _subscribe(self, auth: Auth) -> None:
        authority = auth.parts.authority
        await authority.goodbye(await authority.register("a verifier", None))

    def _anyone(self) -> tuple[str, Device]:
        return self._chance.choice(list(self._known.held.items()))

    def _sessions_of(self, device: Device) -> list[str]:
        return [each for each, held in self._known.held.items() if held.email == device.email]

    def _client(self) -> Client:
        return Client(address=f"10.{self._chance.randrange(256)}.{self._chance.randrange(256)}.9", device="a test")

    def _begin(self, *asked: str) -> None:
        self._recording.note(replace(self._known, unsure=frozenset(asked)))

    def _acknowledged(
        self, email: str, *ended: str, login: Login | None = None, who: Principal | None = None, password: str = ""
    ) -> None:
        held, passwords = dict(self._known.held), dict(self._known.passwords)
        gone = [held.pop(each).token for each in ended]
        unsure = self._known.unsure - {*ended}
        if login is not None and who is not None:
            held.pop(login.session.id, None)
            held[login.session.id] = Device(token_of(login), login.credentials.refresh_token, email, who)
        if password:
            passwords[email] = password
        witness = self._folder / WITNESS
        seen = witness.read_bytes() if witness.exists() else b""
        self._known = Known(held, (*self._known.ended, *gone), passwords, seen, unsure)
        self._recording.note(self._known)


def _other(password: str) -> str:
    return NEW if password == PASSWORD else PASSWORD


def record(folder: Path, deeds: int, chance: Random, modes: dict[str, str] | None = None) -> list[Entry]:
    """All that happens to the files while people do so many things."""
    recording = Recording()
    life = Life(recording, chance)
    connect_noting = partial(sqlite3.connect, factory=noting(recording, modes or {}))
    with patch.object(sqlite3, "connect", connect_noting):
        for number in range(LIVES):
            place = folder / f"life-{number}"
            place.mkdir()
            if number:
                (place / WITNESS).write_bytes(life.die())
                for name, content in disk_after(recording.entries).keep_power().items():
                    (place / name).write_bytes(content)
            with recorded(place, recording):
                asyncio.run(life.go_on(place, deeds // LIVES))
    return recording.entries
