"""docs/hosts.md: every example runs as it is written, and finds what it should."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.paths import FIXTURES, ROOT

PAGE = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (.+?)\n(?:.(?!^## ))*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Dictionaries", "IVUS102"),
        ("Objects", "IVUS101"),
        ("The context reader of pyx12", "IVUS103"),
        ("Dictionaries of Databricks' x12-edi-parser", "IVUS101"),
        ("Many inputs or batches", "IVUS101"),
    ],
)
def test_an_example_runs(
    title: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(FIXTURES / "claims" / "office_week.837", tmp_path / "claims.837")
    shutil.copy(FIXTURES / "hosts" / "office_week.databricks.json", tmp_path / "claims.json")
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[title], f"hosts.md, {title}", "exec"), {"__name__": "host"})
    assert found in capsys.readouterr().out


def test_every_example_is_run_and_short() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 5
    for example in EXAMPLES.values():
        assert sum(bool(line.strip()) for line in example.splitlines()) <= 15
