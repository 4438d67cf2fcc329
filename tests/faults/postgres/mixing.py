"""Rule 1: no deadlock, whatever meets whatever. All flows at random, from several processes, against a few people.

``python -m tests.faults.postgres.mixing <database> <seed> <operations>`` is one of the processes: it prints its
figures as JSON.
"""

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from coatcheck import Auth, Settings
from coatcheck.errors import AuthError, Broken, RequestNotFound
from coatcheck.flows.create_api_key import create_api_key
from coatcheck.flows.issue_service_token import issue_service_token
from coatcheck.flows.put_session_data import put_session_data
from coatcheck.model.client import Client
from coatcheck.model.key import KeyStatus
from coatcheck.model.principal import Kind
from coatcheck.model.session import Carry, Ending
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.sessions.end import end_session
from coatcheck.settings import AttemptSettings, SessionSettings
from coatcheck.testing import fast_passwords
from coatcheck.upkeep.purge import purge
from coatcheck.upkeep.touches import write_touches
from tests.postgres import PostgresServer
from tests.serving import PASSWORD, SECRET

PEOPLE = 4
TASKS = 6
OTHER = "four quiet cranes fly home"


def run(folder: Path, *, operations: int, processes: int = 3, seed: int = 0) -> dict[str, Any]:
    """Do ``operations`` in all; return the figures. Raises AssertionError for a deadlock and for what is unforeseen."""
    log_all = {"deadlock_timeout": "100ms", "log_lock_waits": "on"}
    with PostgresServer(folder / "postgres", options=log_all) as postgres:
        database = postgres.new_database()
        asyncio.run(_prepare(database))
        running = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.faults.postgres.mixing",
                    database,
                    str(seed + each),
                    str(operations // processes),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for each in range(processes)
        ]
        said = [process.communicate() for process in running]
        log = postgres.log
    codes = [process.returncode for process in running]
    assert codes == [0] * processes, b"".join(errors for _, errors in said).decode()[-3000:]
    outcomes: Counter[str] = sum((Counter(json.loads(each)) for each, _ in said), Counter())
    deadlocks = [line for line in log.splitlines() if "deadlock detected" in line]
    assert not deadlocks, log[log.index("deadlock detected") - 200 :][:3000]
    unforeseen = {outcome: count for outcome, count in outcomes.items() if outcome.startswith("unforeseen")}
    assert not unforeseen, unforeseen
    done = {name: count for name, count in sorted(outcomes.items()) if " " not in name}
    return {
        "operations": sum(outcomes.values()),
        **{f"  {name}": count for name, count in done.items()},
        "refused, as they may be": sum(count for name, count in outcomes.items() if " refused" in name),
        "busy with passwords": sum(count for name, count in outcomes.items() if name.endswith("again: login.busy")),
        "try again": sum(count for name, count in outcomes.items() if name.endswith("again: store.unavailable")),
        "waits for a lock of over 100 ms": log.count("still waiting for"),
        "deadlocks": len(deadlocks),
    }


def _auth(database: str) -> Auth:
    return Auth(
        Settings(
            database=database,
            secrets=(SECRET,),
            passwords=fast_passwords(),
            sessions=SessionSettings(at_most=10),
            attempts=AttemptSettings(per_account=10**6, per_address=10**6, per_device=10**6),
        )
    )


def _email(number: int) -> str:
    return f"person{number}@example.com"


async def _prepare(database: str) -> None:
    async with _auth(database) as auth:
        for number in range(PEOPLE):
            await auth.create_user(_email(number), PASSWORD, roles=(ADMINISTRATOR,) if number < 2 else ())


class _Mixer:
    """One task: it holds a few logins, of anybody, and does something with one of them."""

    def __init__(self, auth: Auth, seed: int, outcomes: Counter[str]) -> None:
        self._auth = auth
        self._dice = random.Random(seed)
        self._outcomes = outcomes
        self._held: list[Any] = []
        self._chosen: Any = None
        self._services: list[str] = []
        self._credentials: list[str] = []
        self._client = Client(address=f"192.0.2.{self._dice.randrange(3)}")
        self._deeds: list[tuple[float, Callable[[], Awaitable[object]]]] = [
            (40, self.log_in),
            (4, self.register),
            (40, self.refresh),
            (12, self.check_and_touch),
            (8, self.reauthenticate),
            (4, self.change_password),
            (5, self.end_one),
            (4, self.end_anybodys),
            (1, self.end_all),
            (4, self.roles),
            (0.5, self.suspend),
            (0.3, self.compromise),
            (6, self.api_key),
            (5, self.service),
            (4, self.service_token),
            (2, self.delete_service),
            (3, self.rotate),
            (0.5, self.revoke_key),
            (0.3, self.everything),
            (4, self.purge),
            (6, self.data),
        ]

    async def do(self, operations: int) -> None:
        """So many of them."""
        weights = [weight for weight, _ in self._deeds]
        for _ in range(operations):
            (_, deed) = self._dice.choices(self._deeds, weights)[0]
            name = deed.__name__
            try:
                await deed()
                outcome = name
            except Broken as away:
                outcome = f"{name} again: {away.code}"
            except AuthError as refused:
                outcome = f"{name} refused: {refused.code}"
                if refused.code == "session.ended" and self._chosen in self._held:
                    self._held.remove(self._chosen)
            except Exception as fault:  # noqa: BLE001 - it is told
                outcome = f"unforeseen in {name}: {fault!r}"
            self._outcomes[outcome] += 1

    def _anybody(self) -> str:
        return _email(self._dice.randrange(PEOPLE))

    async def _user(self) -> Any:
        key = self._anybody()
        person = await self._auth.store.read(lambda tx: tx.users.by_email_key(key))
        assert person is not None
        return person

    def _login(self) -> Any:
        if not self._held:
            raise RequestNotFound("nobody is logged in here")
        self._chosen = self._dice.choice(self._held)
        return self._chosen

    async def _who(self, login: Any) -> Any:
        return await self._auth.check(login.credentials.access_token)

    async def log_in(self) -> None:
        replaces = self._dice.choice(self._held).session.id if self._held and self._dice.random() < 0.5 else None
        login = await self._auth.login(
            self._anybody(), PASSWORD, carry=Carry.TOKENS, client=self._client, replaces=replaces
        )
        self._held = [*self._held[-5:], login]

    async def register(self) -> None:
        name = f"new{self._dice.randrange(50)}@example.com"
        await self._auth.register(name, PASSWORD, carry=Carry.TOKENS, client=self._client)

    async def refresh(self) -> None:
        login = self._login()
        renewed = await self._auth.refresh(login.credentials.refresh_token, client=self._client)
        self._held[self._held.index(login)] = renewed

    async def check_and_touch(self) -> None:
        now = self._auth.parts.ready.now().timestamp()
        for login in self._held:
            self._auth.checker.seen[login.session.id] = now
        await write_touches(self._auth.checker, self._auth.store)

    async def reauthenticate(self) -> None:
        login = self._login()
        renewed = await self._auth.reauthenticate(await self._who(login), PASSWORD, client=self._client)
        self._held[self._held.index(login)] = renewed

    async def change_password(self) -> None:
        login = self._login()
        for current, new in ((PASSWORD, OTHER), (OTHER, PASSWORD)):
            changed = await self._auth.change_password(
                await self._who(login), current=current, new=new, client=self._client
            )
            self._held[self._held.index(login)] = login = changed

    async def end_one(self) -> None:
        login = self._login()
        self._held.remove(login)
        await self._auth.logout(await self._who(login), client=self._client)

    async def end_anybodys(self) -> None:
        person = await self._user()
        for session in await self._auth.sessions_of(person.id):
            await self._auth.end_session(person.id, session.id)
            break

    async def end_all(self) -> None:
        await self._auth.logout_everywhere((await self._user()).id)

    async def roles(self) -> None:
        person = await self._user()
        wanted = self._dice.choice([(), ("editor",), (ADMINISTRATOR,)])
        await self._auth.set_roles(person.id, wanted)

    async def suspend(self) -> None:
        person = await self._user()
        try:
            await self._auth.suspend(person.id)
        finally:
            await self._auth.restore(person.id)

    async def compromise(self) -> None:
        person = await self._user()
        await self._auth.mark_compromised(person.id, reason="test")
        await self._auth.set_password(person.id, PASSWORD)

    async def api_key(self) -> None:
        means, person = self._auth.parts.ready, await self._user()
        made = await create_api_key(
            means, person.id, name="key", session_id=None, actor_id=person.id, client=self._client
        )
        for _ in range(2):
            keys = await means.store.read(lambda tx: tx.sessions.live_of(person.id, Kind.API_KEY))
            if keys:
                chosen = self._dice.choice(keys).id
                await means.commit(
                    lambda tx, chosen=chosen: end_session(
                        tx, chosen, at=means.now(), ending=Ending.REVOKED, actor_id=person.id
                    )
                )
        assert made.result.secret

    async def service(self) -> None:
        services = self._auth.services
        if len(self._services) < 3:
            made = await services.create("worker", audiences=("orders",), feed=self._dice.random() < 0.5)
            self._services.append(made.service.id)
        made_secret = await services.add_secret(self._dice.choice(self._services), "secret")
        self._credentials = [*self._credentials[-5:], made_secret.credential.id]

    async def service_token(self) -> None:
        if self._credentials:
            await issue_service_token(self._auth.parts.ready, self._dice.choice(self._credentials))

    async def delete_service(self) -> None:
        if self._services:
            await self._auth.services.delete(self._services.pop())

    async def rotate(self) -> None:
        await self._auth.rotate_keys()

    async def revoke_key(self) -> None:
        # Not the current one: where the next must not sign yet, nobody could log in for a while.
        others = [key.kid for key in await self._auth.keys() if key.status is not KeyStatus.CURRENT]
        await self._auth.revoke_key(self._dice.choice(others), reason="test")

    async def everything(self) -> None:
        await self._auth.end_everything(reason="test")

    async def purge(self) -> None:
        means = self._auth.parts.ready
        ahead = means.now() + timedelta(days=1, minutes=-1)
        await purge(means.store, ahead, keep_audit_for=timedelta(days=1))

    async def data(self) -> None:
        login = self._login()
        found = await self._auth.store.read(lambda tx: tx.sessions.get_data(login.session.id))
        version = 0 if found is None else found.version
        await put_session_data(
            self._auth.parts.ready, login.session.id, {"basket": self._dice.random()}, expected_version=version
        )


async def _mix(database: str, seed: int, operations: int) -> None:
    outcomes: Counter[str] = Counter()
    async with _auth(database) as auth:
        mixers = [_Mixer(auth, seed * 1000 + number, outcomes) for number in range(TASKS)]
        await asyncio.gather(*(mixer.do(operations // TASKS) for mixer in mixers))
    print(json.dumps(outcomes))


if __name__ == "__main__":
    asyncio.run(_mix(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
