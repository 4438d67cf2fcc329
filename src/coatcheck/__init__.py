"""Coatcheck: authentication for Python web applications. Sessions you can scale. JWTs you can revoke.

A login is a session on the server. What a client holds is a token that points to it: an opaque cookie for a browser, a
short-lived JWT with a rotating refresh token for everything else. Checking costs no I/O; ending takes effect
everywhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coatcheck.auth import Auth as Auth
    from coatcheck.errors import AuthError as AuthError
    from coatcheck.model.principal import Principal as Principal
    from coatcheck.model.receipt import Receipt as Receipt
    from coatcheck.settings import Settings as Settings

__version__ = "0.1.0"

__all__ = ["Auth", "AuthError", "Principal", "Receipt", "Settings", "__version__"]

_HOMES = {
    "Auth": "coatcheck.auth",
    "AuthError": "coatcheck.errors",
    "Principal": "coatcheck.model.principal",
    "Receipt": "coatcheck.model.receipt",
    "Settings": "coatcheck.settings",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for, so that a program pays only for what it uses."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
