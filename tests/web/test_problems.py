"""Errors as answers: one page of RFC 9457, one of RFC 6749."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import json

from coatcheck import errors
from coatcheck.errors import AuthError, FieldError
from coatcheck.web.problems import Answer, oauth_problem, problem


def specimens() -> list[AuthError]:
    """One of every error that has a code."""
    given: dict[type[AuthError], tuple[Any, ...]] = {
        errors.ReauthenticationNeeded: (timedelta(minutes=5),),
        errors.AttemptsExceeded: (timedelta(seconds=90),),
        errors.Misconfigured: ("url must be https",),
    }
    found, kinds = [], [AuthError]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__ == errors.__name__ and hasattr(kind, "code") and hasattr(kind, "status"):
            found.append(kind(*given.get(kind, ())))
    return found


def body(answer: Answer) -> dict[str, Any]:
    members = json.decode(answer.body)
    assert isinstance(members, dict)
    return members


def header(answer: Answer, name: bytes) -> bytes | None:
    values = [value for found, value in answer.headers if found == name]
    assert len(values) <= 1
    return values[0] if values else None


@pytest.mark.parametrize("error", specimens(), ids=lambda error: type(error).__name__)
def test_every_error_is_a_problem_with_its_stable_code(error: AuthError) -> None:
    answer = problem(error)
    members = body(answer)
    assert answer.status == members["status"] == error.status
    assert members["code"] == error.code
    assert members["type"] == f"urn:coatcheck:{error.code}"
    assert members["detail"] == error.message
    assert members["title"]
    assert header(answer, b"content-type") == b"application/problem+json"
    assert (header(answer, b"www-authenticate") is not None) == (error.status == 401)
    assert (header(answer, b"retry-after") is not None) == (error.status in (429, 503))


def test_titles_belong_to_the_code() -> None:
    assert body(problem(errors.TokenInvalid()))["title"] == "Token invalid"
    assert body(problem(errors.OutcomeUnknown()))["title"] == body(problem(errors.StoreUnavailable()))["title"]


def test_a_problem_tells_which_fields_and_why() -> None:
    error = errors.RequestInvalid([FieldError("email", "Please enter one.")])
    assert body(problem(error))["errors"] == [{"field": "email", "reason": "Please enter one."}]
    assert body(problem(errors.PasswordWeak(["Too short.", "Too common."])))["reasons"] == ["Too short.", "Too common."]


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (errors.TokenMissing(), b"Bearer"),
        (errors.LoginRefused(), b"Bearer"),
        (errors.TokenInvalid(), b'Bearer error="invalid_token", error_description="The token is not valid."'),
        (errors.SessionEnded(), b'Bearer error="invalid_token", error_description="The session has ended."'),
        (
            errors.ReauthenticationNeeded(timedelta(minutes=5)),
            (
                b'Bearer error="insufficient_user_authentication", '
                b'error_description="Please confirm your password.", max_age="300"'
            ),
        ),
    ],
)
def test_a_401_says_how_to_authenticate(error: AuthError, challenge: bytes) -> None:
    assert header(problem(error), b"www-authenticate") == challenge


def test_a_reauthentication_says_how_fresh_it_must_be() -> None:
    assert body(problem(errors.ReauthenticationNeeded(timedelta(minutes=5))))["max_age"] == 300


@pytest.mark.parametrize(
    ("wait", "seconds"), [(timedelta(seconds=90), b"90"), (timedelta(seconds=1.2), b"2"), (timedelta(0), b"1")]
)
def test_a_wait_is_rounded_up_to_whole_seconds(wait: timedelta, seconds: bytes) -> None:
    for answer in (problem, oauth_problem):
        assert header(answer(errors.AttemptsExceeded(wait)), b"retry-after") == seconds
        assert header(answer(errors.LoginBusy(retry_after=wait)), b"retry-after") == seconds


@pytest.mark.parametrize("message", ['a"b', "a\\b", "a\r\nSet-Cookie: x=y", "ünï", "a\0b", "a\x7f"])
def test_a_message_can_not_break_out_of_a_header(message: str) -> None:
    value = header(problem(errors.TokenInvalid(message)), b"www-authenticate")
    assert value is not None
    assert all(0x20 <= byte <= 0x7E for byte in value)
    assert value.count(b'"') == 4
    assert b"\\" not in value


@pytest.mark.parametrize("error", specimens(), ids=lambda error: type(error).__name__)
def test_the_token_endpoint_never_answers_401_but_to_services(error: AuthError) -> None:
    """A service that can't prove itself is to be told so (RFC 6749 §5.2), and refreshes nothing."""
    answer = oauth_problem(error)
    members = body(answer)
    is_service = isinstance(error, errors.ServiceRefused)
    assert (answer.status == 401) is is_service
    assert header(answer, b"www-authenticate") == (b'Basic realm="coatcheck"' if is_service else None)
    assert header(answer, b"content-type") == b"application/json"
    assert members.keys() == {"error", "code", "error_description"}
    assert members["code"] == error.code


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.TokenReplayed(), 400, "invalid_grant"),
        (errors.TokenExpired(), 400, "invalid_grant"),
        (errors.SessionEnded(), 400, "invalid_grant"),
        (errors.UserSuspended(), 400, "invalid_grant"),
        (errors.TokenMissing(), 400, "invalid_request"),
        (errors.RequestMalformed(), 400, "invalid_request"),
        (errors.RequestInvalid(), 400, "invalid_request"),
        (errors.RequestInvalid([FieldError("grant_type", "x")]), 400, "unsupported_grant_type"),
        (errors.RequestInvalid([FieldError("audience", "x")]), 400, "invalid_target"),
        (errors.RequestInvalid([FieldError("scope", "x")]), 400, "invalid_scope"),
        (errors.MediaTypeRefused(), 415, "invalid_request"),
        (errors.OriginRefused(), 403, "invalid_request"),
        (errors.StoreUnavailable(), 503, "temporarily_unavailable"),
        (errors.AttemptsExceeded(timedelta(seconds=1)), 429, "temporarily_unavailable"),
    ],
)
def test_the_token_endpoint_names_errors_as_oauth_does(error: AuthError, status: int, name: str) -> None:
    answer = oauth_problem(error)
    assert (answer.status, body(answer)["error"]) == (status, name)


def test_a_cause_is_never_told() -> None:
    error = errors.StoreUnavailable()
    error.__cause__ = error.__context__ = RuntimeError("password=hunter2")
    assert b"hunter2" not in problem(error).body + oauth_problem(error).body
