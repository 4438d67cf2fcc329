"""The OpenAPI document is the table."""

import re

import pytest

from coatcheck.web.api.table import full_path, table
from tests.site import API, running

pytestmark = pytest.mark.anyio


async def test_the_document_has_exactly_the_tables_operations():
    async with running() as site:
        said = (await site.client().get(f"{API}/openapi.json")).json()
        operations = {(method.upper(), path) for path, by_method in said["paths"].items() for method in by_method}
        assert operations == {(endpoint.method, full_path(endpoint, "/auth")) for endpoint in table("/auth")}


async def test_every_reference_leads_somewhere_and_every_schema_is_used():
    async with running() as site:
        answer = await site.client().get(f"{API}/openapi.json")
        used = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
        assert used == set(answer.json()["components"]["schemas"])


async def test_operation_ids_are_unique_and_everything_is_explained():
    async with running() as site:
        said = (await site.client().get(f"{API}/openapi.json")).json()
        operations = [each for by_method in said["paths"].values() for each in by_method.values()]
        assert len({each["operationId"] for each in operations}) == len(operations)
        assert all(each["summary"] and each["description"] for each in operations)
        described = [
            (name, member)
            for name, schema in said["components"]["schemas"].items()
            if name.endswith("Request")
            for member, shape in schema.get("properties", {}).items()
            if not (shape.get("description") or "anyOf" in shape)
        ]
        assert described == []
