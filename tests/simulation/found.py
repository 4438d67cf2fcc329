"""The table of ``found.json``: for each mutation, a seed whose schedule shows it."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Final

from tests.simulation.mutations import MUTATIONS
from tests.simulation.schedules import Failure, outcome
from tests.simulation.world import postman_of, remotes_of

TABLE: Final = Path(__file__).with_name("found.json")
DOCUMENTATION: Final = Path(__file__).parents[2] / "docs" / "revocation.md"
MOST_SEEDS: Final = 12_000
"""How many schedules are tried when the seed of the table shows nothing any more."""

REMOTE_RULE: Final = "16"
"""What only schedules with subscribers elsewhere can show."""

NEWS_RULE: Final = "6"
"""What only schedules can show in which bells say what happened."""


def read_table() -> dict[str, int]:
    """Mutation → seed."""
    table: dict[str, int] = json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}
    return table


def as_text(table: dict[str, int]) -> str:
    """The table as the documentation has it."""
    ordered = sorted(MUTATIONS.values(), key=lambda mutation: (int(mutation.rule), mutation.name))
    rows = [f"| {mutation.rule} | {mutation.name} | {table.get(mutation.name)} |" for mutation in ordered]
    return "\n".join(["| Rule | Broken so | Seed |", "| --- | --- | --- |", *rows])


def show(name: str, seed: int | None, most: int = MOST_SEEDS) -> Failure | None:
    """A schedule in which the mutation, and nothing else, breaks a promise: the known one, or the first found."""
    known = () if seed is None else (seed,)
    others = filter(_can_show(MUTATIONS[name].rule), range(most))
    for candidate in chain(known, others):
        with MUTATIONS[name].applied():
            failure = outcome(candidate)
        if failure is not None and outcome(candidate) is None:
            return failure
    return None


def _can_show(rule: str) -> Callable[[int], bool]:
    if rule == NEWS_RULE:
        return lambda seed: postman_of(seed) is not None
    return lambda seed: rule != REMOTE_RULE or remotes_of(seed) > 0


def search(workers: int) -> list[str]:
    """Look for a seed for every mutation whose known one shows nothing any more, and write the table; returns the
    mutations that nothing showed."""
    known = read_table()
    names = sorted(MUTATIONS)
    with ProcessPoolExecutor(workers) as pool:
        shown = dict(zip(names, pool.map(show, names, map(known.get, names)), strict=True))
    table = {name: failure.seed for name, failure in shown.items() if failure is not None}
    documented = DOCUMENTATION.read_text("utf-8").replace(as_text(read_table()), as_text(table))
    DOCUMENTATION.write_text(documented, "utf-8")
    TABLE.write_text(json.dumps(table, indent=2) + "\n", "utf-8")
    return [name for name in names if name not in table]
