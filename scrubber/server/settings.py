"""What the server is told when it starts: where it listens, its limits, who may ask."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import stat
from pathlib import Path

from attrs import field, frozen

from scrubber.config import read_text
from scrubber.errors import ConfigError
from scrubber.io.stderr import tell

__all__ = ["TOKEN_VARIABLE", "ServeSettings", "Tokens", "is_loopback", "read_tokens"]

TOKEN_VARIABLE = "SCRUBBER_TOKEN"  # noqa: S105 - the name of the variable, not a token

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]{16,512}=*")


@frozen
class Tokens:
    """The bearer tokens that are accepted, as digests; none means that everybody may ask."""

    digests: frozenset[bytes] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def accept(self, token: str) -> bool:
        """Whether a token is one of them; takes the same time for any token of a length."""
        asked = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return sum(hmac.compare_digest(asked, digest) for digest in self.digests) > 0


@frozen
class ServeSettings:
    """How the server listens and what it takes on.

    `max_bytes` limits one body.  `jobs` processes judge, and `queue` more requests may be received or wait; beyond that
    the answer is 429.  `max_connections` limits the connections, of which each sends a request within `head_seconds` or
    is closed.  `body_seconds` is the longest pause inside a body, `judge_seconds` the longest time for one
    input, `grace_seconds` what requests get to finish when the server is asked to end.  Answers to a request with an
    Idempotency-Key are kept for `keep_hours`, at the most `keep_answers` of them and `keep_bytes` in all.
    """

    host: str
    port: int
    max_bytes: int
    jobs: int
    queue: int
    tokens: Tokens
    temporary: Path
    max_connections: int = 512
    head_seconds: float = 20
    body_seconds: float = 60
    judge_seconds: float = 900
    grace_seconds: int = 30
    keep_hours: float = 24
    keep_answers: int = 1000
    keep_bytes: int = 1 << 30
    annotate_k3: bool = False
    line_dates: bool = False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`; a name other than localhost counts as no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_tokens(path: Path | None) -> Tokens:
    """Read the tokens of a file, one a line, or the one in the environment, which is then removed from it.

    Raises ConfigError when the file cannot be read, or a token is too short or not valid in a header.
    """
    given = os.environ.pop(TOKEN_VARIABLE, "")
    origin, text = (TOKEN_VARIABLE, given) if path is None else (str(path), read_text(path))
    if path is not None and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        tell(f"{path}: can be read by others; chmod 600 {path}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if path is not None and not lines:
        raise ConfigError(f"{origin}: holds no token")
    if not all(_TOKEN.fullmatch(line) for line in lines):
        raise ConfigError(f"{origin}: a token is 16 to 512 of the characters A-Z a-z 0-9 - . _ ~ + / without blanks")
    return Tokens(frozenset(hashlib.sha256(line.encode("ascii")).digest() for line in lines))
