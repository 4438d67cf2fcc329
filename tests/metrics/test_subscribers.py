"""The registry in numbers: how far behind, how silent, and never more services than can be told apart."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from coatcheck.metrics.subscribers import MOST_SERVICES, OTHERS, SERVERS, about_subscribers, names_of
from coatcheck.model.position import Epoch, Position
from coatcheck.model.subscriber import Registration

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EPOCH, OLDER = Epoch(2, "bbbbbbbb"), Epoch(1, "aaaaaaaa")


def row(seq: int, *, epoch: Epoch = EPOCH, credential: str | None = None, silent: float = 0.0, lapsed: bool = False):
    """A subscriber that has confirmed up to ``seq``."""
    return Registration(
        number="sub",
        name="a name of its own choice",
        since=Position(epoch, 0),
        acknowledged=Position(epoch, seq),
        lease_ms=5000,
        accept_ms=None,
        registered_at=NOW,
        heard_at=NOW - timedelta(seconds=silent),
        lapsed_at=NOW if lapsed else None,
        credential=credential,
    )


def numbers(*rows: Registration, names: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    told = about_subscribers(rows, names or {}, Position(EPOCH, 10), NOW.timestamp())
    return {(value.name.removeprefix("coatcheck_subscriber"), *value.labels): value.number for value in told}


def test_of_each_service_the_worst_is_told():
    told = numbers(
        row(10),
        row(7, silent=3),
        row(4, credential="a", silent=1),
        row(10, credential="b", silent=2),
        names={"a": "orders", "b": "orders"},
    )
    assert told == {
        ("s", SERVERS, "active"): 2,
        ("_lag_events", SERVERS): 3,
        ("_silence_seconds", SERVERS): 3,
        ("s", "orders", "active"): 2,
        ("_lag_events", "orders"): 6,
        ("_silence_seconds", "orders"): 2,
    }


def test_what_was_confirmed_of_an_older_history_counts_for_nothing():
    assert numbers(row(9, epoch=OLDER))["_lag_events", SERVERS] == 10


def test_who_has_lapsed_is_counted_and_otherwise_left_out():
    assert numbers(row(0, lapsed=True, silent=99)) == {("s", SERVERS, "lapsed"): 1}


def test_no_more_services_are_told_apart_than_fit_and_the_others_are_one():
    credentials = [f"ses_{number:04}" for number in range(3 * MOST_SERVICES)]
    tx = SimpleNamespace(
        sessions=SimpleNamespace(get=lambda each: SimpleNamespace(user_id=each)),
        services=SimpleNamespace(get=lambda each: SimpleNamespace(name=f"service {each}")),
    )
    names = names_of(tx, credentials)
    assert len(set(names.values())) == MOST_SERVICES
    told = numbers(*(row(10, credential=each) for each in credentials), names=names)
    assert told["s", OTHERS, "active"] == 2 * MOST_SERVICES
    assert len(told) == 3 * (MOST_SERVICES + 1)
