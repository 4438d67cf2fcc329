"""Which passwords are taken, and in which form they are hashed.

NIST SP 800-63B-4 §3.1.1.2 and OWASP ASVS 6.2: length counts, composition does not; every character is welcome, nothing
is trimmed, cut or folded; what is on a list of common passwords, or says only what everybody knows of the person or the
site, is refused with a reason.
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final
from unicodedata import normalize

from coatcheck.errors import FieldError, PasswordWeak, RequestInvalid
from coatcheck.passwords.commonest import LONGEST_COMMON, is_common
from coatcheck.settings import PasswordSettings

LONGEST_CHARACTERS: Final = 256
"""At most 1024 bytes in UTF-8."""

_LONGEST_INPUT: Final = 4 * LONGEST_CHARACTERS
"""Code points before NFC: a composed character is at most four when it comes decomposed."""

_SHORTEST_WORD: Final = 3
_SHORTEST_RUN: Final = 3
_ROWS: Final = (
    "0123456789",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
)
_STEPS: Final = frozenset(step for row in _ROWS for a, b in pairwise(row) for step in (a + b, b + a, a + a, b + b))


def prepare(password: str, *, field: str = "password") -> str:
    """Return the form that is hashed: NFC, so that one password typed on two systems is one password.

    Otherwise it is exact (ASVS 6.2.8): NUL, spaces, emoji and control characters count as they are. A code point is a
    character, as NIST has it. Raises RequestInvalid naming ``field`` for more than 256 characters, before anything is
    done with what could not become so few, and for text that is not Unicode (lone surrogates).
    """
    if len(password) > _LONGEST_INPUT:
        raise _too_long(field)
    try:
        password.encode()
    except UnicodeEncodeError:
        raise RequestInvalid([FieldError(field, "This contains characters that are not valid text.")]) from None
    composed = normalize("NFC", password)
    if len(composed) > LONGEST_CHARACTERS:
        raise _too_long(field)
    return composed


def check_new(password: str, settings: PasswordSettings, *, about: Iterable[str]) -> None:
    """Accept a new password, as ``prepare`` returned it, or raise PasswordWeak with every reason there is.

    ``about`` is what others know of the person and the site: name, e-mail address, name of the site.
    """
    reasons = []
    folded = _fold(password)
    if len(password) < settings.minimum_length:
        reasons.append(
            f"Please use at least {settings.minimum_length} characters. A few words that only you would put together "
            "make a good password."
        )
    if _is_common(folded):
        reasons.append("This is one of the passwords that are used most, so it would be tried first.")
    elif _says_only(folded, _words((*settings.forbidden_words, *about))):
        reasons.append("This is made only of your name, your e-mail address or the name of this site.")
    elif _repeats(folded, settings.minimum_length):
        reasons.append("This repeats the same few characters, so it is as easy to guess as a short password.")
    elif _runs(folded):
        reasons.append("This follows the alphabet or the rows of the keyboard, so it would be tried early.")
    if reasons:
        raise PasswordWeak(reasons)


def _too_long(field: str) -> RequestInvalid:
    return RequestInvalid([FieldError(field, f"Please use at most {LONGEST_CHARACTERS} characters.")])


def _fold(text: str) -> str:
    return normalize("NFKC", text).casefold()


def _is_common(folded: str) -> bool:
    """True for a common password, also with digits and punctuation around it."""
    letters = [place for place, character in enumerate(folded) if character.isalpha()]
    if not letters:
        return is_common(folded)
    starts, ends = range(letters[0] + 1), range(letters[-1] + 1, len(folded) + 1)
    return any(is_common(folded[start:end]) for start in starts for end in ends if end - start <= LONGEST_COMMON)


def _words(texts: Iterable[str]) -> list[str]:
    """The words in ``texts``, longest first."""
    words = {word for text in texts for word in re.findall(r"[^\W_]+", _fold(text))}
    return sorted((word for word in words if len(word) >= _SHORTEST_WORD), key=lambda word: (-len(word), word))


def _says_only(folded: str, words: list[str]) -> bool:
    """True when no letter is left once ``words`` are taken out, and there was one to take out."""
    rest = folded
    for word in words:
        rest = rest.replace(word, " ")
    return rest != folded and not any(character.isalpha() for character in rest)


def _repeats(folded: str, minimum_length: int) -> bool:
    """True for one unit, shorter than a password may be, twice or more (the last one perhaps cut off)."""
    length = len(folded)
    return any(
        folded == (folded[:unit] * (length // unit + 1))[:length]
        for unit in range(1, min(length // 2, minimum_length - 1) + 1)
    )


def _runs(folded: str) -> bool:
    """True when every part is a walk of three characters or more along the alphabet, the digits or a keyboard row."""
    run = 1
    for before, after in pairwise(folded):
        if before + after in _STEPS:
            run += 1
        elif run < _SHORTEST_RUN:
            return False
        else:
            run = 1
    return len(folded) >= _SHORTEST_RUN and run >= _SHORTEST_RUN
