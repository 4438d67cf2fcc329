"""docs/http.md says what the table of endpoints, the errors and the cookies say."""

import re

from msgspec import structs

from coatcheck import errors
from coatcheck.carriers.cookies import CookieNames
from coatcheck.model.session import Carry
from coatcheck.tokens.claims import AccessClaims
from coatcheck.web.api.endpoint import May
from coatcheck.web.api.shapes import SessionShape, UserShape
from coatcheck.web.api.table import table
from tests.surface.documents import rows, text_of

PAGE = "docs/http.md"
WHO = {
    May.ANYONE: "anyone",
    May.CALLER: "caller",
    May.FRESH_PERSON: "fresh person",
    May.ADMINISTRATOR: "admin",
    May.FRESH_ADMINISTRATOR: "fresh admin",
}


def _endpoints() -> dict[str, list[str]]:
    found = [row for row in rows(PAGE) if re.match(r"`(GET|POST|PATCH|PUT|DELETE) ", row[0])]
    by_request = {row[0].strip("`"): row[1:] for row in found}
    assert len(by_request) == len(found), "an endpoint stands there twice"
    return by_request


def _codes(kind: type[errors.AuthError]) -> set[tuple[int, str]]:
    own = {(kind.status, kind.code)} if hasattr(kind, "code") and hasattr(kind, "status") else set()
    return own.union(*(_codes(each) for each in kind.__subclasses__()))


def test_the_page_has_exactly_the_tables_endpoints():
    assert set(_endpoints()) == {f"{row.method} {row.path}" for row in table("/auth")}


def test_each_row_says_who_may_call_what_is_answered_and_whether_it_waits():
    written = _endpoints()
    for row in table("/auth"):
        who, body, answer = written[f"{row.method} {row.path}"]
        status = row.status if row.result is not None else 204
        assert (who, answer[:3], "`?wait=`" in body) == (WHO[row.may], str(status), row.waits), row.path


def test_each_row_names_the_members_that_are_read_and_what_may_be_left_out():
    written = _endpoints()
    for row in table("/auth"):
        if row.body is None:
            continue
        members = re.sub(r'"[^"]*"', "", written[f"{row.method} {row.path}"][1].split("`")[1])
        read = {field.encode_name + ("" if field.required else "?") for field in structs.fields(row.body)}
        assert set(re.findall(r"[a-z_]+\??", members)) == read, row.path


def test_the_page_has_exactly_the_codes_of_the_errors_with_their_status():
    written = {(int(row[0]), row[1].strip("`")) for row in rows(PAGE) if re.fullmatch(r"\d{3}", row[0])}
    assert written == _codes(errors.Refused) | _codes(errors.Broken)


def test_the_page_has_every_carry_and_every_cookie_as_it_is_written():
    written = {row[0]: row[1:] for row in rows(PAGE)}
    for carry in Carry:
        assert any(name.split(" ")[0] == f"`{carry.value}`" for name in written)
    there = CookieNames.of(is_local=False, port=443, path="/auth")
    here = CookieNames.of(is_local=True, port=8000, path="/auth")
    for kind in ("session", "access", "refresh", "device"):
        ours, local = getattr(there, kind), getattr(here, kind)
        name = f"`{local.name.replace('8000', '<port>')}`"
        assert written[kind] == [f"`{ours.name}`", name, f"`{ours.path}`", ours.same_site]


def test_the_shapes_and_the_claims_are_named_in_full():
    text = " ".join(text_of(PAGE).split())
    for name, shape in (("user", UserShape), ("session", SessionShape)):
        assert f"`{name}` is `{{{', '.join(shape.__struct_fields__)}}}`" in text or (
            f"`{name}` `{{{', '.join(shape.__struct_fields__)}}}`" in text
        )
    claims = re.search(r"Their claims: `([^`]+)`, and the private `([^`]+)`", text)
    assert claims is not None
    assert {*claims[1].split(), *claims[2].split(), "nbf"} == set(AccessClaims.__struct_fields__)
