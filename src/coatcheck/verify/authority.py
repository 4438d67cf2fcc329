"""The server as an authority, over HTTP (rule 16): what ``stores.authority`` is beside the database."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from msgspec import DecodeError, json, structs

from coatcheck.authority import Answer, Delta, Found, LookUp, Question, Snapshot, Unregistered
from coatcheck.clock import Clock, now_of
from coatcheck.errors import StoreUnavailable
from coatcheck.feed import FeedAnswer, FeedQuestion, Place, read_answer, read_key
from coatcheck.model.position import Position
from coatcheck.verify.credential import Credential
from coatcheck.verify.http import FORM, JSON, Answered, Http
from coatcheck.verify.introspection import read_found

Result = TypeVar("Result")

ANSWER_WITHIN: Final = 2.5
"""Seconds that the server may take to begin an answer, beside what it was asked to hold it."""

SNAPSHOT_WITHIN: Final = 30.0
"""The same for an answer that may be a snapshot, which can take a while to write."""

_read_answer: Final = json.Decoder(FeedAnswer).decode


class Terms(NamedTuple):
    """What a registration was given under: the key of the names in the feed, and T."""

    key: bytes
    cache_for: timedelta

    def __repr__(self) -> str:
        return f"Terms(cache_for={self.cache_for})"


class _First(NamedTuple):
    """The answer that came with a registration, and what was asked then."""

    registration: str
    known: tuple[Position | None, str | None]
    asked_at: float
    answer: Delta | Snapshot


class HttpAuthority:
    """Asks the server. Every request blocks a thread of its own, so that none waits for another.

    ``audiences`` are whom tokens that it is asked about have to be for: one of them.
    ``take_terms`` is called before a registration under other terms than the last is used: everything that was known
    under the old ones has to be forgotten in it.
    """

    def __init__(
        self,
        http: Http,
        credential: Credential,
        clock: Clock,
        take_terms: Callable[[Terms], None],
        audiences: frozenset[str],
    ) -> None:
        self._http = http
        self._audiences = audiences
        self._credential = credential
        self._clock = clock
        self._take_terms = take_terms
        self._terms: Terms | None = None
        self._known: tuple[Position | None, str | None] = (None, None)
        self._first: _First | None = None
        self._registration: str | None = None
        self._giving_up: set[asyncio.Task[None]] = set()

    async def register(self, name: str, accept_ms: int | None) -> str:
        """Register; the answer brings what ``sync`` would be told next. Raises StoreUnavailable.

        An earlier registration, under which nothing is trusted any more, is given up: no barrier shall wait for it.
        """
        known, asked_at = self._known, self._clock.steady()
        asked = FeedQuestion(name=name, accept_ms=accept_ms, position=_place(known[0]), event_id=known[1], wait_ms=0)
        told = await self._ask(asked, SNAPSHOT_WITHIN if known[0] is None else ANSWER_WITHIN)
        if isinstance(told, Unregistered):
            raise StoreUnavailable("The server gives no registration.")
        terms = _terms(told)
        if terms != self._terms:
            self._terms, self._known = terms, (None, None)
            self._take_terms(terms)
        answer = _answer(told)
        if not isinstance(answer, Unregistered):
            self._first = _First(told.registration, known, asked_at, answer)
        if self._registration is not None:
            task = asyncio.create_task(self._give_up(self._registration), name="coatcheck-verifier-give-up")
            self._giving_up.add(task)
            task.add_done_callback(self._giving_up.discard)
        self._registration = told.registration
        return told.registration

    async def sync(self, question: Question) -> Answer:
        """Ask what is new. Raises StoreUnavailable."""
        self._known = known = (question.applied, question.event_id)
        first, self._first = self._first, None
        if first is not None and (first.registration, first.known) == (question.registration, known):
            return self._aged(first)
        asked = FeedQuestion(
            registration=question.registration,
            position=_place(question.applied),
            event_id=question.event_id,
            wait_ms=question.wait_ms,
        )
        within = SNAPSHOT_WITHIN if question.applied is None else ANSWER_WITHIN + question.wait_ms / 1000
        told = await self._ask(asked, within)
        if isinstance(told, Unregistered) or _terms(told) != self._terms:
            return Unregistered()
        return _answer(told)

    async def look_up(self, asked: LookUp) -> Found:
        """Ask about one token (RFC 7662). Raises TokenInvalid where it is not good, or not for this service;
        StoreUnavailable."""
        token = (asked.token or b"").decode("latin-1")

        def work() -> Found:
            proof = self._credential.proof()
            answered = self._http.request(
                "POST",
                "api/introspect",
                headers={"content-type": FORM, **proof.headers},
                body=urlencode({"token": token, **proof.form}).encode(),
                within=ANSWER_WITHIN,
            )
            if answered.status != 200:
                raise StoreUnavailable
            return read_found(answered.body, now_of(self._clock), self._audiences)

        try:
            return await in_thread(work)
        except StoreUnavailable:
            raise StoreUnavailable from None  # what is wrong between the two servers is no caller's business

    async def goodbye(self, registration: str) -> None:
        """Give the registration up. Raises StoreUnavailable."""
        await self._call("DELETE", f"api/feed/{quote(registration, safe='')}", None, ANSWER_WITHIN)

    async def _give_up(self, registration: str) -> None:
        with suppress(StoreUnavailable):
            await self.goodbye(registration)

    def _aged(self, first: _First) -> Answer:
        """The first answer, as old as the time since it was asked for: the lease counts from then."""
        answer = first.answer
        age_ms = answer.age_ms + int((self._clock.steady() - first.asked_at) * 1000) + 1
        return structs.replace(answer, age_ms=age_ms)

    async def _ask(self, asked: FeedQuestion, within: float) -> FeedAnswer | Unregistered:
        return await self._call("POST", "api/feed", asked, within)

    async def _call(
        self, method: str, path: str, asked: FeedQuestion | None, within: float
    ) -> FeedAnswer | Unregistered:
        body = None if asked is None else json.encode(asked)

        def work() -> FeedAnswer | Unregistered:
            headers = {"authorization": f"Bearer {self._credential.bearer(self._http)}"}
            if body is not None:
                headers["content-type"] = JSON
            answered = self._http.request(method, path, headers=headers, body=body, within=within)
            return self._understood(answered)

        return await in_thread(work)

    def _understood(self, answered: Answered) -> FeedAnswer | Unregistered:
        where, status = self._http.address.issuer, answered.status
        if status in (204, 409):
            return Unregistered()
        if status in (401, 403):
            self._credential.refused()
            raise StoreUnavailable(f"{where} refuses this service's credential (status {status}).")
        if status == 429:
            raise StoreUnavailable(f"{where} has as many subscribers of this credential as it allows.")
        if status >= 500:
            raise StoreUnavailable(f"{where} can't answer now (status {status}).")
        if status != 200:
            raise StoreUnavailable(f"{where} does not answer as a Coatcheck server with a feed does (status {status}).")
        try:
            return _read_answer(answered.body)
        except (DecodeError, RecursionError):
            raise StoreUnavailable(f"What {where} answers is not understood here.") from None


def _answer(told: FeedAnswer) -> Answer:
    try:
        return read_answer(told)
    except ValueError:
        raise StoreUnavailable("What the server answers is not understood here.") from None


def _terms(told: FeedAnswer) -> Terms:
    try:
        return Terms(read_key(told), timedelta(milliseconds=told.token_ms))
    except ValueError:
        raise StoreUnavailable("What the server answers is not understood here.") from None


def _place(position: Position | None) -> Place | None:
    return None if position is None else Place(epoch=str(position.epoch), seq=position.seq)


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run what blocks in a daemon thread of its own: the interpreter's end does not wait for it, as it would for a
    pool's."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except BaseException as fault:  # noqa: BLE001 - it is the caller's, whatever it is
            _hand_over(loop, done, None, fault)
        else:
            _hand_over(loop, done, result, None)

    threading.Thread(target=run, name="coatcheck-verifier-call", daemon=True).start()
    return await done


def _hand_over(
    loop: asyncio.AbstractEventLoop, done: "asyncio.Future[Result]", result: Result | None, fault: BaseException | None
) -> None:
    def settle() -> None:
        if done.done():
            return
        if fault is not None:
            done.set_exception(fault)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    try:
        loop.call_soon_threadsafe(settle)
    except RuntimeError:
        return  # the loop has been closed: nobody waits any more
