"""Where a browser goes next: an absolute path of this site, or the default.

Browsers repair what they are given: they read ``\\`` as ``/``, drop tabs and line ends, and take ``//host`` for another
site; a proxy may decode ``%2F`` once more. So this does not try to understand an address. It takes only paths made of
characters that nobody repairs, and everything else is answered with the default (OWASP: unvalidated redirects).
"""

from re import compile as pattern
from typing import Final
from urllib.parse import parse_qsl

_LONGEST: Final = 2000
_PARAMETER: Final = "return_to"
_MOST_PARAMETERS: Final = 50
_PATH = pattern(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_REPAIRED = pattern(r"//|/\.\.?(?:[/?;]|$)|%(?:[01][0-9a-f]|7f|2[ef5]|5c)|" + _PARAMETER)


def safe_path(asked: str | None, default: str) -> str:
    """Return ``asked`` when it is a plain absolute path, perhaps with a query, of this site; else ``default``.

    Refused are other schemes and hosts, anything that does not begin with exactly one slash, backslashes, controls,
    spaces, non-ASCII, fragments, dot segments, encoded slashes, dots, backslashes and controls, double encoding, and a
    ``return_to`` inside. To be called again when the path is used, wherever it was kept meanwhile.
    """
    if asked is None or len(asked) > _LONGEST or not _PATH.fullmatch(asked) or _REPAIRED.search(asked.lower()):
        return default
    return asked


def asked_path(query: bytes, default: str) -> str:
    """Return the safe path that ``return_to`` in a raw query string asks for; ``default`` when it is there twice."""
    try:
        pairs = parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return default
    asked = [value for name, value in pairs if name == _PARAMETER]
    return safe_path(asked[0], default) if len(asked) == 1 else default
