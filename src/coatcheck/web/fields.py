"""Which fields of a JSON object do not fit a struct, in words that can be shown beside them."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from msgspec import Struct, ValidationError, convert, inspect, structs

from coatcheck.errors import FieldError

_MOST_ERRORS: Final = 20
_LONGEST_NAME: Final = 64

_NAMES: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "an instant like 2026-01-31T12:00:00Z",
    inspect.ListType: "a list",
    inspect.CollectionType: "a list",
    inspect.VarTupleType: "a list",
}


@cache
def fields_of(struct: type[Struct]) -> Mapping[str, structs.FieldInfo]:
    """The fields of ``struct`` by their name in JSON: looked up once, since types have to be evaluated for it."""
    return {field.encode_name: field for field in structs.fields(struct)}


def misfits(members: Mapping[str, Any], struct: type[Struct]) -> list[FieldError]:
    """Return what is wrong with ``members`` as a ``struct``: unknown, missing and unfit fields, at most 20 of them."""
    known = fields_of(struct)
    unknown = [name for name in members if name not in known]
    errors = [FieldError(name[:_LONGEST_NAME], "This field is not known here.") for name in unknown]
    for name, field in known.items():
        if name not in members:
            if field.required:
                errors.append(FieldError(name, "This is required."))
        elif not _fits(members[name], field.type):
            errors.append(FieldError(name, f"This must be {_described(inspect.type_info(field.type))}."))
    return errors[:_MOST_ERRORS]


def _fits(value: Any, type_: Any) -> bool:
    try:
        convert(value, type_, strict=True)
    except ValidationError:
        return False
    return True


def _described(type_: inspect.Type) -> str:
    if isinstance(type_, inspect.Metadata):
        return _described(type_.type)
    if isinstance(type_, inspect.UnionType):
        return " or ".join(_described(each) for each in type_.types if not isinstance(each, inspect.NoneType))
    if isinstance(type_, inspect.LiteralType):
        return _one_of(type_.values)
    if isinstance(type_, inspect.EnumType):
        return _one_of(member.value for member in type_.cls)
    described = _NAMES.get(type(type_), "an object")
    longest, shortest = getattr(type_, "max_length", None), getattr(type_, "min_length", None)
    kept = [f"at least {shortest}" if shortest else "", f"at most {longest}" if longest is not None else ""]
    limits = " and ".join(filter(None, kept))
    unit = "characters" if isinstance(type_, inspect.StrType) else "items"
    return f"{described} of {limits} {unit}" if limits else described


def _one_of(values: Any) -> str:
    return "one of " + ", ".join(str(value) for value in values)
