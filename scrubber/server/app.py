"""The routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import define, field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from scrubber.catalogue import render_catalogue
from scrubber.config import Config
from scrubber.packs.registry import load_plugins
from scrubber.server.folder import write_probe
from scrubber.server.idempotency import AnswerStore
from scrubber.server.metrics import METRICS_TYPE, Metrics
from scrubber.server.middleware import Guard, Observer
from scrubber.server.openapi import describe_api
from scrubber.server.problems import Problem, Problems
from scrubber.server.responses import problem_answer
from scrubber.server.scrub_resource import ScrubRoute
from scrubber.server.settings import ServeSettings
from scrubber.server.worker import Setup
from scrubber.server.workers import Pool

__all__ = ["make_app"]


@define(eq=False)
class _Service:
    """The routes that only tell, and the state that they tell of."""

    settings: ServeSettings
    folder: Path
    pool: Pool
    metrics: Metrics
    _edits: str = field(init=False)
    _description: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._edits = render_catalogue(load_plugins(), "json")
        self._description = json.dumps(
            describe_api(self.settings.max_bytes, secured=bool(self.settings.tokens))
        ).encode()

    async def edits(self, _request: Request) -> Response:
        return Response(self._edits, media_type="application/json")

    async def description(self, _request: Request) -> Response:
        return Response(self._description, media_type="application/json")

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readiness(self, _request: Request) -> Response:
        if not self.pool.alive:
            raise Problem(Problems.NOT_READY, "No worker has its engine and tables.", {"Retry-After": "2"})
        try:
            await asyncio.to_thread(write_probe, self.folder)
        except OSError as error:
            raise Problem(Problems.STORAGE, "A temporary file cannot be written.", {"Retry-After": "30"}) from error
        return JSONResponse({"status": "ready"})

    async def counts(self, _request: Request) -> Response:
        return Response(self.metrics.text(), headers={"Content-Type": METRICS_TYPE})

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        await self.pool.start()
        try:
            yield
        finally:
            await self.pool.stop()


def make_app(settings: ServeSettings, config: Config, folder: Path) -> ASGIApp:
    """Make the application; its temporary files lie in `folder`.  Its lifespan starts and ends the workers."""
    metrics = Metrics()
    setup = Setup(config, folder, annotate_k3=settings.annotate_k3, line_dates=settings.line_dates)
    pool = Pool(setup, settings.jobs, settings.judge_seconds, metrics.worker_death)
    store = AnswerStore(folder, 3600 * settings.keep_hours, settings.keep_answers, settings.keep_bytes)
    scrubbing = ScrubRoute(settings, folder, pool, store, metrics)
    service = _Service(settings, folder, pool, metrics)
    metrics.watch("scrubber_requests_in_hand", "Bodies received, waiting or judged.", lambda: scrubbing.in_hand)
    metrics.watch("scrubber_requests_judging", "Inputs being judged.", lambda: pool.judging)
    metrics.watch("scrubber_workers", "Workers that are ready or at work.", lambda: pool.alive)
    metrics.watch("scrubber_idempotent_answers", "Answers kept.", lambda: len(store))
    routes = [
        Route("/v1/scrub", scrubbing, methods=["POST"]),
        Route("/v1/edits", service.edits),
        Route("/healthz", service.health),
        Route("/readyz", service.readiness),
        Route("/metrics", service.counts),
        Route("/openapi.json", service.description),
    ]
    handlers = {HTTPException: _http_problem, Problem: _problem, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=service.lifespan)
    app.router.redirect_slashes = False
    return Observer(Guard(app, settings.tokens), metrics, frozenset(route.path for route in routes))


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - as it is registered
    answer = problem_answer(problem, request.state.request_id)
    return Response(answer.head, answer.status, answer.headers)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it is registered
    if error.status_code == 405:
        allowed = ", ".join(sorted(method.strip() for method in (error.headers or {}).get("Allow", "").split(",")))
        return await _problem(request, Problem(Problems.METHOD_NOT_ALLOWED, f"It takes {allowed}.", {"Allow": allowed}))
    return await _problem(request, Problem(Problems.NOT_FOUND, "/openapi.json describes what there is."))


async def _fault(request: Request, _error: Exception) -> Response:
    return await _problem(request, Problem(Problems.INTERNAL_FAULT, "The log names the place."))
