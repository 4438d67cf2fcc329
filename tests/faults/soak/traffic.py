"""What keeps one process busy for as long as a soak lasts: everybody is new, and most of what is shown is no good."""

import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, NamedTuple

from coatcheck import Auth
from coatcheck.auth.feed import Feed
from coatcheck.authority import Question
from coatcheck.errors import AuthError, Broken, CredentialRefused, DataConflict, SessionEnded, SessionExpired
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.model.principal import CarriedBy
from coatcheck.model.session import Carry
from coatcheck.tokens.base64url import encode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.upkeep.live import Live
from tests.faults.workers.forked_tokens import SECRET as ANOTHER_SECRET
from tests.serving import PASSWORD

PEOPLE: Final = 40
CHECKS: Final = 10
"""For each login."""

AUDIENCES: Final = ("orders", "billing")
CONNECTIONS: Final = 20
"""That are open at once."""

_HELD: Final = 200
_ENDED: Final = 60
_TRIES: Final = 20


class Worn(NamedTuple):
    """What a client holds of one login."""

    user_id: str
    session_id: str
    token: bytes
    carried_by: CarriedBy
    audience: str | None
    refresh_token: str | None

    @classmethod
    def of(cls, login: Login, carry: Carry, audience: str | None) -> "Worn":
        """What this login gave."""
        given = login.credentials
        return cls(
            login.user.id,
            login.session.id,
            (given.session_token or given.access_token or "").encode(),
            CarriedBy.COOKIE if carry in (Carry.COOKIE, Carry.JWT_COOKIE) else CarriedBy.HEADER,
            audience,
            given.refresh_token,
        )


class Traffic:
    """One *turn* is a login, a refresh, ten checks and, now and then, whatever else there is. ``done`` counts it all.

    Clients hold some hundred logins at a time, in places: a new login takes the place of an old one, which is
    replaced, or forgotten as closed windows are. So what is held here never grows.
    """

    def __init__(self, auth: Auth, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._auth = auth
        self._dice = random.Random(seed)
        self._held: list[Worn | None] = [None] * _HELD
        self._ended: deque[Worn] = deque(maxlen=_ENDED)
        self._connections: deque[Live] = deque()
        self.people: list[str] = []
        self._feed_secret = b""
        self._ours = auth.parts.ready.session_tokens
        self._others = OpaqueTokens(SESSION_PREFIX, Secrets([ANOTHER_SECRET]))
        self._checks: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (50, self.check_held),
            (10, self.check_ended),
            (10, lambda: self.check_bad("garbage", self._garbage())),
            (10, lambda: self.check_bad("unknown key", self._of_unknown_key())),
            (5, lambda: self.check_bad("another's tag", self._others.issue().encode())),
            (5, lambda: self.check_bad("of nobody", self._ours.issue().encode())),
            (5, lambda: self.check_bad("forged", self._forged())),
            (5, self.check_elsewhere),
        ]
        self._others_deeds: list[tuple[float, Callable[[], Awaitable[object]]]] = [
            (0.5, self.fail_to_log_in),
            (0.3, self.end_one),
            (0.02, self.end_all),
            (0.05, self.change_roles),
            (0.05, self.come_and_go),
            (0.1, self.keep_data),
            (0.05, self.subscribe),
            (0.05, self.connect),
        ]

    async def prepare(self) -> None:
        """Make the people, and the service that follows the feed."""
        self.people = [(await self._auth.create_user(_email(number), PASSWORD)).id for number in range(PEOPLE)]
        made = await self._auth.services.create("reports", feed=True)
        self._feed_secret = (made.first.secret or "").encode()

    async def turn(self) -> None:
        """One of them."""
        await self._do(self.log_in)
        await self._do(self.refresh)
        weights = [weight for weight, _ in self._checks]
        for _, check in self._dice.choices(self._checks, weights, k=CHECKS):
            await check()
        for probability, deed in self._others_deeds:
            if self._dice.random() < probability:
                await self._do(deed)

    async def _do(self, deed: Callable[[], Awaitable[object]]) -> None:
        try:
            await deed()
        except (CredentialRefused, DataConflict) as refused:
            self.outcomes[f"{deed.__name__}: {refused.code}"] += 1
        except Broken as away:
            self.outcomes[f"{deed.__name__} again: {away.code}"] += 1
            return
        self.done[deed.__name__] += 1

    # -- logins -------------------------------------------------------------------------------------------------------

    async def log_in(self) -> None:
        carry, number = self._dice.choice(list(Carry)), self.done["log_in"]
        place = number if number < _HELD else self._dice.randrange(_HELD)
        before = self._held[place]
        replaces = before if before is not None and self._dice.random() < 0.5 else None
        audience = self._dice.choice([None, *AUDIENCES]) if carry is Carry.TOKENS else None
        login = await self._auth.login(
            _email(self._dice.randrange(PEOPLE)),
            PASSWORD,
            carry=carry,
            audience=audience,
            client=self._client(),
            replaces=None if replaces is None else replaces.session_id,
        )
        self._held[place] = Worn.of(login, carry, audience)

    async def refresh(self) -> None:
        for _ in range(_TRIES):
            place = self._place_of_somebody()
            worn = self._held[place]
            if worn is None or worn.refresh_token is None:
                continue
            self._held[place] = None  # nobody else may use it meanwhile: that would be a replay
            with suppress(SessionEnded, SessionExpired):
                login = await self._auth.refresh(worn.refresh_token, audience=worn.audience, client=self._client())
                self._held[place] = worn._replace(
                    token=(login.credentials.access_token or "").encode(), refresh_token=login.credentials.refresh_token
                )
                self.outcomes["refreshed"] += 1
                return

    async def fail_to_log_in(self) -> None:
        name = _email(self._dice.randrange(PEOPLE)) if self._dice.random() < 0.1 else f"{self._name()}@example.com"
        await self._must_refuse("a wrong password", self._auth.login(name, self._name() * 2, client=self._client()))

    async def come_and_go(self) -> None:
        login = await self._auth.register(f"{self._name()}@example.com", PASSWORD, client=self._client())
        await self._auth.check(login.credentials.session_token or "", carried_by=CarriedBy.COOKIE)
        await self._auth.delete_user(login.user.id)
        self._ended.append(Worn.of(login, Carry.COOKIE, None))

    async def end_one(self) -> None:
        place = self._dice.randrange(_HELD)
        worn, self._held[place] = self._held[place], None
        if worn is not None:
            await self._auth.end_session(worn.user_id, worn.session_id)
            self._ended.append(worn)

    async def end_all(self) -> None:
        await self._auth.logout_everywhere(self._dice.choice(self.people))

    async def change_roles(self) -> None:
        roles = self._dice.choice([(), ("editor",), ("editor", "reader")])
        await self._auth.set_roles(self._dice.choice(self.people), roles)

    async def keep_data(self) -> None:
        worn = self._held[self._place_of_somebody()]
        if worn is not None:
            kept = await self._auth.session_data.get(worn.session_id)
            await self._auth.session_data.put(worn.session_id, {"basket": self._name()}, kept.version)

    # -- checks -------------------------------------------------------------------------------------------------------

    async def check_held(self) -> None:
        place = self._place_of_somebody()
        worn = self._held[place]
        self.done["check"] += 1
        if worn is None:
            self.outcomes["check: nothing there"] += 1
            return
        try:
            await self._auth.recall(worn.token, worn.carried_by, worn.audience)
            self.outcomes["check: accepted"] += 1
        except CredentialRefused as refused:  # it has expired, or was ended in one of many ways
            self.outcomes[f"check: {refused.code}"] += 1
            if self._held[place] is worn and worn.refresh_token is None:
                self._held[place] = None
        except Broken as away:
            self.outcomes[f"check again: {away.code}"] += 1

    async def check_ended(self) -> None:
        if self._ended:
            worn = self._dice.choice(self._ended)
            await self.check_bad("ended", worn.token, worn.carried_by, worn.audience)

    async def check_elsewhere(self) -> None:
        worn = self._held[self._place_of_somebody()]
        if worn is not None and worn.token.startswith(b"eyJ"):
            await self.check_bad("elsewhere", worn.token, worn.carried_by, f"https://{self._name()}.example")

    async def check_bad(
        self, what: str, token: bytes, carried_by: CarriedBy = CarriedBy.HEADER, audience: str | None = None
    ) -> None:
        self.done["check"] += 1
        await self._must_refuse(what, self._auth.recall(token, carried_by, audience))

    async def _must_refuse(self, what: str, asking: Coroutine[Any, Any, object]) -> None:
        try:
            await asking
        except Broken as away:
            self.outcomes[f"{what} again: {away.code}"] += 1
        except AuthError as refused:
            self.outcomes[f"{what}: {refused.code}"] += 1
        else:
            raise AssertionError(f"accepted: {what}")

    def _garbage(self) -> bytes:
        start = self._dice.choice([b"", b"eyJ", b"ccs_", b"cck_", b"ccr_"])
        return start + self._dice.randbytes(self._dice.choice([0, 10, 44, 300, 3000]))

    def _of_unknown_key(self) -> bytes:
        header = f'{{"alg":"ES256","typ":"at+jwt","kid":"{self._name()}"}}'.encode()
        return b".".join(map(encode, (header, b"{}", self._dice.randbytes(64))))

    def _forged(self) -> bytes:
        """A good one, but for one letter of its tag or signature."""
        worn = self._held[self._place_of_somebody()]
        token = self._ours.issue().encode() if worn is None else worn.token
        return token[:-12] + (b"A" if token[-12:-11] != b"A" else b"B") + token[-11:]

    # -- what stays ---------------------------------------------------------------------------------------------------

    async def subscribe(self) -> None:
        """A verifier comes, is told what there is and what is new, and leaves or is never heard of again."""
        feed: Feed = self._auth.feed
        credential = await feed.admit(self._feed_secret)
        number = await feed.register(credential, name=self._name(), accept_ms=None)
        told = await feed.ask(credential, Question(registration=number))
        head = told.answer.head
        await feed.ask(credential, Question(registration=number, applied=head.position, event_id=head.event_id))
        if self._dice.random() < 0.5:
            await feed.goodbye(credential, number)

    async def connect(self) -> None:
        """Open a connection that stays until it is closed, or until its login ends."""
        worn = self._held[self._place_of_somebody()]
        if worn is None or worn.audience is not None:
            return
        remembered = await self._auth.recall(worn.token, worn.carried_by)
        live = Live(worn.token, worn.carried_by, remembered, _say_goodbye)
        self._auth.live.add(live)
        self._connections.append(live)
        if len(self._connections) > CONNECTIONS:
            self._auth.live.remove(self._connections.popleft())

    def _place_of_somebody(self) -> int:
        """One of the places; there are more empty ones only in the beginning."""
        place = 0
        for _ in range(_TRIES):
            place = self._dice.randrange(_HELD)
            if self._held[place] is not None:
                break
        return place

    def _name(self) -> str:
        return f"{self._dice.getrandbits(96):024x}"

    def _client(self) -> Client:
        bits = self._dice.getrandbits
        address = f"2001:db8:{bits(16):x}:{bits(16):x}::1" if bits(1) else f"10.{bits(8)}.{bits(8)}.{bits(8)}"
        return Client(address=address, device=f"Browser {bits(16)}")


async def _say_goodbye(_: AuthError) -> None:
    """Nobody is at the other end."""


def _email(number: int) -> str:
    return f"person{number}@example.com"
