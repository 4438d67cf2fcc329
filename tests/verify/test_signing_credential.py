"""A service that proves itself by a private key (``private_key_jwt``): the server keeps nothing to steal."""

import gc
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from coatcheck.errors import Misconfigured
from coatcheck.model.session import Carry
from tests.verify.gate import Gate
from tests.verify.site import refusal, trusting
from tests.verify.test_cut_off import until

KEYS = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}


def pems(kind: str) -> tuple[str, str]:
    """A fresh private key and its public half."""
    key = KEYS[kind]()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("kind", KEYS)
def test_it_follows_with_an_access_token_that_it_gets_by_signing(kind: str) -> None:
    gate = Gate()
    private, public = pems(kind)
    with trusting(make=gate.around()) as site:
        issuer = site.auth.settings.issuer
        made = site.server.run(
            site.auth.services.create("signer", audiences=["orders", issuer], feed=True, public_key=public)
        )
        verifier = site.verifier(credential=(made.service.id, private))
        held, opaque = site.log_in(), site.log_in("bob@example.com", carry=Carry.HEADER)
        verifier.check(held.token)
        assert verifier.check(opaque.token).user_id == opaque.user_id
        assert "signer here" in site.end(held)
        assert refusal(verifier, held.token) == "session.ended"
        assert sum(path.endswith("/token") for path, _ in gate.seen) == 1, "one token for many polls"
        site.server.run(site.auth.services.revoke_credential(made.service.id, made.first.credential.id))
        assert refusal(verifier, opaque.token) == ""


def test_a_token_that_is_refused_is_replaced() -> None:
    gate = Gate()
    private, public = pems("Ed25519")
    with trusting(make=gate.around()) as site:
        made = site.server.run(site.auth.services.create("signer", audiences=["orders"], feed=True, public_key=public))
        verifier, held = site.verifier(credential=(made.service.id, private)), site.log_in()
        verifier.check(held.token)
        site.server.run(site.auth.services.change(made.service.id, scopes=["more"], wait=True))  # outdates the token
        assert "signer here" in site.end(held)
        assert sum(path.endswith("/token") for path, _ in gate.seen) == 2


def test_a_process_that_is_forked_while_a_token_is_asked_for_gets_one_of_its_own() -> None:
    """As a server does that loads the application before it forks its workers."""
    gate = Gate()
    private, public = pems("Ed25519")
    with trusting(make=gate.around()) as site:
        made = site.server.run(site.auth.services.create("signer", audiences=["orders"], feed=True, public_key=public))
        verifier, held = site.verifier(credential=(made.service.id, private), name=None), site.log_in()
        gate.mode = "hang"
        verifier.start()
        until(lambda: any(path.endswith("/token") for path, _ in gate.seen))
        gate.mode = ""  # for whoever asks from now on
        told, tell = os.pipe()
        gc.collect()  # nothing of other tests is left to be collected, and to warn, in the child
        child = os.fork()
        if child == 0:
            answers = (refusal(verifier, held.token) for _ in range(3))  # on a busy machine the first may take too long
            os.write(tell, next((b"let in" for answer in answers if not answer), b"kept out"))
            verifier.close()
            os._exit(0)
        assert os.read(told, 100) == b"let in"
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("pem", ["", "no key", pytest.param(pems("P-256")[1], id="a public key")])
def test_what_is_no_private_key_is_said_at_construction(pem: str) -> None:
    with trusting() as site, pytest.raises(Misconfigured) as told:
        site.verifier(credential=("svc_x", pem))
    assert "PRIVATE" not in str(told.value)


def test_keys_that_the_server_does_not_take_are_refused_at_construction() -> None:
    weak = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with trusting() as site, pytest.raises(Misconfigured):
        site.verifier(credential=("svc_x", weak.decode()))
