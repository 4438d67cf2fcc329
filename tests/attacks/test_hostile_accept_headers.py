"""LO-05: whoever may ask for metrics asks for a format that does not exist, to have a traceback written instead of an
answer, or to have its own words sent back as the content type."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.metrics.exposition import written
from coatcheck.metrics.reading import Reading, Value
from tests.metrics.asking import measured

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
READING = Reading((Value("coatcheck_build_info", ("0",), 1),))
RANGES = ("text/plain", "application/openmetrics-text")
HOSTILE = ("1.x", "abc", "x.0.0", "", ".", "-1.x", "1.0.0.é", "9.9.9.x", "1.0.0 \x1b[2J", "1" * 5000, "1.0.0.0", "²")


@pytest.mark.anyio
@pytest.mark.parametrize("media_range", RANGES)
async def test_a_version_that_is_none_is_answered_in_the_plain_format(media_range: str) -> None:
    async with measured() as here:
        transport = httpx2.ASGITransport(here.metrics)
        async with httpx2.AsyncClient(transport=transport, base_url="http://metrics") as client:
            for version in HOSTILE:
                for parameter in (f";version={version}", f"; q=0.5;  version={version} ; escaping=dots"):
                    asked = f"{media_range}{parameter}".encode("latin-1")
                    answer = await client.get("/metrics", headers=[(b"accept", asked)])
                    assert (answer.status_code, answer.headers["content-type"]) == (200, PLAIN), version
                    assert "coatcheck_build_info" in answer.text


@pytest.mark.parametrize(
    ("accepted", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("application/openmetrics-text;version=1.x,application/openmetrics-text;version=1.0.0", OPEN),
        ("application/openmetrics-text;version=abc,text/plain;version=0.0.4;q=0.5", PLAIN),
        (
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPEN,
        ),
    ],
)
def test_what_prometheus_asks_for_it_gets(accepted: str, content_type: str) -> None:
    body, said = written(READING, accepted)
    assert said.startswith(content_type)
    assert b"coatcheck_build_info" in body


@given(
    st.lists(
        st.builds(
            "{}{}{}={}".format,
            st.sampled_from((*RANGES, "*/*", "")),
            st.sampled_from((";", "; ", ";;", ", ")),
            st.sampled_from(("version", "version ", "escaping", "q")),
            st.text('0123456789.x;=-_ "\xe9\x00', max_size=12),
        ),
        max_size=4,
    ).map(",".join)
)
def test_any_accept_header_is_answered(accepted: str) -> None:
    body, content_type = written(READING, accepted)
    assert b"coatcheck_build_info" in body
    assert content_type.isascii()
    assert content_type.isprintable()
