"""A record of another application becomes a user of ours, or there is a reason why not.

What is checked is what registering checks, but for the password, which is not known: its hash must be one that can be
verified here, within the bounds on work. What another application knows an account by is kept in the user's ``data``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from coatcheck.cli.importing.fields import Fields, refused
from coatcheck.errors import RequestInvalid
from coatcheck.flows.import_users import Candidate
from coatcheck.model.email import parse_email
from coatcheck.model.identifiers import USER, new_identifier
from coatcheck.model.name import check_name
from coatcheck.model.roles import check_roles
from coatcheck.model.user import User, UserStatus
from coatcheck.passwords.argon2 import PasswordHasher

_RESERVED: Final = "coatcheck:"
_LARGEST_DATA: Final = 16_384
_UNUSABLE: Final = "!"
"""How Django writes that no password opens an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How records become users. The roles are what superusers and staff elsewhere get here, None for nothing."""

    hasher: PasswordHasher
    superuser_role: str | None = None
    staff_role: str | None = None
    without_unsupported_hashes: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write accounts down: the usual table, or model in a dump, and the columns. The first two are needed:
    the e-mail address and the hash."""

    table: str
    columns: tuple[str, ...]
    hash_field: str
    compose: Callable[[Fields, Rules, datetime], dict[str, Any]]


def candidate_of(form: Form, members: Mapping[str, Any], place: str, rules: Rules, *, now: datetime) -> Candidate:
    """The user that ``members`` describe. Raises RequestInvalid with the field and the reason."""
    fields = Fields(members)
    email = parse_email(fields.text("email"))
    if form is not JSONL and form.hash_field not in members:
        raise refused(form.hash_field, "This is missing: is it of another --format?")
    composed = form.compose(fields, rules, now)
    password_hash, scheme = _checked_hash(fields.text(form.hash_field) or None, form.hash_field, rules)
    name = " ".join(composed.pop("name").split())
    check_name(name)
    roles = composed.pop("roles")
    check_roles(roles)
    user = User(
        id=new_identifier(USER),
        email=email.address,
        email_key=email.key,
        name=name,
        password_hash=password_hash,
        roles=tuple(sorted(set(roles))),
        **composed,
    )
    _check_data(user.data)
    return Candidate(place, user, scheme)


def _checked_hash(stored: str | None, field: str, rules: Rules) -> tuple[str | None, str | None]:
    if stored is None or stored.startswith(_UNUSABLE):
        return None, None
    scheme = rules.hasher.work_of(stored)
    if scheme is not None:
        return stored, None if rules.hasher.is_current(scheme) else scheme
    if rules.without_unsupported_hashes:
        return None, None
    raise refused(field, "This is no hash of a scheme that is read here, or it asks for more work than is allowed.")


def _check_data(data: dict[str, object]) -> None:
    """Raises RequestInvalid for what does not come out of every database as it went in."""
    try:
        written = msgspec.json.encode(data)
        is_kept = msgspec.json.decode(written) == data and not _has_nul(data)
    except (ValueError, RecursionError):
        is_kept = False
    if not is_kept:
        raise refused("data", "This contains something that can't be kept: a NUL, half a character, a huge number.")
    if len(written) > _LARGEST_DATA:
        raise refused("data", f"This may have up to {_LARGEST_DATA:,} bytes.")


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_nul, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _jsonl(fields: Fields, _rules: Rules, now: datetime) -> dict[str, Any]:
    unknown = fields.unknown(JSONL.columns)
    if unknown is not None:
        raise refused(unknown, "There is no such field.")
    roles = fields.texts("roles")
    if any(role.startswith(_RESERVED) for role in roles):
        raise refused("roles", f"A role that begins with {_RESERVED} is not imported: give it with `users roles`.")
    status = fields.text("status", UserStatus.ACTIVE)
    if status not in tuple(UserStatus):
        raise refused("status", "This must be active or suspended.")
    if not fields.flag("is_active", True):
        status = UserStatus.SUSPENDED
    created_at = fields.instant("created_at", now, now=now)
    return {
        "name": fields.text("name"),
        "roles": roles,
        "status": UserStatus(status),
        "created_at": created_at,
        "password_changed_at": fields.instant("password_changed_at", created_at, now=now),
        "data": fields.members("data"),
    }


def _fastapi_users(fields: Fields, rules: Rules, now: datetime) -> dict[str, Any]:
    kept = {"id": fields.key("id"), "is_verified": fields.flag("is_verified", False)}
    return _with_flags(fields, rules, fields.instant("created_at", now, now=now)) | {"data": {"fastapi_users": kept}}


def _django(fields: Fields, rules: Rules, now: datetime) -> dict[str, Any]:
    kept = {"id": fields.key("id"), "username": fields.text("username")}
    return _with_flags(fields, rules, fields.instant("date_joined", now, now=now)) | {"data": {"django": kept}}


def _with_flags(fields: Fields, rules: Rules, created_at: datetime) -> dict[str, Any]:
    flags = (("is_superuser", rules.superuser_role), ("is_staff", rules.staff_role))
    return {
        "name": fields.text("name") or f"{fields.text('first_name')} {fields.text('last_name')}",
        "roles": [role for flag, role in flags if fields.flag(flag, False) and role is not None],
        "status": UserStatus.ACTIVE if fields.flag("is_active", True) else UserStatus.SUSPENDED,
        "created_at": created_at,
        "password_changed_at": created_at,
    }


_JSONL_FIELDS: Final = ("roles", "status", "is_active", "created_at", "password_changed_at", "data")
_NAMES: Final = ("name", "first_name", "last_name")
_FLAGS: Final = ("is_active", "is_superuser")

JSONL: Final = Form("", ("email", "password_hash", "name", *_JSONL_FIELDS), "password_hash", _jsonl)
FORMS: Final = {
    "jsonl": JSONL,
    "fastapi-users": Form(
        "user",
        ("email", "hashed_password", *_NAMES, *_FLAGS, "is_verified", "created_at"),
        "hashed_password",
        _fastapi_users,
    ),
    "django": Form(
        "auth_user",
        ("email", "password", *_NAMES, *_FLAGS, "is_staff", "username", "date_joined"),
        "password",
        _django,
    ),
}


def opened_dump(members: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """The members of a record of Django's ``dumpdata``; any other record as it is. Raises RequestInvalid when it is of
    another model."""
    inner = members.get("fields")
    if not isinstance(inner, dict) or "model" not in members:
        return members
    if members["model"] != model:
        raise RequestInvalid(message=f"This is no {model}; --table names another model.")
    return {**inner, "id": members.get("pk")}
