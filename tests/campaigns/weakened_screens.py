"""Weaken the screens of the installed edits one by one, and show that the comparison with no screens finds it.

    python -m tests.campaigns.weakened_screens --files 100 --mutants 1000
    python -m tests.campaigns.weakened_screens IVUS201 IVUS303

A screen says whether an edit could find anything.  Each is replaced by one that never does, and each of its
conditions is changed alone: negated, left out of an `or`.  What is not found is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from scrubber.packs.edit import Edit, EncounterEdit
from scrubber.packs.registry import load_plugins
from tests.support.screen_cases import ScreenCase, cases_of, generated, mutants, rows_of_tables
from tests.support.screened import EnginePair, Outputs, engine_of, outputs_of

NAME = "screen"


def installed() -> list[type[Any]]:
    """Return the edits of the installed packs."""
    rules = (rule for plugin in load_plugins() for rule in plugin.pack.edits)
    return [rule for rule in rules if issubclass(rule, Edit | EncounterEdit)]


def screens_of(edits: Iterable[type[Any]]) -> list[type[Any]]:
    """Return the edits that have a screen of their own or of a class that they share with others."""
    return [edit for edit in edits if _owner(edit) not in {None, Edit, EncounterEdit}]


def _owner(edit: type[Any]) -> type[Any] | None:
    return next((kind for kind in edit.__mro__ if NAME in vars(kind)), None)


# -- weaker screens ----------------------------------------------------------------------------------------------------


def conditions_changed(screen: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what was changed of a screen, and the changed function, for each condition in it."""
    source = textwrap.dedent(inspect.getsource(screen))
    for number in range(len(_Changes.of(source).told)):
        changes = _Changes.of(source, number)
        yield f"{changes.told[number]} (change {number + 1})", _compiled(changes.tree, screen)


class _Changes(ast.NodeTransformer):
    """Tells what can be changed of a function, and changes the one of that number."""

    def __init__(self, number: int | None) -> None:
        self.told: list[str] = []
        self.tree: ast.Module
        self._number = number

    @classmethod
    def of(cls, source: str, number: int | None = None) -> _Changes:
        """Go through the source of a function."""
        found = cls(number)
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

    def _change(self, node: ast.expr, changed: ast.expr, how: str) -> ast.expr:
        self.told.append(f"line {node.lineno}: {ast.unparse(node)!r} {how}")
        return changed if len(self.told) - 1 == self._number else node

    def _negated(self, node: ast.expr) -> ast.expr:
        """Offer the negation of what is a condition by its place; comparisons and such offer their own."""
        visited: ast.expr = self.visit(node)
        if isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.UnaryOp) and _is_not(node)):
            return visited
        return self._change(visited, ast.UnaryOp(ast.Not(), visited), "negated")

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        return self._change(node, ast.UnaryOp(ast.Not(), node), "negated")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return self._change(node, node.operand, "without its not") if _is_not(node) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        node.values = [self._negated(value) for value in node.values]
        changed: ast.expr = node
        for place, value in enumerate(node.values) if isinstance(node.op, ast.Or) else ():
            rest = [*node.values[:place], *node.values[place + 1 :]]
            changed_here = self._change(
                node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest), f"without {ast.unparse(value)!r}"
            )
            changed = changed if changed_here is node else changed_here
        return changed

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


def _is_not(node: ast.UnaryOp) -> bool:
    return isinstance(node.op, ast.Not)


def _compiled(tree: ast.Module, screen: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a changed function in the module of the original; what it closes over is there by name."""
    known = inspect.getclosurevars(screen)
    scope = {**screen.__globals__, **known.nonlocals}
    exec(compile(tree, "<changed screen>", "exec"), scope)
    changed: Callable[..., Any] = scope[screen.__name__]
    return changed


@frozen
class Weakened:
    """A change of the screen of an edit."""

    edit: type[Any]
    change: str
    screen: Any

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Have the edit use the changed screen while this lasts."""
        own = vars(self.edit).get(NAME)
        setattr(self.edit, NAME, self.screen)
        try:
            yield
        finally:
            if own is None:
                delattr(self.edit, NAME)
            else:
                setattr(self.edit, NAME, own)


def weakened(edit: type[Any]) -> Iterator[Weakened]:
    """Yield the changes of a screen, the one that never says anything first."""
    owner = _owner(edit)
    assert owner is not None
    found = vars(owner)[NAME]
    kind = type(found) if isinstance(found, staticmethod | classmethod) else lambda function: function
    yield Weakened(edit, "never", kind(lambda *_, **__: False))
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    for name, changed in conditions_changed(function):
        yield Weakened(edit, name, kind(changed))


# -- the search --------------------------------------------------------------------------------------------------------


Judged = Sequence[tuple[ScreenCase, Outputs]]
"""Inputs with what comes of them without screens."""


def finds(change: Weakened, judged: Judged) -> str | None:
    """Return the name of an input on which a change is seen, None where there is none."""
    code = change.edit.meta.code.encode()
    # Those first on which the edit finds something.
    ordered = sorted(judged, key=lambda each: code not in each[1]["report.json"])
    engines: dict[str, Any] = {}
    with change.in_force():
        for case, without in ordered:
            if case.variant not in engines:
                engines[case.variant] = engine_of(case.variant, screened=True)
            if outputs_of(case.data, engines[case.variant]) != without:
                return case.name
    return None


def main() -> int:
    """Try every change, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("codes", nargs="*", help="only the screens of these edits")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--mutants", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    edits = [edit for edit in screens_of(installed()) if not options.codes or edit.meta.code in options.codes]
    if not edits:
        print("no installed edit has a screen")
        return 0
    inputs = [*rows_of_tables(), *generated(options.files, options.seed), *mutants(options.mutants, options.seed)]
    cases = cases_of(inputs, other_settings=3, files=0)
    judged = [(case, outputs_of(case.data, EnginePair.of(case.variant).thorough)) for case in cases]
    tried = 0
    missed: list[str] = []
    for change in (change for edit in edits for change in weakened(edit)):
        tried += 1
        if finds(change, judged) is None:
            missed.append(f"{change.edit.meta.code}: {change.change}")
            print(f"not found: {missed[-1]}", flush=True)
    print(f"{len(edits)} screens, {tried} changes over {len(judged):,} inputs, {len(missed)} not found")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
