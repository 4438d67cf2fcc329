"""Every rule that can reach a promise, broken on purpose, breaks it: else the simulation would prove nothing."""

import pytest

from tests.simulation.found import DOCUMENTATION, as_text, read_table, show
from tests.simulation.mutations import MUTATIONS

TABLE = read_table()


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_broken_rule_breaks_a_promise(name: str) -> None:
    assert show(name, TABLE.get(name)) is not None, f"no schedule shows that {name}"


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
