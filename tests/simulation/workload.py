"""What people, administrators, operators and fate do in one schedule."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from coatcheck.authority import Question
from coatcheck.errors import AuthError
from coatcheck.flows.change_account import change_account
from coatcheck.flows.change_password import change_password
from coatcheck.flows.end_everything import end_everything
from coatcheck.flows.exchange_session import exchange_session
from coatcheck.flows.login import login
from coatcheck.flows.logout import Scope, logout
from coatcheck.flows.parts.means import Committed
from coatcheck.flows.reauthenticate import reauthenticate
from coatcheck.flows.refresh import refresh
from coatcheck.flows.renew_cookie import renew_cookie
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Ending
from coatcheck.model.user import UserStatus
from coatcheck.sessions.end import end_session
from coatcheck.tokens.opaque import digest
from coatcheck.upkeep.rotation import revoke_signing_key, rotate_keys
from tests.simulation.desk import STAGES, Desk
from tests.simulation.process import SECRETS, Process
from tests.simulation.remote import Remote
from tests.simulation.running import Running
from tests.simulation.world import CLIENT, LEASE, START, Held, Person, World

LASTS: Final = 21.0
"""Seconds of the world's time in one schedule."""


class Workload:
    """Draws one schedule's events from the world's dice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.rng
        self.aim: Held | None = None
        self._fates: tuple[Callable[[Running], None], ...] = (
            self._cut_off,
            self._cut_off,
            self._cut_off,
            self._stop,
            self._crash,
            self._fork,
            self._leave,
            self._step_wall,
            self._take_store_down,
            self._lag,
            self._back_up,
            self._restore,
            self._promote,
            self._lose_everything,
            self._forget,
            self._change_lease,
            self._happen_strangely,
            self._lapse,
            self._lapse,
        )
        if world.remotes:
            self._fates += (
                self._bar,
                self._replace_secret,
                self._replace_secret,
                self._impersonate,
                self._impersonate,
                self._cut_feed,
                self._cut_feed,
                self._slow_down,
                self._slow_down,
            )

    def plan(self) -> None:
        """Put everything that will be tried on the time line."""
        rng, at = self.rng, self.world.timeline.at
        for _ in range(rng.randint(3, 10)):
            at(1.5 + rng.random() * (LASTS - 9.0), self._somebody_acts)
        for _ in range(rng.choice((0, 0, 1, 2, 4))):
            at(1.0 + rng.random() * (LASTS - 10.0), self._fate_acts)
        for _ in range(12):
            at(1.0 + rng.random() * (LASTS - 1.0), self._somebody_asks)
        for _ in range(rng.choice((1, 2, 2))):
            at(1.5 + rng.random() * 8.0, self._hunt)
        for moment in range(5, int(LASTS), 3):
            at(float(moment), self._look_after)

    def _hunt(self) -> None:
        """Make trouble for one process that has just accepted a credential, and revoke it elsewhere: now and then it is
        asked whether it has heard."""
        world, rng, now = self.world, self.rng, self.world.timeline.now
        alive = [process for process in world.alive() if not process.is_leaving]
        if not alive:
            return
        quarry = rng.choice(alive)
        held = rng.choice(world.held[-6:])
        person = next(person for person in world.people if person.user_id == held.user_id)
        world.check_soon(quarry, held)
        world.check_soon(quarry, held, within=0.2)
        fates = rng.choice((0, 1, 1, 1, 2))
        for _ in range(fates):
            verb = rng.choice(self._fates)
            world.timeline.at(now + 0.2 + rng.random() * rng.choice((0.2, 1.5)), self._strike, verb, quarry)
        world.timeline.at(now + 0.3 + rng.random() * rng.choice((0.2, 1.5)), self._revoke, quarry, person, held)
        start = now + 0.3
        for _ in range(26):
            start += rng.random() * 0.6
            world.timeline.at(start, self._ask_again, quarry.name, held)

    def _strike(self, verb: Callable[[Running], None], process: Running) -> None:
        if not process.loop.is_dead:
            self.world.say(f"fate: {verb.__name__.strip('_')} ({process.name})")
            verb(process)

    def _revoke(self, quarry: Running, person: Person, held: Held) -> None:
        alive = [process for process in self.world.servers() if not process.is_leaving and not process.is_forked]
        others = [process for process in alive if process is not quarry]
        own = [quarry] if isinstance(quarry, Process) else []
        able = others if others and self.rng.random() < 0.85 else [*alive, *own]
        if not able:
            return
        process = self.rng.choice(able)
        verbs = [self._log_out, self._log_out, self._log_out_everywhere, self._reauthenticate, self._change_roles]
        verbs += [self._end_everything] if self.rng.random() < 0.3 else []
        verbs += [self._revoke_key] if held.is_jwt else []
        self.aim = held
        self.world.launch_soon(process, self._act, process, person, self.rng.choice(verbs))

    def _ask_again(self, name: str, held: Held) -> None:
        for process in self.world.alive():
            if process.name.rstrip("'") == name.rstrip("'") or self.rng.random() < 0.05:
                self.world.check_soon(process, held)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _somebody_asks(self) -> None:
        world = self.world
        alive = world.alive()
        if alive and world.held:
            held = self.rng.choice(world.held if self.rng.random() < 0.4 else world.held[-6:])
            for _ in range(self.rng.choice((1, 1, 2))):
                world.check_soon(self.rng.choice(alive), held, within=0.03)

    def _look_after(self) -> None:
        for process in self.world.alive():
            if self.rng.random() < 0.5:
                self.world.launch_soon(process, process.look_after)

    # -- people -------------------------------------------------------------------------------------------------------

    def _somebody_acts(self) -> None:
        world, rng = self.world, self.rng
        alive = [process for process in world.servers() if not process.is_leaving and not process.is_forked]
        if not alive:
            return
        process, person = rng.choice(alive), rng.choice(world.people)
        verbs: tuple[tuple[int, Callable[..., Any]], ...] = (
            (6, self._log_out),
            (2, self._log_out_everywhere),
            (3, self._log_in),
            (4, self._refresh),
            (3, self._exchange),
            (2, self._renew),
            (2, self._reauthenticate),
            (2, self._change_roles),
            (1, self._suspend),
            (2, self._change_password),
            (1, self._end_everything),
            (1, self._rotate_keys),
            (1, self._revoke_key),
        )
        verb = rng.choices([verb for _, verb in verbs], [weight for weight, _ in verbs])[0]
        world.launch_soon(process, self._act, process, person, verb)

    async def _act(self, process: Process, person: Person, verb: Callable[..., Any]) -> None:
        if self.world.trace is not None:
            self.world.say(f"{process.name}: {verb.__name__.strip('_')} of {person.email}")
        try:
            await verb(process, person)
        except AuthError as fault:
            self.world.say(f"{process.name}: {verb.__name__.strip('_')} failed: {fault!r}")

    async def _done(self, process: Process, committed: Committed[Any], *, wait: bool, user_id: str = "") -> None:
        """What the front door does after a change: make it hold, and answer."""
        world = self.world
        receipt = await process.enforcer.enforce(committed.events, committed.position, wait=wait)
        if not committed.events and not wait:
            return
        world.oracle.returned(process, committed.position, receipt, committed.events)
        if world.trace is not None:
            world.say(f"{process.name}: returned {committed.position.seq} {receipt or 'without waiting'}")
        if receipt is not None:
            latest = [held for held in world.held[-10:] if held.user_id == user_id]
            for held in self.rng.sample(latest, min(3, len(latest))):
                for other in world.alive():
                    world.check_soon(other, held, within=0.02)

    async def _finish(self, process: Process, person: Person, committed: Committed[Login], *, wait: bool) -> None:
        await self._done(process, committed, wait=wait, user_id=person.user_id)
        self.world.hold(person, committed.result)

    def _held_of(self, person: Person) -> Held | None:
        aim, self.aim = self.aim, None
        if aim is not None and aim.user_id == person.user_id:
            return aim
        held = [held for held in self.world.held if held.user_id == person.user_id]
        return self.rng.choice(held[-6:]) if held else None

    def _waits(self) -> bool:
        return self.rng.random() < 0.6

    async def _log_out(self, process: Process, person: Person) -> None:
        held, wait = self._held_of(person), self._waits()
        if held is not None:
            done = await logout(
                process.means, person.user_id, held.session_id, scope=Scope.THIS, client=CLIENT, wait=wait
            )
            await self._done(process, done, wait=wait, user_id=person.user_id)

    async def _log_out_everywhere(self, process: Process, person: Person) -> None:
        wait = self._waits()
        done = await logout(process.means, person.user_id, "ses_", scope=Scope.ALL, client=CLIENT, wait=wait)
        await self._done(process, done, wait=wait, user_id=person.user_id)

    async def _log_in(self, process: Process, person: Person) -> None:
        password, carry = person.password, self.rng.choice((Carry.COOKIE, Carry.TOKENS))
        committed = await login(process.means, person.email, password, carry=carry, client=CLIENT)
        hash_then = self.world.hash_at_commit.get(committed.result.session.id)
        self.world.guard(self.world.oracle.logged_in, password, hash_then)
        await self._finish(process, person, committed, wait=False)

    async def _refresh(self, process: Process, person: Person) -> None:
        if person.refresh_tokens:
            old = self.rng.random() < 0.1
            token = self.rng.choice(person.refresh_tokens) if old else person.refresh_tokens[-1]
            committed = await refresh(process.means, token, client=CLIENT)
            if isinstance(committed.result, Login):
                await self._finish(process, person, committed, wait=False)
            else:
                await self._done(process, committed, wait=False)

    async def _exchange(self, process: Process, person: Person) -> None:
        held = self._held_of(person)
        if held is None:
            return
        credentials = await exchange_session(process.means, held.session_id, held.generation)
        session = self.world.primary._rows.sessions.get(held.session_id)
        if session is not None:
            self.world.hold_token(credentials, session)

    async def _renew(self, process: Process, person: Person) -> None:
        held = self._held_of(person)
        if held is not None and not held.is_jwt:
            renewed = await renew_cookie(process.means, held.session_id, digest(held.token))
            if renewed is not None:
                self.world.hold(person, renewed)

    async def _reauthenticate(self, process: Process, person: Person) -> None:
        held, wait = self._held_of(person), self._waits()
        if held is not None:
            committed = await reauthenticate(
                process.means, person.user_id, held.session_id, person.password, client=CLIENT, wait=wait
            )
            await self._finish(process, person, committed, wait=wait)

    async def _change_roles(self, process: Process, person: Person) -> None:
        wait, roles = self._waits(), (self.rng.choice(("editor", "author", "reader")),)
        done = await change_account(process.means, person.user_id, roles=roles, actor_id=None, client=CLIENT, wait=wait)
        await self._done(process, done, wait=wait, user_id=person.user_id)

    async def _suspend(self, process: Process, person: Person) -> None:
        wait = self._waits()
        user = self.world.primary._rows.users[person.user_id]
        status = UserStatus.SUSPENDED if user.status is UserStatus.ACTIVE else UserStatus.ACTIVE
        done = await change_account(
            process.means, person.user_id, status=status, actor_id=None, client=CLIENT, wait=wait
        )
        await self._done(process, done, wait=wait, user_id=person.user_id)

    async def _change_password(self, process: Process, person: Person) -> None:
        held, wait = self._held_of(person), self._waits()
        if held is not None:
            self.world.count += 1
            new = f"another of many passwords {self.world.count}"
            committed = await change_password(
                process.means,
                person.user_id,
                held.session_id,
                current=person.password,
                new=new,
                client=CLIENT,
                wait=wait,
            )
            person.password = new
            await self._finish(process, person, committed, wait=wait)

    async def _end_everything(self, process: Process, person: Person) -> None:
        wait = self._waits()
        done = await end_everything(process.means, reason="test", actor_id=None, client=CLIENT, wait=wait)
        await self._done(process, done, wait=wait, user_id=person.user_id)

    async def _rotate_keys(self, process: Process, person: Person) -> None:
        now = process.means.now
        self.world.has_new_keys = True
        done = await process.means.commit(
            lambda tx: rotate_keys(tx, SECRETS, self.world.settings, now=now, at_once=True)
        )
        await self._done(process, done, wait=False)

    async def _revoke_key(self, process: Process, person: Person) -> None:
        now, wait = process.means.now, self._waits()
        self.world.has_new_keys = True
        kids = [held.kid for held in self.world.held if held.kid is not None]
        if not kids:
            return
        kid = kids[-1]
        done = await process.means.commit(
            lambda tx: revoke_signing_key(
                tx, SECRETS, self.world.settings, kid, now=now, actor_id=None, reason="leaked"
            ),
            wait=wait,
        )
        await self._done(process, done, wait=wait, user_id=person.user_id)

    # -- fate ---------------------------------------------------------------------------------------------------------

    def _fate_acts(self) -> None:
        alive = self.world.alive()
        if not alive:
            return
        self._strike(self.rng.choice(self._fates), self.rng.choice(alive))

    def _cut_off(self, process: Running) -> None:
        process.cut_until = self.world.timeline.now + self.rng.choice((0.5, 3.0, 8.0, 20.0))
        self.world.trouble(process)

    def _stop(self, process: Running) -> None:
        until = self.world.timeline.now + self.rng.choice((0.3, 2.0, 7.0, 15.0))
        process.loop.stopped_until = max(process.loop.stopped_until, until)
        process.trouble_at = max(process.trouble_at, process.loop.stopped_until + 3.0)

    def _crash(self, process: Running) -> None:
        process.die()
        self.world.spawn(process.name, process.policy)

    def _fork(self, process: Running) -> None:
        self.world.spawn(process.name + "'", process.policy, parent=process)

    def _leave(self, process: Running) -> None:
        if not process.is_leaving:
            self.world.launch_soon(process, process.leave)

    def _step_wall(self, process: Running) -> None:
        process.step_wall(self.rng.choice((-6.0, -0.5, 0.5, 6.0)))

    def _take_store_down(self, _: Running) -> None:
        self.world.is_down_until = self.world.timeline.now + self.rng.choice((0.5, 4.0, 12.0))
        for process in self.world.alive():
            self.world.trouble(process)

    def _lag(self, _: Running) -> None:
        world = self.world
        world.standby = world.copied()
        world.standby_answers = self.rng.choice((0.5, 1.0))
        world.timeline.at(world.timeline.now + self.rng.random() * 12, world.catch_up)

    def _back_up(self, _: Running) -> None:
        self.world.backup = self.world.copied()

    def _promote(self, process: Running) -> None:
        """The primary is gone for good, and a standby that lagged behind takes over: in a new epoch (rule 17)."""
        if self.world.standby is None:
            self._lag(process)
            self.world.timeline.at(self.world.timeline.now + self.rng.random() * 2, self.world.promote)
        else:
            self.world.promote()

    def _lose_everything(self, process: Running) -> None:
        """The store burns down, list of subscribers and all, while one process can't be reached; perhaps not long after
        the lease was changed."""
        at, now = self.world.timeline.at, self.world.timeline.now
        self._back_up(process)
        if self.rng.random() < 0.5:
            self._change_lease(process)
        later = now + self.rng.choice((0.0, 0.0, 1.5))
        at(later, self._cut_off, process)
        at(later + 0.1, self.world.restore)
        for held in self.world.held[-6:]:
            self.world.check_soon(process, held, within=14.0)

    def _restore(self, process: Running) -> None:
        if self.world.backup is None:
            self._back_up(process)
            self.world.timeline.at(self.world.timeline.now + self.rng.random() * 12, self.world.restore)
        else:
            self.world.restore()

    def _forget(self, _: Running) -> None:
        keep = self.rng.randint(0, 3)
        self.world.primary.transact(lambda tx: tx.log.forget(up_to=max(0, tx.log.head().seq - keep)))

    def _change_lease(self, _: Running) -> None:
        self.world.set_lease(self.rng.choice((LEASE / 5, LEASE, LEASE * 2)))

    def _happen_strangely(self, _: Running) -> None:
        if self.rng.random() < 0.3:
            self.world.happen_strangely()

    def _bar(self, process: Running) -> None:
        """The credential of a service is revoked; somebody gives it another, later."""
        world = self.world
        if isinstance(process, Remote):
            credential_id, now = process.credential_id, datetime.fromtimestamp(START + world.timeline.now, UTC)
            world.run_work(
                "transact",
                lambda tx: end_session(tx, credential_id, at=now, ending=Ending.REVOKED, actor_id=None),
            )
            world.timeline.at(world.timeline.now + 3.0 + self.rng.random() * 6, world.replace_credential, process)

    def _replace_secret(self, _: Running) -> None:
        """The servers are given a new secret, one after the other: sessions get other names."""
        world = self.world
        world.stage = min(len(STAGES) - 1, world.stage + self.rng.choice((1, 2, 3)))
        for process in world.servers():
            self.world.timeline.at(world.timeline.now + self.rng.random() * 3, self._take_secret, process.desk)

    def _take_secret(self, desk: Desk) -> None:
        desk.secrets = STAGES[self.world.stage]
        for remote in self.world.alive():
            if remote.is_remote:
                self.world.trouble(remote)

    def _cut_feed(self, process: Running) -> None:
        """A service can ask about single credentials only, and perhaps servers that can't ask the store."""
        now = self.world.timeline.now
        if isinstance(process, Remote):
            process.feed_cut_until = now + self.rng.choice((3.0, 8.0, 20.0))
            self.world.trouble(process)
            for server in self.world.servers():
                if self.rng.random() < 0.5:
                    at = now + self.rng.random() * 5.0
                    self.world.timeline.at(at, self._cut_off, server)

    def _slow_down(self, _: Running) -> None:
        """The store is slow to answer: what it reads is seconds old when it arrives at the servers."""
        for server in self.world.servers():
            server.slow_until = self.world.timeline.now + self.rng.choice((2.0, 6.0))

    def _impersonate(self, process: Running) -> None:
        """Another service says that this one has heard everything, and says goodbye for it."""
        if process.is_remote:
            for turn in range(20):
                self.world.timeline.at(self.world.timeline.now + turn * 0.35, self._speak_for, process)

    def _speak_for(self, process: Running) -> None:
        world = self.world
        registration, desks = process.subscriber.registration, [each.desk for each in world.servers()]
        if registration is None or not desks:
            return
        desk, head = self.rng.choice(desks), world.primary._rows.head
        asked = Question(registration=registration, applied=head.position, event_id=head.event_id)
        says_goodbye = self.rng.random() < 0.2

        async def speak() -> None:
            with suppress(AuthError):
                if says_goodbye:
                    await desk.feed.goodbye("sec_another", registration)
                else:
                    await desk.feed.ask("sec_another", asked)

        world.launch_soon(desk.process, speak)

    def _lapse(self, process: Running) -> None:
        """A janitor elsewhere takes this process for dead."""
        number = process.number
        if number is not None:
            self.world.primary.registry_transact(lambda registry: registry.mark_lapsed(number, process.now()))
