"""The signature examples of RFC 7515, RFC 7520 and RFC 8037."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.jwks import jwk
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.keyring import Signer, VerificationKey
from tests.vectors.from_jwk import key_from_jwk, private_key_from_jwk
from tests.vectors.verify_signature import verify_signature


class Example(NamedTuple):
    where: str
    algorithm: Algorithm
    jwk: dict[str, Any]
    jws: str
    payload: bytes

    @property
    def kid(self) -> str:
        named: str = self.jwk.get("kid", "key_of_the_example")
        return named


JOE = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
JOE_TEXT = encode(JOE).decode()
BILBO = (
    "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, "
    "there’s no knowing where you might be swept off to."
).encode()
WYCHEPROOF = Path(__file__).parent / "wycheproof" / "json_web_signature_test.json"


def from_wycheproof(number: int) -> tuple[dict[str, Any], str]:
    """RFC 7520's figures, which are among those vectors."""
    for group in json.loads(WYCHEPROOF.read_text())["testGroups"]:
        for test in group["tests"]:
            if test["tcId"] == number:
                return group["private"], test["jws"]
    raise AssertionError(number)


EXAMPLES = [
    Example(
        "RFC 7515 A.1",
        Algorithm.HS256,
        {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE_TEXT}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        JOE,
    ),
    Example(
        "RFC 7515 A.2",
        Algorithm.RS256,
        {
            "kty": "RSA",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT"
            "-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UT"
            "o7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkML"
            "s91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e": "AQAB",
            "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui"
            "395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcop"
            "V_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQy"
            "GWSeWjnczT0QU91p1DhOVRuOopznQ",
        },
        f"eyJhbGciOiJSUzI1NiJ9.{JOE_TEXT}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc"
        "_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L0"
        "7Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs9"
        "8rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        JOE,
    ),
    Example(
        "RFC 7515 A.3",
        Algorithm.ES256,
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        },
        f"eyJhbGciOiJFUzI1NiJ9.{JOE_TEXT}."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        JOE,
    ),
    Example("RFC 7520 4.1", Algorithm.RS256, *from_wycheproof(345), BILBO),
    Example("RFC 7520 4.4", Algorithm.HS256, *from_wycheproof(348), BILBO),
    Example(
        "RFC 8037 A.4",
        Algorithm.EDDSA,
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        b"Example of Ed25519 signing",
    ),
]

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=[example.where for example in EXAMPLES])


@each_example
def test_the_signature_of_an_example_is_verified(example: Example) -> None:
    key = VerificationKey(example.kid, example.algorithm, key_from_jwk(example.jwk))
    assert verify_signature(example.jws.encode(), key) == example.payload


@each_example
def test_an_example_is_no_access_token(example: Example) -> None:
    key = VerificationKey(example.kid, example.algorithm, key_from_jwk(example.jwk))
    with pytest.raises(TokenInvalid):
        verify(example.jws.encode(), lambda _: key)


@each_example
def test_our_signature_of_an_example_is_theirs_or_verifies(example: Example) -> None:
    message, _, signature = example.jws.encode().rpartition(b".")
    ours = Signer(example.kid, example.algorithm, private_key_from_jwk(example.jwk)).sign(message)
    if example.algorithm is Algorithm.ES256:  # randomised
        assert VerificationKey(example.kid, example.algorithm, key_from_jwk(example.jwk)).verifies(ours, message)
    else:
        assert ours == decode(signature)


@each_example
def test_the_published_key_of_an_example_is_theirs(example: Example) -> None:
    if example.algorithm is not Algorithm.HS256:
        published = jwk(VerificationKey(example.kid, example.algorithm, key_from_jwk(example.jwk)))
        members = {name: value for name, value in example.jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
        assert published == members | {"kid": example.kid, "alg": example.algorithm.value, "use": "sig"}


NOT_OFFERED = {
    "RFC 7515 A.4, ES512": "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPE"
    "X3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    "RFC 7515 A.5, none": f"eyJhbGciOiJub25lIn0.{JOE_TEXT}.",
}


@pytest.mark.parametrize("where", NOT_OFFERED)
def test_an_example_of_an_algorithm_that_is_not_offered_is_refused(where: str) -> None:
    for example in EXAMPLES:
        key = VerificationKey(example.kid, example.algorithm, key_from_jwk(example.jwk))
        with pytest.raises(TokenInvalid):
            verify_signature(NOT_OFFERED[where].encode(), key)
