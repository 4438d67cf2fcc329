"""The OpenAPI document is one: it meets the schema of OpenAPI 3.1."""

import jsonschema_rs
import pytest
from fastapi import FastAPI
from schemathesis.specs.openapi.definitions import OPENAPI_31

from coatcheck import Auth, Settings
from coatcheck.fastapi import install
from coatcheck.web.api.openapi import document
from coatcheck.web.api.table import table

LOCAL = Settings(database="memory:")
PRODUCTION = Settings(database="memory:", url="https://app.example.com")


def _complaints(described) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(OPENAPI_31)
    found = [error.message for error in validator.iter_errors(described)]
    for name, schema in described.get("components", {}).get("schemas", {}).items():
        if not jsonschema_rs.meta.is_valid(schema):
            found.append(f"{name} is no JSON Schema")
    return found


@pytest.mark.parametrize("settings", [LOCAL, PRODUCTION], ids=["local", "production"])
def test_our_document_is_valid(settings):
    assert _complaints(document(settings, table(settings.web.path))) == []


def test_the_hosts_document_with_ours_in_it_is_valid():
    app = FastAPI()
    install(app, Auth(LOCAL))
    assert _complaints(app.openapi()) == []


def test_the_measure_notices_what_is_wrong():
    described = document(LOCAL, table("/auth"))
    described["components"]["schemas"]["UserShape"]["type"] = "person"
    assert _complaints(described) == ["UserShape is no JSON Schema"]
    del described["info"]
    assert len(_complaints(described)) == 2
