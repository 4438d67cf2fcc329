"""How the schema came to be, step by step (Alembic), with a version table of its own.

There are two lines of history: ``store``, and ``registry``, whose table may live in a database of its own. A fresh
database is made from ``stores.sql.tables`` and marked with the newest versions; a test holds that the migrations lead
to exactly the same.
"""

from typing import Final

VERSION_TABLE: Final = "coatcheck_alembic_version"

NEWEST: Final = {"store": "store_0002", "registry": "registry_0002"}
"""The last revision of each line, here so that a database that is up to date is opened without loading Alembic."""

BEING_FILLED: Final = "being_filled"
"""The version of a database that an installation is being copied into (``stores.copying``): none that can be opened."""
