"""What goes in comes out equal, for any record that may go in."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coatcheck.model.audit import AuditEntry
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.model.position import Epoch, Position
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service, ServiceStatus
from coatcheck.model.session import Carry, Ending, Session
from coatcheck.model.session_data import SessionData
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.memory import MemoryStore
from coatcheck.stores.open import store_for
from coatcheck.testing.contracts.driving import a_session

# Surrogates are no text (UTF-8 has none); NUL is refused before it comes here.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
NUMBER = st.integers(1, 2**62)
SPAN_SINCE_1970 = st.timedeltas(timedelta(0), timedelta(days=365 * 8_000))
INSTANT = SPAN_SINCE_1970.map(lambda span: datetime(1970, 1, 1, tzinfo=UTC) + span)
SPAN = st.timedeltas(timedelta(0), timedelta(days=100_000))
WORDS = st.lists(TEXT, max_size=3).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
POSITION = st.builds(Position, st.builds(Epoch, NUMBER, st.from_regex(r"[0-9a-f]{8}", fullmatch=True)), NUMBER)


USERS = st.builds(
    User,
    id=TEXT,
    email=TEXT,
    email_key=TEXT,
    name=TEXT,
    password_hash=st.none() | TEXT,
    roles=WORDS,
    status=st.sampled_from(UserStatus),
    version=NUMBER,
    created_at=INSTANT,
    password_changed_at=INSTANT,
    data=st.dictionaries(TEXT, JSON, max_size=3),
)
SESSIONS = st.builds(
    Session,
    id=TEXT,
    user_id=TEXT,
    carry=st.sampled_from(Carry),
    generation=NUMBER,
    step=NUMBER,
    secret_digest=st.binary(max_size=64),
    previous_digest=st.none() | st.binary(max_size=64),
    stepped_at=INSTANT,
    stepped_with=TEXT,
    everything_generation=NUMBER,
    created_at=INSTANT,
    authenticated_at=INSTANT,
    seen_at=INSTANT,
    expires_at=INSTANT,
    idle_for=SPAN,
    remember=st.booleans(),
    amr=WORDS,
    audiences=WORDS,
    device=TEXT,
    address=TEXT,
    organisation=st.none() | TEXT,
    ended_at=st.none() | INSTANT,
    ending=st.none() | st.sampled_from(Ending),
    kind=st.sampled_from(Kind),
    name=TEXT,
    scopes=WORDS,
    public_key=st.none() | TEXT,
)
SERVICES = st.builds(
    Service,
    id=TEXT,
    name=TEXT,
    audiences=WORDS,
    scopes=WORDS,
    feed=st.booleans(),
    status=st.sampled_from(ServiceStatus),
    version=NUMBER,
    created_at=INSTANT,
)
KEYS = st.builds(
    SigningKey,
    kid=TEXT,
    algorithm=st.sampled_from(Algorithm),
    status=st.sampled_from(KeyStatus),
    public_key=st.none() | TEXT,
    sealed_private_key=st.binary(max_size=64),
    sealed_under=TEXT,
    created_at=INSTANT,
    usable_from=INSTANT,
    status_since=INSTANT,
)
ENTRIES = st.builds(
    AuditEntry,
    id=TEXT,
    at=INSTANT,
    kind=TEXT,
    user_id=st.none() | TEXT,
    actor_id=st.none() | TEXT,
    session_id=st.none() | TEXT,
    address=TEXT,
    detail=st.dictionaries(TEXT, TEXT, max_size=3),
)
REGISTRATIONS = st.builds(
    Registration,
    number=TEXT,
    name=TEXT,
    since=POSITION,
    acknowledged=st.none() | POSITION,
    lease_ms=NUMBER,
    accept_ms=st.none() | NUMBER,
    registered_at=INSTANT,
    heard_at=INSTANT,
    lapsed_at=st.none() | INSTANT,
    credential=st.none() | TEXT,
)


SESSION_DATA = st.builds(
    SessionData,
    session_id=TEXT,
    version=NUMBER,
    data=st.dictionaries(TEXT, JSON, max_size=3),
    updated_at=INSTANT,
)


class _Enough(Exception):
    """Ends a unit of work that is not to stay."""


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def store(request, tmp_path_factory):
    if request.param == "memory":
        yield MemoryStore()
        return
    store = store_for(f"sqlite:///{tmp_path_factory.mktemp('round_trip')}/coatcheck.db")
    asyncio.run(store.open())
    yield store
    asyncio.run(store.close())


def check(store, put, get, record):
    """Put ``record`` in, take it out, compare, and roll back."""

    def work(tx):
        put(tx, record)
        assert get(tx, record) == record
        raise _Enough

    write = store.write_registry if isinstance(record, Registration) else store.write
    with pytest.raises(_Enough):
        asyncio.run(write(work))


THOROUGHLY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@THOROUGHLY
@given(record=USERS)
def test_any_user(store, record):
    check(store, lambda tx, user: tx.users.add(user), lambda tx, user: tx.users.get(user.id), record)
    check(store, lambda tx, user: tx.users.add(user), lambda tx, user: tx.users.by_email_key(user.email_key), record)
    check(store, lambda tx, user: tx.users.add(user), lambda tx, _: tx.users.page()[0], record)


@THOROUGHLY
@given(record=SESSIONS)
def test_any_session(store, record):
    check(store, lambda tx, session: tx.sessions.add(session), lambda tx, session: tx.sessions.get(session.id), record)


@THOROUGHLY
@given(record=SERVICES)
def test_any_service(store, record):
    check(store, lambda tx, service: tx.services.add(service), lambda tx, service: tx.services.get(service.id), record)


@THOROUGHLY
@given(record=SESSION_DATA)
def test_any_data_beside_a_session(store, record):
    def put(tx, row):
        tx.sessions.add(a_session("usr_x", id=row.session_id))
        assert tx.sessions.put_data(row, expected_version=0)

    check(store, put, lambda tx, row: tx.sessions.get_data(row.session_id), record)


@THOROUGHLY
@given(record=KEYS)
def test_any_key(store, record):
    check(store, lambda tx, key: tx.keys.add(key), lambda tx, key: tx.keys.get(key.kid), record)


@THOROUGHLY
@given(record=ENTRIES)
def test_any_audit_entry(store, record):
    check(store, lambda tx, entry: tx.audit.add(entry), lambda tx, _: tx.audit.page()[0], record)


@THOROUGHLY
@given(record=REGISTRATIONS)
def test_any_registration(store, record):
    check(store, lambda registry, row: registry.add(row), lambda registry, row: registry.get(row.number), record)
