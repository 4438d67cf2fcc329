"""For ASGI applications: the middleware, and how a route asks who is there.

    app = AuthMiddleware(app, auth)

    async def me(request):
        who = await current(request)

``current`` and its kin are plain functions over the connection, so they cost what a dictionary costs, and they work the
same in Starlette, FastAPI and an application without a framework (hand in the scope).
"""

from coatcheck.asgi.guards import Guard, current, optional, require
from coatcheck.asgi.middleware import AuthMiddleware

__all__ = ["AuthMiddleware", "Guard", "current", "optional", "require"]
