import hmac

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.identifiers import SESSION, new_identifier, random_part
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.refresh import RefreshToken, RefreshTokens
from tests.tokens.specimens import SECRETS

FORMER = Secrets(["a former secret of these tests, 0000"])
SWAPPED = Secrets(["a former secret of these tests, 0000", "the current secret of these tests, 1"])
OTHER = Secrets(["the secret of another installation"])
TOKENS = RefreshTokens(SECRETS)


def test_a_token_is_read_back_as_it_was_made() -> None:
    session_id = new_identifier(SESSION)
    token = TOKENS.first(session_id, 7)
    assert token.text.startswith("ccr_")
    assert (token.session_id, token.step) == (session_id, 7)
    assert TOKENS.read(token.text) == token
    assert TOKENS.read(token.text.encode()) == token


def test_first_secrets_are_random() -> None:
    session_id = new_identifier(SESSION)
    assert len({TOKENS.first(session_id).secret for _ in range(1000)}) == 1000


def test_a_retry_gets_the_very_same_successor() -> None:
    token = TOKENS.first(new_identifier(SESSION))
    successor = TOKENS.successor(token)
    assert successor.step == token.step + 1
    assert TOKENS.successor(TOKENS.read(token.text)) == successor
    assert TOKENS.read(successor.text) == successor


def test_a_retry_at_a_server_with_another_current_secret_gets_the_same_successor() -> None:
    token = TOKENS.first(new_identifier(SESSION))
    successor = TOKENS.successor(token)
    elsewhere = RefreshTokens(SWAPPED)
    assert elsewhere.successor(token) != successor
    assert elsewhere.successor(token, successor.chain_key_id) == successor


def test_the_successor_is_derived_as_described() -> None:
    token = TOKENS.first(new_identifier(SESSION), 41)
    message = random_part(token.session_id) + (42).to_bytes(4) + token.secret
    assert TOKENS.successor(token).secret == hmac.digest(SECRETS.current("refresh chain").key, message, "sha256")


def test_a_successor_needs_the_key_that_made_it() -> None:
    token = TOKENS.first(new_identifier(SESSION))
    with pytest.raises(TokenInvalid):
        RefreshTokens(FORMER).successor(token, SECRETS.current("refresh chain").id)
    with pytest.raises(TokenInvalid):
        TOKENS.successor(token, "none")


def test_digest_and_key_together_do_not_give_the_next_secret() -> None:
    token = TOKENS.first(new_identifier(SESSION))
    successor = TOKENS.successor(token)
    for stolen in (token.digest, successor.digest):
        message = random_part(token.session_id) + (2).to_bytes(4) + stolen
        assert hmac.digest(SECRETS.current("refresh chain").key, message, "sha256") != successor.secret


def test_the_digest_is_bound_to_session_and_step() -> None:
    one, other = new_identifier(SESSION), new_identifier(SESSION)
    made = [
        RefreshToken(session_id=session_id, step=step, chain_key_id="", secret=bytes(32), text="")
        for session_id in (one, other)
        for step in (1, 2)
    ]
    assert len({token.digest for token in made}) == 4


def test_the_last_step_has_no_successor() -> None:
    token = TOKENS.first(new_identifier(SESSION), 2**32 - 1)
    with pytest.raises(TokenInvalid):
        TOKENS.successor(token)


@pytest.mark.parametrize("step", [-1, 2**32])
def test_a_step_that_does_not_fit_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        TOKENS.first(new_identifier(SESSION), step)


@pytest.mark.parametrize("session_id", ["", "ses_1", "ses_" + "é" * 26, "ses_" + "1" * 26, "usr_" + "a" * 26])
def test_what_is_no_session_has_no_refresh_token(session_id: str) -> None:
    with pytest.raises(ValueError, match=r"not an identifier|Non-base32|ASCII"):
        TOKENS.first(session_id)


def test_every_flipped_bit_is_noticed() -> None:
    text = TOKENS.first(new_identifier(SESSION)).text.encode()
    for place in range(len(text)):
        for bit in range(8):
            with pytest.raises(TokenInvalid):
                TOKENS.read(text[:place] + bytes((text[place] ^ (1 << bit),)) + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "ccr_", "ccr_" + "A" * 88, "ccr_é" + "A" * 87, b"\xff" * 92, b"ccr_" + b"=" * 88])
def test_what_we_have_not_made_is_refused_with_one_error(text: str | bytes) -> None:
    with pytest.raises(TokenInvalid) as caught:
        TOKENS.read(text)
    assert caught.value.args == TokenInvalid().args


def test_a_token_of_a_former_secret_is_read_and_one_of_another_installation_is_not() -> None:
    session_id = new_identifier(SESSION)
    former = RefreshTokens(FORMER).first(session_id)
    assert TOKENS.read(former.text) == former
    with pytest.raises(TokenInvalid):
        TOKENS.read(RefreshTokens(OTHER).first(session_id).text)


def test_session_and_step_can_not_be_changed_by_the_client() -> None:
    body = decode(TOKENS.first(new_identifier(SESSION)).text.encode()[4:])
    for forged in (bytes(16) + body[16:], body[:16] + (9).to_bytes(4) + body[20:]):
        with pytest.raises(TokenInvalid):
            TOKENS.read(b"ccr_" + encode(forged))


def test_nothing_is_revealed_by_repr() -> None:
    token = TOKENS.first(new_identifier(SESSION))
    assert token.text not in repr(token)
    assert repr(token.secret) not in repr(token)
    assert token.text not in str(TOKENS) + repr(TOKENS)
