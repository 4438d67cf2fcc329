"""FT-02 in short; ``python -m tests.faults crash-points`` dies at every point. And the judge notices what is wrong."""

from pathlib import Path

import pytest

from coatcheck import Auth
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import SessionEnded
from coatcheck.model.login import Login
from coatcheck.model.session import Ending
from coatcheck.stores.port import Transaction
from tests.faults.crash_points import every_point
from tests.faults.crash_points.every_point import POSTGRES, SQLITE
from tests.faults.deeds import DEEDS, Deed, Scene, log_in, log_out

pytestmark = pytest.mark.xdist_group("crash points")


def test_whoever_dies_between_two_statements_has_done_all_or_nothing(tmp_path: Path, postgres_server: str) -> None:
    found = every_point.crash(tmp_path, postgres_server, every=30)
    figures = every_point.figures(found)
    assert figures["deaths"] > 100
    for deed in DEEDS:
        has_points_around_each_commit(found[f"{SQLITE}: {deed.name}"].points, "before", "after")
        has_points_around_each_commit(found[f"{POSTGRES}: {deed.name}"].points, "before", "sent", "answered")


def has_points_around_each_commit(points: list[str], *moments: str) -> None:
    commit = points.index("before COMMIT")
    seen = [point.partition(" ")[0] for point in points[commit:]]
    assert [moment for moment in dict.fromkeys(seen) if moment in moments] == list(moments)
    assert "acknowledged" in seen


async def log_out_in_two_transactions(auth: Auth, scene: Scene) -> None:
    session, now = scene.laptop.who.session_id, auth.parts.ready.now()
    entry = AuditEntry(at=now, kind="session.ended", session_id=session)
    await auth.store.write(lambda tx: tx.sessions.end(session, now, Ending.LOGOUT))

    def announce(tx: Transaction) -> None:
        tx.audit.add(entry)
        tx.log.append(SessionEnded(session))

    await auth.store.commit(announce)


async def log_out_in_words_alone(auth: Auth, scene: Scene) -> None:
    pass


async def refresh_into_something_else(auth: Auth, scene: Scene) -> Login:
    return await log_in(auth, scene)


ENDS_LAPTOP = frozenset(("laptop",))
WRONG = [
    (Deed("a logout in two transactions", log_out_in_two_transactions, ends=ENDS_LAPTOP), "wholly or not at all: "),
    (Deed("a logout in words alone", log_out_in_words_alone, ends=ENDS_LAPTOP), "acknowledged, and now: nothing done"),
    (Deed("a logout that ends too little", log_out, ends=frozenset(("phone",))), "I1: phone, accepted: True"),
    (Deed("a logout that ends too much", log_out), "I3: laptop, accepted: False"),
    (Deed("a refresh with two successors", refresh_into_something_else, rotates=True), "I2: 2 successors"),
    (Deed("a password that is not changed", log_out, ends=ENDS_LAPTOP, password="another"), "password: "),
]


def test_the_judge_notices_each_way_of_being_wrong(tmp_path: Path) -> None:
    deeds = [deed for deed, _ in WRONG]
    found = every_point.crash(tmp_path, deeds=deeds, kinds=(SQLITE,), every=4)
    for deed, noticed in WRONG:
        violations = found[f"{SQLITE}: {deed.name}"].violations
        assert any(noticed in violation for violation in violations), (deed.name, violations)
    with pytest.raises(AssertionError, match=r"SQLite: a logout in two transactions, point \d+, .*: wholly or not"):
        every_point.figures(found)
