"""Judge the claims of one patient by the installed packs: claims in, a verdict on each of them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from functools import cached_property

import attrs

from scrubber.builtin.all_rules import all_rules
from scrubber.builtin.claim_frequency import doubtful_versions
from scrubber.builtin.claim_identity import contradictions, missing_identity
from scrubber.builtin.claim_repeats import RepeatedClaim, repeated_claim
from scrubber.builtin.engine_rules import not_together, relies_on
from scrubber.claims.builder import ClaimPlace, Extent, Readable, reopen
from scrubber.claims.disclosure import detail_of
from scrubber.claims.encounter import Encounter, Encounters, lone_encounter
from scrubber.claims.model import Claim, ServiceLine
from scrubber.claims.raw_claim import Level
from scrubber.claims.repeats import repeats_of
from scrubber.config import Config
from scrubber.engine.compile import Compiler
from scrubber.engine.notices import notices_of_settings
from scrubber.engine.policy import Policy
from scrubber.engine.screening import Screening
from scrubber.engine.stage import Stage, concern, ended_tables
from scrubber.engine.verdict import ClaimVerdict, EditRun
from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Finding, Severity
from scrubber.findings.report import ClaimReport, Detail, EndedTable, Observation
from scrubber.packs.edit import EncounterEdit
from scrubber.packs.registry import Plugin
from scrubber.x12.values import in_cents

__all__ = ["Engine", "of_claim"]

_MAX_TOGETHER = 150
"""Lines of an encounter that are judged together: what edits compare grows with the square of their number."""


class Engine:
    """The installed packs under one configuration, ready to judge.

    `screening` tells which claims have to be judged, and by which edits; without `screened` all of them by all.
    `detail` is how much of the claims the reports need.  `notices` are what every report must say of the settings.
    """

    def __init__(
        self, config: Config, plugins: Sequence[Plugin], *, screened: bool = True, detail: Detail = Detail.NONE
    ) -> None:
        packs = [plugin.pack for plugin in plugins]
        self.config = config
        self.policy = Policy(config, {code: rule for code, (rule, _) in all_rules(plugins).items()})
        self.notices = notices_of_settings(config, self.policy.rules)
        self._compiler = Compiler(self.policy, packs)
        self.screening = Screening(
            self._compiler,
            open_all=not screened or detail is Detail.ALL,
            open_concerned=detail is Detail.OPENED,
        )
        self._detail = detail

    def check_settings(self) -> None:
        """Check the settings against the packs.  Raises ConfigError or PluginError; see `Compiler.check`."""
        self._compiler.check()

    def judge_at(
        self, source: Readable, places: Sequence[ClaimPlace], providers: dict[Extent, Level]
    ) -> list[ClaimReport]:
        """Read the claims at these places and judge those of one patient together; `providers` are as for `reopen`.

        The places were brought together by a hash, which patients may share by chance.
        """
        patients: dict[tuple[str, ...], list[tuple[Claim, ClaimPlace]]] = {}
        for place in places:
            claim = reopen(source, place, providers)
            patients.setdefault(claim.patient_key, []).append((claim, place))
        pairs = patients.values()
        return [report for own in pairs for report in self.judge([each for each, _ in own], [at for _, at in own])]

    def judge(self, claims: Sequence[Claim], places: Sequence[ClaimPlace] = ()) -> list[ClaimReport]:
        """Judge the claims of one patient (same `patient_key`) together; the reports are in the order given.

        `places` say which syntax errors were found before in claims and above them, and that of a claim without
        others which edits may find anything on it.
        """
        stages = self._compiler.stages_for(claims[0].payer.id)
        judgement = _Judgement(claims, places, stages, self.policy)
        judgement.check_identities()
        # In front of what looks for rejected claims: a crash rejects the claim it is on.
        observed = judgement.observe() if self._detail else {}
        judgement.reject_what_relies_on_rejected()
        return judgement.reports(observed, with_detail=bool(self._detail))


class _Judgement:
    """The claims of one patient, judged: what each is found to have, and the encounters that it was found in."""

    def __init__(
        self, claims: Sequence[Claim], places: Sequence[ClaimPlace], stages: Sequence[Stage], policy: Policy
    ) -> None:
        self._claims = claims
        self._stages = stages
        # What several claims are found to have is not known by what each may have alone.
        may_fire = places[0].may_fire if len(claims) == len(places) == 1 else None
        self._asked = stages if may_fire is None else [stage.only(may_fire) for stage in stages]
        self._policy = policy
        self._codes = {claim.ordinal: _codes_of(claim) for claim in claims}
        self._edits = EditRun(policy)
        self.verdicts = {claim.ordinal: ClaimVerdict(claim) for claim in claims}
        self._judge_claims()
        self._take_syntax_errors(places)
        self._first_rejected = self._rejected()  # by now: such a claim takes no other away
        self._repeated = self._find_repeats(self._first_rejected, places)
        self._lone = lone_encounter(claims[0]) if len(claims) == 1 and not self._repeated else None
        if self._needs_encounters():
            self._judge_encounters()

    @cached_property
    def _encounters(self) -> Encounters:
        return Encounters(self._claims, self._first_rejected, self._repeated)

    @property
    def _first_encounters(self) -> Iterable[Encounter]:
        """The encounters before any claim was taken out."""
        return self._encounters if self._lone is None else (self._lone,)

    def _file(self, finding: Finding) -> None:
        self.verdicts[finding.claim_ordinal or 0].file(finding, self._policy)

    def _rejected(self) -> set[int]:
        return {ordinal for ordinal, verdict in self.verdicts.items() if verdict.rejected}

    def _involved(self, encounter: Encounter) -> dict[int, ClaimVerdict]:
        return {claim.ordinal: self.verdicts[claim.ordinal] for claim in encounter.claims}

    # -- claims by themselves -----------------------------------------------------------------------------------------

    def _judge_claims(self) -> None:
        # Claim edits of all packs come first: an encounter edit may ask whether a line has an error already.
        for stage in self._asked:
            for ordinal, verdict in self.verdicts.items():
                claim = verdict.claim
                edits = stage.void_edits if claim.is_void else stage.claim_edits
                self._edits.run(edits, claim, self._codes[ordinal], stage.tables, {ordinal: verdict})
        for verdict in self.verdicts.values():
            if verdict.claim.alone and concern(self._stages, self._codes[verdict.claim.ordinal]):
                verdict.findings.append(not_together(verdict.claim, "The claims of this patient"))

    def _take_syntax_errors(self, places: Iterable[ClaimPlace]) -> None:
        for place in places:
            verdict = self.verdicts[place.ordinal]
            for finding in of_claim(place.known, verdict.claim.control_number, place.ordinal):
                self._file(finding)
            # A payer's settings are about its claims; they do not make a transaction set good.
            verdict.findings += of_claim(place.envelope_errors, verdict.claim.control_number, place.ordinal)
            verdict.envelope_rejected = bool(place.envelope_errors)

    def _find_repeats(self, rejected: AbstractSet[int], places: Iterable[ClaimPlace]) -> set[int]:
        """Report the claims that repeat others (X12224), and return those that are rejected for it."""
        # Of a claim that comes without the others of its patient, the first pass over the file knows.
        known = [place.repeats for place in places if place.repeats is not None]
        repeats = known or (repeats_of(self._claims, rejected) if len(self._claims) > 1 else ())
        found = [(self.verdicts[repeat.ordinal], repeat) for repeat in repeats]
        for verdict, repeat in found:
            self._file(repeated_claim(verdict.claim, repeat))
        code = RepeatedClaim.meta.code
        return {repeat.ordinal for verdict, repeat in found if any(each.code == code for each in verdict.errors)}

    # -- claims together ----------------------------------------------------------------------------------------------

    def _needs_encounters(self) -> bool:
        """Whether anything may be found in encounters, or in a claim that may take the place of another."""
        return (
            any(stage.encounter_edits for stage in self._asked)
            or any(not claim.is_original for claim in self._claims)
            or sum(len(claim.lines) for claim in self._claims) > _MAX_TOGETHER
        )

    def _judge_encounters(self) -> None:
        if self._lone is None:
            for finding in doubtful_versions(self._encounters.versions, self._first_rejected):
                self._file(finding)
        for verdict in self.verdicts.values():
            verdict.alone = len(verdict.findings)
        for encounter in self._first_encounters:
            self._judge_encounter(encounter, self._involved(encounter))

    def _judge_encounter(self, encounter: Encounter, involved: dict[int, ClaimVerdict], *, again: bool = False) -> None:
        """Judge an encounter into the verdicts on its claims.  What is judged `again` is only asked for errors."""
        if len(encounter.lines) > _MAX_TOGETHER and concern(self._stages, encounter.procedures):
            for verdict in involved.values():
                verdict.findings.append(not_together(verdict.claim, "The lines of this encounter"))
            return
        for stage in self._asked:
            edits = stage.rejecting_edits if again else stage.encounter_edits
            self._edits.run(edits, encounter, encounter.procedures, stage.tables, involved)

    def check_identities(self) -> None:
        """Report what is wrong with the identities of claims that an edit over encounters judges (X12215, X12216)."""
        asked = {
            claim.ordinal
            for claim in self._claims
            if not claim.is_void and concern(self._stages, self._codes[claim.ordinal])
        }
        for claim in self._claims if asked else ():
            missing = missing_identity(claim) if claim.ordinal in asked else None
            if missing is not None:
                self._file(missing)
        for finding in contradictions(self._claims, asked, self._compare) if asked and len(self._claims) > 1 else ():
            self._file(finding)

    def _compare(self, claims: Sequence[Claim]) -> dict[int, str]:
        """Return for each claim what would be found, were all of these claims one patient's."""
        one = [attrs.evolve(claim, subscriber=claims[0].patient, dependent=None) for claim in claims]
        together = _Judgement(one, (), self._stages, self._policy)
        self._edits.crashed |= together._edits.crashed
        return {
            ordinal: self._difference(self.verdicts[ordinal], verdict) for ordinal, verdict in together.verdicts.items()
        }

    def _difference(self, apart: ClaimVerdict, together: ClaimVerdict) -> str:
        """Return which findings over several claims a claim would have too, and which not, judged with others."""
        own, joined = (
            Counter(
                found.code
                for found in verdict.findings
                if issubclass(self._policy.rules[found.code], EncounterEdit | RepeatedClaim)
            )
            for verdict in (apart, together)
        )
        more, less = (" and ".join(sorted(codes)) for codes in (joined - own, own - joined))
        return f"{more}, and not {less}" if more and less else more or (f"no {less}" if less else "the same findings")

    def reject_what_relies_on_rejected(self) -> None:
        """Judge the accepted claims again without the rejected ones, until none of them has an error then.

        What an edit finds depends on the lines of an encounter, and on those that it looks up elsewhere: only where
        these are not what they were before is an encounter judged again.
        """
        rejected: list[int] = []
        newly = [ordinal for ordinal, verdict in self.verdicts.items() if verdict.rejected]
        while newly and len(rejected) + len(newly) < len(self.verdicts):
            rejected = sorted(rejected + newly)
            found: dict[int, list[Finding]] = {}
            for encounter in self._encounters.remove(self.verdicts[ordinal].claim for ordinal in newly):
                before = {
                    ordinal: verdict.before_encounters() for ordinal, verdict in self._involved(encounter).items()
                }
                self._judge_encounter(encounter, before, again=True)
                for ordinal, verdict in before.items():
                    found.setdefault(ordinal, []).extend(verdict.errors)
            for finding in (each for errors in found.values() for each in errors):
                self._file(relies_on(finding, [self.verdicts[ordinal].claim for ordinal in rejected]))
            newly = [ordinal for ordinal in found if self.verdicts[ordinal].rejected]

    # -- what is reported ---------------------------------------------------------------------------------------------

    def observe(self) -> dict[int, tuple[Observation, ...]]:
        """Ask the packs what there is to count, each encounter once: under the first of its claims."""
        seen: dict[int, tuple[Observation, ...]] = {}
        for encounter in self._first_encounters:
            ordinal = encounter.claims[0].ordinal
            for stage in self._stages if len(encounter.lines) <= _MAX_TOGETHER else ():
                observe = stage.pack.observe
                if observe is not None:
                    with self._edits.guarding("What a pack observes", [self.verdicts[ordinal]]):
                        seen[ordinal] = (*seen.get(ordinal, ()), *observe(encounter, stage.tables))
        return seen

    def reports(self, observed: dict[int, tuple[Observation, ...]], *, with_detail: bool) -> list[ClaimReport]:
        """Return the reports on the claims, in the order given."""
        reports = [
            self._report(verdict, observed.get(ordinal, ()), with_detail=with_detail)
            for ordinal, verdict in self.verdicts.items()
        ]
        return [attrs.evolve(report, crashed=True) for report in reports] if self._edits.crashed else reports

    def _report(
        self, verdict: ClaimVerdict, observations: tuple[Observation, ...], *, with_detail: bool
    ) -> ClaimReport:
        claim = verdict.claim
        ended = self._ended(verdict)
        amounts = self._amounts(verdict)
        return ClaimReport(
            claim=claim.control_number,
            ordinal=claim.ordinal,
            charge=in_cents(claim.charge) if claim.charge is not None else None,
            lines=len(claim.lines),
            payer=CodeForm.PAYER.shown(claim.payer.id),
            billing_npi=CodeForm.NPI.shown(claim.billing_provider.npi),
            at_risk=sum((amount for amount in amounts if amount is not None), _NOTHING),
            unpriced_lines=amounts.count(None),
            findings=tuple(sorted(verdict.findings, key=_sort_key)),
            suppressed=tuple(sorted(verdict.suppressed, key=lambda suppressed: suppressed.finding.sort_key)),
            detail=detail_of(claim) if with_detail else None,
            observations=observations,
            envelope_rejected=verdict.envelope_rejected,
            ended_tables=ended,
        )

    def _amounts(self, verdict: ClaimVerdict) -> list[Decimal | None]:
        """Return what the lines with an error are worth, None for those of which no pack knows it."""
        faulty = {finding.line for finding in verdict.findings if finding.severity is Severity.ERROR and finding.line}
        if not faulty:
            return []
        lines = [line for line in verdict.claim.lines if line.number in faulty]
        with self._edits.guarding("What a pack takes a line to be worth", [verdict]):
            return [_price(line, self._encounter_of(line), self._stages) for line in lines]
        return []  # of a claim with a crash nothing is known

    def _encounter_of(self, line: ServiceLine) -> Encounter | None:
        return self._lone if self._lone is not None else self._encounters.first_of(line)

    def _ended(self, verdict: ClaimVerdict) -> tuple[EndedTable, ...]:
        """Return the tables that a claim was judged by after their latest edition; a void claim is not judged."""
        claim = verdict.claim
        if claim.is_void:
            return ()
        with self._edits.guarding("What a pack says of its tables", [verdict]):
            return ended_tables(claim.services, self._stages, claim.payer.id, self._policy)
        return ()


_NOTHING = Decimal("0.00")


def _sort_key(finding: Finding) -> tuple[int, int, str, int]:
    return finding.sort_key


def _codes_of(claim: Claim) -> set[str]:
    return {line.procedure for line in claim.lines}


def of_claim(findings: Iterable[Finding], number: str, ordinal: int) -> Iterator[Finding]:
    """Yield findings of a level or envelope as those of a claim in it."""
    return (attrs.evolve(finding, claim=number, claim_ordinal=ordinal) for finding in findings)


def _price(line: ServiceLine, encounter: Encounter | None, stages: Sequence[Stage]) -> Decimal | None:
    """Return the amount of a line from the first pack that knows one.

    A dated line in no encounter is one of a void claim or of a repeat: nothing is paid of it.
    """
    if encounter is None:
        return None if line.service_dates is None else Decimal("0.00")
    for stage in stages:
        if stage.pack.price is not None:
            amount = stage.pack.price(line, encounter, stage.tables)
            if amount is not None:
                return amount
    return None
