"""Run the chains of edits over claims: one patient's claims in, a verdict on each of them out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from itertools import groupby
from typing import Any

import attrs
from attrs import define, field, frozen

from scrubber.builtin.all_rules import all_rules
from scrubber.builtin.claim_frequency import doubtful_versions
from scrubber.builtin.claim_identity import contradictions, missing_identity
from scrubber.builtin.claim_repeats import RepeatedClaim, repeated_claim
from scrubber.builtin.engine_rules import crash, not_together, relies_on
from scrubber.claims.builder import ClaimPlace, Extent, Readable, is_original, reopen
from scrubber.claims.disclosure import detail_of
from scrubber.claims.encounter import Encounter, Encounters
from scrubber.claims.model import Claim, PlainClaim, ServiceLine
from scrubber.claims.raw_claim import Level, RawClaim
from scrubber.claims.repeats import repeats_of
from scrubber.config import Config
from scrubber.engine.notices import notices_of_settings
from scrubber.errors import PluginError, ScrubberError, place_of_error
from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport, Detail, EndedTable, IgnoredFinding, Observation
from scrubber.findings.rule import Meta
from scrubber.packs.edit import Context, Edit, EncounterEdit
from scrubber.packs.pack import Chain
from scrubber.packs.registry import Plugin
from scrubber.tables.table import override_tables
from scrubber.x12.values import in_cents

__all__ = ["Engine", "of_claim"]


_MAX_TOGETHER = 300
"""Lines of an encounter that are judged together: what edits compare grows with the square of their number."""


@frozen
class _EditGroup:
    """Edits that run one after another and are about the same procedures (None: about all)."""

    procedures: frozenset[str] | None
    edits: tuple[Any, ...]

    def applies_to(self, procedures: AbstractSet[str]) -> bool:
        """Whether the edits are about one of these procedures."""
        return self.procedures is None or not self.procedures.isdisjoint(procedures)


def _concern(stages: Iterable[_Stage], procedures: AbstractSet[str]) -> bool:
    """Whether an edit over encounters is about one of these procedures."""
    return any(group.applies_to(procedures) for stage in stages for group in stage.encounter_edits)


def _codes_of(claim: Claim) -> set[str]:
    return {line.procedure for line in claim.lines}


def _grouped(edits: Iterable[Edit[Any]] | Iterable[EncounterEdit[Any]]) -> tuple[_EditGroup, ...]:
    """Group edits without changing their order."""
    return tuple(_EditGroup(about, tuple(group)) for about, group in groupby(edits, lambda edit: edit.meta.procedures))


@frozen
class _Stage:
    """A chain made ready for one payer: its edits as objects and its tables with that payer's values."""

    chain: Chain[Any]
    claim_edits: tuple[_EditGroup, ...]
    void_edits: tuple[_EditGroup, ...]
    encounter_edits: tuple[_EditGroup, ...]
    rejecting_edits: tuple[_EditGroup, ...]  # those of `encounter_edits` whose findings are errors
    tables: Any


@define(eq=False)
class _ClaimVerdict:
    """The findings on one claim, as they come."""

    claim: Claim
    findings: list[Finding] = field(factory=list)
    ignored: list[IgnoredFinding] = field(factory=list)
    refused: bool = False
    alone: int = 0  # how many of the findings were there before any encounter was judged

    @property
    def errors(self) -> list[Finding]:
        """The findings that reject the claim."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    @property
    def rejected(self) -> bool:
        """Whether an error has been found."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def before_encounters(self) -> _ClaimVerdict:
        """Return what was found before any encounter was judged."""
        return _ClaimVerdict(self.claim, self.findings[: self.alone], alone=self.alone)


def _rejected(verdicts: Mapping[int, _ClaimVerdict]) -> set[int]:
    return {ordinal for ordinal, verdict in verdicts.items() if verdict.rejected}


class Engine:
    """Judges claims by the installed chains under one configuration.

    `crashed` tells afterwards whether an edit raised (exit code 4).  Without `shortcut` every claim is opened.
    `detail` is how much of the claims the reports need.  `notices` are what every report must say of the settings.
    """

    def __init__(
        self, config: Config, plugins: Sequence[Plugin], *, shortcut: bool = True, detail: Detail = Detail.NONE
    ) -> None:
        self.config = config
        self._detail = detail
        self.crashed = False
        self._rules = all_rules(plugins)
        self.notices = notices_of_settings(config, {code: rule for code, (rule, _) in self._rules.items()})
        self._chains = [plugin.chain for plugin in plugins]
        self._stages: dict[str, list[_Stage]] = {}
        self._tables: dict[int, Any] = {}
        self._screens = [chain.screen for chain in self._chains if chain.screen is not None]
        self._codes = self._make_codes() if shortcut and detail < Detail.ALL else None
        self._interest = re.compile("|".join(map(re.escape, sorted(self._codes or ()))) or "(?!)")

    def judge_at(
        self, source: Readable, places: Sequence[ClaimPlace], providers: dict[Extent, Level]
    ) -> list[ClaimReport]:
        """Read the claims at these places, all of one patient, and judge them; `providers` are as for `reopen`."""
        claims = [reopen(source, place, providers) for place in places]
        return self.judge(claims, places)

    def judge(self, claims: Sequence[Claim], places: Sequence[ClaimPlace] = ()) -> list[ClaimReport]:
        """Judge the claims of one patient (same `patient_key`) together; the reports are in the order given.

        `places` say which syntax errors were found before in claims and above them.
        """
        stages = self._stages_for(claims[0].payer.id)
        verdicts, encounters = self._verdicts(claims, stages, places)
        self._check_identities(verdicts, stages)
        # In front of what looks for rejected claims: a crash rejects the claim it is on.
        observed = self._observe(verdicts, encounters, stages) if self._detail else {}
        self._reject_what_relies_on_rejected(verdicts, encounters, stages)
        return [
            self._report(verdict, encounters, stages, observed.get(ordinal, ()))
            for ordinal, verdict in verdicts.items()
        ]

    def _observe(
        self, verdicts: Mapping[int, _ClaimVerdict], encounters: Encounters, stages: Sequence[_Stage]
    ) -> dict[int, tuple[Observation, ...]]:
        """Ask the chains what there is to count, each encounter once: under the first of its claims."""
        seen: dict[int, tuple[Observation, ...]] = {}
        for encounter in encounters:
            ordinal = encounter.claims[0].ordinal
            for stage in stages if len(encounter.lines) <= _MAX_TOGETHER else ():
                if stage.chain.observe is not None:
                    try:
                        seen[ordinal] = (*seen.get(ordinal, ()), *stage.chain.observe(encounter, stage.tables))
                    except KeyboardInterrupt:
                        raise
                    except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
                        self._note_crash("What a chain observes", [verdicts[ordinal]], error)
        return seen

    def _note_crash(self, what: str, verdicts: Iterable[_ClaimVerdict], error: BaseException) -> None:
        self.crashed = True
        for verdict in verdicts:
            verdict.findings.append(crash(what, verdict.claim, error))

    def _check_identities(self, verdicts: Mapping[int, _ClaimVerdict], stages: Sequence[_Stage]) -> None:
        """Report what is wrong with the identities of claims that an edit over encounters judges (X12215, X12216)."""
        claims = [verdict.claim for verdict in verdicts.values()]
        asked = {claim.ordinal for claim in claims if not claim.is_void and _concern(stages, _codes_of(claim))}
        for claim in claims if asked else ():
            missing = missing_identity(claim) if claim.ordinal in asked else None
            if missing is not None:
                self._file(missing, verdicts[claim.ordinal])

        def together(claims: Sequence[Claim]) -> dict[int, str]:
            one = [attrs.evolve(claim, subscriber=claims[0].patient, dependent=None) for claim in claims]
            joined, _ = self._verdicts(one, stages)
            return {ordinal: self._difference(verdicts[ordinal], verdict) for ordinal, verdict in joined.items()}

        for finding in contradictions(claims, asked, together) if asked and len(claims) > 1 else ():
            self._file(finding, verdicts[finding.claim_ordinal or 0])

    def _difference(self, apart: _ClaimVerdict, together: _ClaimVerdict) -> str:
        """Return which findings over several claims a claim would have too, and which not, judged with others."""
        own, joined = (
            Counter(
                found.code
                for found in verdict.findings
                if issubclass(self._rules[found.code][0], EncounterEdit | RepeatedClaim)
            )
            for verdict in (apart, together)
        )
        more, less = (" and ".join(sorted(codes)) for codes in (joined - own, own - joined))
        return f"{more}, and not {less}" if more and less else more or (f"no {less}" if less else "the same findings")

    def _verdicts(
        self,
        claims: Sequence[Claim],
        stages: Sequence[_Stage],
        places: Sequence[ClaimPlace] = (),
    ) -> tuple[dict[int, _ClaimVerdict], Encounters]:
        """Judge the claims of one patient, and return the verdicts by ordinal with the encounters they rest on."""
        verdicts = {claim.ordinal: _ClaimVerdict(claim) for claim in claims}
        # Claim edits of all chains come first: an encounter edit may ask whether a line has an error already.
        for stage in stages:
            for verdict in verdicts.values():
                self._judge_claim(stage, verdict)
        for verdict in verdicts.values():
            if verdict.claim.alone and _concern(stages, _codes_of(verdict.claim)):
                verdict.findings.append(not_together(verdict.claim, "The claims of this patient"))
        for place in places:
            verdict = verdicts[place.ordinal]
            for finding in of_claim(place.known, verdict.claim.control_number, place.ordinal):
                self._file(finding, verdict)
            # A payer's settings are about its claims; they do not make a transaction set good.
            verdict.findings += of_claim(place.refused, verdict.claim.control_number, place.ordinal)
            verdict.refused = bool(place.refused)
        rejected = _rejected(verdicts)  # by now: such a claim takes no other away
        repeated = self._file_repeats(verdicts, rejected, places)
        encounters = Encounters(claims, rejected, repeated)
        for finding in doubtful_versions(encounters.versions, rejected):
            self._file(finding, verdicts[finding.claim_ordinal or 0])
        for verdict in verdicts.values():
            verdict.alone = len(verdict.findings)
        for encounter in encounters:
            self._judge_encounter(encounter, verdicts, stages)
        return verdicts, encounters

    def _file_repeats(
        self, verdicts: Mapping[int, _ClaimVerdict], rejected: AbstractSet[int], places: Sequence[ClaimPlace]
    ) -> set[int]:
        """Report the claims that repeat others (X12224), and return those that are rejected for it."""
        claims = [verdict.claim for verdict in verdicts.values()]
        # Of a claim that comes without the others of its patient, the first pass over the file knows.
        known = [place.repeats for place in places if place.repeats is not None]
        repeats = known or (repeats_of(claims, rejected) if len(claims) > 1 else ())
        found = [(verdicts[repeat.ordinal], repeat) for repeat in repeats]
        for verdict, repeat in found:
            self._file(repeated_claim(verdict.claim, repeat), verdict)
        code = RepeatedClaim.meta.code
        return {repeat.ordinal for verdict, repeat in found if any(each.code == code for each in verdict.errors)}

    def _judge_encounter(
        self,
        encounter: Encounter,
        verdicts: Mapping[int, _ClaimVerdict],
        stages: Sequence[_Stage],
        *,
        again: bool = False,
    ) -> dict[int, _ClaimVerdict]:
        """Judge an encounter, and return the verdicts on its claims, which are among `verdicts`.

        What is judged `again` is only asked for errors.
        """
        involved = {claim.ordinal: verdicts[claim.ordinal] for claim in encounter.claims}
        if len(encounter.lines) > _MAX_TOGETHER and _concern(stages, encounter.procedures):
            for verdict in involved.values():
                verdict.findings.append(not_together(verdict.claim, "The lines of this encounter"))
        else:
            for stage in stages:
                edits = stage.rejecting_edits if again else stage.encounter_edits
                self._run(edits, encounter, encounter.procedures, stage.tables, involved)
        return involved

    def _reject_what_relies_on_rejected(
        self, verdicts: Mapping[int, _ClaimVerdict], encounters: Encounters, stages: Sequence[_Stage]
    ) -> None:
        """Judge the accepted claims again without the rejected ones, until none of them has an error then.

        What an edit finds depends on the lines of an encounter, and on those that it looks up elsewhere: only where
        these are not what they were before is an encounter judged again.
        """
        rejected: list[int] = []
        newly = [ordinal for ordinal, verdict in verdicts.items() if verdict.rejected]
        while newly and len(rejected) + len(newly) < len(verdicts):
            rejected = sorted(rejected + newly)
            named = [str(ordinal) for ordinal in rejected]
            found: dict[int, list[Finding]] = {}
            for encounter in encounters.without(verdicts[ordinal].claim for ordinal in newly):
                before = {claim.ordinal: verdicts[claim.ordinal].before_encounters() for claim in encounter.claims}
                for ordinal, verdict in self._judge_encounter(encounter, before, stages, again=True).items():
                    found.setdefault(ordinal, []).extend(verdict.errors)
            for ordinal, errors in found.items():
                for finding in errors:
                    self._file(relies_on(finding, named), verdicts[ordinal])
            newly = [ordinal for ordinal in found if verdicts[ordinal].rejected]

    def is_hot(self, raw: RawClaim) -> bool:
        """Whether an edit that names procedures may look at the claim, or no claim can be told unopened.

        So is a claim that is no original (CLM05-3): what it replaces or voids is another of its patient.
        """
        if self._codes is None or raw.stretch is None or not is_original(raw):
            return True
        return self._interest.search(raw.stretch.text) is not None

    def is_plain_hot(self, plain: PlainClaim) -> bool:
        """Whether an edit that names procedures may look at the claim, or no claim can be told unopened."""
        return self._codes is None or not self._codes.isdisjoint(plain.procedures)

    def accepts(self, plain: PlainClaim) -> bool:
        """Whether a claim that is not hot has no findings, so that it need not be opened.

        Raises ScrubberError where a screen crashes: nothing is known then about any claim that it let pass.
        """
        try:
            for screen in self._screens:
                if not screen(plain):
                    return False
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001
            raise ScrubberError(f"the screen of a chain crashed with {place_of_error(error)}") from None
        return True

    def configured(self, finding: Finding, payer: str = "") -> Finding | None:
        """Return a finding with the configured severity, None if its code is not selected."""
        rule = self._rules.get(finding.code)
        if rule is not None and rule[0].meta.mandatory:
            return finding
        if not self.config.selects(finding.code):
            return None
        severity = self.config.severity_of(payer, finding.code, finding.severity)
        return finding if severity is finding.severity else attrs.evolve(finding, severity=severity)

    def _make_codes(self) -> frozenset[str] | None:
        """Return all procedure codes that edits name; None where a chain wants every claim opened."""
        codes: set[str] = set()
        for chain in self._chains:
            for rule in chain.edits:
                if not issubclass(rule, Edit | EncounterEdit):
                    continue
                if rule.meta.procedures is None and chain.screen is None:
                    return None
                codes |= rule.meta.procedures or set()
        return frozenset(codes)

    # -- running edits --------------------------------------------------------------------------------------------

    def _judge_claim(self, stage: _Stage, verdict: _ClaimVerdict) -> None:
        claim = verdict.claim
        edits = stage.void_edits if claim.is_void else stage.claim_edits
        self._run(edits, claim, _codes_of(claim), stage.tables, {claim.ordinal: verdict})

    def _run(
        self,
        groups: Sequence[_EditGroup],
        subject: Any,
        procedures: AbstractSet[str],
        tables: Any,
        verdicts: Mapping[int, _ClaimVerdict],
    ) -> None:
        """Run the edits that are about one of the procedures, and file their findings under their claims.

        A check that raises becomes SCR901 on all of the claims.
        """
        context: Context[Any] | None = None
        for edit in [edit for group in groups if group.applies_to(procedures) for edit in group.edits]:
            if context is None:
                context = Context(tables, [finding for verdict in verdicts.values() for finding in verdict.findings])
            try:
                for finding in edit.check(subject, context):
                    self._file(finding, verdicts[finding.claim_ordinal or 0])
                    context = None
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001
                # An edit is foreign code: whatever it raises, the claim is not accepted and the run goes on.
                context = None
                self._note_crash(f"Edit {edit.meta.code}", verdicts.values(), error)

    def _file(self, finding: Finding, verdict: _ClaimVerdict) -> None:
        payer = verdict.claim.payer.id
        configured = self.configured(finding, payer)
        if configured is None:
            return
        ignore = self.config.ignored(payer, finding.code)
        if ignore is not None:
            verdict.ignored.append(IgnoredFinding(configured, ignore.reason))
        else:
            verdict.findings.append(configured)

    # -- preparing ------------------------------------------------------------------------------------------------

    def _stages_for(self, payer: str) -> list[_Stage]:
        own = self.config.payer_named(payer) or ""
        if own not in self._stages:
            overrides = self._split_overrides(own)
            self._stages[own] = [self._stage(chain, overrides[place], own) for place, chain in enumerate(self._chains)]
        return self._stages[own]

    def _stage(self, chain: Chain[Any], overrides: Sequence[tuple[str, Mapping[str, Any]]], payer: str) -> _Stage:
        wanted = [rule() for rule in chain.edits if rule.meta.mandatory or self.config.selects(rule.meta.code)]
        tables = self._tables_of(chain)
        for origin, changes in overrides:
            tables = override_tables(tables, changes, origin)
        over_encounters = [edit for edit in wanted if isinstance(edit, EncounterEdit)]
        return _Stage(
            chain=chain,
            claim_edits=_grouped(edit for edit in wanted if isinstance(edit, Edit)),
            void_edits=_grouped(edit for edit in wanted if isinstance(edit, Edit) and edit.meta.voids),
            encounter_edits=_grouped(over_encounters),
            rejecting_edits=_grouped(edit for edit in over_encounters if self._rejects(edit.meta, payer)),
            tables=tables,
        )

    def _rejects(self, meta: Meta, payer: str) -> bool:
        """Whether what an edit finds is an error."""
        severity = meta.severity if meta.mandatory else self.config.severity_of(payer, meta.code, meta.severity)
        return severity is Severity.ERROR

    def _tables_of(self, chain: Chain[Any]) -> Any:
        if id(chain) not in self._tables:
            self._tables[id(chain)] = chain.tables()
        return self._tables[id(chain)]

    def _split_overrides(self, payer: str) -> list[list[tuple[str, Mapping[str, Any]]]]:
        """Return for each chain the configured table values that name a table of its own, the payer's last."""
        given = [("tables", self.config.tables)]
        if payer:
            given.append((f"payers.{payer}.tables", self.config.payers[payer].tables))
        split: list[list[tuple[str, Mapping[str, Any]]]] = [[] for _ in self._chains]
        for origin, changes in given:
            for name, rows in changes.items():
                owners = [place for place, chain in enumerate(self._chains) if hasattr(self._tables_of(chain), name)]
                if not owners:
                    # override_tables words the error for a name that no chain knows.
                    owners = [0]
                for place in owners:
                    split[place].append((origin, {name: rows}))
        return split

    def check_settings(self) -> None:
        """Make every payer's tables ready, so that a wrong setting is an error before the first claim is read.

        Raises ConfigError for a table, row, column or value that does not exist, PluginError for an edit that cannot be
        made.
        """
        try:
            for payer in ("", *self.config.payers):
                self._stages_for(payer)
        except TypeError as error:
            raise PluginError(f"an edit cannot be made: {error}") from error

    # -- the verdict ----------------------------------------------------------------------------------------------

    def _report(
        self,
        verdict: _ClaimVerdict,
        encounters: Encounters,
        stages: Sequence[_Stage],
        observations: tuple[Observation, ...],
    ) -> ClaimReport:
        claim, amounts = verdict.claim, []
        ended = self._ended(verdict, stages)
        faulty = {finding.line for finding in verdict.findings if finding.severity is Severity.ERROR and finding.line}
        try:
            amounts = [_price(line, encounters.first_of(line), stages) for line in claim.lines if line.number in faulty]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
            self._note_crash("What a chain takes a line to be worth", [verdict], error)
        findings = tuple(sorted(verdict.findings, key=lambda finding: finding.sort_key))
        return ClaimReport(
            claim=claim.control_number,
            ordinal=claim.ordinal,
            charge=in_cents(claim.charge) if claim.charge is not None else None,
            lines=len(claim.lines),
            payer=CodeForm.PAYER.shown(claim.payer.id),
            billing_npi=CodeForm.NPI.shown(claim.billing_provider.npi),
            at_risk=sum((amount for amount in amounts if amount is not None), Decimal("0.00")),
            unpriced_lines=sum(amount is None for amount in amounts),
            findings=findings,
            ignored=tuple(sorted(verdict.ignored, key=lambda ignored: ignored.finding.sort_key)),
            detail=detail_of(claim) if self._detail else None,
            observations=observations,
            refused=verdict.refused,
            ended_tables=ended,
        )

    def _ended(self, verdict: _ClaimVerdict, stages: Sequence[_Stage]) -> tuple[EndedTable, ...]:
        """Ask the chains which tables a claim was judged by after their latest edition; a void claim is not judged."""
        claim = verdict.claim
        found: list[EndedTable] = []
        for stage in () if claim.is_void else stages:
            if stage.chain.ended is not None:
                try:
                    found += stage.chain.ended(claim, stage.tables)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - foreign code, as an edit
                    self._note_crash("What a chain says of its tables", [verdict], error)
        return tuple(
            table
            for table in found
            if self.config.selects(table.code) and self.config.ignored(claim.payer.id, table.code) is None
        )


def of_claim(findings: Iterable[Finding], number: str, ordinal: int) -> Iterator[Finding]:
    """Yield findings of a level or envelope as those of a claim in it."""
    return (attrs.evolve(finding, claim=number, claim_ordinal=ordinal) for finding in findings)


def _price(line: ServiceLine, encounter: Encounter | None, stages: Sequence[_Stage]) -> Decimal | None:
    """Return the amount of a line from the first chain that knows one.

    A dated line in no encounter is one of a void claim or of a repeat: nothing is paid of it.
    """
    if encounter is None:
        return None if line.service_dates is None else Decimal("0.00")
    for stage in stages:
        if stage.chain.price is not None:
            amount = stage.chain.price(line, encounter, stage.tables)
            if amount is not None:
                return amount
    return None
