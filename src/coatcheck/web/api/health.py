"""For whoever watches the process: is it alive, and may it get traffic?"""

from typing import Final

from coatcheck.errors import StoreUnavailable
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.shapes import HealthAnswer


async def alive(_: Call) -> Reply:
    """The process answers."""
    return Reply(HealthAnswer(status="ok"))


async def ready(call: Call) -> Reply:
    """The store has been opened, and the process follows the log.

    The lease plays no part: when the store is away every process loses it at once, and taking all of them out of
    service would help nobody. Raises StoreUnavailable while it can't be opened.
    """
    if not call.installation.auth.is_started:
        raise StoreUnavailable
    return Reply(HealthAnswer(status="ready"))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="healthz",
        verb=alive,
        summary="Is it alive?",
        may=May.ANYONE,
        result=HealthAnswer,
        starts=False,
    ),
    Endpoint(
        method="GET",
        path="readyz",
        verb=ready,
        summary="May it get traffic?",
        may=May.ANYONE,
        result=HealthAnswer,
        errors=(StoreUnavailable,),
    ),
)
