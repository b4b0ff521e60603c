"""`POST /v1/scrub`: a body to disk, a worker's verdict, an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import define, field, frozen
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from scrubber.errors import place_of_error
from scrubber.server.body import ClientLeftError, receive_body, too_large
from scrubber.server.folder import request_folder
from scrubber.server.idempotency import AnswerStore, read_key, replayed
from scrubber.server.metrics import Metrics
from scrubber.server.middleware import refuse
from scrubber.server.problems import Problem, Problems
from scrubber.server.representations import BODY_TYPES, RETURNS, Return, choose_return
from scrubber.server.responses import Answer, problem_answer
from scrubber.server.settings import ServeSettings
from scrubber.server.worker import Failure, Job, JobResult
from scrubber.server.workers import Pool

__all__ = ["ScrubRoute"]

_LOG = logging.getLogger(__name__)

_PATIENCE = 2.0
"""Seconds that an input is judged on after its client has left: most are done then, and the worker need not end."""


@frozen
class _ScrubRequest:
    """What the head of a request asks for."""

    returns: Return
    key: str | None

    @classmethod
    def read(cls, request: Request, limit: int) -> _ScrubRequest:
        """Check the head of a request.  Raises Problem."""
        headers = request.headers
        returns = choose_return(request.query_params.multi_items(), ",".join(headers.getlist("accept")))
        request.scope["state"]["returns"] = returns.name
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in BODY_TYPES:
            hint = {"Accept-Post": ", ".join(BODY_TYPES)}
            raise Problem(Problems.UNSUPPORTED_MEDIA_TYPE, f"Content-Type is {' or '.join(BODY_TYPES)}.", hint)
        if any(value.strip().lower() != "identity" for value in headers.getlist("content-encoding")):
            raise Problem(Problems.UNSUPPORTED_MEDIA_TYPE, "Send the body without Content-Encoding.")
        if int(headers.get("content-length", "0")) > limit:
            raise too_large(limit)
        keys = headers.getlist("idempotency-key")
        return cls(returns, read_key(", ".join(keys) if keys else None))


@define(eq=False)
class ScrubRoute:
    """Takes inputs on, as many at a time as there are workers and places in the queue."""

    settings: ServeSettings
    folder: Path
    pool: Pool
    store: AnswerStore
    metrics: Metrics
    in_hand: int = field(default=0, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            asked = _ScrubRequest.read(Request(scope), self.settings.max_bytes)
            with self._admitted(), ExitStack() as files:
                answer = await self._answer(asked, files, scope, receive)
                await answer.send(send, pause=self.settings.body_seconds)
        except Problem as problem:
            await refuse(problem, scope, receive, send)
        except ClientLeftError:
            return

    @contextmanager
    def _admitted(self) -> Generator[None]:
        """Take a place, from before the body comes until its answer is sent: so the disk that is used has a bound."""
        if self.in_hand >= self.settings.jobs + self.settings.queue:
            raise Problem(Problems.BUSY, "Ask again later.", {"Retry-After": "2"})
        self.in_hand += 1
        try:
            yield
        finally:
            self.in_hand -= 1

    async def _answer(self, asked: _ScrubRequest, files: ExitStack, scope: Scope, receive: Receive) -> Answer:
        """Return the answer; what it is made of lasts as long as `files`."""
        try:
            place = files.enter_context(request_folder(self.folder))
            return await self._answer_in(place, asked, scope, receive)
        except OSError as error:
            _LOG.error("a temporary file cannot be written: %s", place_of_error(error))
            raise _no_storage() from error

    async def _answer_in(self, place: Path, asked: _ScrubRequest, scope: Scope, receive: Receive) -> Answer:
        limits = self.settings
        with self.store.reserve(asked.key, place) as kept:
            body = await receive_body(receive, place / "body", limits.max_bytes, limits.body_seconds)
            request = (asked.returns.name, body.sha256)
            if kept is not None:
                self.metrics.replay()
                return replayed(kept, request)
            job = Job(place / "body", place / "answer", asked.returns.name)
            verdict = await self._verdict(job, receive, stay=asked.key is not None)
            answer = _worded(verdict, job, scope["state"]["request_id"])
            if asked.key is not None and answer.status < 500:
                self.store.keep(asked.key, request, answer)
            return answer

    async def _verdict(self, job: Job, receive: Receive, *, stay: bool) -> JobResult:
        begun = time.monotonic()
        outcome = await self._judged(job, receive, stay=stay)
        if isinstance(outcome, Failure):
            _LOG.error("an input was not judged: %s", outcome.place)
            if outcome.storage:
                raise _no_storage()
            raise Problem(Problems.INTERNAL_FAULT, "Nothing is known about the input; the log names the place.")
        self.metrics.verdict(outcome, job.returns, time.monotonic() - begun)
        return outcome

    async def _judged(self, job: Job, receive: Receive, *, stay: bool) -> JobResult | Failure:
        """Have a worker judge an input.  When the client leaves, stop, but for an answer that will be kept (`stay`).

        Raises ClientLeftError.
        """
        judging = asyncio.create_task(self.pool.run(job))
        leaving = asyncio.create_task(_wait_for_leaving(receive))
        try:
            await asyncio.wait({judging, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not (judging.done() or stay):
                await asyncio.wait({judging}, timeout=_PATIENCE)
            if judging.done() or stay:
                return await judging
            raise ClientLeftError
        finally:
            for task in (judging, leaving):
                task.cancel()
            await asyncio.gather(judging, leaving, return_exceptions=True)


async def _wait_for_leaving(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _no_storage() -> Problem:
    return Problem(Problems.STORAGE, "A temporary file cannot be written.", {"Retry-After": "30"})


def _worded(verdict: JobResult, job: Job, request_id: str) -> Answer:
    """Make the answer of a verdict.  An input that was not completely read gets a report or nothing."""
    headers = {
        "X-Scrubber-Disposition": verdict.disposition,
        "X-Scrubber-Claims": str(verdict.claims),
        "X-Scrubber-Accepted": str(verdict.accepted),
        "X-Scrubber-Rejected": str(verdict.rejected),
        "X-Scrubber-Exit-Code": str(verdict.exit_code),
    }
    if verdict.not_annotated is not None:
        headers["X-Scrubber-Not-Annotated"] = str(verdict.not_annotated)
    if verdict.exit_code == 4:
        problem = Problem(Problems.EDIT_CRASHED, "The report names it; the claims it crashed on are rejected.", headers)
        return problem_answer(problem, request_id, job.answer)
    if verdict.exit_code == 3 and job.returns != "json":
        problem = Problem(Problems.UNREADABLE, f"There is no {job.returns} of it; the report tells why.", headers)
        return problem_answer(problem, request_id, job.answer)
    if verdict.returns is None:
        return Answer(204, headers)
    return Answer(200, headers | {"Content-Type": RETURNS[verdict.returns].media_type}, path=job.answer)
