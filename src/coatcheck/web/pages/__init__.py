"""The HTML pages: what each address shows, and what its form does. They work without JavaScript."""

from starlette.routing import Route

from coatcheck.auth import Auth
from coatcheck.web.installation import Installation
from coatcheck.web.pages import account, admin, entry
from coatcheck.web.pages.resource import Resource
from coatcheck.web.pages.static import Static
from coatcheck.web.pages.views import Site


def routes(auth: Auth, installation: Installation | None = None) -> list[Route]:
    """Every page, and the static files, as Starlette routes, at the paths that the settings say.

    Raises Misconfigured when the settings name an origin or network that is none.
    """
    installation = installation or Installation.of(auth)
    site, mount_path = Site.of(auth.settings), auth.settings.web.path
    places = [
        Route(f"{mount_path}{place.path}", Resource(installation, site, place), name=f"page:{place.path}")
        for place in (*entry.PLACES, *account.PLACES, *admin.PLACES)
    ]
    return [*places, Route(f"{mount_path}/static/{{name}}", Static(installation.headers), name="static")]


__all__ = ["routes"]
