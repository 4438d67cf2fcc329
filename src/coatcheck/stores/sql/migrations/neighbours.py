"""For an application that keeps its own tables, with an Alembic of its own, in the same database.

Without this its ``alembic revision --autogenerate`` would propose to drop ours, since they are not in its metadata.
In the application's ``env.py``:

    from coatcheck.stores.sql.migrations.neighbours import include_name

    context.configure(…, include_name=include_name)
"""

from collections.abc import Mapping

from coatcheck.stores.sql.tables import PREFIX


def include_name(name: str | None, type_: str, parent_names: Mapping[str, str | None]) -> bool:
    """False for the tables of Coatcheck, its version table included. Has the form of Alembic's ``include_name``."""
    table = name if type_ == "table" else parent_names.get("table_name")
    return table is None or not table.startswith(PREFIX)
