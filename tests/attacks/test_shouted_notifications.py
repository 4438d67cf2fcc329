"""FD-09, JW-15: whoever may connect to the database, with no right to any table, listens and notifies as servers do.

PostgreSQL lets every role notify on every channel. What servers tell each other there is signed, and says only what is
refused; so a stranger brings in no key, ends no login, and keeps nobody from anything, with words of their own or with
those that they have heard, be it before a backup was restored.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
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
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres.notification import CHANNEL, Notifications
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.keyring import generate
from coatcheck.tokens.signatures import signing
from coatcheck.upkeep.restore import begin_again
from coatcheck.upkeep.seldom import APART
from tests.machines import pem_of
from tests.postgres import drop_database, new_role
from tests.stores.postgres.seldom import SECRET, an_auth

PASSWORD = "three quiet herons wade"
pytestmark = pytest.mark.anyio


class Stranger:
    """A role that may connect to the database, and nothing else."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        connection.execute(f"LISTEN {CHANNEL}")

    def shout(self, payload: str) -> None:
        self._connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])

    def flood(self, said: str) -> None:
        """Five hundred notifications at once; of what is the same in one transaction only one would be told."""
        epoch, _, rest = said.partition(" ")
        self._connection.execute(
            "SELECT pg_notify(%s, %s || ' ' || repeat('0', each) || %s) FROM generate_series(1, 500) AS each",
            [CHANNEL, epoch, rest],
        )

    def heard(self) -> list[str]:
        """What was told until now, and has words."""
        payloads = [heard.payload for heard in self._connection.notifies(timeout=1.0)]
        return [payload for payload in payloads if payload.partition("\n")[2]]


@contextmanager
def stranger_at(url: str) -> Iterator[Stranger]:
    with new_role(url) as theirs, psycopg.connect(theirs, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM coatcheck_events")
        yield Stranger(connection)


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
            position = auth.parts.running.replica.position
            assert position is not None
            theirs = Notifications(Secrets(["another secret, of somebody who is a stranger"]), position.epoch)
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


async def test_words_of_a_history_that_a_backup_undid_refuse_nothing_in_the_next(postgres_url: str) -> None:
    """A backup's counters are lower than those that the stranger heard of: what is fresh would be refused for ever."""
    async with an_auth(postgres_url) as auth:
        user = (await auth.register("ann@example.com", PASSWORD)).user
    administrators = urlunsplit(urlsplit(postgres_url)._replace(path="/postgres"))
    app = urlsplit(postgres_url).path[1:]
    backup = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{app}_backup"))
    with psycopg.connect(administrators, autocommit=True) as owner:
        owner.execute(f'CREATE DATABASE "{app}_backup" TEMPLATE "{app}"')
    try:
        with stranger_at(postgres_url) as stranger:
            async with an_auth(postgres_url) as auth:
                for number in range(5):
                    await auth.end_everything(reason="a test")
                    await auth.set_roles(user.id, (f"role{number}",))
            heard = [each.partition("\n")[2] for each in stranger.heard()]
            assert len(heard) == 10
        store, settings = store_for(backup), an_auth(backup).settings
        await store.open()
        now, epoch = datetime.now(UTC), (await store.read(lambda tx: tx.log.head())).epoch.successor()
        await store.write(lambda tx: begin_again(tx, Secrets([SECRET]), settings, epoch, now=now))
        await store.close()
        async with an_auth(backup) as auth:
            with stranger_at(backup) as stranger:
                for ahead, words in enumerate(heard, 1):
                    stranger.shout(f"{place(auth, ahead=ahead)}\n{words}")
                await let_it_be_heard(auth)
            for carry in (Carry.TOKENS, Carry.HEADER):
                login = await auth.login("ann@example.com", PASSWORD, carry=carry)
                assert (await auth.check(bearer(login))).user_id == user.id
            ended = await auth.login("ann@example.com", PASSWORD, carry=Carry.TOKENS)
            await auth.end_session(user.id, ended.session.id)
            with pytest.raises(CredentialRefused):
                await auth.check(bearer(ended))
    finally:
        drop_database(backup)


async def test_a_flood_of_shouts_is_a_few_questions(postgres_url: str) -> None:
    """Without words, with words that nobody signed, and with those that were heard before."""
    async with an_auth(postgres_url) as auth:
        login = await auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        ended = await auth.login("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        follower, rung = auth.parts.running.follower, 0

        def ring() -> None:
            nonlocal rung
            rung += 1

        with stranger_at(postgres_url) as stranger:
            await auth.end_session(ended.user.id, ended.session.id, wait=True)
            (heard,) = stranger.heard()
            await let_it_be_heard(auth)
            follower.ring_too(ring)
            began = asyncio.get_running_loop().time()
            for said in ("", "nonsense", f"{place(auth, ahead=1)}\nunsigned", heard):
                stranger.flood(said)
            await let_it_be_heard(auth)
            seconds = asyncio.get_running_loop().time() - began
        assert 1 <= rung <= seconds / APART + 2
        assert (await auth.check(bearer(login))).session_id == login.session.id
