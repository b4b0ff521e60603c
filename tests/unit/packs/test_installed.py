"""What is installed is found as `importlib.metadata` finds it, and left to it where it is installed in other ways."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from scrubber.errors import PluginError
from scrubber.packs.installed import EDITS_GROUP, FORMATS_GROUP, PluginEntry, installed_entries, unique_entries

ENTRIES = """
[console_scripts]
acme = acme:main

# a pack
[scrubber.edits]
ACME=acme:EDITS
# OLD = acme:OLD
DEEP = acme.sub : packs.deep [extra]

[scrubber.writers]
acme = acme:Writer
"""
METADATA = "Metadata-Version: 2.1\nName: Acme.Rules\nVersion: 1.2\nName: other\n\nVersion: 9 of the description\n"


def install(folder: Path, info: str, entries: str = ENTRIES, metadata: str = METADATA, about: str = "METADATA") -> str:
    """Write what describes a distribution, and return the folder."""
    (folder / info).mkdir(parents=True)
    (folder / info / "entry_points.txt").write_text(entries, encoding="utf-8")
    (folder / info / about).write_text(metadata, encoding="utf-8")
    return str(folder)


def known_to_python(group: str) -> list[PluginEntry]:
    """Return what `importlib.metadata` finds."""
    found = [(entry, entry.dist) for entry in entry_points(group=group)]
    return [PluginEntry(entry.name, entry.value, dist.name, dist.version) for entry, dist in found if dist is not None]


def one(folder: Path) -> list[str]:
    return [install(folder / "a", "acme_rules-1.2.dist-info")]


def egg_info(folder: Path) -> list[str]:
    return [install(folder / "a", "acme_rules.egg-info", about="PKG-INFO")]


def no_entries(folder: Path) -> list[str]:
    (folder / "a" / "none-1.dist-info").mkdir(parents=True)
    (folder / "a" / "file-1.egg-info").write_text(METADATA)
    return [str(folder / "a"), str(folder / "is not there")]


def hidden(folder: Path) -> list[str]:
    """One distribution in two folders, the name written differently: the first counts."""
    first = install(folder / "a", "Acme_Rules-1.2.dist-info")
    return [first, install(folder / "b", "acme.rules-1.3.dist-info", ENTRIES.replace("ACME", "NEW"))]


def hidden_by_none(folder: Path) -> list[str]:
    first = install(folder / "a", "acme_rules-1.2.dist-info", "")
    return [first, install(folder / "b", "acme_rules-1.3.dist-info")]


def zipped(folder: Path) -> list[str]:
    path = folder / "acme.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme_rules-1.2.dist-info/entry_points.txt", ENTRIES)
        archive.writestr("acme_rules-1.2.dist-info/METADATA", METADATA)
    return [str(path)]


def egg(folder: Path) -> list[str]:
    return [install(folder / "acme-1.egg", "EGG-INFO", about="PKG-INFO")]


@pytest.mark.parametrize("make", [one, egg_info, no_entries, hidden, hidden_by_none, zipped, egg])
@pytest.mark.parametrize("group", [EDITS_GROUP, FORMATS_GROUP])
def test_it_is_what_python_finds(make: object, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(make)
    monkeypatch.setattr(sys, "path", [*make(tmp_path), *sys.path])
    found = installed_entries(group)
    assert found == known_to_python(group)
    assert any(entry.distribution == "Acme.Rules" for entry in found) is (make not in {no_entries, hidden_by_none})


def test_an_entry_gives_its_object() -> None:
    assert PluginEntry("a", "os.path : join", "d", "1").load() is os.path.join
    assert PluginEntry("a", "os:path.join [extra]", "d", "1").load() is os.path.join
    assert PluginEntry("a", "os", "d", "1").load() is os
    assert PluginEntry("a", "os.path:join", "d", "1").module == "os.path"
    wrong = PluginEntry("a", "os path", "d", "1")
    assert wrong.module == ""
    with pytest.raises(ValueError, match="'os path' is not MODULE:OBJECT"):
        wrong.load()


def test_two_distributions_with_one_name_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = install(tmp_path / "a", "acme_rules-1.2.dist-info")
    other = install(tmp_path / "b", "other-1.dist-info", "[scrubber.edits]\nACME = o:E\n", "Name: other\nVersion: 1\n")
    monkeypatch.setattr(sys, "path", [first, other, *sys.path])
    with pytest.raises(PluginError, match=r"edits plugin 'ACME' is offered twice, by Acme\.Rules and other"):
        unique_entries(EDITS_GROUP, "edits")


def test_a_finder_of_another_kind_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(*_: object) -> None:
            return None

        @staticmethod
        def find_distributions(_context: object = None) -> list[object]:
            asked.append(True)
            return []

    asked: list[bool] = []
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    monkeypatch.setattr(sys, "path", [*one(tmp_path), *sys.path])
    assert "ACME" in {entry.name for entry in installed_entries(EDITS_GROUP)}
    assert asked
