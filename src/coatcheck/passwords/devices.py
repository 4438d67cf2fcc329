"""Known devices: a token that says "somebody logged in to this account from here before".

It opens nothing. It only gives its device a budget of attempts of its own, so that strangers who guess can't lock the
owner out (OWASP: "device cookies"). It is bound to one user and to ``mark``, which the caller changes with the
password, so a change of password makes every device a stranger again.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes
from typing import Final

from coatcheck.errors import Misconfigured

DEVICE_PREFIX: Final = "ccd"
"""What device tokens are called."""

_START: Final = f"{DEVICE_PREFIX}_"
_DEVICE_BYTES: Final = 16
_TAG_BYTES: Final = 32
_TEXT_LENGTH: Final = len(_START) + (_DEVICE_BYTES + _TAG_BYTES) * 4 // 3


class DeviceTokens:
    """Issues and reads device tokens: 16 random bytes for the device, and HMAC-SHA256 over them, user and mark."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _TAG_BYTES:
            raise Misconfigured("the key for device tokens must have 32 bytes or more")
        self._key = key

    def issue(self, user_id: str, mark: str) -> str:
        """Return the token for a new device of this user. ``mark`` changes with the password, and is not it."""
        device = token_bytes(_DEVICE_BYTES)
        return _written(device + self._tag(device, user_id, mark))

    def device_of(self, text: str | None, user_id: str, mark: str) -> str | None:
        """Return the device's id, in hex, or None when the token is not this user's, is outdated, or is no token."""
        if text is None or len(text) != _TEXT_LENGTH or not text.startswith(_START):
            return None
        try:
            data = urlsafe_b64decode(text.removeprefix(_START))
        except ValueError:
            return None
        if _written(data) != text:  # one way to write it
            return None
        device, tag = data[:_DEVICE_BYTES], data[_DEVICE_BYTES:]
        return device.hex() if hmac.compare_digest(tag, self._tag(device, user_id, mark)) else None

    def _tag(self, device: bytes, user_id: str, mark: str) -> bytes:
        parts = (device, user_id.encode(), mark.encode())
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, b"coatcheck device" + message, "sha256")


def _written(data: bytes) -> str:
    return _START + urlsafe_b64encode(data).decode("ascii")
