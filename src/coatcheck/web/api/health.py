"""For whoever watches the process: is it alive, and may it get traffic?"""

from typing import Annotated, Final

from msgspec import Meta

from coatcheck.errors import CheckingStale, Draining, StoreUnavailable
from coatcheck.web.api.answering import Reply
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, May, Query
from coatcheck.web.api.shapes import HealthAnswer, ReadyAnswer


class Strictness(Query, frozen=True, kw_only=True):
    """How much has to be well."""

    strict: Annotated[bool, Meta(description="Answer 503 also while the lease or the store is gone.")] = False


async def alive(_: Call) -> Reply:
    """The process answers."""
    return Reply(HealthAnswer(status="ok"))


async def ready(call: Call) -> Reply:
    """The store has been opened, the process follows the log, and it is not about to end.

    The lease plays no part unless ``strict`` is asked for: when the store is away every process loses it at once, and
    taking all of them out of service would help nobody. Nobody asks the store for this: the last sync tells.

    Raises StoreUnavailable while it can't be opened, Draining; strictly also StoreUnavailable when the last sync failed
    and CheckingStale without a lease.
    """
    auth = call.installation.auth
    if auth.is_draining:
        raise Draining
    if not auth.is_started:
        raise StoreUnavailable
    answers, holds = not auth.parts.running.follower.failures, auth.checker.is_trusted()
    if call.query.strict:
        if not answers:
            raise StoreUnavailable
        if not holds:
            raise CheckingStale
    return Reply(ReadyAnswer(status="ready", store=answers, lease=holds))


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
        query=Strictness,
        result=ReadyAnswer,
        errors=(StoreUnavailable, CheckingStale, Draining),
    ),
)
