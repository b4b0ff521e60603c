"""A host's calls of the Python interface, run by path under any interpreter: prints what comes back as JSON.

The arguments are claim files; standard input is a JSON list of claims as dictionaries in field terms.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import scrubber


def main() -> None:
    """Scrub, read and judge, and print."""
    for name in sys.argv[1:]:
        report = scrubber.scrub(name)
        _print(name, "scrub", [repr(report), report.exit_code, list(report.rows())])
        _print(name, "scrub, redacted", list(scrubber.scrub(name, redact=True, ignore=["X12"]).rows()))
        try:
            _print(
                name, "iter_claims", [[repr(claim), *map(repr, claim.lines)] for claim in scrubber.iter_claims(name)]
            )
        except scrubber.ScrubberError as error:
            _print(name, "iter_claims", str(error))
    records: list[dict[str, Any]] = json.load(sys.stdin)
    claims: list[scrubber.Claim] = []
    for number, record in enumerate(records, 1):
        try:
            claims.append(scrubber.claim_from_mapping(record, number))
        except scrubber.ScrubberError as error:
            _print("claim_from_mapping", str(number), str(error))
    for settings in ({}, {"redact": True}):
        found = scrubber.check_claims(claims, **settings)  # type: ignore[arg-type]
        for finding in found:
            _print("check_claims", str(settings), [repr(finding), str(finding.severity), finding.message, finding.fix])


def _print(*values: Any) -> None:
    print(json.dumps(values, default=str))


main()
