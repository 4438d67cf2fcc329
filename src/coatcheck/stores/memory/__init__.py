"""A store in memory."""

from coatcheck.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
