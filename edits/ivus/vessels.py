"""Count the vessels that notes name, the way they are counted for 37252 and 37253, and name them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from edits.ivus.notes import Named

__all__ = ["Vessels", "counted", "describe_counted"]

_SHOWN = 8  # vessels that a message names; of more it counts the rest

Vessels = tuple[str, str]
"""What a vessel counts as, and its side."""


def counted(named: Iterable[Named]) -> dict[Vessels, list[str]]:
    """Return the distinct vessels: the canonical names that count as one, by what they count as and their side.

    Names that count as one vessel are together (external iliac with common femoral); left and right of a paired vessel
    are two.  A name without a side is the same vessel as one with a side.  A vein or artery outside the table counts by
    its own words, and has no name here: the text of a note is not shown.  Where a note does not say whether it names
    arteries or veins, it names those of which more count.
    """
    named = sorted(named, key=_order)
    return max((_counted_as(kind, named) for kind in ("vein", "artery")), key=len)


def _counted_as(undecided: str, named: Sequence[Named]) -> dict[Vessels, list[str]]:
    """Count names that nothing decides as those of one kind."""
    kinds = {vessel.kind for one in named if len(one.vessels) == 1 for vessel in one.vessels}
    sides: dict[str, dict[str, list[str]]] = {}  # the names by what they count as and their side
    for one in named:
        group, name = _resolved(one, kinds, sides, undecided)
        names = sides.setdefault(group, {}).setdefault(one.side, [])
        if name and name not in names:
            names.append(name)
    for by_side in sides.values():
        if len(by_side) > 1:
            unsided = by_side.pop("", [])
            for names in by_side.values() if len(by_side) == 1 else ():
                names += [name for name in unsided if name not in names]
    return {(group, side): names for group, by_side in sides.items() for side, names in by_side.items()}


def _order(one: Named) -> tuple[bool, bool, list[str], str, str]:
    """Put names that are certain first, those with a side among them first."""
    return len(one.vessels) != 1, not one.side, [vessel.vessel for vessel in one.vessels], one.other, one.side


def _resolved(
    one: Named, kinds: Collection[str], sides: Mapping[str, Collection[str]], undecided: str
) -> tuple[str, str]:
    """Return what a name counts as and its canonical name.

    A name of a vein and an artery is what the note names already, or the kind that the other names agree on, or
    else counts as one of the kind `undecided`.
    """
    if not one.vessels:
        return one.other, ""
    possible = [vessel for vessel in one.vessels if one.side in sides.get(vessel.counted_as, ())]
    possible = possible or [vessel for vessel in one.vessels if kinds == {vessel.kind}]
    if len(one.vessels) == 1 or len(possible) == 1:
        (vessel,) = one.vessels if len(one.vessels) == 1 else possible
        return vessel.counted_as, vessel.vessel
    artery, vein = (vessel.vessel for vessel in one.vessels)
    stem, _, kind = vein.rpartition(" ")
    (group,) = (vessel.counted_as for vessel in one.vessels if vessel.kind == undecided)
    return group, f"{artery} or {kind if artery.startswith(stem) else vein}"


def describe_counted(groups: Mapping[Vessels, Sequence[str]]) -> str:
    """Name the vessels in canonical names, those that count as one together; the others by their number."""
    told = [_told(group, side, names) for (group, side), names in sorted(groups.items()) if names]
    if len(told) > _SHOWN:
        told = [*told[: _SHOWN - 1], f"{len(told) - _SHOWN + 1} more"]
    others = sum(not names for names in groups.values())
    if others:
        told.append(f"{others} {'veins or arteries' if others > 1 else 'vein or artery'} outside the rule tables")
    return "; ".join(told)


def _told(group: str, side: str, names: Sequence[str]) -> str:
    # In the order in which they are in "external iliac and common femoral vein".
    in_order = sorted(names, key=lambda name: group.find(name.rpartition(" ")[0]))
    text = f"{side} {' with '.join(in_order)}".strip()
    return f"{text}, counted as one" if len(names) > 1 else text
