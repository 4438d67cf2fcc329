"""FD-09, JW-15: whoever may connect to the database, with no right to any table, listens and notifies as servers do.

PostgreSQL lets every role notify on every channel. What servers tell each other there is signed, and says only what is
refused; so a stranger brings in no key, ends no login, and keeps nobody from anything, with words of their own or with
those that they have heard.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from msgspec import json

from coatcheck import Auth
from coatcheck.errors import CredentialRefused, TokenInvalid
from coatcheck.model.event import EverythingEnded, KeyAdded, KeyRevoked, SessionEnded, UserChanged, new_event_id
from coatcheck.model.identifiers import KEY, new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.model.login import Login
from coatcheck.model.session import Carry
from coatcheck.stores.postgres.notification import CHANNEL, Notifications
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import generate
from coatcheck.tokens.signatures import signing
from tests.machines import pem_of
from tests.stores.postgres.seldom import an_auth

PASSWORD = "three quiet herons wade"
pytestmark = pytest.mark.anyio


class Stranger:
    """A role that may connect to the database, and nothing else."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        connection.execute(f"LISTEN {CHANNEL}")

    def shout(self, payload: str) -> None:
        self._connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])

    def heard(self) -> list[str]:
        """What was told until now, and has words."""
        payloads = [heard.payload for heard in self._connection.notifies(timeout=1.0)]
        return [payload for payload in payloads if payload.partition("\n")[2]]


@contextmanager
def stranger_at(url: str) -> Iterator[Stranger]:
    parts = urlsplit(url)
    with psycopg.connect(url, autocommit=True) as owner:
        name = f"coatcheck_stranger_{os.getpid()}"  # a role is of the whole server, which others may use too
        owner.execute(f"CREATE ROLE {name} LOGIN")
        try:
            theirs = urlunsplit(parts._replace(netloc=f"{name}@{parts.hostname}:{parts.port}"))
            with psycopg.connect(theirs, autocommit=True) as connection:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("SELECT * FROM coatcheck_events")
                yield Stranger(connection)
        finally:
            owner.execute(f"DROP ROLE {name}")


async def let_it_be_heard(auth: Auth) -> None:
    """Whatever was shouted before has been heard when a whole sync, and what came after it, has."""
    await asyncio.sleep(0.3)
    await auth.parts.running.follower.sync()


def bearer(login: Login) -> str:
    return login.credentials.access_token or login.credentials.session_token or ""


def place(auth: Auth, *, ahead: int) -> str:
    position = auth.parts.running.replica.position
    assert position is not None
    return f"{position.epoch} {position.seq + ahead}"


@pytest.mark.parametrize("words", ["unsigned", "signed with another secret"])
async def test_a_key_of_a_stranger_opens_nothing(postgres_url: str, words: str) -> None:
    async with an_auth(postgres_url) as auth:
        login = await auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        private, kid = generate(Algorithm.ES256), new_identifier(KEY)
        added = KeyAdded(kid, Algorithm.ES256.value, pem_of(private))
        said = json.encode([False, [new_event_id()], [added]]).decode()
        if words != "unsigned":
            theirs = Notifications(Secrets(["another secret, of somebody who is a stranger"]))
            signed = theirs.words_for([new_event_id()], [SessionEnded(login.session.id)], is_urgent=False)
            said = signed[: signed.index("[")] + said
        header, claims, _ = bearer(login).split(".")
        forged = {
            **json.decode(decode(claims.encode())),
            "roles": ["coatcheck:admin"],
        }
        head = {**json.decode(decode(header.encode())), "kid": kid}
        signed_part = b".".join(encode(json.encode(part)) for part in (head, forged))
        token = signed_part + b"." + encode(signing(Algorithm.ES256, private)(signed_part))
        with stranger_at(postgres_url) as stranger:
            stranger.shout(f"{place(auth, ahead=1)}\n{said}")
            await let_it_be_heard(auth)
            with pytest.raises(TokenInvalid):
                await auth.check(token.decode())
        assert (await auth.check(bearer(login))).roles == frozenset()


async def test_nobody_is_logged_out_by_what_a_stranger_says(postgres_url: str) -> None:
    async with an_auth(postgres_url) as auth:
        login = await auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        (key, *_) = await auth.keys()
        said = [
            EverythingEnded(99),
            SessionEnded(login.session.id),
            UserChanged(login.user.id, 99),
            KeyRevoked(key.kid),
        ]
        unsigned = json.encode([True, [new_event_id() for _ in said], said]).decode()
        with stranger_at(postgres_url) as stranger:
            for payload in ("", "nonsense", "\n" * 99, "ä" * 40, f"{place(auth, ahead=4)}\n{unsigned}", unsigned):
                stranger.shout(payload)
                stranger.shout(f"{place(auth, ahead=4)}\n{'A' * 26}{payload}")
            await let_it_be_heard(auth)
        assert (await auth.check(bearer(login))).user_id == login.user.id
        again = await auth.login("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        receipt = await auth.end_session(again.user.id, again.session.id, wait=True)
        assert receipt.confirmed, "it follows the log as before"


async def test_words_that_were_heard_and_are_said_again_elsewhere_change_nothing(postgres_url: str) -> None:
    async with an_auth(postgres_url) as auth:
        login = await auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        ended = await auth.login("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        with stranger_at(postgres_url) as stranger:
            await auth.end_session(ended.user.id, ended.session.id)
            (heard,) = stranger.heard()
            await auth.parts.running.follower.sync()
            words, replica = heard.partition("\n")[2], auth.parts.running.replica
            floor = replica.floor
            for ahead in (-1, 0, 1, 500, 10**6, 10**18):
                stranger.shout(f"{place(auth, ahead=ahead)}\n{words}")
            stranger.shout(f"9-00000000 1\n{words}")
            await let_it_be_heard(auth)
            assert len(replica._ahead) <= 2, "what is further ahead than can be is not kept"
            assert replica.floor == floor
        assert (await auth.check(bearer(login))).session_id == login.session.id
        with pytest.raises(CredentialRefused):
            await auth.check(bearer(ended))
        await auth.end_session(login.user.id, login.session.id, wait=True)
        with pytest.raises(CredentialRefused):
            await auth.check(bearer(login))
