"""Every rule that can reach a promise, broken on purpose, breaks it: else the simulation would prove nothing."""

import asyncio
from typing import Any

import pytest

from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.upkeep.follow import Follower
from tests.simulation.found import DOCUMENTATION, as_text, read_table, shows
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.schedules import breach

TABLE = read_table()


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_broken_rule_breaks_a_promise(name: str) -> None:
    seed = TABLE[name]
    assert shows(MUTATIONS[name], seed), f"the schedule {seed} does not show that {name}"


@pytest.mark.parametrize(
    ("owner", "where"),
    [(Replica, "test"), (Follower, "_follow"), (Subscriber, "ask")],
    ids=["in a check", "in a task that nobody awaits", "in a loop that goes on"],
)
def test_a_mutation_that_does_not_fit_the_code_proves_nothing(owner: Any, where: str) -> None:
    def unfitting() -> None: ...

    with pytest.raises(TypeError, match="unfitting"):
        shows(Mutation("0", "it does not fit", ((owner, where, unfitting),)), 0)


def test_what_went_wrong_is_told_though_a_promise_broke_by_it() -> None:
    async def die(_: Any) -> None:
        raise ZeroDivisionError

    async def wait(_: Any) -> None:
        await asyncio.Event().wait()

    with Mutation("0", "nobody follows", ((Follower, "_follow", wait),)).applied():
        assert (breach(105) or "").startswith("P5")
    with Mutation("0", "it dies of it", ((Follower, "_follow", die),)).applied(), pytest.raises(ZeroDivisionError):
        breach(105)


def test_the_table_names_every_mutation_and_no_other() -> None:
    assert set(TABLE) == set(MUTATIONS)


def test_the_documentation_has_the_same_table() -> None:
    assert as_text(TABLE) in DOCUMENTATION.read_text("utf-8")


def test_nothing_stays_broken() -> None:
    for mutation in MUTATIONS.values():
        before = [owner.__dict__[where] for owner, where, _ in mutation.places]
        with mutation.applied():
            pass
        assert [owner.__dict__[where] for owner, where, _ in mutation.places] == before
