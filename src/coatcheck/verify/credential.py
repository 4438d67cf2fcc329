"""How this service proves to the server who it is."""

from collections.abc import Mapping
from typing import Protocol

from coatcheck.errors import Misconfigured
from coatcheck.verify.http import Http


class Credential(Protocol):
    """What goes with every request. Has no repr that tells it."""

    def headers(self, http: Http) -> Mapping[str, str]:
        """The headers that prove it; may ask the server for them. Blocks; raises StoreUnavailable."""
        ...

    def refused(self) -> None:
        """The server did not take the last ones: the next are to be new ones."""
        ...


class Secret:
    """A service's secret, ``ccx_…``, as it was shown when it was made."""

    def __init__(self, secret: str) -> None:
        text = secret.strip()
        if not text.isascii() or not text.isprintable() or " " in text or not text:
            raise Misconfigured("credential must be the secret of a service, as it was shown when it was made")
        self._headers = {"authorization": f"Bearer {text}"}

    def headers(self, http: Http) -> Mapping[str, str]:  # noqa: ARG002
        return self._headers

    def refused(self) -> None:
        """There is no other."""
