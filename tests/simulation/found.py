"""The table of ``found.json``: for each mutation, a seed whose schedule shows it."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.schedules import breach
from tests.simulation.world import postman_of, remotes_of

TABLE: Final = Path(__file__).with_name("found.json")
DOCUMENTATION: Final = Path(__file__).parents[2] / "docs" / "revocation.md"
MOST_SEEDS: Final = 12_000
"""How many schedules a search tries when the seed of the table shows nothing any more."""

_DOCUMENTED: Final = re.compile(r"\| Rule \| Broken so .*(\n\|.*)*")

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


def shows(mutation: Mutation, seed: int) -> bool:
    """Whether the mutation, and nothing else, breaks a promise in this schedule. Raises whatever else goes wrong in it:
    a mutation that does not fit the code any more proves nothing."""
    with mutation.applied():
        is_broken = breach(seed) is not None
    return is_broken and breach(seed) is None


def find(name: str, known: int | None, most: int = MOST_SEEDS) -> int | None:
    """The seed of a schedule that shows the mutation: the known one, or the first found."""
    mutation = MUTATIONS[name]
    if known is not None and shows(mutation, known):
        return known
    others = filter(_can_show(mutation.rule), range(most))
    return next((seed for seed in others if shows(mutation, seed)), None)


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
        found = dict(zip(names, pool.map(find, names, map(known.get, names)), strict=True))
    table = {name: seed for name, seed in found.items() if seed is not None}
    documented = DOCUMENTATION.read_text("utf-8")
    DOCUMENTATION.write_text(_DOCUMENTED.sub(lambda _: as_text(table), documented), "utf-8")
    TABLE.write_text(json.dumps(table, indent=2) + "\n", "utf-8")
    return [name for name in names if name not in table]
