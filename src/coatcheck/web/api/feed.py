"""The revocation feed over HTTP, for services that hold no database (rule 16 of ``docs/revocation.md``).

A long poll: the answer is held until there is something new, for a fifth of the lease at most. Any server of several
can answer the next one. Which credential asks decides whose registration it may be and under which key sessions and
users are named.
"""

import asyncio
from contextlib import suppress
from typing import Final

from msgspec import Raw, json, structs

from coatcheck.auth.feed import Told
from coatcheck.authority import Snapshot
from coatcheck.carriers.presented import LONGEST
from coatcheck.carriers.raw import values_of
from coatcheck.errors import (
    AccessDenied,
    AttemptsExceeded,
    CheckingStale,
    CredentialRefused,
    FieldError,
    RegistrationUnknown,
    RequestInvalid,
    RequestMalformed,
    RequestNotFound,
    ServiceRefused,
    StoreUnavailable,
    TokenMissing,
)
from coatcheck.feed import FeedAnswer, FeedQuestion, asked_in, write_answer
from coatcheck.patience import Unhurried
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May

_MUCH: Final = 500
"""From so many entries on, an answer is written in a thread: naming and encoding a large snapshot takes a while."""


async def follow(call: Call) -> Reply:
    """What is new for this subscriber; without a registration, register first."""
    with Unhurried():  # an answer that is held takes longer than any other may
        return await _follow(call)


async def leave(call: Call) -> Reply:
    """Give a registration up: no barrier waits for it any more."""
    await call.installation.auth.feed.goodbye(await _credential(call), call.path["registration"])
    return Reply(status=204)


async def _follow(call: Call) -> Reply:
    asked: FeedQuestion = call.body
    feed, credential = call.installation.auth.feed, await _credential(call)
    try:
        question = asked_in(asked, asked.registration or "")
    except ValueError:
        raise RequestInvalid([FieldError("position", "This is no position.")]) from None
    if asked.registration is None:
        given = await feed.register(credential, name=asked.name or "", accept_ms=asked.accept_ms)
        question = structs.replace(question, registration=given)
    gone = asyncio.ensure_future(call.gone())
    try:
        told = await feed.ask(credential, question, hold=asked.wait_ms / 1000, gone=gone)
    except (ConnectionAbortedError, StoreUnavailable) as fault:
        if asked.registration is None:  # nobody was told of it: no barrier shall wait for it
            with suppress(StoreUnavailable):
                await feed.goodbye(credential, question.registration)
        if isinstance(fault, StoreUnavailable):
            raise
        raise RequestMalformed("The connection ended before the answer.") from None
    finally:
        gone.cancel()
    await _credential(call)  # the answer may have been held: whoever was let in may be out by now
    if _entries(told) < _MUCH:
        return Reply(_written(told))
    return Reply(Raw(await asyncio.to_thread(lambda: json.encode(_written(told)))))


async def _credential(call: Call) -> str:
    """The id of the credential that asks, from ``Authorization: Bearer`` alone. Raises as ``auth.feed.admit`` does."""
    lines = values_of(call.headers, b"authorization")
    if not lines:
        raise TokenMissing
    scheme, _, presented = lines[0].partition(b" ")
    if len(lines) > 1 or scheme.lower() != b"bearer" or len(presented) > LONGEST:
        raise ServiceRefused
    return await call.installation.auth.feed.admit(presented.strip(b" "))


def _written(told: Told) -> FeedAnswer:
    return write_answer(told.answer, told.registration, told.key)


def _entries(told: Told) -> int:
    answer = told.answer
    if isinstance(answer, Snapshot):
        return len(answer.ended) + len(answer.generations) + len(answer.versions)
    return len(answer.events)


_REFUSED: Final = (CredentialRefused, ServiceRefused)

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="api/feed",
        verb=follow,
        summary="Follow what is revoked",
        may=May.ANYONE,
        body=FeedQuestion,
        result=FeedAnswer,
        errors=(*_REFUSED, RegistrationUnknown, AttemptsExceeded, StoreUnavailable, CheckingStale, AccessDenied),
    ),
    Endpoint(
        method="DELETE",
        path="api/feed/{registration}",
        verb=leave,
        summary="Stop following",
        may=May.ANYONE,
        errors=(*_REFUSED, RequestNotFound, StoreUnavailable, CheckingStale, AccessDenied),
    ),
)
