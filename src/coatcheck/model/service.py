"""A service: a program with credentials of its own, such as a worker, another service or a Verifier."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coatcheck.errors import FieldError, RequestInvalid
from coatcheck.model.identifiers import SERVICE
from coatcheck.model.name import check_name

MOST_NAMES: Final = 32
"""Audiences of a service; scopes of a service or an API key. They travel in tokens, so they are few and short."""

SERVICE_START: Final = f"{SERVICE}_"
"""What the ids of services start with; so a token tells whose it is by its ``sub``."""

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}", re.ASCII)
_AUDIENCE: Final = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


class ServiceStatus(StrEnum):
    """May this service do anything?"""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Service(Struct, frozen=True, kw_only=True):
    """A service as the store keeps it. Its secrets and public keys are sessions of the kind ``service``.

    ``audiences`` are who its tokens may be for, and whose tokens it may ask about (RFC 7662); ``scopes`` what its
    tokens may allow. ``feed`` lets it follow revocations. ``version`` is raised, with an event, by every change of
    audiences, scopes, feed or status: tokens that carry a lower one are refused.
    """

    id: str
    name: str
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    feed: bool = False
    status: ServiceStatus = ServiceStatus.ACTIVE
    version: int = 1
    created_at: datetime


def is_service(subject: str) -> bool:
    """True when ``subject`` is the id of a service, not of a person."""
    return subject.startswith(SERVICE_START)


def check_service(service: Service) -> None:
    """Raises RequestInvalid when a name, an audience or a scope is not plain and short."""
    check_label(service.name)
    check_audiences(service.audiences)
    check_scopes(service.scopes)


def check_label(name: str) -> None:
    """Raises RequestInvalid when this is not what a service, a secret or a key can be called: it must be something."""
    check_name(name)
    if not name.strip():
        raise RequestInvalid([FieldError("name", "Give it a name, so that it can be told from others later.")])


def check_scopes(scopes: Iterable[str]) -> None:
    """Raises RequestInvalid when there are too many, or one is no scope-token (RFC 6749 §3.3)."""
    _check("scopes", tuple(scopes), _SCOPE, "up to 64 visible ASCII characters, without quotes and backslashes")


def check_audiences(audiences: Iterable[str]) -> None:
    """Raises RequestInvalid when there are too many, or one is not a plain word or URL."""
    _check("audiences", tuple(audiences), _AUDIENCE, "up to 200 visible ASCII characters")


def _check(field: str, names: tuple[str, ...], form: re.Pattern[str], allowed: str) -> None:
    if len(names) > MOST_NAMES or len(set(names)) != len(names) or not all(map(form.fullmatch, names)):
        raise RequestInvalid([FieldError(field, f"Up to {MOST_NAMES} different {field} of {allowed} each.")])
