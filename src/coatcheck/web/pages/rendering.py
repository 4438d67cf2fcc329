"""Turns a page into HTML. Pure: what is shown is handed in, templates and their settings come from the package.

Everything is escaped, and a name that a template asks for but was not given is an error, not an empty string.
"""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from coatcheck.web.pages.views import Page, Site


def render_page(site: Site, page: Page) -> str:
    """Return ``page`` as a whole HTML document."""
    return render(page.template, site=site, page=page)


def render(name: str, **view: object) -> str:
    """Return the template ``name`` filled with ``view``.

    Raises jinja2.UndefinedError when the template needs something that is not in ``view``.
    """
    return _environment().get_template(name).render(view)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("coatcheck.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = _asset
    return environment


@cache
def _asset(name: str) -> str:
    """The file's name with a mark of its content, so that it may be cached for long and an upgrade is seen at once."""
    content = files("coatcheck.web").joinpath("static", name).read_bytes()
    return f"{name}?v={sha256(content).hexdigest()[:12]}"
