"""Take the pictures of the HTML report under docs/img, from the sample that is shipped.

    python -m docs.screenshots

Needs `chromium` and `chromedriver` on the path.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import frozen

from tests.support.browser import Browser

ROOT = Path(__file__).parents[1]
SAMPLE = "fixtures/claims/office_week.837"


@frozen
class Picture:
    """What to show: the size of the window in CSS pixels, the colour scheme, and what is at its top ("" the page)."""

    name: str
    width: int
    height: int
    dark: bool = False
    at: str = ""


PICTURES = (
    Picture("report-desktop", 1280, 1000),
    Picture("report-claim", 1280, 860, at="#c1-10"),
    Picture("report-dark", 1280, 1000, dark=True),
    Picture("report-phone", 390, 1100),
)


def main() -> None:
    """Write the report on the sample and take its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        command = [sys.executable, "-m", "scrubber", "scrub", "--exit-zero", "--format=html", SAMPLE]
        page.write_bytes(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
        with Browser(Path(folder, "profile")) as browser:
            for picture in PICTURES:
                browser.open(page, width=picture.width, height=picture.height, dark=picture.dark)
                if picture.at:
                    browser.ask(f"document.querySelector('{picture.at}').scrollIntoView()")
                browser.screenshot(ROOT / "docs" / "img" / f"{picture.name}.png")


if __name__ == "__main__":
    main()
