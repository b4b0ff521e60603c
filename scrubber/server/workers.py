"""The workers as the event loop sees them: each judges one input at a time, and is replaced when it ends.

One process a worker, not an executor over all of them: an input that kills its process then fails alone, and a process
can be ended when its client has left or its time is up.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from attrs import define, field

from scrubber.server.problems import Problem, Problems
from scrubber.server.worker import Failure, Job, JobResult, Ready, Setup, work

__all__ = ["Pool", "Worker"]

_LOG = logging.getLogger(__name__)

_STEADY = 10.0
"""Seconds after which a worker that ends is replaced at once."""
_LONGEST_PAUSE = 30.0


class _EndedError(Exception):
    """The process ended before its answer."""


@define(eq=False)
class Worker:
    """A process and the connection to it.  `stopped` says that the server ended it."""

    process: SpawnProcess
    connection: Connection
    stopped: bool = False
    begun: asyncio.Event = field(factory=asyncio.Event)
    gone: asyncio.Event = field(factory=asyncio.Event)
    _asked: asyncio.Future[JobResult | Failure] | None = None

    @classmethod
    def start(cls, setup: Setup) -> Worker:
        """Start a process; `begun` is set when it is ready, or gone."""
        # Spawned, not forked: the server has threads, and a replacement must not inherit the sockets.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, setup), daemon=True)
        process.start()
        theirs.close()
        worker = cls(process, ours)
        asyncio.get_running_loop().add_reader(ours.fileno(), worker._hear)
        return worker

    @property
    def is_usable(self) -> bool:
        """Whether it is ready and lives."""
        return self.begun.is_set() and not self.gone.is_set() and not self.stopped

    async def ask(self, job: Job) -> JobResult | Failure:
        """Have a job done.  Raises _EndedError when the process ends before."""
        self._asked = asyncio.get_running_loop().create_future()
        try:
            self.connection.send(job)
        except OSError as error:
            raise _EndedError from error
        return await self._asked

    def kill(self) -> None:
        """End the process at once."""
        self.stopped = True
        self.process.kill()

    async def reap(self) -> int | None:
        """End the process and return its exit code."""
        self.process.kill()
        await self.gone.wait()
        self.process.join()
        code = self.process.exitcode
        self.process.close()
        return code

    def _hear(self) -> None:
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self._lose()
            return
        if isinstance(message, Ready):
            self.begun.set()
        elif self._asked is not None and not self._asked.done():
            self._asked.set_result(message)

    def _lose(self) -> None:
        asyncio.get_running_loop().remove_reader(self.connection.fileno())
        self.connection.close()
        self.gone.set()
        self.begun.set()
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(_EndedError())


@define(eq=False)
class Pool:
    """So many workers, kept alive.  `limit` is the seconds one input may wait, and may be judged.

    `judging` counts the inputs that are being judged; `on_death` is called for workers that end without being asked to.
    """

    setup: Setup
    jobs: int
    limit: float
    on_death: Callable[[], object]
    judging: int = field(default=0, init=False)
    _workers: set[Worker] = field(factory=set[Worker], init=False)
    _idle: asyncio.Queue[Worker] = field(factory=asyncio.Queue[Worker], init=False)
    _keepers: list[asyncio.Task[None]] = field(factory=lambda: [], init=False)

    @property
    def alive(self) -> int:
        """The workers that are ready or at work."""
        return sum(worker.is_usable for worker in self._workers)

    async def start(self) -> None:
        """Start the workers; they become ready by and by."""
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self.jobs)]

    async def stop(self) -> None:
        """End all workers, also those at work."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def run(self, job: Job) -> JobResult | Failure:
        """Have an input judged by the next worker that is free; one whose caller is cancelled ends.

        Raises Problem when no worker comes free, the worker ends, or the time is up.
        """
        worker = await self._take()
        self.judging += 1
        try:
            async with asyncio.timeout(self.limit):
                return await worker.ask(job)
        except TimeoutError as error:
            worker.kill()
            raise Problem(Problems.TIME_LIMIT, f"It was cancelled after {self.limit:g} seconds.") from error
        except asyncio.CancelledError:
            worker.kill()
            raise
        except _EndedError as error:
            raise Problem(
                Problems.WORKER_DIED,
                "It was killed or ran out of memory; another takes its place.",
                {"Retry-After": "2"},
            ) from error
        finally:
            self.judging -= 1
            if worker.is_usable:
                self._idle.put_nowait(worker)

    async def _take(self) -> Worker:
        try:
            async with asyncio.timeout(self.limit):
                while not (worker := await self._idle.get()).is_usable:
                    pass
                return worker
        except TimeoutError as error:
            raise Problem(Problems.NOT_READY, "No worker came free.", {"Retry-After": "30"}) from error

    async def _keep(self) -> None:
        """Keep one worker alive."""
        clock, pause = asyncio.get_running_loop().time, 0.0
        while True:
            worker, begun = Worker.start(self.setup), clock()
            code = await self._tend(worker)
            steady = worker.stopped or clock() - begun > _STEADY
            pause = 0.0 if steady else min(max(2 * pause, 0.1), _LONGEST_PAUSE)
            if not worker.stopped:
                self.on_death()
                _LOG.error("a worker ended unexpectedly (exit code %s); the next starts in %.1f s", code, pause)
            await asyncio.sleep(pause)

    async def _tend(self, worker: Worker) -> int | None:
        """Have a worker work until it is gone, and give its exit code; when cancelled, end it."""
        self._workers.add(worker)
        try:
            await worker.begun.wait()
            if worker.is_usable:
                self._idle.put_nowait(worker)
            await worker.gone.wait()
        finally:
            self._workers.discard(worker)
            code = await worker.reap()
        return code
