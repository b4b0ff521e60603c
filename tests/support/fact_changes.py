"""What screens ask of lines, encounters and tables, changed so that it says less."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from attrs import frozen

import scrubber.engine.screening as screening_module
from edits.ivus.codes import ADDITIONAL, INITIAL
from edits.ivus.day_facts import DayFacts, UltrasoundFacts
from scrubber.claims.columns import ClaimRow, EncounterColumns, LineNotes
from tests.support.screen_changes import Change, installed


class _All(frozenset[str]):
    """Every code there is."""

    def isdisjoint(self, other: object, /) -> bool:
        del other
        return False


@frozen
class _Said:
    """An attribute that has the same value whatever is set: it is made again for each who asks, and may be changed."""

    make: Callable[[], Any]

    def __get__(self, owner: object, kind: type[Any]) -> Any:
        return self.make()

    def __set__(self, owner: object, value: object) -> None:
        """Keep nothing."""


ATTRIBUTES: dict[type[Any], dict[str, tuple[Callable[[], Any], ...]]] = {
    UltrasoundFacts: {
        "lacks_primary": (lambda: False,),
        "lacks_payable": (lambda: False,),
        "kinds": (list,),
        "units": (lambda: {INITIAL: 0, ADDITIONAL: 0},),
        "are_counted": (lambda: True,),
        "initial": (list, lambda: [0]),
        "additional": (list,),
        "lines": (list,),
        "procedures": (frozenset,),
        "modifiers": (list,),
        "of_initial": (frozenset,),
    },
    DayFacts: {
        "primaries": (lambda: {INITIAL: _All(), ADDITIONAL: _All()},),
        "payable": (lambda: {INITIAL: _All(), ADDITIONAL: _All()},),
        "is_contractor_defined": (lambda: False,),
        "limits": (dict, lambda: {INITIAL: 999_999, ADDITIONAL: 999_999}),
        "kinds": (dict,),
        "excluded": (frozenset,),
        "paired": (frozenset,),
        "not_valid": (frozenset,),
        "without_placement": (frozenset,),
        "placements": (_All,),
        "are_tables_ended": (lambda: False,),
    },
    EncounterColumns: {"procedures": (frozenset,)},
    ClaimRow: {"npis": (tuple,), "names_one_twice": (lambda: False,), "is_known": (lambda: True,)},
}
"""Values that say nothing; several where edits take the presence and others the absence of something as nothing."""


def _one_encounter(row: ClaimRow) -> list[EncounterColumns]:
    day = row.dates[0]
    return [] if day is None else [EncounterColumns(row, range(len(row.days)), day)]


def _of_one_day(facts: Any, row: ClaimRow) -> list[object]:
    return [facts.on(day) for day in row.dates[:1] if day is not None]


_notes = ClaimRow.notes
_NOTHING = LineNotes("", (), ())


def _codes_by(*names: str, with_places: bool = True) -> Callable[[ClaimRow, Sequence[int]], Hashable]:
    """Return a `codes_of` that looks at some columns only, and may forget which lines they are of."""

    def codes_of(row: ClaimRow, lines: Sequence[int]) -> Hashable:
        columns = [tuple([getattr(row, name)[line] for line in lines]) for name in names]
        return (*(lines if with_places else ()), *columns)

    return codes_of


METHODS: dict[str, tuple[tuple[str, Callable[..., Any]], ...]] = {
    "points_to_diagnosis": (("True", lambda _row, _line: True),),
    "units_of": (("1", lambda _row, _line: 1),),
    "modifiers_of": (("()", lambda _row, _line: ()),),
    "notes": (("()", lambda _row: ()), ("() for None", lambda row: _notes(row) or ())),
    # Where it is None a note is behind a provider of the line, which is a syntax error and no note of the line.
    "line_text": (("nothing", lambda _row, _line: _NOTHING),),
    "codes_of": (
        ("the same for other procedures", _codes_by("_modifiers", "_services")),
        ("the same for other modifiers", _codes_by("procedures", "_services")),
        ("the same for other units", _codes_by("procedures", "_modifiers")),
        ("the same for other places", _codes_by("procedures", "_modifiers", "_services", with_places=False)),
    ),
    "encounters": (("one for all days and providers", _one_encounter),),
}
"""Methods of rows, with what they say instead."""


def changes_of_facts() -> Iterator[Change]:
    """Yield the changes of what screens ask."""
    for owner, attributes in ATTRIBUTES.items():
        for name, values in attributes.items():
            for make in values:
                yield Change(owner.__name__, f"{name} is always {make()!r}", owner, name, _Said(make))
    for name, changes in METHODS.items():
        for how, changed in changes:
            yield Change(ClaimRow.__name__, f"{name} says {how}", ClaimRow, name, changed)
    yield Change("facts", "are those of the first day for all days", screening_module, "epochs_of", lambda _: ())
    yield Change("facts", "are those of one day of a claim", screening_module._StageFacts, "of_days", _of_one_day)
    for edit in installed():
        if getattr(edit, "follows_others", False):
            yield Change(edit.meta.code, "follows no others", edit, "follows_others", changed=False)
