"""What classes of values have in common, written once.

attrs would write a `__repr__` and an `__eq__` for each class while it is imported, which takes more time than all else
that is in most of our modules.  Classes whose values are printed and compared seldom derive from `Values` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Values"]


class Values:
    """Shows and compares an attrs class by its fields, as attrs does: `@frozen(eq=False, repr=False) class X(Values)`.

    With `@frozen(repr=False)`, for values that are compared often, attrs writes `__eq__` and `__hash__` as ever.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in _fields(self) if field.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash(_compared(self))


def _fields(values: object) -> Iterator[attrs.Attribute[Any]]:
    return iter(attrs.fields(cast("Any", type(values))))


def _compared(values: object) -> tuple[object, ...]:
    return tuple(getattr(values, field.name) for field in _fields(values) if field.eq)
