"""One request to the server and its answer: no redirects, no proxy from the environment, bounded in time and size."""

from collections.abc import Mapping
from secrets import token_urlsafe
from ssl import SSLContext
from typing import Final, NamedTuple

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import parse_url

from coatcheck.errors import StoreUnavailable
from coatcheck.feed import QUESTION
from coatcheck.verify.address import Address

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

CONNECT_WITHIN: Final = 2.5
"""Seconds."""

LONGEST_ANSWER: Final = 256 * 1024 * 1024
"""Bytes; the largest snapshot, a million entries, has a quarter of that."""

_CONNECTIONS: Final = 8
"""Kept open; a long poll has one of its own, so nothing ever waits behind it."""


class Answered(NamedTuple):
    """A status and a body."""

    status: int
    body: bytes


class Http:
    """The server, as a place to send requests to. Every method blocks."""

    def __init__(self, address: Address, ssl_context: SSLContext | None = None) -> None:
        self.address = address
        url = parse_url(address.root)
        self._pool: HTTPConnectionPool
        if url.scheme == "https":
            self._pool = HTTPSConnectionPool(
                url.host or "", url.port, maxsize=_CONNECTIONS, block=False, ssl_context=ssl_context
            )
        else:
            self._pool = HTTPConnectionPool(url.host or "", url.port, maxsize=_CONNECTIONS, block=False)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, within: float
    ) -> Answered:
        """Send one request; ``within`` is how many seconds the server may be silent.

        ``path`` is under the mount path. The answer has to name this very question (``coatcheck-question``): one that a
        proxy kept, repeated or mixed up would extend a lease, or be about somebody else. Raises StoreUnavailable, whose
        message is for the log.
        """
        question = token_urlsafe(12)
        try:
            response = self._pool.urlopen(
                method,
                f"{self.address.path}/{path}",
                body=body,
                headers={"user-agent": "coatcheck-verifier", "accept": JSON, QUESTION: question, **headers},
                timeout=Timeout(connect=CONNECT_WITHIN, read=within),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            is_about_this = response.headers.get(QUESTION) == question
            answered = Answered(response.status, _read(response))
        except SSLError as fault:
            raise StoreUnavailable(f"The certificate of {self.address.root} is not trusted here: {fault}.") from None
        except (HTTPError, OSError, ValueError) as fault:
            # A ValueError of http.client, which urllib3 lets through: a negative length of a chunk, a header that can't
            # be sent, or an idle connection that is being closed by two threads because its other end has gone.
            raise StoreUnavailable(f"{self.address.root} can't be reached ({type(fault).__name__}).") from None
        if 300 <= answered.status < 400:
            raise StoreUnavailable(
                f"{self.address.root} answers with a redirect, which is not followed: give the address it leads to."
            )
        if answered.status < 300 and not is_about_this:
            raise StoreUnavailable(f"What {self.address.root} answers is no answer to what it was asked.")
        return answered

    def close(self) -> None:
        """Close what is idle; idempotent."""
        self._pool.close()


def _read(response: BaseHTTPResponse) -> bytes:
    body = response.read(LONGEST_ANSWER + 1)
    if len(body) > LONGEST_ANSWER:
        response.close()
        raise StoreUnavailable("The server's answer is longer than any answer can be.")
    response.release_conn()
    return body
