"""The JSON API: one table of endpoints, from which both the routes and the OpenAPI document are made."""

from coatcheck.web.api.routing import routes

__all__ = ["routes"]
