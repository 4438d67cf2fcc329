"""Project Wycheproof on JSON Web Signatures: 393 of 393 (see ``wycheproof/README.md`` for the other eight)."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.keyring import VerificationKey
from tests.vectors.from_jwk import key_from_jwk
from tests.vectors.verify_signature import verify_signature

FILE = Path(__file__).parent / "wycheproof" / "json_web_signature_test.json"
DEFECTIVE = {346, 347, 350, 351, 367, 370, 372, 373}
ACCEPTED_THOUGH_CALLED_INVALID = {367, 370}
OFFERED = {algorithm.value for algorithm in Algorithm}


class Case(NamedTuple):
    number: int
    comment: str
    jwk: dict[str, Any]
    jws: str
    is_valid: bool

    def verify(self) -> bytes | None:
        """The payload, or None when the case is refused. A key is used only for what it says it is for."""
        if self.jwk.get("use", "sig") != "sig" or "verify" not in self.jwk.get("key_ops", ["verify"]):
            return None
        if self.jwk.get("alg") not in OFFERED:
            return None
        key = VerificationKey(self.jwk["kid"], Algorithm(self.jwk["alg"]), key_from_jwk(self.jwk))
        try:
            return verify_signature(self.jws.encode(), key)
        except TokenInvalid:
            return None


CASES = [
    Case(test["tcId"], test["comment"], group.get("public") or group["private"], test["jws"], test["result"] == "valid")
    for group in json.loads(FILE.read_text())["testGroups"]
    for test in group["tests"]
]
FAIR = [case for case in CASES if case.number not in DEFECTIVE]
UNFAIR = [case for case in CASES if case.number in DEFECTIVE]


def test_all_cases_are_there() -> None:
    assert len(CASES) == len({case.number for case in CASES}) == 401
    assert len(FAIR) == 393
    assert len(UNFAIR) == 8


@pytest.mark.parametrize("case", FAIR, ids=lambda case: f"{case.number}-{case.comment}")
def test_a_case_is_judged_right(case: Case) -> None:
    payload = case.verify()
    if case.is_valid and case.jwk["alg"] in OFFERED:
        assert payload == decode(case.jws.split(".")[1].encode())
    else:
        assert payload is None


@pytest.mark.parametrize("case", UNFAIR, ids=lambda case: str(case.number))
def test_a_defective_case_is_judged_strictly(case: Case) -> None:
    assert (case.verify() is not None) is (case.number in ACCEPTED_THOUGH_CALLED_INVALID)


def test_every_algorithm_that_is_offered_has_a_case_that_is_accepted() -> None:
    accepted = {case.jwk["alg"] for case in CASES if case.verify() is not None}
    assert accepted == OFFERED - {"EdDSA"}  # Wycheproof has no JWS with EdDSA; RFC 8037 has
