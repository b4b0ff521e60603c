"""The grammar of rows: the patterns that tell which claims of regular text can be rows, and take their columns.

This is the only grammar of claims beside the reader's, which is the authority: a claim that these patterns do not match
is read by it.
"""

from __future__ import annotations

import re
from functools import cache, cached_property

from scrubber.findings.code_form import CodeForm
from scrubber.x12.lexer import line_end_of
from scrubber.x12.segment import Delimiters

__all__ = ["RowPatterns", "row_pattern"]

_PROVIDERS = "82|DN|P3|77|DQ|DK|QB"
"""NM101 of the providers that a claim or line names by their NPI (loops 2310A-D and 2420A-F)."""
_ORIGINAL = "1"
_AMOUNT = r"\d{1,12}(?:\.\d{1,2})?"
_UNITS = r"\d{1,9}(?:\.\d{1,3})?"


def row_pattern(delimiters: Delimiters) -> str:
    """Return the pattern of a claim in a regular part of a file that can be a row.

    It matches from CLM to the next event.  The groups are CLM01, CLM02, NM108 and NM109 of the first provider (NM1)
    named in front of the service lines, and the beginnings of another one there and of one on a line.
    """
    end, separator, part = (re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component))
    element, component = f"[^{end}{separator}]", f"[^{end}{separator}{part}]"
    line_end = line_end_of(delimiters)
    rest = f"[^{end}]*+{end}{line_end}"
    date, provider = f"DTP{separator}472", f"NM1{separator}(?:{_PROVIDERS}){separator}"
    other = f"(?!(?:CLM|HL|ST|SE|GS|GE|LX|SV1){separator}|{date}"
    place = f"(?:{separator}(?:{CodeForm.PLACE.value})?(?=[{separator}{end}])|(?={end}))"
    in_line = f"{other}|(?:HI|SBR|PAT){separator}"  # which another begins with, if its CLM or HL is damaged
    line = (
        f"LX{separator}{element}++{end}{line_end}SV1{separator}HC{part}(?:{CodeForm.PROCEDURE.value})(?:{part}{element}*+)?+"
        f"{separator}{_AMOUNT}{separator}{element}*+{separator}{_UNITS}{place}{rest}(?:{in_line}|NM1|LIN|SVD|LQ){rest})*+"
        f"{date}{separator}D8{separator}\\d{{8}}{end}{line_end}(?:{in_line}|{provider}){rest})*+"
        f"(?:({provider}){rest}(?:{in_line}){rest})*+)?+"
    )
    return (
        f"CLM{separator}(?! *+{separator})({element}++){separator}({_AMOUNT}){f'{separator}{element}*+' * 2}{separator}"
        f"{CodeForm.PLACE.value}{part}{component}*+{part}{_ORIGINAL}(?=[{part}{separator}{end}]){rest}"
        f"(?:{other}|{provider}){rest})*+"
        f"(?:{provider}{f'{element}*+{separator}' * 6}({element}*+){separator}({element}*+){rest}"
        f"(?:{other}|{provider}){rest})*+)?+(?:({provider}){rest}(?:{other}){rest})*+)?+"
        f"(?:{line})++(?=(?:CLM|HL|ST|SE|GS|GE){separator}|\\Z)"
    )


class RowPatterns:
    """The patterns for the delimiters of an interchange, each made when it is first asked for."""

    def __init__(self, delimiters: Delimiters) -> None:
        self.delimiters = delimiters
        self.note = f"NTE{delimiters.element}"
        self._end, self._separator, self._part = (
            re.escape(text) for text in (delimiters.segment, delimiters.element, delimiters.component)
        )
        self._inside = f"[^{self._end}]"  # of a segment
        self._element = f"[^{self._end}{self._separator}]"
        self._begin = f"{self._end}[\\r\\n]*+"

    @classmethod
    @cache
    def of(cls, delimiters: Delimiters) -> RowPatterns:
        """Return the patterns for these delimiters."""
        return cls(delimiters)

    @cached_property
    def claim(self) -> re.Pattern[str]:
        """Matches a claim as `row_pattern` says."""
        return re.compile(row_pattern(self.delimiters), re.ASCII)

    @cached_property
    def line(self) -> re.Pattern[str]:
        """Takes of each service line procedure, modifiers, SV102, what follows that, and the date."""
        separator, element, inside, begin = self._separator, self._element, self._inside, self._begin
        modifiers = f"(?:{self._part}[^{self._end}{separator}{self._part}]*+){{0,4}}+"
        return re.compile(
            f"{begin}SV1{separator}HC{self._part}(.{{5}})({modifiers}){element}*+{separator}({element}*+){separator}"
            f"({inside}*+){begin}(?:(?!DTP{separator}472){inside}*+{begin})*+DTP{separator}472{separator}D8{separator}({element}*+)"
        )

    @cached_property
    def providers(self) -> re.Pattern[str]:
        """Takes LX of each service line, and NM1, NM101, NM108 and NM109 of each provider named."""
        separator, element = self._separator, self._element
        return re.compile(
            f"{self._begin}(LX|NM1){separator}(?:(?<=LX{separator})|({_PROVIDERS}){separator}"
            f"(?:{f'{element}*+{separator}' * 6}({element}*+){separator}({element}*+))?)"
        )

    @cached_property
    def diagnoses(self) -> re.Pattern[str]:
        """Matches a claim up to the HI that begins with a principal diagnosis, if no provider or line comes before."""
        separator, rest = self._separator, f"{self._inside}*+{self._begin}"
        return re.compile(
            f"CLM{rest}(?:(?!HI{separator}|LX{separator}|NM1|SBR){rest})*+HI{separator}(A?BK{self._part}{self._inside}*+)"
        )

    @cached_property
    def description(self) -> re.Pattern[str]:
        """Takes SV101-7 of the first service line behind a place."""
        component = f"[^{self._end}{self._separator}{self._part}]*+"
        return re.compile(f"{self._begin}SV1{self._separator}(?:{component}{self._part}){{6}}({component})")

    @cached_property
    def line_start(self) -> re.Pattern[str]:
        """Finds the service lines."""
        return re.compile(f"{self._begin}LX{self._separator}")

    @cached_property
    def inner_loop(self) -> re.Pattern[str]:
        """Finds what begins a loop inside a claim or service line."""
        return re.compile(f"{self._begin}(?:NM1|SBR|LIN|SVD|LQ){self._separator}")

    @cached_property
    def notes(self) -> re.Pattern[str]:
        """Takes the elements of each note."""
        return re.compile(f"{self._begin}NTE{self._separator}({self._inside}*+)")

    @cached_property
    def clearinghouse(self) -> re.Pattern[str]:
        """Matches a claim up to its own REF*D9."""
        segment = f"(?!NM1|SBR|LX){self._inside}*{self._end}[\\r\\n]*+"
        return re.compile(f"(?:{segment})*?REF{self._separator}D9{self._separator}({self._element}*)")
