"""Moves a whole installation from SQLite to PostgreSQL (``docs/moving-to-postgresql.md``).

The source is frozen while it is read: its lock is held. Each batch and the place that was reached are one transaction
of the target, so that a copy that was killed goes on. Rows go as they are stored, which is the same on every database
(``sql.types``). When both sides were read again and are equal, the source is set aside, and only then can the target be
opened.
"""
