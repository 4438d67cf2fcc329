"""An e-mail address: as the person wrote it, and the one form in which it is compared.

What is taken is one plain address: what RFC 5321 §4.1.2 calls a Dot-string, at a domain with a dot, in the Unicode of
RFC 6531. Quoted local parts, comments, angle brackets, lists, address literals and whatever could end a header line are
refused.

Two addresses are one when their keys are equal. The key is NFKC and case-folded; its domain is in the ASCII form of
IDNA 2008 (UTS 46, not transitional). So that look-alikes do no harm:

- Everything is checked after normalisation, and an address that NFKC changes is refused: a fullwidth @ or dot, a
  circled letter, a long s. The Kelvin sign needs no such rule: NFC makes it a ``K`` before anything is stored.
- Characters that are not seen (zero-width, fillers, variation selectors) are refused.
- A local part has letters of one script, so a Cyrillic a does not stand between Latin letters. East Asian scripts,
  which are written together and with Latin, may mix.
- Where case folding still makes two addresses one (``ß`` and ``ss``), the second can't register. Letters go to the
  stored ``address`` only, never to what somebody typed in order to be found.
- The dotless and the dotted i of Turkish are no ``i``: they don't fold to it.
"""

from dataclasses import dataclass
from typing import Final
from unicodedata import category, name, normalize

import idna

from coatcheck.errors import FieldError, RequestInvalid

LONGEST: Final = 254
"""Characters, and bytes in UTF-8 (RFC 5321 §4.5.3.1.3, errata 1690)."""

_LONGEST_LOCAL: Final = 64
_PUNCTUATION: Final = frozenset("!#$%&'*+-/=?^_`{|}~.")
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0").union(
    map(chr, range(0xFE00, 0xFE10)), map(chr, range(0xE0100, 0xE01F0))
)
_EAST_ASIAN: Final = frozenset({"BOPOMOFO", "CJK", "HANGUL", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "LATIN"})


@dataclass(frozen=True, slots=True)
class Email:
    """``address`` is for letters and for showing, ``key`` for uniqueness and look-up."""

    address: str
    key: str


def parse_email(text: str) -> Email:
    """Read one address. Spaces around it are trimmed, everything else is exact.

    Raises RequestInvalid with the field ``email`` and a reason for the person. The length is looked at before anything
    else, and nothing backtracks.
    """
    if len(text) > LONGEST:
        raise _refused("This is longer than an e-mail address can be.")
    address = normalize("NFC", text.strip(" "))
    if any(category(character)[0] == "C" or category(character)[0] == "Z" for character in address):
        raise _refused("An e-mail address has no spaces and no invisible characters.")
    if normalize("NFKC", address) != address:
        raise _refused("This contains characters in an unusual form. Please type the address with ordinary ones.")
    local, at, domain = address.partition("@")
    if not at or "@" in domain:
        raise _refused("Please enter one e-mail address, like name@example.com.")
    if len(address.encode()) > LONGEST or len(local.encode()) > _LONGEST_LOCAL:
        raise _refused("This is longer than an e-mail address can be.")
    _check_local(local)
    return Email(address, f"{_folded(local)}@{_ascii_domain(domain)}")


def _check_local(local: str) -> None:
    if not local or local[0] == "." or local[-1] == "." or ".." in local:
        raise _refused("Please check the part before the @: it must not be empty, nor begin or end with a dot.")
    if category(local[0])[0] == "M":
        raise _refused("Please check the first character of the address.")
    if not all(map(_is_local_character, local)):
        raise _refused("The part before the @ contains a character that does not belong there.")
    scripts = {name(character, "?").partition(" ")[0] for character in local if category(character)[0] == "L"}
    if len(scripts) > 1 and not scripts <= _EAST_ASIAN:
        raise _refused("The part before the @ mixes letters of several alphabets.")


def _is_local_character(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _PUNCTUATION
    return category(character)[0] in "LMN" and character not in _UNSEEN


def _ascii_domain(domain: str) -> str:
    """The domain in A-labels, lower case (RFC 5890)."""
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _refused("Please check the part after the @: it is not the name of a mail domain.") from None
    labels = encoded.split(".")
    if len(labels) < 2 or not labels[-1] or labels[-1].isdigit():
        raise _refused("Please check the part after the @: it is not the name of a mail domain.")
    return encoded


def _folded(local: str) -> str:
    """NFKC and case-folded, until nothing changes any more."""
    while (folded := normalize("NFKC", local.casefold())) != local:
        local = folded
    return local


def _refused(reason: str) -> RequestInvalid:
    return RequestInvalid([FieldError("email", reason)])
