"""FT-19 in short: many at once, over several workers; exactly one outcome (I2, I5)."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.serving import PASSWORD, Serving, in_parallel

MANY = 100
NEW = "four quiet cranes fly home"
pytestmark = pytest.mark.xdist_group("workers")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("races")) as running:
        yield running


def test_a_hundred_refreshes_of_one_token_get_one_successor(serving: Serving) -> None:
    login = serving.register("ann@example.com", carry="tokens").body
    form = f"grant_type=refresh_token&refresh_token={login['refresh_token']}"
    answers = in_parallel(*[partial(serving.call, "POST", "token", form)] * MANY)
    assert Counter(answer.status for answer in answers)[200] > MANY // 2
    assert {answer.status for answer in answers} <= {200, 503}
    successors = {answer.body["refresh_token"] for answer in answers if answer.status == 200}
    assert len(successors) == 1
    assert serving.me(login["access_token"]).status == 200
    further = serving.call("POST", "token", f"grant_type=refresh_token&refresh_token={successors.pop()}")
    assert further.status == 200


def test_of_a_hundred_registrations_one_gets_the_address(serving: Serving) -> None:
    answers = in_parallel(*[partial(serving.register, "ben@example.com", carry="header")] * MANY)
    outcomes = Counter(answer.status for answer in answers)
    assert outcomes[201] == 1
    assert set(outcomes) <= {201, 409, 503}, outcomes


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


def test_a_refresh_against_a_logout_leaves_nothing_alive(serving: Serving) -> None:
    for turn in range(10):
        login = serving.register(f"dora{turn}@example.com", carry="tokens").body
        form = f"grant_type=refresh_token&refresh_token={login['refresh_token']}"
        logout = partial(serving.call, "POST", "logout?wait=true", {"scope": "this"}, login["access_token"])
        *refreshed, ended = in_parallel(*[partial(serving.call, "POST", "token", form)] * 8, logout)
        assert ended.status == 200
        tokens = [answer.body["access_token"] for answer in refreshed if answer.status == 200]
        assert {serving.me(token).status for token in tokens} <= {401}
