"""Route script for Bots EDI: of a route's files only those leave in which the scrubber accepts every claim.

Bots looks for this file under the name of the route (`usersys/routescripts/ROUTE.py`).  The route has to have
"Translate" set to "Nothing": Bots itself then releases no file, so that without this script, or with one that fails,
files get stuck and are reported instead of leaving unscrubbed.

A file with a rejected claim, or one for which there is no answer, is an error of the run.  It is kept in the hold
folder as ROUTE-NUMBER-DIGEST.837 with `.findings.json` (the scrubber's report, where there is one) and `.reason.txt`
beside it.

Environment of bots-engine:
    SCRUBBER          the scrubber's command, in an environment of its own; default `scrubber` on the PATH
    SCRUBBER_HOLD     the hold folder; default `held` in botssys
    SCRUBBER_TIMEOUT  seconds for one file; default 600
    SCRUBBER_CONFIG   the scrubber's settings, read by itself
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from bots import botsglobal, botslib, preprocess
from bots.botsconfig import MERGED, OK


class HeldError(botslib.BotsError):
    """A file does not leave; the message, which holds no claim data, says why."""


def postincommunication(routedict):
    """Judge what the route has received; Bots calls this between receiving and sending."""
    # Over the whole run, not only this route part, because files that are received again were entered before it began.
    preprocess.preprocess(routedict=routedict, function=release_or_hold)


def release_or_hold(ta_from, endstatus, routedict):  # noqa: ARG001 - called by Bots, which names its arguments
    """Release one file unchanged, or hold it and raise HeldError, which Bots makes an error of that file."""
    claims = Path(botslib.abspathdata(ta_from.filename))
    digest = hashlib.sha256(claims.read_bytes()).hexdigest()
    report, objection = judge(claims, digest)
    if objection is None:
        ta_from.copyta(status=MERGED, statust=OK)
        return
    name = f"{routedict['idroute']}-{ta_from.idta}-{digest[:16]}"
    try:
        hold(claims, name, report, objection)
    except OSError as error:
        raise HeldError(
            "Not sent: %(objection)s. It could not be put into the hold folder (%(error)s) and is still in Bots only.",
            {"objection": objection, "error": error.strerror},
        ) from None
    raise HeldError("Not sent: %(objection)s. Held as %(name)s.", {"objection": objection, "name": name})


def judge(claims, digest):
    """Run the scrubber; give its report and what speaks against sending the file, None where nothing does."""
    seconds = float(os.environ.get("SCRUBBER_TIMEOUT", "600"))
    try:
        done = subprocess.run(
            [os.environ.get("SCRUBBER", "scrubber"), "scrub", str(claims), "--format", "json", "--no-progress"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=own_environment(),
            timeout=seconds,
        )
    except OSError as error:
        return b"", f"the scrubber cannot be run ({error.strerror}), see SCRUBBER"
    except subprocess.TimeoutExpired:
        return b"", f"the scrubber was stopped after {seconds:g} seconds"
    if done.returncode not in (0, 1, 3):
        # Standard error of the scrubber never holds claim data.
        said = done.stderr.decode("utf-8", "replace").strip()[-300:]
        return done.stdout, f"the scrubber ended with exit code {done.returncode} ({said})"
    try:
        return done.stdout, objection_in(json.loads(done.stdout), done.returncode, digest)
    except (ValueError, LookupError, TypeError):
        return done.stdout, f"the scrubber ended with exit code {done.returncode} and a report that cannot be used"


def own_environment():
    """Return the environment without what Bots' Python was told, which would mislead the scrubber's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def objection_in(report, exit_code, digest):
    """Return what in a report speaks against sending the file; the exit code alone is not trusted.

    Raises ValueError, LookupError or TypeError where it is no report of schema version 2 on one file.
    """
    (judged,) = report["files"]
    if report["schema"] != 2:
        raise ValueError(report["schema"])
    totals = judged["totals"]
    everything = judged["findings"] + [finding for claim in judged["claims"] for finding in claim["findings"]]
    codes = ", ".join(sorted({finding["code"] for finding in everything if finding["severity"] == "error"}))
    if judged["sha256"] != digest:
        return "the scrubber read other bytes than Bots holds"
    if exit_code == 3 or judged["readable"] is not True:
        return f"the file could not be judged as a whole ({codes})"
    if totals["rejected"]:
        return f"{totals['rejected']} of {totals['claims']} claims rejected ({codes})"
    if not totals["claims"] or totals["accepted"] != totals["claims"]:
        return f"{totals['accepted']} of {totals['claims']} claims accepted"
    if exit_code:
        return "every claim is accepted, but with findings that count as errors here (fail-on)"
    return None


def hold(claims, name, report, objection):
    """Keep the file and what was said about it, readable by the owner only, the reason last."""
    folder = Path(os.environ.get("SCRUBBER_HOLD") or Path(botsglobal.ini.get("directories", "botssys")) / "held")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = {".837": claims.read_bytes(), ".findings.json": report, ".reason.txt": f"{objection}\n".encode()}
    for suffix, data in kept.items():
        if data:
            draft = folder / f".{name}{suffix}"
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:  # noqa: PTH123
                stream.write(data)
            draft.replace(folder / f"{name}{suffix}")
