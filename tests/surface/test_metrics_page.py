"""docs/metrics.md, the dashboard and the alert rules name the metrics that there are, all of them, and no others."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from coatcheck.errors import AuthError
from coatcheck.histogram import Histogram
from coatcheck.metrics.exposition import written
from coatcheck.metrics.families import BY_NAME, FAMILIES, Kind
from coatcheck.metrics.reading import Reading, Timing, Value
from coatcheck.model.event import Happening
from tests.metrics.asking import parsed
from tests.surface.documents import ROOT, blocks, rows, text_of

PAGE = "docs/metrics.md"
DASHBOARD = "examples/operations/grafana-dashboard.json"
ALERTS = "examples/operations/prometheus-alerts.yml"
PROMETHEUS = "examples/operations/prometheus.yml"
NAME = re.compile(r"\bcoatcheck_\w+")
TABLE = {row[0].strip("`"): row[1:] for row in rows(PAGE) if row[0].startswith("`coatcheck_")}


def answer() -> bytes:
    """What Prometheus is told, with a number for every metric."""
    values = [Value(f.name, ("x",) * len(f.labels), 1) for f in FAMILIES if f.kind is not Kind.HISTOGRAM]
    timings = [Timing(f.name, ("x",) * len(f.labels), Histogram()) for f in FAMILIES if f.kind is Kind.HISTOGRAM]
    text, _ = written(Reading(tuple(values), tuple(timings)))
    return text


def series() -> set[str]:
    """Every name that a query can ask for."""
    return parsed(answer().decode()).names()


def family_of(name: str) -> str:
    """The metric of a series."""
    return name if name in BY_NAME else re.sub(r"_(bucket|sum|count)$", "", name)


def expressions() -> list[str]:
    """Every query of the dashboard and of the alerts."""
    panels = json.loads(text_of(DASHBOARD))["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*asked, *(rule["expr"] for rule in rules())]


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for group in yaml.safe_load(text_of(ALERTS))["groups"] for rule in group["rules"]]


def test_the_page_has_every_metric_with_its_kind_and_labels_and_no_other():
    said = {name: (cells[0], tuple(re.findall(r"`(\w+)`", cells[1]))) for name, cells in TABLE.items()}
    assert said == {family.name: (family.kind.value, family.labels) for family in FAMILIES}
    assert {family_of(name) for name in NAME.findall(text_of(PAGE))} == set(BY_NAME)


def test_the_dashboard_shows_every_metric_and_asks_for_nothing_that_is_not_there():
    asked = set(NAME.findall(text_of(DASHBOARD)))
    assert asked - series() == set()
    assert {family_of(name) for name in asked} == set(BY_NAME)


@pytest.mark.parametrize("expression", expressions())
def test_a_query_asks_for_series_and_labels_that_there_are(expression: str):
    names = NAME.findall(expression)
    assert names or re.search(r"\bup\{", expression), "Prometheus's own"
    assert set(names) <= series()
    labels = {label for name in names for label in BY_NAME[family_of(name)].labels}
    used = {label for inside in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[=!]", inside)}
    used |= {label.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expression) for label in inside.split(",")}
    assert used - {"job", "instance", "le"} <= labels


def test_an_alert_names_outcomes_results_states_and_kinds_that_there_are():
    codes, waiting = {"accepted", "cancelled", "unexpected"}, [AuthError]
    while waiting:
        kind = waiting.pop()
        codes.add(getattr(kind, "code", ""))
        waiting += kind.__subclasses__()
    known = {
        "outcome": codes,
        "verb": {"login", "register", "refresh", "reauthenticate", "change_password"},
        "result": {"accepted", "refused", "try_again"},
        "state": {"wanted", "ready", "answering", "active", "lapsed"},
        "kind": {event.__struct_config__.tag for event in Happening.__args__},
        "operation": {"read", "write", "registry_read", "registry_write"},
    }
    (job,) = yaml.safe_load(text_of(PROMETHEUS))["scrape_configs"]
    known["job"] = {job["job_name"]}
    for expression in expressions():
        for label, value in re.findall(r'(\w+)\s*(?:=|=~|!=)\s*"([^"$]*)"', expression):
            assert set(value.split("|")) <= known[label], expression


def test_every_alert_is_explained_and_every_explained_alert_exists():
    explained = {row[0].strip("`") for row in rows(PAGE) if row[0].startswith("`Coatcheck")}
    assert explained == {rule["alert"] for rule in rules()}
    assert all(rule["annotations"]["summary"] for rule in rules())


def test_the_names_follow_the_conventions_of_prometheus():
    for family in FAMILIES:
        assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
        assert family.name.endswith("_seconds") or family.kind is not Kind.HISTOGRAM
        assert (family.labels[-1:] == ("worker",)) is family.by_worker


@pytest.mark.anyio
async def test_the_example_of_an_embedded_application_tells_its_metrics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(blocks(PAGE, "python")[0], scope)  # noqa: S102 - the page
    async with scope["auth"]:
        transport = httpx2.ASGITransport(scope["metrics"])
        async with httpx2.AsyncClient(transport=transport, base_url="http://metrics") as client:
            samples = parsed((await client.get("/")).text)
    assert samples.of("coatcheck_store_answers") == 1
    assert samples.of("coatcheck_subscribers", service="(servers)", state="active") == 1


def promtool(*words: str | Path, given: bytes = b"") -> str:
    """What Prometheus's own tool makes of it; it has to be content."""
    if shutil.which("promtool") is None:
        pytest.skip("NO PROMTOOL: these are looked at by Prometheus's own tool (on Debian: apt-get install prometheus)")
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b""), (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def test_prometheus_understands_the_alerts_and_every_query_and_answer(tmp_path: Path):
    queries = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    (tmp_path / "queries").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}))
    promtool("check", "rules", ROOT / ALERTS, tmp_path / "queries")
    promtool("check", "metrics", given=answer())


def test_prometheus_takes_its_configuration_with_the_rules():
    assert "1 rule files found" in promtool("check", "config", ROOT / PROMETHEUS)


def test_the_alerts_fire_when_they_should_and_not_otherwise(tmp_path: Path):
    shutil.copy(ROOT / ALERTS, tmp_path)
    shutil.copy(ROOT / "tests/surface/alerts.yaml", tmp_path)
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "alerts.yaml")
