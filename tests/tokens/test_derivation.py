import hmac
from hashlib import sha256

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.tokens.derivation import Secrets

OLD = "an old secret, long enough to serve"
NEW = "a new secret, just as long as needed"


def test_keys_are_hkdf_sha256_of_secret_and_purpose() -> None:
    extracted = hmac.digest(bytes(32), NEW.encode(), sha256)
    expected = hmac.digest(extracted, b"coatcheck purpose: session" + b"\x01", sha256)
    assert Secrets([NEW]).current("session").key == expected


def test_every_purpose_and_every_secret_has_a_key_of_its_own() -> None:
    secrets = Secrets([NEW, OLD])
    keys = {key.key for purpose in ("a", "b", "key id") for key in secrets.all(purpose)}
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)


def test_the_first_secret_is_the_current_one_and_all_are_accepted() -> None:
    secrets = Secrets([NEW, OLD])
    assert secrets.current("a") == Secrets([NEW]).current("a")
    assert secrets.all("a") == (Secrets([NEW]).current("a"), Secrets([OLD]).current("a"))


def test_a_key_is_found_by_its_id_whatever_the_order() -> None:
    was = Secrets([OLD]).current("a")
    assert Secrets([NEW, OLD]).by_id("a", was.id) == was
    assert Secrets([NEW]).by_id("a", was.id) is None
    assert Secrets([NEW]).by_id("a", "") is None


def test_the_id_is_the_same_for_every_purpose() -> None:
    secrets = Secrets([NEW])
    assert secrets.current("a").id == secrets.current("b").id
    assert len(secrets.current("a").id) == 4


def test_nothing_is_revealed_by_repr() -> None:
    secrets = Secrets([NEW, OLD])
    key = secrets.current("a")
    shown = repr(secrets) + str(secrets) + repr(key) + str(key)
    assert NEW not in shown
    assert OLD not in shown
    assert repr(key.key)[2:10] not in shown
    assert key.key.hex() not in shown


@pytest.mark.parametrize(
    "given", [[], "just a text that is long enough to pass", ["short"], [NEW, "short"], [NEW, NEW]]
)
def test_what_is_no_list_of_secrets_is_refused_without_being_shown(given: list[str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        Secrets(given)
    assert NEW not in str(caught.value)
