"""One OpenAPI document for the host and for what was installed in it."""

import json

import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from coatcheck import Auth, Principal, Settings
from coatcheck.fastapi import current, install, optional, require

EITHER = [{"coatcheck-bearer": []}, {"coatcheck-session": []}, {"coatcheck-access": []}]


class LoginRequest(BaseModel):
    """The host's own model, called as one of ours."""

    car: str


@pytest.fixture
def app():
    app = FastAPI(title="The host")
    install(app, Auth(Settings(database="memory:")))

    @app.get("/me")
    async def me(who: Principal = Depends(current)):
        return {}

    @app.get("/admin")
    async def admin(who: Principal = Depends(require(role="admin"))):
        return {}

    @app.get("/front")
    async def front(who: Principal | None = Depends(optional)):
        return {}

    @app.post("/public")
    async def public(body: LoginRequest):
        return {}

    return app


def references(part):
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def test_it_is_the_hosts_document_with_our_endpoints_in_it(app):
    document = app.openapi()
    assert document["info"]["title"] == "The host"
    assert {"/me", "/public", "/auth/api/login", "/auth/api/me", "/.well-known/jwks.json"} <= set(document["paths"])
    assert "/auth/login" not in document["paths"]


def test_routes_that_need_a_credential_say_which_ones_will_do(app):
    paths = app.openapi()["paths"]
    assert paths["/me"]["get"]["security"] == EITHER
    assert paths["/admin"]["get"]["security"] == EITHER
    assert paths["/front"]["get"]["security"] == [*EITHER, {}]
    assert "security" not in paths["/public"]["post"]
    assert paths["/auth/api/me"]["get"]["security"] == EITHER
    assert paths["/auth/api/login"]["post"]["security"] == []


def test_the_schemes_are_a_header_and_the_cookies(app):
    schemes = app.openapi()["components"]["securitySchemes"]
    assert set(schemes) == {"coatcheck-bearer", "coatcheck-session", "coatcheck-access"}
    assert schemes["coatcheck-session"] == {"type": "apiKey", "in": "cookie", "name": "coatcheck-8000"}


def test_models_of_the_same_name_stay_apart(app):
    schemas = app.openapi()["components"]["schemas"]
    assert set(schemas["LoginRequest"]["properties"]) == {"car"}
    assert "password" in schemas["CoatcheckLoginRequest"]["properties"]


def test_every_reference_leads_somewhere(app):
    document = app.openapi()
    found = set(references(document))
    assert found
    for reference in found:
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_operation_ids_are_unique(app):
    operations = [op for item in app.openapi()["paths"].values() for op in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_it_is_made_once_and_again_when_a_route_is_added(app):
    first = app.openapi()
    assert app.openapi() is first

    @app.get("/later")
    async def later(who: Principal = Depends(current)):
        return {}

    app.openapi_schema = None
    second = app.openapi()
    assert second["paths"]["/later"]["get"]["security"] == EITHER
    assert "/auth/api/login" in second["paths"]


def test_the_hosts_own_part_is_left_as_it_was(app):
    app.openapi()
    assert "/auth/api/login" not in json.dumps(app.openapi_schema)
