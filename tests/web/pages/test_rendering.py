"""Every page is drawn whole, escaped, accessible, and fit for a strict Content-Security-Policy."""

from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from coatcheck.web.pages.rendering import render, render_page
from coatcheck.web.pages.rows import SessionRow
from coatcheck.web.pages.views import AccountPage, LoginPage, RegisterPage, Site, Viewer
from tests.web.document import Document
from tests.web.pages.examples import NOW, SITE, pages, session, user

PAGES = sorted(pages())
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</title></textarea></style><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% include 'login.html' %}",
    "javascript:alert(1)",
    "<!-- <base href=//evil.example> -->",
    "&lt;b&gt;&amp;&#60;i&#62;",
)


def draw(name: str, text: str = "Ada") -> Document:
    return Document(render_page(SITE, pages(text)[name]))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_well_formed(name: str) -> None:
    page = draw(name)
    assert page.html.startswith("<!doctype html>")
    assert page.faults == []
    identifiers = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(identifiers) == len(set(identifiers))


def test_every_template_is_drawn_by_some_page() -> None:
    drawn = {page.template for page in pages().values()}
    templates = {file.name for file in files("coatcheck.web").joinpath("templates").iterdir()}
    assert templates - drawn == {"layout.html", "ticket.html", "components.html"}


def test_a_template_that_lacks_a_value_fails_instead_of_showing_nothing() -> None:
    with pytest.raises(UndefinedError):
        render("login.html", site=SITE)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute(name: str, text: str) -> None:
    """CS-11, ID-13, CS-22: names, User-Agents, addresses, error texts, return_to, roles and ids are only text."""
    calm, hostile = draw(name), draw(name, text)
    assert hostile.faults == []
    assert [(element.tag, sorted(element.attributes)) for element in hostile.elements] == [
        (element.tag, sorted(element.attributes)) for element in calm.elements
    ]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_every_address_stays_on_this_site(name: str, text: str) -> None:
    page = draw(name, text)
    targets = [
        element.attributes[attribute]
        for element in page.elements
        for attribute in ("href", "src", "action")
        if attribute in element.attributes
    ]
    assert targets
    assert all(target.startswith("/auth/") or target == "#main" for target in targets)
    assert not any(character in target for target in targets for character in "\"'<> {}")


def test_hostile_text_is_shown_as_it_is() -> None:
    text = HOSTILE[0]
    account = draw("account", text)
    assert account.all("h1")[0].text == f"Hello, {text}"
    assert any(text in element.text for element in account.all("li"))
    named = Site(name=text, path="/auth", register_open=True, minimum_length=15)
    assert text in Document(render_page(named, LoginPage())).all("title")[0].text


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_inline_and_nothing_is_script(name: str) -> None:
    """CS-18, CS-20, CS-21: ``default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'`` holds."""
    page = draw(name)
    assert page.all("script", "style", "iframe", "object", "embed", "base") == []
    for element in page.elements:
        assert "style" not in element.attributes
        assert not any(attribute.startswith("on") for attribute in element.attributes)
        assert "autofocus" not in element.attributes


@pytest.mark.parametrize("name", PAGES)
def test_every_field_has_a_label_and_what_describes_it_exists(name: str) -> None:
    page = draw(name)
    labelled = {element.attributes["for"] for element in page.all("label")}
    identifiers = {element.attributes["id"] for element in page.elements if "id" in element.attributes}
    for element in page.all("input", "select", "textarea"):
        if element.attributes.get("type") != "hidden" and "hidden" not in element.attributes:
            assert element.attributes["id"] in labelled
        assert set(element.attributes.get("aria-describedby", "").split()) <= identifiers
    for element in page.all("section"):
        assert "aria-label" in element.attributes or element.attributes["aria-labelledby"] in identifiers
    assert labelled <= identifiers
    assert all(button.text.strip() for button in page.all("button"))
    assert all("alt" in image.attributes for image in page.all("img"))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_one_heading_its_landmarks_and_a_way_past_the_head(name: str) -> None:
    page = draw(name)
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")) == 1
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("a")[0].attributes["href"] == "#main"
    assert page.all("main")[0].attributes["id"] == "main"


@pytest.mark.parametrize("name", PAGES)
def test_every_form_is_a_post_and_fills_in_no_password(name: str) -> None:
    """CS-23: a password is never written into a page, whatever was typed."""
    page = draw(name)
    assert all(form.attributes["method"] == "post" for form in page.all("form"))
    for element in page.all("input"):
        if element.attributes["type"] == "password":
            assert "value" not in element.attributes
            assert "maxlength" not in element.attributes
            assert element.attributes["autocomplete"] in ("current-password", "new-password")


def test_a_refused_form_says_so_in_title_summary_and_beside_the_field() -> None:
    page = draw("register, e-mail taken")
    assert page.all("title")[0].text.startswith("Error: ")
    assert [element.text.strip() for element in page.elements if element.attributes.get("role") == "alert"] == [
        "Please check what is marked below."
    ]
    email = next(element for element in page.all("input") if element.attributes["name"] == "email")
    assert email.attributes["aria-invalid"] == "true"
    described = next(element for element in page.elements if element.attributes.get("id") == "email-error")
    assert email.attributes["aria-describedby"].split() == ["email-error"]
    assert described.text == "There is already an account with this e-mail address."


def test_the_forms_post_what_the_routes_read() -> None:
    forms = {name: draw(name).posts() for name in PAGES}
    nothing = frozenset[str]()
    logout = ("/auth/logout", nothing)
    login = frozenset({"email", "password", "remember"})
    assert forms["login"] == {("/auth/login", login)}
    assert forms["login refused"] == {("/auth/login", login | {"return_to"})}
    register = frozenset({"name", "email", "password"})
    assert forms["register"] == {("/auth/register", register)}
    assert forms["register refused"] == {("/auth/register", register | {"return_to"})}
    assert forms["account"] == {
        logout,
        ("/auth/logout", frozenset({"scope"})),
        ("/auth/sessions/ses_Ada/end", nothing),
        ("/auth/password", frozenset({"current", "new"})),
    }
    assert forms["reauthenticate refused"] == {logout, ("/auth/reauthenticate", frozenset({"password", "return_to"}))}
    user_actions = {("/auth/admin/users/usr_Ada/end-sessions", nothing), ("/auth/admin/users/usr_Ada/suspend", nothing)}
    assert forms["users"] == {
        logout,
        ("/auth/admin/search", frozenset({"query", "status"})),
        ("/auth/admin/search", frozenset({"query", "status", "cursor"})),
        *user_actions,
        ("/auth/admin/users/usr_b/restore", nothing),
    }
    assert forms["user"] == {
        logout,
        *user_actions,
        ("/auth/admin/users/usr_Ada/sessions/ses_Ada/end", nothing),
        ("/auth/admin/users/usr_Ada/roles", frozenset({"roles"})),
        ("/auth/admin/users/usr_Ada/compromised", frozenset({"reason"})),
    }
    assert forms["keys"] == {
        logout,
        ("/auth/admin/keys/rotate", nothing),
        ("/auth/admin/keys/key_Ada/revoke", frozenset({"reason"})),
        ("/auth/admin/keys/key_b/revoke", frozenset({"reason"})),
        ("/auth/admin/end-everything", frozenset({"reason"})),
    }


def test_autocomplete_tells_password_managers_what_each_field_is() -> None:
    def fields(name: str) -> dict[str, str]:
        inputs = draw(name).all("input")
        return {
            element.attributes["name"]: element.attributes["autocomplete"]
            for element in inputs
            if "name" in element.attributes and "autocomplete" in element.attributes
        }

    assert fields("login") == {"email": "username", "password": "current-password"}
    assert fields("register") == {"name": "name", "email": "username", "password": "new-password"}
    assert fields("account") == {"current": "current-password", "new": "new-password"}
    assert fields("reauthenticate") == {"password": "current-password"}


def test_what_was_typed_is_kept_but_for_the_password() -> None:
    page = Document(render_page(SITE, LoginPage(email="ada@example.com", remember=True, return_to="/reports?a=1&b=2")))
    values = {element.attributes["name"]: element.attributes for element in page.all("input")}
    assert values["email"]["value"] == "ada@example.com"
    assert "checked" in values["remember"]
    assert values["return_to"]["value"] == "/reports?a=1&b=2"
    links = [element.attributes["href"] for element in page.all("a")]
    assert "/auth/register?return_to=/reports%3Fa%3D1%26b%3D2" in links


def test_closed_registration_is_not_offered() -> None:
    closed = Site(name="Cloakroom", path="/auth", register_open=False, minimum_length=15)
    assert "/register" not in render_page(closed, LoginPage())
    assert "/register" in render_page(SITE, LoginPage())


def test_only_administrators_are_shown_the_way_to_administration() -> None:
    def links(viewer: Viewer) -> set[str]:
        page = Document(render_page(SITE, AccountPage(viewer=viewer, sessions=())))
        return {element.attributes["href"] for element in page.all("a")}

    assert "/auth/admin" in links(Viewer.of(user()))
    assert "/auth/admin" not in links(Viewer.of(user(roles=("admin",))))


def test_the_session_of_this_browser_is_marked_and_ended_by_logging_out() -> None:
    row = SessionRow.of(session(), now=NOW, current_id=session().id)
    html = render_page(SITE, AccountPage(viewer=Viewer.of(user()), sessions=(row,)))
    assert "this one" in html
    assert "/sessions/" not in html
    assert "Log out everywhere else" not in html


def test_the_mount_path_and_the_least_length_come_from_the_settings() -> None:
    site = Site(name="Cloakroom", path="/account/auth", register_open=True, minimum_length=12)
    page = Document(render_page(site, RegisterPage()))
    assert page.all("form")[0].attributes["action"] == "/account/auth/register"
    password = next(element for element in page.all("input") if element.attributes["name"] == "password")
    assert password.attributes["minlength"] == "12"
    assert "At least 12 characters" in page.html


def test_no_page_carries_a_digest_a_hash_or_a_sealed_key() -> None:
    everything = "".join(render_page(SITE, page) for page in pages().values())
    assert not any(secret in everything for secret in ("digest-of-a-secret", "argon2id", "sealed-private-part"))


def test_static_files_are_named_with_a_mark_of_their_content() -> None:
    page = draw("login")
    hrefs = [element.attributes["href"] for element in page.all("link")]
    names = {href.partition("?v=")[0] for href in hrefs}
    assert names == {"/auth/static/coatcheck.css", "/auth/static/mark.svg"}
    assert all(len(href.partition("?v=")[2]) == 12 for href in hrefs)
