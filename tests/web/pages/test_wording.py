"""Errors in words."""

from datetime import timedelta

import pytest

from coatcheck.errors import (
    AccessDenied,
    AttemptsExceeded,
    AuthError,
    EmailTaken,
    FieldError,
    LoginBusy,
    LoginRefused,
    OriginRefused,
    OutcomeUnknown,
    PasswordWeak,
    RequestInvalid,
    RequestNotFound,
    SessionEnded,
    StoreUnavailable,
    UserSuspended,
)
from coatcheck.web.pages.views import Viewer
from coatcheck.web.pages.wording import cookies_cleared_page, form_errors, message_page, unexpected_page
from tests.web.pages.examples import user


@pytest.mark.parametrize(
    ("error", "path"),
    [
        (SessionEnded(), "/login"),
        (AttemptsExceeded(timedelta(minutes=15)), "/login"),
        (AccessDenied(), "/account"),
        (OriginRefused(), "/account"),
        (RequestNotFound(), "/account"),
        (StoreUnavailable(), None),
        (LoginBusy(), None),
        (UserSuspended(), None),
    ],
)
def test_a_message_has_a_title_a_sentence_advice_and_a_way_on(error: AuthError, path: str | None) -> None:
    page = message_page(error)
    assert page.title
    assert page.advice
    assert page.sentence == error.message
    assert page.code == error.code
    assert (page.link.path if page.link else None) == path


def test_a_message_keeps_the_head_of_whoever_is_logged_in() -> None:
    viewer = Viewer.of(user())
    assert message_page(AccessDenied(), viewer=viewer).viewer == viewer


def test_a_lost_answer_is_not_told_as_a_failure() -> None:
    assert message_page(OutcomeUnknown()).title != message_page(StoreUnavailable()).title
    assert "try again" not in message_page(OutcomeUnknown()).advice.casefold()


def test_a_wait_is_named() -> None:
    assert message_page(AttemptsExceeded(timedelta(minutes=15))).advice == "Try again in 15 minutes."
    assert "15 minutes" in form_errors(AttemptsExceeded(timedelta(minutes=15))).summary


def test_an_unforeseen_fault_says_nothing_of_what_it_was() -> None:
    assert unexpected_page().code == ""


def test_cleared_cookies_lead_to_the_login() -> None:
    link = cookies_cleared_page().link
    assert link is not None
    assert link.path == "/login"


def test_at_login_nobody_learns_which_field_was_wrong() -> None:
    errors = form_errors(LoginRefused())
    assert errors.fields == {}
    assert errors.summary == "The e-mail address or the password is not right."


def test_a_wrong_current_password_is_marked_beside_its_field() -> None:
    errors = form_errors(LoginRefused("The password is not right."), proven="current", chosen="new")
    assert errors.fields == {"current": ("The password is not right.",)}


def test_reasons_stand_beside_the_fields_they_belong_to() -> None:
    assert form_errors(PasswordWeak(["Too short.", "Too common."]), chosen="new").fields == {
        "new": ("Too short.", "Too common.")
    }
    assert form_errors(PasswordWeak()).fields == {"password": ("Please choose another password.",)}
    assert form_errors(EmailTaken()).fields == {"email": (EmailTaken().message,)}
    invalid = RequestInvalid(
        [FieldError("name", "Too long."), FieldError("email", "No @."), FieldError("name", "Odd.")]
    )
    assert form_errors(invalid).fields == {"name": ("Too long.", "Odd."), "email": ("No @.",)}
