"""Measure a server under load: start one, send it files from several clients, print what it took.

    python -m benchmarks.load                              # 2 workers, 4 clients, files of 1, 10, 100 and 1,000 claims
    python -m benchmarks.load --jobs 4 --clients 8 --seconds 10 --ivus 20

Every client keeps one connection open and sends the next request when it has its answer.  The processor time is that of
the server and its workers for one request; unlike the others it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from benchmarks.generate import write

HEADERS = {"Content-Type": "application/edi-x12"}


@frozen
class Load:
    """What one kind of request took: answers, seconds each took, those that were no 200, and the seconds of the run."""

    latencies: list[float]
    failures: int
    seconds: float

    def percentile(self, share: float) -> float:
        """Return the seconds within which that share of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


@define
class Client:
    """One connection that sends one request after another."""

    port: int
    path: str
    body: bytes
    latencies: list[float] = field(factory=list)
    failures: int = 0

    def run(self, end: float) -> None:
        """Send requests until the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        while time.perf_counter() < end:
            begin = time.perf_counter()
            connection.request("POST", self.path, self.body, HEADERS)
            answer = connection.getresponse()
            answer.read()
            self.latencies.append(time.perf_counter() - begin)
            self.failures += answer.status != 200
        connection.close()


@contextmanager
def serving(folder: Path, jobs: int, queue: int) -> Iterator[tuple[int, int]]:
    """Start a server and give its process and port."""
    command = [str(Path(sys.executable).with_name("scrubber")), "serve", "--port=0", f"--temp-dir={folder}"]
    log = folder / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen([*command, f"--jobs={jobs}", f"--queue={queue}"], stderr=out)
    try:
        while not (found := log.read_text().partition("listening on http://127.0.0.1:")[2].split()):
            time.sleep(0.05)
        port = int(found[0])
        while not _is_ready(port):
            time.sleep(0.05)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def load(port: int, path: str, body: bytes, clients: int, seconds: float) -> Load:
    """Send requests from several clients for so many seconds."""
    begin = time.perf_counter()
    workers = [Client(port, path, body) for _ in range(clients)]
    threads = [threading.Thread(target=worker.run, args=(begin + seconds,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies = [latency for worker in workers for latency in worker.latencies]
    return Load(latencies, sum(worker.failures for worker in workers), time.perf_counter() - begin)


def processor_seconds(process: int) -> float:
    """Return the processor time that the server and its workers have taken so far."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in (str(process), *children)]
    return sum(int(row[11]) + int(row[12]) for row in fields) / os.sysconf("SC_CLK_TCK")


def peak_memory(process: int) -> tuple[int, int]:
    """Return the peak memory in MB of the server, and of its largest worker."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return _peak(str(process)), max(_peak(child) for child in children)


def _peak(process: str) -> int:
    (line,) = (row for row in Path(f"/proc/{process}/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def main() -> None:
    """Read the arguments, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5, help="for each size of file")
    parser.add_argument("--ivus", type=float, default=20, help="claims with intravascular ultrasound, in percent")
    parser.add_argument("--claims", type=int, nargs="+", default=[1, 10, 100, 1000])
    options = parser.parse_args()
    columns = ("requests/s", "claims/s", "p50 ms", "p99 ms", "processor ms", "failures", "server MB", "worker MB")
    print("| claims a file | return | " + " | ".join(columns) + " |")
    print("|---:|---|" + "---:|" * len(columns))
    with tempfile.TemporaryDirectory() as name, serving(Path(name), options.jobs, options.clients) as (process, port):
        for claims in options.claims:
            path = Path(name) / "load.837"
            write(path, claims, options.ivus / 100)
            for returns in ("json", "277ca"):
                before = processor_seconds(process)
                found = load(port, f"/v1/scrub?return={returns}", path.read_bytes(), options.clients, options.seconds)
                rate = len(found.latencies) / found.seconds
                p50, p99 = (1000 * found.percentile(share) for share in (0.5, 0.99))
                processor = 1000 * (processor_seconds(process) - before) / len(found.latencies)
                server, worker = peak_memory(process)
                cells = (f"{rate:,.0f}", f"{rate * claims:,.0f}", *(f"{value:.1f}" for value in (p50, p99, processor)))
                print(
                    f"| {claims:,} | {returns} | " + " | ".join(cells) + f" | {found.failures} | {server} | {worker} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
