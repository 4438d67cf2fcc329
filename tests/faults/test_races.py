"""FT-19 in short: many at once, over several workers; exactly one outcome (I2, I5)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults import storms
from tests.faults.serving import PASSWORD, Serving, in_parallel

NEW = "four quiet cranes fly home"
LIMITED = [pytest.param(storm, environment, id=title) for title, storm, environment in storms.STORMS if environment]
pytestmark = pytest.mark.xdist_group("workers")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("races")) as running:
        yield running


def test_a_hundred_refreshes_of_one_token_get_one_successor(serving: Serving) -> None:
    storms.refreshes(serving, "ann")


def test_of_a_hundred_registrations_one_gets_the_address(serving: Serving) -> None:
    storms.registrations(serving, "ben")


@pytest.mark.parametrize("turn", range(3))
def test_no_login_with_the_old_password_outlives_its_change(serving: Serving, turn: int) -> None:
    email = f"cleo{turn}@example.com"
    token = serving.register(email, carry="header").body["session_token"]
    change = partial(serving.call, "POST", "password", {"current": PASSWORD, "new": NEW}, token)
    log_in = partial(serving.log_in, email, carry="header")
    *logins, changed = in_parallel(*[log_in] * 30, change)
    assert changed.status == 200, changed
    assert {answer.status for answer in logins} <= {200, 401, 503}
    outlived = [answer for answer in logins if answer.status == 200]
    assert {serving.me(answer.body["session_token"]).status for answer in outlived} <= {401}


@pytest.mark.parametrize("turn", range(10))
def test_a_refresh_against_a_logout_leaves_nothing_alive(serving: Serving, turn: int) -> None:
    storms.refreshes_against_a_logout(serving, f"dora{turn}")


@pytest.mark.parametrize(("storm", "environment"), LIMITED)
def test_a_hundred_logins_leave_as_many_sessions_as_are_allowed(
    tmp_path: Path, storm: storms.Storm, environment: dict[str, str]
) -> None:
    with Serving(tmp_path, workers=4, **environment) as serving:
        storm(serving, "eve")
