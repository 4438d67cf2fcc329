"""How the schema came to be, step by step (Alembic), with a version table of its own.

There are two lines of history: ``store``, and ``registry``, whose table may live in a database of its own. A fresh
database is made from ``stores.sql.tables`` and marked with the newest versions; a test holds that the migrations lead
to exactly the same.

Each revision names as ``oldest`` the oldest one whose code works over the tables that it leaves. If it only adds (a
table, an index, a column that is empty or has a default), and code that does not know of it still reads and writes
every row rightly, that is what the one before it names; otherwise itself. The database keeps the note
(``OLDEST_TABLE``), for versions that have never heard of the revision: ``stores.sql.schema``.
"""

from typing import Final

VERSION_TABLE: Final = "coatcheck_alembic_version"

OLDEST_TABLE: Final = "coatcheck_oldest_version"
"""For each version in VERSION_TABLE the oldest whose code works over it. It is written with the tables themselves, in
the same transaction."""

NEWEST: Final = {"store": "store_0004", "registry": "registry_0003"}
"""The last revision of each line, here so that a database that is up to date is opened without loading Alembic."""

OLDEST: Final = {"store": "store_0002", "registry": "registry_0002"}
"""What these name as the oldest whose code works over them."""

BEING_FILLED: Final = "being_filled"
"""The version of a database that an installation is being copied into (``stores.copying``): none that can be opened."""
