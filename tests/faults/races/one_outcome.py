"""What may have one outcome only, however many try it at once: a refresh, an address, an ending, a new password."""

from collections import Counter
from functools import partial

from tests.faults.races.storm import MANY, PATIENCE, Storm, alive_of, outcomes, refresh
from tests.serving import PASSWORD, Serving, Several, in_parallel

NEW_PASSWORD = "four quiet cranes fly home"


def refreshes(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred refreshes of one token get one successor, and the session lives on."""
    login = serving.register(f"{name}@example.com", carry="tokens").body
    answers = in_parallel(*[partial(refresh, serving, login["refresh_token"])] * MANY)
    counted = outcomes(answers, {200, 503})
    assert counted[200] > MANY // 2, counted
    successors = {answer.body["refresh_token"] for answer in answers if answer.status == 200}
    assert len(successors) == 1
    assert serving.me(login["access_token"]).status == 200
    assert refresh(serving, successors.pop()).status == 200
    return counted


def registrations(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Of a hundred registrations one gets the address."""
    register = partial(serving.register, f"{name}@example.com", carry="header", timeout=PATIENCE)
    answers = in_parallel(*[register] * MANY)
    counted = outcomes(answers, {201, 409, 503})
    assert counted[201] == 1, counted
    return counted


def refreshes_against_a_logout(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Whatever is refreshed while somebody logs out, nothing is alive afterwards, and nothing can be revived."""
    login = serving.register(f"{name}@example.com", carry="tokens").body
    logout = partial(
        serving.call, "POST", "logout?wait=true", {"scope": "this"}, login["access_token"], timeout=PATIENCE
    )
    *refreshed, ended = in_parallel(*[partial(refresh, serving, login["refresh_token"])] * (MANY - 1), logout)
    assert ended.status == 200, ended
    successors = [answer.body for answer in refreshed if answer.status == 200]
    assert {serving.me(each["access_token"]).status for each in successors} <= {401}
    assert {refresh(serving, token).status for token in {each["refresh_token"] for each in successors}} <= {400}
    assert alive_of(serving.rows, login["user"]["id"]) == set()
    return outcomes(refreshed, {200, 400, 503})


def logins_against_a_password_change(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Whoever gets in with a password while it is changed is out when the change is acknowledged, but for the one who
    changed it; afterwards the new one opens and the old one does not."""
    email = f"{name}@example.com"
    token = serving.register(email, carry="header").body["session_token"]
    words = {"current": PASSWORD, "new": NEW_PASSWORD}
    change = partial(serving.call, "POST", "password?wait=true", words, token, timeout=PATIENCE)
    log_in = partial(serving.log_in, email, carry="header", timeout=PATIENCE)
    *logins, changed = in_parallel(*[log_in] * (MANY - 1), change)
    assert changed.status == 200, changed
    let_in = [answer.body["session_token"] for answer in logins if answer.status == 200]
    assert {serving.me(each).status for each in let_in} <= {401}
    assert serving.me(changed.body["session_token"]).status == 200
    again = {"email": email, "carry": "header"}
    assert serving.call("POST", "login", {**again, "password": PASSWORD}).status == 401
    assert serving.call("POST", "login", {**again, "password": NEW_PASSWORD}).status == 200
    return outcomes(logins, {200, 401, 503})


STORMS = (
    Storm("refresh", refreshes, frozenset({200})),
    Storm("register", registrations, frozenset({201, 409})),
    Storm("refresh against logout", refreshes_against_a_logout, frozenset({200, 400})),
    Storm("login against password change", logins_against_a_password_change, frozenset({200, 401})),
)
