"""Weaker screens, to show that a comparison with no screens finds them.

A screen says whether an edit could find anything.  Each is replaced by one that never does, and each of its conditions
is changed alone; what screens ask of lines, encounters and tables is changed in `fact_changes`.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import evolve, frozen

from scrubber.packs.edit import Edit, EncounterEdit, never_on_rows
from scrubber.packs.registry import load_plugins

NAMES = ("screen", "screen_claim")
NEVER = "never"
_NONE: Mapping[str, Any] = {}
_OPEN_ALL = {None, Edit, EncounterEdit}
"""Owners of screens that have every claim opened."""


@frozen
class Change:
    """An attribute of a class or module that is another one for a while: `subject` is what it weakens, `name` how.

    `watched` makes the screen as it is call a function wherever the condition that was changed would differ.
    """

    subject: str
    name: str
    owner: Any
    attribute: str
    changed: Any
    watched: Callable[[Callable[[], None]], Any] | None = None

    def __str__(self) -> str:
        return f"{self.subject}: {self.name}"

    def watching(self, note: Callable[[], None]) -> Change | None:
        """Return what `watched` makes as a change of its own; None where there is no condition to watch."""
        return None if self.watched is None else evolve(self, changed=self.watched(note))

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Have the owner use what is changed while this lasts."""
        own = vars(self.owner).get(self.attribute)
        setattr(self.owner, self.attribute, self.changed)
        try:
            yield
        finally:
            if own is None:
                delattr(self.owner, self.attribute)
            else:
                setattr(self.owner, self.attribute, own)


def installed() -> list[type[Any]]:
    """Return the edits of the installed packs."""
    rules = (rule for plugin in load_plugins() for rule in plugin.pack.edits)
    return [rule for rule in rules if issubclass(rule, Edit | EncounterEdit)]


def screens_of(edits: Iterable[type[Any]]) -> list[type[Any]]:
    """Return the edits that have a screen of their own or of a class that they share with others.

    Those whose screen is `never_on_rows` have nothing to weaken: the form of a row rules out what they look for.
    """
    return [edit for edit in edits if any(_owner(edit, name) is not None for name in NAMES)]


def _owner(edit: type[Any], name: str) -> type[Any] | None:
    """Return the class that has the screen of an edit; None where it has none that could be weakened."""
    owner = next((kind for kind in edit.__mro__ if name in vars(kind)), None)
    return None if owner in _OPEN_ALL or getattr(edit, name) is never_on_rows else owner


def changes_of_screen(edit: type[Any]) -> Iterator[Change]:
    """Yield the changes of the screens of an edit, those that never say anything first."""
    code = edit.meta.code
    owners = {name: owner for name in NAMES if (owner := _owner(edit, name)) is not None}
    for name in owners:
        yield Change(code, f"{name} {NEVER}", edit, name, lambda *_: False)
    for name, owner in owners.items():
        screen = vars(owner)[name]
        for number, (told, changed) in enumerate(conditions_changed(screen)):
            yield Change(code, f"{name} {told}", edit, name, changed, partial(watched, screen, number))


def conditions_changed(screen: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what was changed of a screen, and the changed function, for each condition in it."""
    source = _source_of(screen)
    for number in range(len(_Changes.of(source).told)):
        changes = _Changes.of(source, number)
        yield f"{changes.told[number]} (change {number + 1})", _compiled(changes.tree, screen)


def watched(screen: Callable[..., Any], number: int, note: Callable[[], None]) -> Callable[..., Any]:
    """Return a screen that calls `note` wherever the condition that the change of a number is about would differ."""

    def watch(value: object, differs: Callable[[], bool]) -> object:
        try:
            is_other = differs()
        except (TypeError, ValueError, LookupError, AttributeError):  # what stood in front of it ruled that out
            is_other = True
        if is_other:
            note()
        return value

    return _compiled(_Changes.of(_source_of(screen), number, is_watching=True).tree, screen, {_WATCH: watch})


def _source_of(screen: Callable[..., Any]) -> str:
    return textwrap.dedent(inspect.getsource(screen))


class _Changes(ast.NodeTransformer):
    """Tells what can be changed of a function, and changes the one of that number, or watches it."""

    def __init__(self, number: int | None, *, is_watching: bool) -> None:
        self.told: list[str] = []
        self.tree: ast.Module
        self._number = number
        self._is_watching = is_watching

    @classmethod
    def of(cls, source: str, number: int | None = None, *, is_watching: bool = False) -> _Changes:
        """Go through the source of a function."""
        found = cls(number, is_watching=is_watching)
        tree = ast.parse(source)
        function = tree.body[0]
        assert isinstance(function, ast.FunctionDef)
        function.decorator_list = []
        function.returns = None
        for argument in ast.walk(function.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        found.tree = ast.fix_missing_locations(found.visit(tree))
        return found

    def _change(self, node: ast.expr, changed: ast.expr, how: str, differs: ast.expr | None = None) -> ast.expr:
        """Offer a change; `differs` says where it makes a difference, if not where the two expressions do."""
        self.told.append(f"line {node.lineno}: {ast.unparse(node)!r} {how}")
        if len(self.told) - 1 != self._number:
            return node
        if self._is_watching:
            if differs is None:
                differs = ast.Compare(_negation(node), [ast.NotEq()], [_negation(changed)])
            arguments = ast.arguments([], [], None, [], [], None, [])
            changed = ast.Call(ast.Name(_WATCH, ast.Load()), [node, ast.Lambda(arguments, differs)], [])
        return ast.copy_location(changed, node)  # which tells where what is around it is

    def _negated(self, node: ast.expr) -> ast.expr:
        """Offer the negation of what is a condition by its place; comparisons and such offer their own."""
        visited: ast.expr = self.visit(node)
        if isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and _is_not(node)):
            return visited
        return self._change(visited, _negation(visited), "negated")

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        changed = self._change(node, _negation(node), "negated")
        for place, operator in enumerate(node.ops):
            for by in (ast.Add(), ast.Sub()) if isinstance(operator, _ORDERS) else ():
                bound = ast.BinOp(node.comparators[place], by, ast.Constant(1))
                bounds = [*node.comparators[:place], bound, *node.comparators[place + 1 :]]
                one = self._change(node, ast.Compare(node.left, node.ops, bounds), f"with {ast.unparse(bound)!r}")
                changed = changed if one is node else one
        return changed

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return self._change(node, node.operand, "without its not") if _is_not(node) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        node.values = [self._negated(value) for value in node.values]
        changed: ast.expr = node
        for place, value in enumerate(node.values):
            rest = [*node.values[:place], *node.values[place + 1 :]]
            changed_here = self._change(
                node,
                rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest),
                f"without {ast.unparse(value)!r}",
                value if isinstance(node.op, ast.Or) else _negation(value),
            )
            changed = changed if changed_here is node else changed_here
        return changed

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        other = _QUANTIFIERS.get(name)
        if other is not None and isinstance(each := node.args[0], ast.GeneratorExp):
            each.elt = self._negated(each.elt)
            each.generators = [self.visit(generator) for generator in each.generators]
        else:
            self.generic_visit(node)
        if other is None:
            return node
        return self._change(node, ast.Call(ast.Name(other, ast.Load()), node.args, []), f"as {other}")

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self._negated(node.test)
        for body in (node.body, node.orelse):
            body[:] = [self.visit(statement) for statement in body]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        node.test, node.body, node.orelse = self._negated(node.test), self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        node.iter = self.visit(node.iter)
        node.ifs = [self._negated(test) for test in node.ifs]
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is False):
            visited = self.visit(node.value)
            node.value = self._change(visited, ast.Constant(value=False), "returned as False")
        return node


_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_QUANTIFIERS = {"any": "all", "all": "any"}


_WATCH = "_watch"


def _negation(node: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(ast.Not(), node)


def _is_not(node: ast.UnaryOp) -> bool:
    return isinstance(node.op, ast.Not)


def _compiled(tree: ast.Module, screen: Callable[..., Any], names: Mapping[str, Any] = _NONE) -> Callable[..., Any]:
    """Compile a changed function in the module of the original; what it closes over is there by name."""
    known = inspect.getclosurevars(screen)
    scope = {**screen.__globals__, **known.nonlocals, **names}
    exec(compile(tree, "<changed screen>", "exec"), scope)
    changed: Callable[..., Any] = scope[screen.__name__]
    return changed
