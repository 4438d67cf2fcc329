"""What a browser calls itself, in words that its owner recognises: "Firefox on Linux".

Only for the device list. A ``User-Agent`` is whatever a client says, so nothing is ever decided by it.
"""

import re
from typing import Final
from unicodedata import category

UNKNOWN: Final = "Unknown device"
LONGEST_NAME: Final = 100
_LONGEST_READ: Final = 512
_PRODUCT: Final = re.compile(r"([A-Za-z][A-Za-z0-9 ._-]{0,39})/v?[0-9]", re.ASCII)
_JOINERS: Final = "\u200c\u200d"
"""Parts of words in some scripts, and of emoji; every other format character only serves to deceive."""

# Browsers claim to be each other, so the first mark that is found decides, the most particular ones come first.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Darwin", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
)


def device_name(text: str) -> str:
    """Return a name for the device list: at most 100 visible characters, never empty.

    A ``User-Agent`` becomes words; a name that a person or an app chose stays as it is, and so does a name that this
    function returned. Give it the whole header before it is stored: Edge and Opera name themselves only at the end of
    theirs, beyond the 100 characters that a session keeps.
    """
    name = _visible(text[:_LONGEST_READ])
    if not name:
        return UNKNOWN
    if name.startswith("Mozilla/"):
        return _join(_first(_BROWSERS, name) or "Browser", _first(_SYSTEMS, name))
    product = _PRODUCT.match(name)
    if product is not None:
        return _join(product[1].strip(), _first(_SYSTEMS, name))
    return _visible(name[:LONGEST_NAME])


def _first(marks: tuple[tuple[str, str], ...], text: str) -> str:
    return next((words for mark, words in marks if mark in text), "")


def _join(program: str, system: str) -> str:
    if not system:
        return "Unknown browser" if program == "Browser" else program
    return f"{program} on {system}"


def _visible(text: str) -> str:
    """Drop what is not seen or would turn the writing direction; fold every run of spaces into one."""
    kept = (one for one in text if one.isspace() or one in _JOINERS or category(one)[0] != "C")
    return " ".join("".join(kept).split()).strip(" " + _JOINERS)
