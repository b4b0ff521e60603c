"""Headless Chromium by chromedriver's own protocol (W3C WebDriver over HTTP): a browser for tests and screenshots.

Nothing is needed but the two programs.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

__all__ = ["CHROMIUM", "DRIVER", "Browser"]

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
# Of 300 pages printed between their load event and their first frames, Chromium 150 refused six ("Printing failed");
# of 600 printed behind two frames, none.
_TWO_FRAMES = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"


class Browser:
    """A browser with a profile of its own in `profile`, an empty folder.  Use it in a `with` block."""

    def __init__(self, profile: Path) -> None:
        if CHROMIUM is None or DRIVER is None:
            raise RuntimeError("chromium and chromedriver are needed")
        self._session = ""
        self._driver = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
        try:
            self._http = http.client.HTTPConnection("127.0.0.1", self._port(), timeout=60)
            self._begin(profile)
        except BaseException:
            self._stop()
            raise

    def _port(self) -> int:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if match := re.search(r"started successfully on port (\d+)", line):
                return int(match[1])
        raise RuntimeError("chromedriver did not start")

    def _begin(self, profile: Path) -> None:
        options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"
        # What the browser does for itself when it starts is not what a page does.
        self._ask("POST", f"{self._session}/url", {"url": "about:blank"})
        self.complaints()
        self.requests()

    def _stop(self) -> None:
        self._driver.terminate()
        self._driver.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask("DELETE", self._session)
        self._http.close()
        self._stop()

    def open(self, page: Path, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Open a file in a window of that size, in CSS pixels; returns when it has been loaded and drawn."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("POST", f"{self._session}/url", {"url": page.resolve().as_uri()})
        self._ask("POST", f"{self._session}/execute/async", {"script": _TWO_FRAMES, "args": []})

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript on the page, as its debugger would, and give the value."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": f"return {expression}", "args": []})

    def complaints(self) -> list[str]:
        """Return what the console has said since the last call."""
        entries = self._ask("POST", f"{self._session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries]

    def requests(self) -> list[str]:
        """Return the addresses that have been asked for since the last call."""
        entries = self._ask("POST", f"{self._session}/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        return base64.b64decode(self.command("Page.printToPDF", preferCSSPageSize=True)["data"])

    def command(self, name: str, **parameters: Any) -> Any:
        """Return a command of the Chrome DevTools Protocol."""
        return self._ask("POST", f"{self._session}/goog/cdp/execute", {"cmd": name, "params": parameters})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        payload = None if body is None else json.dumps(body)
        self._http.request(method, path, payload, {"Content-Type": "application/json"})
        answer = json.loads(self._http.getresponse().read())["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{path}: {answer['message']}")
        return answer
