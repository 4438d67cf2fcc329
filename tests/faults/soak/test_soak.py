"""FT-15 in short; ``python -m tests.faults soak soak-postgres`` goes on for longer. And a leak is noticed."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.soak import soak
from tests.faults.soak.soak import LIMIT

NOISE = 100.0
"""MB in 100,000 operations: in so short a run, whatever is made once is still being made."""


@pytest.mark.xdist_group("workers")
def test_whatever_is_kept_has_a_bound_or_goes(database_url: str) -> None:
    figures = soak.run(database_url, logins=400, megabytes=NOISE, seed=1)
    assert figures["operations"] > 5_000
    assert figures[f"most credentials, of {LIMIT}"] <= LIMIT


@pytest.mark.xdist_group("workers")
def test_what_grows_with_every_turn_is_noticed_and_named(tmp_path: Path) -> None:
    kept: dict[int, bytes] = {}

    def leak() -> None:
        kept[len(kept)] = bytes(50_000)

    with pytest.raises(AssertionError, match=r"memory grows by .* in 100,000 operations") as noticed:
        asyncio.run(soak.soak(f"sqlite:///{tmp_path}/app.db", logins=120, megabytes=NOISE, seed=1, each_turn=leak))
    assert Path(__file__).name in str(noticed.value).partition("operations\n")[2].splitlines()[0]
