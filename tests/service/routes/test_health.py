"""Liveness, readiness with its reasons, and the numbers for Prometheus."""

import shutil
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from registry import runs
from testing.api import Api, StartApi


def samples(exposition: str, name: str) -> dict[tuple[str, ...], float]:
    """Values of one metric by the values of its labels, in the alphabetical order of their names."""
    families = text_string_to_metric_families(exposition)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in found}


def test_a_service_on_a_migrated_database_lives_and_is_ready(api: Api) -> None:
    assert api.http.get("/livez").json() == {"status": "ok"}
    assert api.http.get("/readyz").json() == {"status": "ok"}


def test_readiness_names_every_part_that_is_missing_and_liveness_does_not_care(api: Api) -> None:
    with api.app_state.database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'tomorrow'"))
    shutil.rmtree(api.app_state.settings.artifacts_dir)
    answer = api.http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["database", "artifacts"]
    assert "later release" in answer.json()["detail"]
    assert str(api.app_state.settings.data_dir) not in answer.text
    assert "retry-after" in answer.headers
    assert api.http.get("/livez").status_code == 200


def test_readiness_without_a_database_is_a_503(serve: StartApi) -> None:
    api = serve()
    api.app_state.database.dispose()
    (api.app_state.settings.data_dir / "registry.sqlite3").unlink()
    answer = api.http.get("/readyz")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (503, "database")


def test_metrics_count_runs_by_state_from_the_database(api: Api) -> None:
    with api.app_state.database.write() as session:
        for _ in range(3):
            runs.enqueue(session, kind="train", spec={}, spec_version=1)
        runs.cancel(session, runs.page(session, limit=1).items[0].id)
    states = samples(api.http.get("/metrics").text, "sae_runs")
    assert (states[("queued",)], states[("cancelled",)], states[("running",)]) == (2, 1, 0)


def test_metrics_time_requests_by_route_template_and_never_by_path(serve: StartApi) -> None:
    api = serve()
    for name in ("digits", "mnist"):
        api.http.get(f"/api/v1/datasets/{name}")
    api.http.get("/nowhere/at/all")
    api.http.request("PROPFIND", "/livez")
    counted = samples(api.http.get("/metrics").text, "http_server_request_duration_seconds_count")
    assert counted[("GET", "200", "/api/v1/datasets/{name}")] == 2
    assert counted[("GET", "404", "unmatched")] == 1
    assert counted[("_OTHER", "405", "/livez")] == 1
    assert "nowhere" not in api.http.get("/metrics").text


def test_two_services_in_one_process_count_apart(serve: StartApi, tmp_path: Path) -> None:
    first, second = serve(data_dir=tmp_path / "first"), serve(data_dir=tmp_path / "second")
    first.http.get("/livez")
    name = "http_server_request_duration_seconds_count"
    assert ("GET", "200", "/livez") not in samples(second.http.get("/metrics").text, name)


def test_metrics_name_the_release(serve: StartApi) -> None:
    api = serve()
    assert samples(api.http.get("/metrics").text, "sae_build_info") == {(api.app.version,): 1.0}
