"""Where the server is, and what its tokens call it."""

from typing import NamedTuple
from urllib.parse import urlsplit

from coatcheck.errors import Misconfigured

MOUNT_PATH = "/auth"
"""Where Coatcheck is mounted unless it was told otherwise."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Address(NamedTuple):
    """``root`` is scheme, host and port, ``path`` where Coatcheck is mounted there. Together they are the issuer."""

    root: str
    path: str

    @classmethod
    def of(cls, url: str, *, insecure_http: bool) -> "Address":
        """Read ``url``; without a path it is taken to end in ``/auth``.

        Raises Misconfigured for what is no plain http(s) address, and for http to another machine, where anybody on the
        way could read the credential and answer in the server's place.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise Misconfigured("url must be like https://auth.example.com") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii():
            raise Misconfigured("url must be like https://auth.example.com")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise Misconfigured("url must be an address without user, query and fragment")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not insecure_http:
            raise Misconfigured(
                "url must be https: over plain http anybody on the way can read the credential, and answer that "
                "nothing was revoked. If the network between the two is protected by other means, say "
                "insecure_http=True."
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        default = {"http": 80, "https": 443}[parts.scheme]
        root = f"{parts.scheme}://{host}" + ("" if port in (None, default) else f":{port}")
        return cls(root, parts.path.rstrip("/") or MOUNT_PATH)

    @property
    def issuer(self) -> str:
        """The ``iss`` of its access tokens, unless it is reached here under another name than it calls itself."""
        return self.root + self.path
