"""A proxy that keeps, repeats or mixes up answers: an answer to another question is no answer."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.verify import Verifier
from tests.faults.verifiers import partitions
from tests.faults.verifiers.partitions import GIVES_UP, Partition
from tests.faults.verifiers.scene import Scene

pytestmark = pytest.mark.xdist_group("verifiers")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("scene"), lease=5.0, seed=1) as made:
        yield made


@pytest.mark.parametrize("fault", ["replay", "freeze", "repeat"])
def test_nobody_is_taken_for_somebody_else(scene: Scene, fault: str) -> None:
    assert scene.proxy is not None
    issuer = f"{scene.url}/auth"
    logins = [scene.serving.register(f"{fault}{number}@example.com", carry="header").body for number in range(6)]
    mistaken = 0
    with Verifier(scene.url, audience=issuer, credential=scene.crowd.make_service(fault, issuer)) as verifier:
        assert verifier.check(logins[0]["session_token"]).user_id == logins[0]["user"]["id"]
        with scene.proxy.broken(**{fault: 1.0, "only": "introspect"}):
            for login in logins[1:]:
                with suppress(StoreUnavailable):
                    mistaken += verifier.check(login["session_token"]).user_id != login["user"]["id"]
    assert mistaken == 0


def test_a_cache_that_nobody_asked_for_extends_no_lease(tmp_path: Path) -> None:
    frozen = Partition("frozen", {"freeze": 1.0, "only": "feed"}, (2.5,), heals_within=GIVES_UP)
    partitions.run(tmp_path, partitions=(frozen,), lease=0.5, calm=1.0, healthy=1.0, seed=1)
