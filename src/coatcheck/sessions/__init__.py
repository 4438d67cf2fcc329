"""HOW DOES A LOGIN LIVE AND DIE?  Each verb runs inside a transaction and appends its event there.

This is the only place, with ``upkeep.rotation``, where events are appended: a change and the news of it are one commit
(rule 1 of ``docs/revocation.md``). Locks are taken in one order: user, session, key, the log's head last.
"""
