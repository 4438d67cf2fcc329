"""HOW DOES "NO" REACH EVERYONE?  The lease protocol, without I/O and without a clock.

``docs/revocation.md`` is the specification; the rules that it numbers are named in the docstrings here. A *replica*
holds what was revoked, a *lease* says how long it may be trusted, a *subscriber* keeps both current, a *barrier* finds
out who has heard. The same code runs in production and in the simulation (``tests/simulation``).
"""
