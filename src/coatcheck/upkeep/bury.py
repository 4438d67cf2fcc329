"""Clearing away the registration of a process that is known to have ended."""

from coatcheck.stores.port import Store


async def bury(store: Store, name: str) -> int:
    """Delete the rows of the process that was called ``name``; return how many there were.

    A row must outlive its process by W as long as nobody can tell a dead process from a slow one (rule 15). Whoever
    calls this can: it is the process's own parent, which has seen it end, and gave it a name that nobody else has.
    Without it a barrier would wait for the killed process until its lease has run out. Raises StoreUnavailable.
    """
    rows = await store.read_registry(lambda registry: registry.all())
    dead = [row.number for row in rows if row.name == name]
    return await store.write_registry(lambda registry: registry.remove(dead)) if dead else 0
