"""What the syntax errors of an input spoil: the claims that are rejected for each, by the part of the file it is in.

The reader and the walk through the implementation guide say of each error which part it spoils (`Scope`).  A claim
answers for the errors in itself, in the levels above it, and in its transaction set, functional group and interchange.
All of them are kept in a private temporary database, so that memory does not grow with the file.
"""

from __future__ import annotations

import marshal
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from scrubber.claims.builder import ClaimPlace
from scrubber.conformance.rules import CONFORMANCE_RULES
from scrubber.findings.finding import Finding, Location, Severity
from scrubber.x12.rules import SYNTAX_RULES, Scope, X12SyntaxError

if TYPE_CHECKING:
    import sqlite3
    from contextlib import AbstractContextManager

__all__ = ["SyntaxErrors"]

_RULES = {rule.meta.code: rule for rule in (*SYNTAX_RULES, *CONFORMANCE_RULES)}
_MOST = 100
"""Errors of a rule that are kept of one part."""
_BATCH = 1_000
_KEPT = 64
"""Envelopes, and levels, whose errors are kept at hand: many claims ask for the same."""
_WHAT = {
    Scope.TRANSACTION_SET: "transaction set",
    Scope.GROUP: "functional group",
    Scope.INTERCHANGE: "interchange",
}


class SyntaxErrors:
    """The errors of claims, levels and envelopes of one input.

    First `add` them, then `find_claims`; from then on a claim can be asked about.
    """

    def __init__(self) -> None:
        self._batch: list[tuple[int, int, bytes]] = []
        self._part: int | None = None
        self._counts: Counter[str] = Counter()
        self._spoiled = array("Q")  # the first bytes of the parts that hold errors, sorted when all are there
        self._rejected = array("Q")  # those of them that are envelopes
        self._envelopes: dict[int, tuple[Finding, ...]] = {}
        self._owned: dict[int, tuple[int, tuple[Finding, ...]]] = {}

    @cached_property
    def _database(self) -> sqlite3.Connection:
        """The database, made for the first errors: most inputs have none."""
        from scrubber.io.database import private_database  # noqa: PLC0415 - start-up: imported for the first errors

        return private_database(self)

    def add(self, error: X12SyntaxError) -> None:
        """Keep an error; of one part no more than the first hundred of a rule.  Raises OSError, as on a full disk."""
        part = error.part
        if part is None:
            raise ValueError("an error spoils a part of the file only if it says which")
        if part != self._part:
            self._part, self._counts = part, Counter()
            self._spoiled.append(part)
            if error.scope.is_envelope:
                self._rejected.append(part)
        code = error.rule.meta.code
        self._counts[code] += 1
        if self._counts[code] > _MOST:
            return
        if self._counts[code] == _MOST:
            error = attrs.evolve(error, message=f"{error.message} Others of this part of the file are not listed.")
        self._batch.append((part, error.scope, _packed(error)))
        if len(self._batch) >= _BATCH:
            self._flush()

    def find_claims(self, parts: Iterable[tuple[int, int]], take: Callable[[X12SyntaxError], object]) -> None:
        """Find the first claim of each spoiled claim and level.

        `parts` are the first bytes of all claims and of the levels above them, with the ordinals of the claims, in
        file order.

        What is wrong in a level without claims goes to `take` once more: as an error of the transaction set around it.
        """
        self._spoiled, self._rejected = _sorted(self._spoiled), _sorted(self._rejected)
        if not self._spoiled:
            return
        self._flush()
        with _on_disk():
            self._database.executescript(
                "CREATE INDEX by_part ON errors (part); CREATE TABLE owners (part INTEGER PRIMARY KEY, claim)"
            )
        if len(self._rejected) < len(self._spoiled):
            with _on_disk():
                self._database.executemany(
                    "INSERT OR IGNORE INTO owners VALUES (?, ?)",
                    (each for each in parts if _holds(self._spoiled, each[0])),
                )
            for error in self._without_claims():
                take(attrs.evolve(error, scope=Scope.TRANSACTION_SET, part=error.transaction_set))
            self._flush()
            self._spoiled, self._rejected = _sorted(self._spoiled), _sorted(self._rejected)

    def __bool__(self) -> bool:
        return bool(self._spoiled)

    def rejects(self, part: int) -> bool:
        """Whether the transaction set, group or interchange that begins at a byte is rejected with all its claims."""
        return _holds(self._rejected, part)

    def about(self, place: ClaimPlace) -> tuple[Finding, ...]:
        """Return what is wrong in a claim and in the levels above it.

        What a level has too many errors of to repeat them all is listed with the first claim below it.
        """
        if not self._spoiled:
            return ()
        found: list[Finding] = []
        for part in _parts_of(place):
            if _holds(self._spoiled, part):
                owner, first = self._first_of(part)
                found += self._findings(part) if owner == place.ordinal else first
        return tuple(found)

    def rejecting(self, starts: Iterable[int]) -> tuple[Finding, ...]:
        """Return the errors of the envelopes that begin at these bytes, as what a claim inside is rejected for."""
        return tuple(
            finding for part in (starts if self._rejected else ()) if self.rejects(part) for finding in self._of(part)
        )

    def _first_of(self, part: int) -> tuple[int, tuple[Finding, ...]]:
        """Return the first claim of a claim or level, which lists all that is wrong there, and what the others say."""
        if part not in self._owned:
            if len(self._owned) >= _KEPT:
                self._owned.clear()
            with _on_disk():
                ((owner,),) = self._database.execute("SELECT claim FROM owners WHERE part = ?", (part,))
            others = tuple(_one_of_each(self._findings(part), f"with claim {owner} of the file"))
            self._owned[part] = owner, others
        return self._owned[part]

    def _without_claims(self) -> Iterator[X12SyntaxError]:
        with _on_disk():
            (last,) = self._database.execute("SELECT MAX(rowid) FROM errors").fetchone()
            rows = self._database.execute(
                "SELECT error FROM errors WHERE scope < ? AND part NOT IN (SELECT part FROM owners) AND rowid <= ?"
                " ORDER BY rowid",
                (Scope.TRANSACTION_SET, last),
            )
            for (packed,) in rows:
                yield _unpacked(packed)

    def close(self) -> None:
        """Remove the database."""
        if self._spoiled:
            self._database.close()

    def _of(self, part: int) -> tuple[Finding, ...]:
        """Return the errors of an envelope, one of each code."""
        if part not in self._envelopes:
            if len(self._envelopes) >= _KEPT:
                self._envelopes.clear()
            with _on_disk():
                (scope,) = self._database.execute("SELECT scope FROM errors WHERE part = ?", (part,)).fetchone()
            what = _WHAT[Scope(scope)]
            self._envelopes[part] = tuple(
                attrs.evolve(finding, message=f"The {what} is rejected: {finding.message}")
                for finding in _one_of_each(self._findings(part), "with the file")
            )
        return self._envelopes[part]

    def _findings(self, part: int) -> list[Finding]:
        with _on_disk():
            rows = self._database.execute("SELECT error FROM errors WHERE part = ? ORDER BY rowid", (part,))
            return [_unpacked(packed).finding() for (packed,) in rows]

    def _flush(self) -> None:
        with _on_disk():
            self._database.execute("CREATE TABLE IF NOT EXISTS errors (part INTEGER, scope INTEGER, error BLOB)")
            self._database.executemany("INSERT INTO errors VALUES (?, ?, ?)", self._batch)
        self._batch.clear()


def _on_disk() -> AbstractContextManager[None]:
    from scrubber.io.database import on_disk  # noqa: PLC0415 - start-up: imported for the first errors

    return on_disk()


def _parts_of(place: ClaimPlace) -> Iterator[int]:
    """Yield the first bytes of the levels above a claim, and of the claim."""
    for level in place.levels:
        if level is not None:
            yield level[0]
    yield place.claim[0]


def _one_of_each(findings: list[Finding], where: str) -> Iterator[Finding]:
    """Yield the first finding of each code, and where the others are listed."""
    counts = Counter(finding.code for finding in findings)
    for code, count in counts.items():
        first = next(finding for finding in findings if finding.code == code)
        more = f" {count - 1} more of this level are listed {where}." if count > 1 else ""
        yield attrs.evolve(first, message=first.message + more) if more else first


def _sorted(parts: array[int]) -> array[int]:
    return array("Q", sorted(set(parts)))


def _holds(parts: array[int], part: int) -> bool:
    at = bisect_left(parts, part)
    return at < len(parts) and parts[at] == part


def _packed(error: X12SyntaxError) -> bytes:
    severity = error.severity.value if error.severity is not None else None
    place = attrs.astuple(error.location)
    return marshal.dumps((error.rule.meta.code, error.message, place, error.syntax, error.transaction_set, severity))


def _unpacked(packed: bytes) -> X12SyntaxError:
    code, message, place, syntax, start, severity = marshal.loads(packed)  # noqa: S302 - written by ourselves
    return _RULES[code].at(
        Location(*place),
        message,
        syntax,
        transaction_set=start,
        severity=Severity(severity) if severity is not None else None,
    )
