"""Prometheus metrics of one application, in a registry of their own."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

disable_created_metrics()  # type: ignore[no-untyped-call] # a series of times for each other series, which nobody reads

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; OpenTelemetry's advice for `http.server.request.duration`."""


class Measurements:
    """Metrics of one service; several services in one process do not share them."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.request_seconds = Histogram(
            "http_server_request_duration_seconds",
            "Duration of requests by route template.",
            ("http_request_method", "http_route", "http_response_status_code"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.rows = Counter(
            "sae_rows", "Rows processed by models, by operation.", ("operation",), registry=self.registry
        )
        self.refused_connections = Counter(
            "sae_refused_connections",
            "Requests and connections that were refused before routing, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.batch_rows = Histogram(
            "sae_batch_rows",
            "Rows that were computed together.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        )
        self.runs = Gauge("sae_runs", "Runs by state.", ("state",), registry=self.registry)
        build = Gauge("sae_build_info", "The running release, as a label.", ("version",), registry=self.registry)
        build.labels(version).set(1)

    def exposition(self, runs_by_state: Mapping[str, int]) -> bytes:
        """All metrics in Prometheus' text format; `runs_by_state` is read from the database by the caller."""
        for state, count in runs_by_state.items():
            self.runs.labels(state).set(count)
        return generate_latest(self.registry)
