"""FT-02 in short; ``python -m tests.faults crash-points`` dies at every point. And the judge notices what is wrong."""

import pytest

from coatcheck import Auth
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import SessionEnded
from coatcheck.model.login import Login
from coatcheck.model.session import Ending
from coatcheck.stores.port import Transaction
from tests.faults import crash_points
from tests.faults.crash_points import KINDS, SQLITE, Found
from tests.faults.deeds import DEEDS, Deed, Scene, log_in, log_out

pytestmark = [pytest.mark.xdist_group("crash points"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> dict[str, Found]:
    return crash_points.crash(tmp_path_factory.mktemp("crashed"), postgres_server, every=20)


def test_whoever_dies_between_two_statements_has_done_all_or_nothing(crashed: dict[str, Found]) -> None:
    figures = crash_points.figures(crashed)
    assert figures["deaths"] > 100
    assert figures["violations"] == 0


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_there_are_points_around_each_commit(crashed: dict[str, Found], deed: Deed) -> None:
    sqlite, postgres = (crashed[f"{kind}: {deed.name}"].points for kind in KINDS)
    after = sqlite.index("after COMMIT")
    assert sqlite[after - 1] == "before COMMIT"
    assert "acknowledged" in sqlite[after:]
    flight = [point.partition(" ")[0] for point in postgres[postgres.index("before COMMIT") :]]
    assert flight.index("sent") + 1 == flight.index("answered")
    assert flight[-1] == "acknowledged"


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


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> dict[str, Found]:
    deeds, folder = [deed for deed, _ in WRONG], tmp_path_factory.mktemp("wrong")
    return crash_points.crash(folder, postgres_server, deeds=deeds, kinds=(SQLITE,), every=4)


@pytest.mark.parametrize(("deed", "noticed"), [pytest.param(*given, id=given[0].name) for given in WRONG])
def test_the_judge_notices(wrong: dict[str, Found], deed: Deed, noticed: str) -> None:
    violations = wrong[f"{SQLITE}: {deed.name}"].violations
    assert any(noticed in violation for violation in violations), violations


def test_what_was_noticed_is_told(wrong: dict[str, Found]) -> None:
    with pytest.raises(AssertionError, match=r"SQLite: a logout in two transactions, point \d+, .*: wholly or not"):
        crash_points.figures(wrong)
