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
    """Issues and reads device tokens: 16 random bytes for the device, and HMAC-SHA256 over them, user and mark.

    The first key makes what is new, each opens what was made under it. Raises Misconfigured for one under 32 bytes.
    """

    def __init__(self, current: bytes, *older: bytes) -> None:
        self._keys = (current, *older)
        if any(len(key) < _TAG_BYTES for key in self._keys):
            raise Misconfigured("the key for device tokens must have 32 bytes or more")

    def issue(self, user_id: str, mark: str) -> str:
        """Return the token for a new device of this user. ``mark`` changes with the password, and is not it."""
        return self._issue(token_bytes(_DEVICE_BYTES), user_id, mark)

    def at_login(self, text: str | None, user_id: str, mark: str) -> str | None:
        """Return what a device that has presented ``text`` gets at a login: a token of its own, the same device under
        the current key where its token was made under an older one, or None where it needs no other."""
        device, key = self._read(text, user_id, mark)
        if key is None:
            return self.issue(user_id, mark)
        return None if key is self._keys[0] else self._issue(device, user_id, mark)

    def device_of(self, text: str | None, user_id: str, mark: str) -> str | None:
        """Return the device's id, in hex, or None when the token is not this user's, is outdated, or is no token."""
        device, key = self._read(text, user_id, mark)
        return None if key is None else device.hex()

    def _issue(self, device: bytes, user_id: str, mark: str) -> str:
        return _written(device + _tag(self._keys[0], device, user_id, mark))

    def _read(self, text: str | None, user_id: str, mark: str) -> tuple[bytes, bytes | None]:
        """The device, and the key that the token was made under; None where it is not to be known."""
        if text is None or len(text) != _TEXT_LENGTH or not text.startswith(_START):
            return b"", None
        try:
            data = urlsafe_b64decode(text.removeprefix(_START))
        except ValueError:
            return b"", None
        if _written(data) != text:  # one way to write it
            return b"", None
        device, tag = data[:_DEVICE_BYTES], data[_DEVICE_BYTES:]
        made_under = (key for key in self._keys if hmac.compare_digest(tag, _tag(key, device, user_id, mark)))
        return device, next(made_under, None)


def _tag(key: bytes, device: bytes, user_id: str, mark: str) -> bytes:
    parts = (device, user_id.encode(), mark.encode())
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, b"coatcheck device" + message, "sha256")


def _written(data: bytes) -> str:
    return _START + urlsafe_b64encode(data).decode("ascii")
