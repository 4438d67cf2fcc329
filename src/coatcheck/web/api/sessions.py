"""A person's device list: where they are logged in, and ending it."""

from typing import Final

from coatcheck.errors import RequestNotFound
from coatcheck.web.api.answering import Reply, clear_login, done, listed_session
from coatcheck.web.api.call import Call
from coatcheck.web.api.endpoint import Endpoint, Waiting
from coatcheck.web.api.shapes import SessionsAnswer


async def list_sessions(call: Call) -> Reply:
    """The caller's sessions, newest first."""
    live = await call.installation.auth.sessions_of(call.user_id)
    return Reply(SessionsAnswer(sessions=[listed_session(session, call.who.session_id) for session in live]))


async def end_session(call: Call) -> Reply:
    """End one of the caller's sessions; somebody else's is as good as none. One that has ended already is fine."""
    session_id = call.path["session_id"]
    receipt = await call.installation.auth.end_session(
        call.user_id, session_id, actor_id=call.user_id, client=call.client(), wait=call.wait
    )
    is_own = session_id == call.who.session_id and not call.has_bearer
    return done(call, receipt, clear_login(call.installation) if is_own else ())


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="api/sessions",
        verb=list_sessions,
        summary="Where the caller is logged in",
        result=SessionsAnswer,
    ),
    Endpoint(
        method="DELETE",
        path="api/sessions/{session_id}",
        verb=end_session,
        summary="End one of the caller's sessions",
        query=Waiting,
        errors=(RequestNotFound,),
    ),
)
