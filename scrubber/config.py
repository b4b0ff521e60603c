"""Settings: defaults, `scrubber.toml`, environment, command line, and what a payer changes.

A configuration file looks like this; every key is optional and an unknown one is an error:

    fail-on = "warning"
    conformance = "envelope"
    select = ["IVUS", "X12"]          # codes or prefixes
    ignore = ["IVUS601"]

    [severity]
    IVUS203 = "info"

    [payers.12502]                     # the payer identifier, 2010BB NM109
    ignore = { IVUS402 = "their policy 2026-04 asks for modifier 26", IVUS403 = { reason = "...", until = 2026-12-31 } }
    severity = { IVUS503 = "error" }
    tables.mue.37253.value = 8

    [packs.IVUS]                       # options of a pack of edits, which a payer's `packs.IVUS` wins over
    vessels = "check"
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import Factory, field, frozen

from scrubber.errors import ConfigError, UnreadableError, reason_of
from scrubber.findings.finding import Severity
from scrubber.findings.values import Values
from scrubber.io.source import open_source
from scrubber.packs.option import Option, describe_value, options_as_tables
from scrubber.x12.segment import tidy_identifier

__all__ = [
    "CONFIG_FILE",
    "CONFORMANCE_LEVELS",
    "Config",
    "Ignore",
    "PayerConfig",
    "describe_config",
    "load_config",
    "read_text",
    "read_values",
]

CONFIG_FILE = "scrubber.toml"
ENVIRONMENT = "SCRUBBER_CONFIG"
CONFORMANCE_LEVELS = ("none", "envelope", "guide")
_LARGEST = 1 << 20  # bytes of a file of settings

_Tables = Mapping[str, Mapping[str, Mapping[str, object]]]
_Packs = Mapping[str, Mapping[str, str | bool]]


@frozen(eq=False, repr=False)
class Ignore(Values):
    """Why findings of a code are suppressed, and the last day on which they are (None: no end)."""

    reason: str
    until: date | None = None


@frozen(eq=False, repr=False)
class PayerConfig(Values):
    """What one payer changes: severities, findings suppressed, values of rule tables, options of packs."""

    severity: Mapping[str, Severity] = field(factory=lambda: {})
    ignore: Mapping[str, Ignore] = field(factory=lambda: {})
    changed_tables: _Tables = field(factory=lambda: {}, alias="tables")
    packs: _Packs = field(factory=lambda: {})

    @property
    def tables(self) -> _Tables:
        """The changed values by table, row and column, the options of packs among them."""
        return {**self.changed_tables, **options_as_tables(self.packs)}


def _payers_as_written(config: Config) -> dict[str, str]:
    return {tidy_identifier(payer): payer for payer in config.payers}


@frozen(eq=False, repr=False)
class Config(Values):
    """The settings of a run.

    `select` and `ignore` hold codes or prefixes of codes; the longer match wins, `ignore` on a tie.  `packs` holds the
    chosen options by the prefix of their pack.  `today` is the day of the run, by which an ignore with an end expires.
    `origins` says where each setting comes from.
    """

    fail_on: Severity = Severity.ERROR
    conformance: str = "envelope"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(factory=lambda: {})
    changed_tables: _Tables = field(factory=lambda: {}, alias="tables")
    packs: _Packs = field(factory=lambda: {})
    payers: Mapping[str, PayerConfig] = field(factory=lambda: {})
    redact: bool = False
    today: date = field(factory=date.today)
    origins: Mapping[str, str] = field(factory=lambda: {}, eq=False)
    _written: Mapping[str, str] = field(
        default=Factory(_payers_as_written, takes_self=True), init=False, repr=False, eq=False
    )

    def payer_named(self, payer: str) -> str | None:
        """Return the payer that the settings name by this identifier, without case and outer blanks; None for none."""
        return self._written.get(tidy_identifier(payer))

    @property
    def tables(self) -> _Tables:
        """The changed values by table, row and column, the options of packs among them."""
        return {**self.changed_tables, **options_as_tables(self.packs)}

    def selects(self, code: str) -> bool:
        """Whether findings of `code` are wanted at all."""
        wanted = max(
            (len(prefix) for prefix in self.select if code.startswith(prefix)),
            default=0 if self.select else 1,
        )
        refused = max((len(prefix) for prefix in self.ignore if code.startswith(prefix)), default=0)
        return wanted > refused

    def suppressed(self, payer: str, code: str) -> Ignore | None:
        """Return why a finding on a claim to `payer` is suppressed, None if it counts."""
        named = self.payer_named(payer)
        ignore = self.payers[named].ignore.get(code) if named is not None else None
        return ignore if ignore is not None and (ignore.until is None or self.today <= ignore.until) else None

    def severity_of(self, payer: str, code: str, default: Severity) -> Severity:
        """Return the severity of a code on a claim to `payer`."""
        named = self.payer_named(payer)
        own = self.payers[named].severity.get(code) if named is not None else None
        return own or self.severity.get(code) or default

    def expired(self) -> list[tuple[str, str, date]]:
        """Return payer, code and last day of the ignores that have expired."""
        return [
            (payer, code, ignore.until)
            for payer, settings in self.payers.items()
            for code, ignore in settings.ignore.items()
            if ignore.until is not None and ignore.until < self.today
        ]


def load_config(
    path: Path | None = None,
    known_codes: Iterable[str] = (),
    mandatory: Iterable[str] = (),
    options: Mapping[str, Sequence[Option]] | None = None,
    *,
    discover: bool = True,
    base: Config | None = None,
    caller: str = "command line",
    **flags: Any,
) -> Config:
    """Merge the defaults (`base`), a configuration file and the flags of the `caller` (None: not given).

    The file is `path`, else the one the environment variable SCRUBBER_CONFIG names, else `scrubber.toml` in the
    current folder if there is one; with `discover` off only `path`.  `options` are those of the installed packs by
    prefix.  Raises ConfigError for a file that cannot be read, an unknown key, a wrong value, a code or prefix that no
    installed edit has, a pack or option that does not exist, or a payer who ignores or lowers one of the `mandatory`
    codes.
    """
    config = base or Config()
    file, origin = _find_file(path) if discover or path is not None else (None, "")
    settings: dict[str, Any] = {}
    origins: dict[str, str] = dict(config.origins)
    if file is not None:
        settings = _read_file(file)
        origins |= dict.fromkeys(settings, str(file) if origin == "file" else f"{file} ({origin})")
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    origins |= dict.fromkeys(given, caller)
    config = attrs.evolve(config, **(settings | given), origins=origins)
    _check_codes(config, tuple(known_codes), frozenset(mandatory))
    if options is not None:
        _check_packs(config, options)
    return config


def _find_file(path: Path | None) -> tuple[Path | None, str]:
    if path is not None:
        return path, "--config"
    if named := os.environ.get(ENVIRONMENT):
        return Path(named), ENVIRONMENT
    here = Path(CONFIG_FILE)
    return (here, "file") if os.path.lexists(here) else (None, "")


def read_text(path: Path) -> str:
    """Read a file of settings.

    Raises ConfigError when it cannot be read, is no text, or is larger than any is.
    """
    try:
        with open_source(path) as source:  # which waits for no pipe and reads no device
            if source.size > _LARGEST:
                raise ConfigError(f"{path}: is larger than 1 MiB")
            content = source.read(0, source.size)
    except UnreadableError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({reason_of(error)})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not a text in UTF-8") from error


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, and a list in 5,000 lists
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    return read_values(content, str(path))


def read_values(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Read settings as a file writes them, keys with dashes or underscores, into values of `Config` by field.

    Raises ConfigError for an unknown key or a wrong value, with `where` in front.
    """
    readers = {
        "fail-on": _severity,
        "conformance": _conformance,
        "select": _codes,
        "ignore": _codes,
        "severity": _severities,
        "tables": _tables,
        "packs": _packs,
        "payers": _payers,
        "redact": _boolean,
    }
    content = {key.replace("_", "-"): value for key, value in content.items()}
    _check_keys(content, readers, where)
    return {key.replace("-", "_"): readers[key](value, f"{where}: {key}") for key, value in content.items()}


def _check_keys(content: Mapping[str, object], known: Iterable[str], where: str) -> None:
    if unknown := sorted(set(content) - set(known)):
        raise ConfigError(f"{where}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: must be a table")
    return cast("Mapping[str, Any]", value)


def _severity(value: Any, where: str) -> Severity:
    try:
        return Severity(value)
    except ValueError as error:
        raise ConfigError(f"{where}: must be error, warning or info") from error


def _conformance(value: object, where: str) -> str:
    if value not in CONFORMANCE_LEVELS:
        raise ConfigError(f"{where}: must be {', '.join(CONFORMANCE_LEVELS[:-1])} or {CONFORMANCE_LEVELS[-1]}")
    return str(value)


def _boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: must be true or false")
    return value


def _codes(value: object, where: str) -> tuple[str, ...]:
    codes = cast("Sequence[Any]", value) if isinstance(value, list | tuple) else (None,)
    if not all(isinstance(code, str) for code in codes):
        raise ConfigError(f"{where}: must be a list of codes or prefixes")
    return tuple(codes)


def _severities(value: object, where: str) -> dict[str, Severity]:
    return {code: _severity(text, f"{where}.{code}") for code, text in _table(value, where).items()}


def _tables(value: object, where: str) -> _Tables:
    for name, rows in _table(value, where).items():
        for key, columns in _table(rows, f"{where}.{name}").items():
            _table(columns, f"{where}.{name}.{key}")
    return _table(value, where)


def _packs(value: object, where: str) -> _Packs:
    for name, chosen in _table(value, where).items():
        for option, text in _table(chosen, f"{where}.{name}").items():
            if not isinstance(text, str | bool):
                raise ConfigError(f"{where}.{name}.{option}: must be a text, true or false")
    return _table(value, where)


def _payers(value: object, where: str) -> dict[str, PayerConfig]:
    payers: dict[str, PayerConfig] = {}
    for payer, settings in _table(value, where).items():
        place = f"{where}.{payer}"
        if tidy_identifier(payer) in map(tidy_identifier, payers):
            raise ConfigError(f"{place}: the settings name this payer twice")
        _check_keys(_table(settings, place), ("severity", "ignore", "tables", "packs"), place)
        payers[payer] = PayerConfig(
            severity=_severities(settings.get("severity", {}), f"{place}.severity"),
            ignore=_ignores(settings.get("ignore", {}), f"{place}.ignore"),
            tables=_tables(settings.get("tables", {}), f"{place}.tables"),
            packs=_packs(settings.get("packs", {}), f"{place}.packs"),
        )
    return payers


def _ignores(value: object, where: str) -> dict[str, Ignore]:
    ignores: dict[str, Ignore] = {}
    for code, entry in _table(value, where).items():
        place = f"{where}.{code}"
        settings = {"reason": entry} if isinstance(entry, str) else _table(entry, place)
        _check_keys(settings, ("reason", "until"), place)
        reason, until = settings.get("reason"), settings.get("until")
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f"{place}: an ignore needs a reason")
        if until is not None and type(until) is not date:
            raise ConfigError(f"{place}.until: must be a date such as 2026-12-31")
        ignores[code] = Ignore(reason, until)
    return ignores


def _check_codes(config: Config, known: tuple[str, ...], mandatory: frozenset[str]) -> None:
    if not known:
        return
    for setting in ("select", "ignore"):
        for prefix in getattr(config, setting):
            if not prefix or not any(code.startswith(prefix) for code in known):
                raise ConfigError(f"{setting}: no edit has the code or prefix {prefix!r}")
    places: list[tuple[str, Mapping[str, object]]] = [("severity", config.severity)]
    for payer, settings in config.payers.items():
        places += [
            (f"payers.{payer}.severity", settings.severity),
            (f"payers.{payer}.ignore", settings.ignore),
        ]
    for where, by_code in places:
        for code in by_code:
            if code not in known:
                raise ConfigError(f"{where}: no edit has the code {code!r}")
            if code in mandatory:
                raise ConfigError(f"{where}: {code} says that something was not judged and cannot be changed")


def _check_packs(config: Config, options: Mapping[str, Sequence[Option]]) -> None:
    given = [("packs", config.packs), *((f"payers.{payer}.packs", own.packs) for payer, own in config.payers.items())]
    for where, packs in given:
        for prefix, chosen in packs.items():
            if prefix not in options:
                raise ConfigError(f"{where}: no pack {prefix!r} is installed; installed are {', '.join(options)}")
            known = {option.name: option for option in options[prefix]}
            for name, value in chosen.items():
                if name not in known:
                    raise ConfigError(
                        f"{where}.{prefix}: unknown option {name!r}; known are {', '.join(sorted(known)) or 'none'}"
                    )
                if not known[name].takes(value):
                    values = " or ".join(map(describe_value, known[name].values))
                    raise ConfigError(f"{where}.{prefix}.{name}: must be {values}")


def describe_config(config: Config) -> str:
    """Write the settings as TOML, each with its origin as a comment."""
    rows = [
        ("fail-on", _quoted(config.fail_on.value)),
        ("conformance", _quoted(config.conformance)),
        ("select", _listed(config.select)),
        ("ignore", _listed(config.ignore)),
        ("redact", str(config.redact).lower()),
    ]
    rows += [(f"severity.{code}", _quoted(severity.value)) for code, severity in config.severity.items()]
    rows += list(_described_tables("tables", config.changed_tables))
    rows += list(_described_packs("packs", config.packs))
    for payer, settings in config.payers.items():
        place = f"payers.{_quoted(payer)}"
        rows += [(f"{place}.severity.{code}", _quoted(value.value)) for code, value in settings.severity.items()]
        for code, ignore in settings.ignore.items():
            rows.append((f"{place}.ignore.{code}.reason", _quoted(ignore.reason)))
            if ignore.until is not None:
                rows.append((f"{place}.ignore.{code}.until", ignore.until.isoformat()))
        rows += list(_described_tables(f"{place}.tables", settings.changed_tables))
        rows += list(_described_packs(f"{place}.packs", settings.packs))
    return "".join(f"{name} = {value}  # {_origin(config, name)}\n" for name, value in rows)


def _origin(config: Config, name: str) -> str:
    return config.origins.get(name.split(".", maxsplit=1)[0].replace("-", "_"), "default")


def _described_tables(place: str, tables: _Tables) -> Iterable[tuple[str, str]]:
    for name, rows in tables.items():
        for key, columns in rows.items():
            for column, value in columns.items():
                shown = _quoted(value) if isinstance(value, str) else str(value)
                yield f"{place}.{name}.{_quoted(key)}.{column}", shown


def _described_packs(place: str, packs: _Packs) -> Iterable[tuple[str, str]]:
    for prefix, chosen in packs.items():
        for name, value in chosen.items():
            yield f"{place}.{prefix}.{name}", describe_value(value)


def _quoted(text: str) -> str:
    return json.dumps(text)


def _listed(values: Iterable[str]) -> str:
    return json.dumps(list(values))
