"""HOW DOES AN APPLICATION USE IT?  ``Auth``: the front door, with a verb for everything.

What people do has its verbs on ``Auth`` itself; what is a subject of its own has a face there, each in a file of its
own. None of them holds rules: these are in the rooms below.
"""

from coatcheck.auth.auth import Auth, Done

__all__ = ["Auth", "Done"]
