"""The same in Starlette, without FastAPI.

uvicorn examples.starlette_app:app
"""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from coatcheck import Auth
from coatcheck.asgi import AuthMiddleware, current, optional
from coatcheck.web import api, pages

auth = Auth("sqlite:///app.db")


async def front(request: Request) -> Response:
    who = await optional(request)
    return PlainTextResponse("Hello, stranger." if who is None else f"Hello, {who.user_id}.")


async def me(request: Request) -> Response:
    who = await current(request)
    return JSONResponse({"user": who.user_id, "roles": sorted(who.roles)})


app = Starlette(
    routes=[Route("/", front), Route("/me", me), *api.routes(auth), *pages.routes(auth)],
    middleware=[Middleware(AuthMiddleware, auth=auth, pages="/auth")],
)
