"""Counts for Prometheus.  No label holds anything that a client sent."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from scrubber.server.worker import JobResult
from scrubber.version import __version__

__all__ = ["METRICS_TYPE", "Metrics"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)


class Metrics:
    """All that is counted, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        own = self.registry
        self._requests = Counter(
            "scrubber_http_requests", "Requests by route and status.", ["method", "route", "status"], registry=own
        )
        self._seconds = Histogram(
            "scrubber_http_request_seconds", "From the request's head to its answer's end.", ["route"],
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self._received = Counter("scrubber_http_received_bytes", "Bytes of request bodies.", registry=own)
        self._sent = Counter("scrubber_http_sent_bytes", "Bytes of answers.", registry=own)
        self._inputs = Counter(
            "scrubber_inputs", "Inputs judged, by what became of them and what was returned.",
            ["disposition", "returns"], registry=own,
        )  # fmt: skip
        self._claims = Counter("scrubber_claims", "Claims judged.", ["disposition"], registry=own)
        self._findings = Counter("scrubber_findings", "Findings by edit.", ["code", "severity"], registry=own)
        self._judging = Histogram(
            "scrubber_judging_seconds", "From a whole body to its verdict, waiting for a worker included.",
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self._replays = Counter("scrubber_idempotent_replays", "Answers given again.", registry=own)
        self._deaths = Counter("scrubber_worker_deaths", "Workers that ended unexpectedly.", registry=own)
        info = Gauge("scrubber_build_info", "The version that runs.", ["version"], registry=own)
        info.labels(__version__).set(1)
        for disposition in ("accepted", "rejected"):
            self._claims.labels(disposition)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Show a value as it is when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def traffic(self, received: int, sent: int) -> None:
        """Count the bytes of a request's and an answer's body."""
        self._received.inc(received)
        self._sent.inc(sent)

    def verdict(self, verdict: JobResult, returns: str, seconds: float) -> None:
        """Count an input that was judged."""
        self._inputs.labels(verdict.disposition, returns).inc()
        self._claims.labels("accepted").inc(verdict.accepted)
        self._claims.labels("rejected").inc(verdict.rejected)
        for (code, severity), count in verdict.findings.items():
            self._findings.labels(code, severity).inc(count)
        self._judging.observe(seconds)

    def replay(self) -> None:
        """Count an answer that was given again."""
        self._replays.inc()

    def worker_death(self) -> None:
        """Count a worker that ended unexpectedly."""
        self._deaths.inc()

    def text(self) -> bytes:
        """Write all of it in the text format of Prometheus."""
        return generate_latest(self.registry)
