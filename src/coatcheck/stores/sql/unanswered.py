"""Statements whose answer nobody looks at."""

from typing import Final

UNANSWERED: Final = "coatcheck_unanswered"
"""The execution option that says so of a statement. A store far from its database sends it together with the next one
that has an answer; should it fail, the whole unit of work does, then."""
