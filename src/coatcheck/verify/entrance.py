"""Where requests come in, whatever the framework: raw headers → one credential, and the rule about cookies."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.origin import OriginRule
from coatcheck.carriers.presented import NotPresented, Presented, present
from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import Misconfigured
from coatcheck.verify.verifier import Verifier


class Entrance:
    """One for all requests to an application.

    Without ``origins`` a credential counts in ``Authorization`` alone. With them the server's own cookies count too,
    where this service is reached under the server's own host name; unsafe requests with a cookie must then come from
    one of these origins. Raises Misconfigured for an origin that is none.
    """

    def __init__(self, verifier: Verifier, origins: Sequence[str] = ()) -> None:
        self.verifier = verifier
        self._origins = OriginRule(origins) if origins else None
        self._cookies = _cookies_of(verifier.issuer)

    def presented(self, headers: list[RawHeader], method: str, *, is_upgrade: bool = False) -> Presented:
        """Return the credential that decides about a request.

        Raises the CredentialRefused that fits when there is none, and OriginRefused for what another site caused with a
        cookie.
        """
        if self._origins is None:
            headers = [header for header in headers if header[0] == b"authorization"]
        presented = present(headers, self._cookies)
        if isinstance(presented, NotPresented):
            raise presented.error
        if presented.cookie is not None and self._origins is not None:
            if is_upgrade:
                self._origins.require_for_upgrade(headers)
            else:
                self._origins.require(method, headers)
        return presented


def _cookies_of(issuer: str) -> CookieNames:
    parts = urlsplit(issuer)
    if parts.scheme not in ("http", "https"):
        raise Misconfigured("issuer must be like https://auth.example.com/auth")
    is_local = parts.scheme == "http"
    return CookieNames.of(is_local=is_local, port=parts.port or (80 if is_local else 443), path=parts.path or "/")
