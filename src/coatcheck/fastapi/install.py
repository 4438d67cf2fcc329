"""Installs Coatcheck in a FastAPI application."""

from fastapi import FastAPI

from coatcheck.asgi.answers import Answers
from coatcheck.asgi.middleware import AuthMiddleware
from coatcheck.auth import Auth
from coatcheck.errors import AuthError
from coatcheck.fastapi.openapi import extend_openapi
from coatcheck.web.api import routes as api_routes
from coatcheck.web.api.openapi import document
from coatcheck.web.api.table import table
from coatcheck.web.installation import Installation


def install(app: FastAPI, auth: Auth, *, pages: bool = True) -> None:
    """Give ``app`` the middleware, the JSON API and, with ``pages``, the HTML pages, under ``settings.web.path``.

    ``auth`` starts before the application and stops after it. The endpoints appear in the application's OpenAPI
    document. An AuthError that leaves a route is answered with problem details (RFC 9457), unless the application has a
    handler for it; with ``pages``, a browser that has to log in is sent there and comes back.

    Call it before other middleware is added: what is added later stands outside, and sees these answers too. Raises
    Misconfigured when the settings name an origin or network that is none.
    """
    path = auth.settings.web.path
    installation = Installation.of(auth)
    pages_at = path if pages else None
    app.add_middleware(AuthMiddleware, auth=auth, pages=pages_at)
    app.exception_handlers.setdefault(AuthError, Answers(pages_at).handle)
    app.router.routes.extend(api_routes(auth, installation))
    if pages:
        from coatcheck.web.pages import routes as page_routes  # templates are loaded only where they are shown

        app.router.routes.extend(page_routes(auth, installation))
    extend_openapi(app, document(auth.settings, table(path)))
