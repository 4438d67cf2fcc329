"""How the contracts reach a store, and the records they put into it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from coatcheck.model.event import Event, Happening
from coatcheck.model.identifiers import KEY, REGISTRATION, SERVICE, SESSION, USER, new_identifier
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.model.position import Position
from coatcheck.model.service import Service
from coatcheck.model.session import Carry, Session
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User
from coatcheck.stores.port import Registry, Store, Transaction

Result = TypeVar("Result")

NOW = datetime(2026, 3, 1, 12, 30, 15, 123_457, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Driving:
    """Runs units of work from synchronous tests, each on an event loop of its own."""

    @pytest.fixture
    def store(self) -> Store:
        """The store under test, open and empty."""
        raise NotImplementedError("give the contract a `store` fixture")

    @pytest.fixture
    def twin(self, store: Store) -> Store:
        """Another object over the same data, where there can be one."""
        return store

    @staticmethod
    def write(store: Store, work: Callable[[Transaction], Result]) -> Result:
        """Run ``work`` and commit it."""
        return asyncio.run(store.write(work))

    @staticmethod
    def append(store: Store, *happenings: Happening, awaited: bool = False) -> Sequence[Event]:
        """Append ``happenings`` in one unit of work, commit it, and return the events."""

        def work(tx: Transaction) -> None:
            for happening in happenings:
                tx.log.append(happening)

        return asyncio.run(store.commit(work, awaited=awaited)).events

    @staticmethod
    def read(store: Store, work: Callable[[Transaction], Result]) -> Result:
        """Run ``work`` over one consistent read."""
        return asyncio.run(store.read(work))

    @staticmethod
    def write_registry(store: Store, work: Callable[[Registry], Result]) -> Result:
        """Run ``work`` over the registry and commit it."""
        return asyncio.run(store.write_registry(work))

    @staticmethod
    def read_registry(store: Store, work: Callable[[Registry], Result]) -> Result:
        """Run ``work`` over one consistent read of the registry."""
        return asyncio.run(store.read_registry(work))

    @staticmethod
    def race(stores: Sequence[Store], works: Sequence[Callable[[Transaction], Result]]) -> list[Result]:
        """Run all ``works`` at once, in turn on each of ``stores``."""

        async def all_at_once() -> list[Result]:
            return await asyncio.gather(
                *(stores[number % len(stores)].write(work) for number, work in enumerate(works))
            )

        return asyncio.run(all_at_once())


def a_user(**changes: Any) -> User:
    """A user whom nobody else is."""
    user_id = new_identifier(USER)
    return User(
        **{
            "id": user_id,
            "email": f"{user_id}@Example.com",
            "email_key": f"{user_id}@example.com",
            "created_at": NOW,
            "password_changed_at": NOW,
            **changes,
        }
    )


def a_session(user_id: str, **changes: Any) -> Session:
    """A live session of ``user_id``."""
    session_id = new_identifier(SESSION)
    return Session(
        **{
            "id": session_id,
            "user_id": user_id,
            "carry": Carry.COOKIE,
            "secret_digest": session_id.encode(),
            "stepped_at": NOW,
            "everything_generation": 1,
            "created_at": NOW,
            "authenticated_at": NOW,
            "seen_at": NOW,
            "expires_at": NOW + timedelta(hours=12),
            "idle_for": timedelta(hours=2),
            **changes,
        }
    )


def a_service(**changes: Any) -> Service:
    """A service that nothing else is."""
    return Service(**{"id": new_identifier(SERVICE), "name": "worker", "created_at": NOW, **changes})


def a_key(**changes: Any) -> SigningKey:
    """A retired key, of which there may be many."""
    return SigningKey(
        **{
            "kid": new_identifier(KEY),
            "algorithm": Algorithm.ES256,
            "status": KeyStatus.RETIRED,
            "public_key": "-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n",
            "sealed_private_key": b"\x00sealed\xff",
            "sealed_under": "secret-1",
            "created_at": NOW,
            "usable_from": NOW,
            "status_since": NOW,
            **changes,
        }
    )


def a_registration(since: Position, **changes: Any) -> Registration:
    """A subscriber that has just registered."""
    return Registration(
        **{
            "number": new_identifier(REGISTRATION),
            "name": "web-1",
            "since": since,
            "lease_ms": 5_000,
            "accept_ms": None,
            "registered_at": NOW,
            "heard_at": NOW,
            **changes,
        }
    )
