"""Places and metrics of a load spec: another deployment's names, and what cannot be read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from clusterproof.errors import SpecError
from clusterproof.load.__main__ import main
from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.counters import PROCESS_START, Scrape, series
from clusterproof.load.objectives import DEFAULT_PATH, LoadSpec, read_objectives
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Evidence, ServiceRef
from clusterproof.load.split import Exposure
from clusterproof.outcome import ExitCode, Outcome

PROJECT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000.0
OTHERS = {
    "requests": "gateway_answers_total",
    "durations": "gateway_seconds",
    "exposures": "gateway_variants_total",
    "events_sent": "gateway_events_total",
    "events_waiting": "gateway_queue",
}


def _spec(tmp_path: Path, **sections: dict[str, Any]) -> LoadSpec:
    """The project's load spec with other fields in some of its sections."""
    spec = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text(encoding="utf-8"))
    for name, fields in sections.items():
        spec[name] |= fields
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return read_objectives(path)


def _inputs(*, counted: float) -> Inputs:
    """Ten answers with a variant, and a Pod that counted them by other names."""
    account = Account()
    for number in range(10):
        account.begin(late_s=0.001, was_idle=True, at_s=number)
        account.end("ask", latency_s=0.02, service_s=0.02, at_s=number, fault="", answered=True)
        account.exposures.append(Exposure(f"u{number}", "control", f"e{number}"))
    values = {
        series("gateway_answers_total", {"code": "200"}): counted,
        series("gateway_seconds_count", {}): counted,
        series("gateway_seconds_sum", {}): counted * 0.01,
        series("gateway_variants_total", {}): counted,
        series("gateway_events_total", {}): counted,
        series(PROCESS_START, {}): T0 - 60,
    }
    nothing = dict.fromkeys(values, 0.0) | {series(PROCESS_START, {}): T0 - 60}
    recording = Recording(T0 - 5, T0 + 30)
    recording.scrapes = [Scrape(T0 - 1, "a", "1", nothing), Scrape(T0 + 20, "a", "1", values)]
    generator = {
        "scenario": "router",
        "shape": "smoke",
        "started_at": T0,
        "stages": [[1, 1, 10]],
        "findings": [],
    }
    events = {f"e{number}": "control" for number in range(10)}
    return Inputs(generator, account, recording, events, None)


@pytest.mark.parametrize(("counted", "outcome"), [(10, Outcome.PASSED), (9, Outcome.FAILED)])
def test_another_deployments_metrics_are_a_matter_of_its_load_spec(
    tmp_path: Path, counted: float, outcome: Outcome
) -> None:
    """All five claims of the ledger follow the names, to the last request."""
    spec = _spec(tmp_path, metrics=OTHERS)
    found = {one.id: one for one in analyse(_inputs(counted=counted), spec).verdict.findings}
    claims = ("count-requests", "count-exposures", "events-sent")
    assert [found[name].outcome for name in claims] == [outcome] * 3
    assert found["count-histogram"].outcome is Outcome.PASSED  # it missed the same one
    assert found["sum-durations"].outcome is Outcome.PASSED
    assert found["events-sent"].expected.startswith("gateway_events_total grew by the 10 durable")


@pytest.mark.parametrize(("for_s", "claimed"), [(30, False), (31, True)])
def test_a_run_too_short_to_see_every_pod_serve_claims_nothing_of_it(
    tmp_path: Path, for_s: float, *, claimed: bool
) -> None:
    """A smoke run would never be green; of a longer one without reads it is inconclusive."""
    inputs = _inputs(counted=10)
    longer = replace(inputs, generator={**inputs.generator, "stages": [[1, 1, for_s]]})
    outcomes = {one.id: one.outcome for one in analyse(longer, _spec(tmp_path)).verdict.findings}
    assert outcomes.get("service-spread") == (Outcome.INCONCLUSIVE if claimed else None)


def test_names_that_the_pods_do_not_have_are_never_green(tmp_path: Path) -> None:
    """The project's own names find nothing in another deployment's metrics."""
    found = analyse(_inputs(counted=10), _spec(tmp_path)).verdict.findings
    outcomes = {one.id: one.outcome for one in found}
    assert outcomes["count-requests"] is Outcome.FAILED
    assert outcomes["count-exposures"] is Outcome.FAILED


def test_a_service_is_read_as_it_is_written() -> None:
    service = ServiceRef.model_validate("monitoring/prometheus:9090")
    assert (service.namespace, service.name, service.port) == ("monitoring", "prometheus", 9090)
    assert str(service) == "monitoring/prometheus:9090"


@pytest.mark.parametrize("text", ["prometheus:9090", "a/b", "a/b:0", "a/b:65536", "a/b:x", "A/b:1"])
def test_a_service_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="expected NAMESPACE/SERVICE:PORT"):
        ServiceRef.model_validate(text)


@pytest.mark.parametrize(
    ("prometheus", "expected"),
    [("", "None"), ("a/b:1", "a/b:1"), ("http://127.0.0.1:9", "http://127.0.0.1:9/")],
)
def test_prometheus_is_a_service_a_url_or_nothing(prometheus: str, expected: str) -> None:
    fields = {"scrape_s": 5, "posthog": "", "posthog_project": 1, "posthog_secret": "a/b"}
    evidence = Evidence.model_validate({"prometheus": prometheus, **fields})
    assert str(evidence.prometheus) == expected
    assert evidence.posthog is None


def test_a_place_that_cannot_be_read_names_line_and_field(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"yaml:\d+: evidence\.posthog: .*SERVICE:PORT; got 'web'"):
        _spec(tmp_path, evidence={"posthog": "web"})


def test_an_option_that_cannot_be_read_is_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is connected to or written."""
    spec = str(PROJECT / DEFAULT_PATH)
    options = ["run", "--objectives", spec, "--out", str(tmp_path), "--posthog", "web"]
    assert main(options) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert said == "--posthog 'web': Value error, expected NAMESPACE/SERVICE:PORT\n"
    assert list(tmp_path.iterdir()) == []
