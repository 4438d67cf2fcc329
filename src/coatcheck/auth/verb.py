"""What is around a verb that asks a store several things: one patience for all of it, and a count of how it ended."""

from asyncio import CancelledError
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from coatcheck.errors import AuthError
from coatcheck.patience import Patience

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

ACCEPTED: Final = "accepted"
CANCELLED: Final = "cancelled"
UNEXPECTED: Final = "unexpected"


class Counts(Protocol):
    """Whose verbs are counted: by verb and outcome, that is ``accepted``, an error's code, or what came between."""

    outcomes: Counter[tuple[str, str]]


Whose = TypeVar("Whose", bound=Counts)
Verb = Callable[Concatenate[Whose, Parameters], Coroutine[Any, Any, Result]]


def verb(does: Verb[Whose, Parameters, Result]) -> Verb[Whose, Parameters, Result]:
    """``does``, within one patience, and counted under its name."""
    name = does.__name__

    @wraps(does)
    async def called(self: Whose, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        outcome = UNEXPECTED
        try:
            with Patience():
                result = await does(self, *args, **kwargs)
            outcome = ACCEPTED
        except AuthError as error:
            outcome = error.code
            raise
        except CancelledError:
            outcome = CANCELLED
            raise
        else:
            return result
        finally:
            self.outcomes[name, outcome] += 1

    return called
