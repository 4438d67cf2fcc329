"""What is there after a death, and whether it may be: all of the deed or nothing, and nothing acknowledged is lost."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import NullPool

from coatcheck import Auth
from coatcheck.errors import AuthError, LoginRefused
from coatcheck.model.login import Login
from coatcheck.stores.sql.tables import attempts, audit, events, head, metadata
from tests.faults.deeds import CLIENT, EMAIL, NEW, Deed, Scene, token_of
from tests.serving import PASSWORD

BEFORE, COUNTED, AFTER, TORN = OUTCOMES = ("nothing done", "attempt counted", "done", "TORN")
"""A login and a password change count an attempt first, in a transaction of its own."""

MADE_UP = re.compile(r"[a-z]+_[a-z2-7]{26}|\$argon2\S+")
"""What is different each time: identifiers and hashes."""

Rows = dict[str, list[dict[str, Any]]]
State = Counter[tuple[str, ...]]


def rows_of(database: str) -> Rows:
    """Every row of every table."""
    with _engine(database.replace("postgresql://", "postgresql+psycopg://")).connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


@cache
def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def state_of(rows: Rows, before: Rows) -> State:
    """``rows``, with what was made up since ``before`` told as new, so that two runs can be compared."""
    known: set[Any] = set()
    for value in _values(before):
        known |= {value} if isinstance(value, bytes | datetime) else set(MADE_UP.findall(str(value)))

    def told(value: Any) -> str:
        if isinstance(value, bytes | datetime):
            return str(value) if value in known else f"new {type(value).__name__}"
        return MADE_UP.sub(lambda found: found[0] if found[0] in known else "new", str(value))

    return Counter(
        (table, *(f"{column}={told(value)}" for column, value in row.items() if column != audit.c.number.name))
        for table, found in rows.items()
        for row in found
    )


def _values(rows: Rows) -> list[Any]:
    return [value for found in rows.values() for row in found for value in row.values()]


def counted(rows: Rows) -> Rows:
    """``rows`` with one more attempt in every counter."""
    return rows | {attempts.name: [row | {"count": row["count"] + 1} for row in rows[attempts.name]]}


@dataclass
class Judge:
    """Of one death. ``said`` is what the client got, None when it heard nothing: in a tuple, as it may be nothing."""

    deed: Deed
    scene: Scene
    before: Rows
    after: State
    said: tuple[Login | None] | None
    outcome: str = TORN
    violations: list[str] = field(default_factory=list)

    def look_at(self, rows: Rows) -> None:
        """Is it all of the deed, or nothing?"""
        state = state_of(rows, self.before)
        allowed = {
            BEFORE: state_of(self.before, self.before),
            COUNTED: state_of(counted(self.before), self.before),
            AFTER: self.after,
        }
        self.outcome = next((outcome for outcome, it_is in allowed.items() if state == it_is), TORN)
        new, missing = list(state - allowed[BEFORE]), list(self.after - state)
        self._hold("wholly or not at all", self.outcome != TORN, f"there is {new}, there is not {missing}")
        self._hold("I1, I3", self.said is None or self.outcome == AFTER, f"acknowledged, and now: {self.outcome}")
        self.look_at_log(rows)

    async def ask(self, auth: Auth) -> None:
        """Does an installation accept what it must, and nothing else? Does repeating the deed end well?"""
        await self._hold_credentials(auth, is_done=self.outcome == AFTER)
        if self.said is not None:
            await self._hold_accepted(auth, self.said[0])
        if self.deed.rotates:
            await self._refresh_again(auth)
        else:
            await self._repeat(auth)
        await self._hold_credentials(auth, is_done=True)
        await self._hold_password(auth)

    def _hold(self, name: str, truth: bool, evidence: str) -> None:
        if not truth:
            self.violations.append(f"{name}: {evidence}")

    def look_at_log(self, rows: Rows) -> None:
        (newest,) = rows[head.name]
        log = sorted(rows[events.name], key=lambda event: event["seq"])
        numbers = [event["seq"] for event in log]
        self._hold("rule 1", numbers == list(range(newest["floor"] + 1, newest["seq"] + 1)), f"a gap: {numbers}")
        self._hold("rule 1", log[-1]["event_id"] == newest["event_id"], "the head is not the newest event")

    async def _hold_credentials(self, auth: Auth, *, is_done: bool) -> None:
        for name, device in self.scene.devices.items():
            is_ended = is_done and name in self.deed.ends
            is_accepted = await self._is_accepted(auth, device.token)
            self._hold("I1" if is_ended else "I3", is_accepted != is_ended, f"{name}, accepted: {is_accepted}")

    async def _is_accepted(self, auth: Auth, token: str) -> bool:
        try:
            who = await auth.check(token)
        except AuthError:
            return False
        self._hold("I4", who.user_id == self.scene.user_id, f"taken for {who.user_id}")
        return True

    async def _hold_accepted(self, auth: Auth, login: Login | None) -> None:
        if login is not None:
            self._hold("I3", await self._is_accepted(auth, token_of(login)), "what the deed gave is refused")

    async def _repeat(self, auth: Auth) -> None:
        try:
            await self._hold_accepted(auth, await self.deed.does(auth, self.scene))
        except LoginRefused:  # the password was changed: by what is repeated
            changed = self.outcome == AFTER and self.deed.password != PASSWORD
            self._hold("repeated", changed, f"refused, and {self.outcome}")
        except AuthError as refused:
            self._hold("repeated", False, f"{refused!r}, and {self.outcome}")

    async def _refresh_again(self, auth: Auth) -> None:
        """The token of before leads to one successor, however often it is shown; and that one leads on."""
        session_id = self.scene.phone.who.session_id
        found = await auth.get_session(session_id)
        try:
            given = [await self.deed.does(auth, self.scene) for _ in range(2)]
            kept = await auth.get_session(session_id)
            successors = {
                login.credentials.refresh_token for login in (*given, *(self.said or ())) if login is not None
            }
            self._hold("I2", len(successors) == 1, f"{len(successors)} successors")
            has_moved = found is None or kept is None or found.secret_digest != kept.secret_digest
            self._hold("I2", has_moved != (self.outcome == AFTER), f"{self.outcome}, and rotated again: {has_moved}")
            for login in given:
                await self._hold_accepted(auth, login)
            await self._hold_accepted(auth, await auth.refresh(successors.pop() or "", client=CLIENT))
        except AuthError as refused:
            self._hold("I3", False, f"a repeated refresh was refused: {refused!r}")

    async def _hold_password(self, auth: Auth) -> None:
        for password in (PASSWORD, NEW):
            try:
                await auth.login(EMAIL, password, client=CLIENT)
                opens = True
            except LoginRefused:
                opens = False
            self._hold("password", opens == (password == self.deed.password), f"{password} opens the account: {opens}")
