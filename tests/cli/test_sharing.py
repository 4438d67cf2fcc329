"""Workers of one server share the cores of its machine when they hash."""

import pytest

from coatcheck import Settings
from coatcheck.cli.serving.child import Orders
from coatcheck.cli.serving.sharing import sharing_cores
from coatcheck.settings import PasswordSettings


@pytest.mark.parametrize(("workers", "share"), [(1, 32), (4, 8), (3, 10), (64, 1)])
def test_workers_share_the_cores_out_among_them(workers: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coatcheck.cli.serving.sharing.cores", lambda: 32)
    assert sharing_cores(Settings(), workers).passwords.workers == share
    said = Settings(passwords=PasswordSettings(workers=5))
    assert sharing_cores(said, workers).passwords.workers == 5, "what is said holds for each"


def test_a_worker_is_told_how_many_there_are() -> None:
    options = Orders(workers=4).options
    assert options[options.index("--workers") + 1] == "4"
