"""A rule of the catalogue: what is known about it before it is run, and how it is explained."""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from typing import Any, ClassVar

from attrs import field, frozen, validators

from scrubber.findings.dates import DateRange
from scrubber.findings.finding import Adjustment, Severity, Source, Status
from scrubber.findings.values import Values

__all__ = ["Documentation", "Example", "FileEdit", "Meta", "Rule", "RuleStage", "own_meta", "statuses"]

_CODE = re.compile(r"[A-Z][A-Z0-9]*?\d{3}")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_TITLE = 60
_DOCSTRING = re.compile(r"(.+?)\n\nWhy: (.+?)\nFix: (.+)", re.DOTALL)


def statuses(*texts: str) -> tuple[Status, ...]:
    """Read statuses as the guide writes them: `statuses("A8:732", "A8:507")`; at most three (STC01, STC10, STC11)."""
    if len(texts) > 3:
        raise ValueError("an STC segment holds at most three statuses")
    return tuple(Status.parse(text) for text in texts)


@frozen(eq=False, repr=False)
class Example(Values):
    """A claim in the shorthand of `scrubber.testing`, and whether the edit fires on it.  The tests execute it."""

    claim: str
    fires: bool


class RuleStage(StrEnum):
    """How far a rule is: in use, on trial (it may still change or go), or about to be removed."""

    STABLE = "stable"
    PREVIEW = "preview"
    DEPRECATED = "deprecated"


def _check_title(_meta: object, _field: object, title: str) -> None:
    """Raise ValueError for what cannot be shown as a heading: one printable line, capitalized, without a period."""
    words = title.strip() if title.isprintable() else ""
    if not words or words != title or title[0].islower() or title.endswith(".") or len(title) > _LONGEST_TITLE:
        raise ValueError(
            f"title {title!r} is not one line of at most {_LONGEST_TITLE} characters that begins with a capital letter "
            "and ends without a period"
        )


def _check_version(_meta: object, _field: object, version: str) -> None:
    """Raise ValueError for what is no version."""
    if not _VERSION.fullmatch(version):
        raise ValueError(f"since {version!r} is not a version, such as 0.1")


def _all(kind: type[object]) -> Any:
    """Make a validator: a tuple of values of one class."""
    return validators.deep_iterable(validators.instance_of(kind), validators.instance_of(tuple))


def _optional(kind: type[object]) -> Any:
    """Make a validator: a value of a class, or None."""
    return validators.optional(validators.instance_of(kind))


@frozen(eq=False, repr=False)
class Meta(Values):
    """What is known about a rule before it is run.

    `code` is the plugin's prefix and three digits; `name` states the defect, and `title` says it in a few words for
    people, who read it as a heading.  `since` is the version of the plugin in which the rule appeared, `stage` how far
    it is.  `severity` is that of all its findings before settings change it: where claims are judged again without the
    rejected ones, only edits with errors run.

    `statuses` go into a 277CA, `adjustment` is the denial that is expected.  `procedures` are
    the procedure codes the edit is about: it is run only where one of them is billed (None: everywhere).  `effective`
    bounds the dates of service for which the rule exists: the engine asks the edit only about claims, or encounters,
    with a date of service in it, or one that cannot be read (None: about all).  The lines of such a claim may be
    outside of it, and rows of tables have dates of their own; both are the edit's to test.  A `mandatory` rule says
    that something could not be judged: no setting can deselect, ignore or lower it.  `option` is the option of the
    pack, and the value of it, without which the rule finds nothing; the examples are executed with it.  `voids`: it is
    asked of void claims (CLM05-3 = 8) too, which nothing else judges.
    """

    code: str = field(validator=validators.matches_re(_CODE))
    name: str = field(validator=validators.matches_re(_NAME))
    severity: Severity = field(validator=validators.instance_of(Severity))
    sources: tuple[Source, ...] = field(validator=[_all(Source), validators.min_len(1)])
    statuses: tuple[Status, ...] = field(default=(), validator=[_all(Status), validators.max_len(3)])
    adjustment: Adjustment | None = field(default=None, validator=_optional(Adjustment))
    procedures: frozenset[str] | None = field(default=None, validator=_optional(frozenset))
    effective: DateRange | None = field(default=None, validator=_optional(DateRange))
    examples: tuple[Example, ...] = field(default=(), validator=_all(Example))
    mandatory: bool = False
    option: tuple[str, str | bool] | None = None
    voids: bool = False
    title: str = field(kw_only=True, validator=[validators.instance_of(str), _check_title])
    since: str = field(kw_only=True, validator=[validators.instance_of(str), _check_version])
    stage: RuleStage = field(kw_only=True, converter=RuleStage)

    @property
    def prefix(self) -> str:
        """The prefix of the code, which is the pack's."""
        return self.code[:-3]

    @property
    def packs(self) -> dict[str, dict[str, str | bool]]:
        """The settings of packs with which the rule runs, in the form of `Config.packs`."""
        return {} if self.option is None else {self.prefix: dict([self.option])}


def own_meta(
    code: str,
    name: str,
    title: str,
    severity: Severity,
    *sources: Source,
    status: tuple[Status, ...] = (),
    mandatory: bool = False,
    since: str = "0.1",
    fires: str = "",
    passes: str = "",
) -> Meta:
    """Return the `meta` of a rule of the scrubber itself; `fires` and `passes` are its examples, in shorthand."""
    return Meta(
        code=code,
        name=name,
        title=title,
        since=since,
        stage=RuleStage.STABLE,
        severity=severity,
        sources=sources,
        statuses=status,
        mandatory=mandatory,
        examples=tuple(Example(claim, fires=claim is fires) for claim in (fires, passes) if claim),
    )


@frozen(eq=False, repr=False)
class Documentation(Values):
    """The docstring of a rule, taken apart: what is wrong, why a payer minds, what to do.  Each is one paragraph."""

    what: str
    why: str
    fix: str


class Rule:
    """Anything with a code in the catalogue."""

    meta: ClassVar[Meta]

    @classmethod
    def documentation(cls) -> Documentation:
        """Read the docstring: a first paragraph, then paragraphs that begin with "Why:" and "Fix:", as sentences.

        Raises ValueError when one of the three is missing.
        """
        text = inspect.cleandoc(cls.__doc__ or "")
        match = _DOCSTRING.fullmatch(text)
        if match is None:
            raise ValueError(f"the docstring of {cls.__name__} needs a first sentence, Why: and Fix:")
        return Documentation(*map(_sentence, match.groups()))


def _sentence(part: str) -> str:
    """Write a part of a docstring on one line, with a capital letter."""
    text = " ".join(part.split())
    return text[:1].upper() + text[1:]


class FileEdit(Rule):
    """A rule that is reported where it is found out: there is no `check` to call."""
