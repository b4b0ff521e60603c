"""The dictionaries that x12-edi-parser gives for an 837P, made without it: it is on no package index.

Written after its data dictionary (doc/Claim837p_Field_Mapping.csv at commit 27a6da5) and what its source does at
version 0.0.6; the tests of the adapters compare them with the real package where that is installed.
"""

from __future__ import annotations

import re
from itertools import pairwise, takewhile
from typing import Any

Segments = list[list[str]]


def to_databricks(data: bytes) -> list[dict[str, Any]]:
    """Return the dictionary of every claim (`Claim837p.to_json()`)."""
    segments = [text.strip().split("*") for text in data.decode("latin-1").split("~") if text.strip()]
    levels: dict[str, Segments] = {}
    claims = []
    for place, segment in enumerate(segments):
        if segment[0] == "HL":
            inside = list(takewhile(lambda s: s[0] not in {"HL", "CLM"}, segments[place + 1 :]))
            levels = {kind: level for kind, level in levels.items() if kind < segment[3]} | {segment[3]: inside}
        elif segment[0] == "CLM":
            ends = {"CLM", "HL", "SE"}
            claims.append(
                _claim(
                    list(takewhile(lambda s: s is segment or s[0] not in ends, segments[place:])),  # noqa: B023
                    levels,
                )
            )
    return claims


def _element(segment: list[str], place: int) -> str:
    return segment[place] if place < len(segment) else ""


def _first(segments: Segments, name: str, qualifier: str = "") -> list[str]:
    return next((s for s in segments if s[0] == name and (not qualifier or s[1] == qualifier)), [])


def _claim(segments: Segments, levels: dict[str, Segments]) -> dict[str, Any]:
    header = list(takewhile(lambda s: s[0] != "LX", segments))
    starts = [place for place, segment in enumerate(segments) if segment[0] == "LX"]
    lines = [segments[start:end] for start, end in pairwise([*starts, len(segments)])]
    subscriber = _patient(levels["22"])
    own = _element(_first(levels["22"], "SBR"), 2) == "18" or "23" not in levels
    payer = _first(levels["22"], "NM1", "PR")
    claim = _first(header, "CLM")
    before_names = list(takewhile(lambda s: s[0] != "NM1", header))
    return {
        "submitter": {"type": "Organization", "name": "SYNTHETIC BILLING"},
        "receiver": {"type": "Organization", "name": "IVUS CLAIM SCRUBBER"},
        "subscriber": subscriber,
        "patient": dict(subscriber) if own else _patient(levels["23"]),
        "payer": {
            "payer_name": _element(payer, 3),
            "payer_identifier": _element(payer, 9),
            "payer_identifier_cd": _element(payer, 8),
            "business_entity_type": _element(payer, 2),
        },
        "providers": {
            "billing": _provider(levels["20"], "85"),
            "referring": _provider(header, "DN"),
            "servicing": _provider(header, "82"),
            "service_facility": _provider(header, "77"),
        },
        "claim_header": {
            "claim_id": _element(claim, 1),
            "claim_amount": _element(claim, 2),
            "facility_type_code": _element(claim, 5),
            "claim_dates": [_date(segment) for segment in header if segment[0] == "DTP"],
            "clm_refs": [
                {"id_code_qualifier": _element(s, 1), "id": _element(s, 2)} for s in before_names if s[0] == "REF"
            ],
            "other_amts": [],
        },
        "claim_lines": [_line(line) for line in lines],
        "diagnosis": _diagnosis(header),
    }


def _patient(level: Segments) -> dict[str, str]:
    name, birth = _first(level, "NM1"), _first(level, "DMG")
    return {
        "subsciber_identifier": _element(name, 9),
        "name": " ".join(_element(name, place) for place in (3, 4, 5)),
        "patient_relationship_cd": _element(_first(level, "PAT"), 1),
        "subscriber_relationship_cd": _element(_first(level, "SBR"), 2),
        "dob": _element(birth, 2),
        "dob_format": _element(birth, 1),
        "gender_cd": _element(birth, 3),
        "mrn": "",
    }


def _provider(segments: Segments, entity: str) -> dict[str, str]:
    name = _first(segments, "NM1", entity)
    organization = _element(name, 2) == "2"
    reference = _first(segments, "REF") if entity == "85" else []
    return {
        "npi": _element(name, 9),
        "entity_type": "Organization" if organization else "Individual",
        "name": _element(name, 3) if organization else " ".join(_element(name, place) for place in (3, 4, 5)),
        "ein_type": _element(reference, 1),
        "ein": _element(reference, 2),
        "taxonomy": "",
        "provider_role": "",
    }


def _date(segment: list[str]) -> dict[str, str]:
    return {"date_cd": _element(segment, 1), "date_format": _element(segment, 2), "date": _element(segment, 3)}


def _line(line: Segments) -> dict[str, Any]:
    service = _first(line, "SV1")
    procedure = [*_element(service, 1).split(":"), *[""] * 6]
    return {
        "claim_line_number": _element(_first(line, "LX"), 1),
        "service_dates": [_date(segment) for segment in line if segment[0] == "DTP"],
        "other_amts": [],
        "units": _element(service, 4),
        "units_measurement": _element(service, 3),
        "line_chrg_amt": _element(service, 2),
        "prcdr_cd": procedure[1],
        "prcdr_cd_type": procedure[0],
        "modifier_cds": ",".join(filter(None, procedure[2:6])),
        "place_of_service": _element(service, 5),
        "dg_cd_pntr": _element(service, 7),
    }


def _diagnosis(header: Segments) -> dict[str, Any]:
    codes = [re.split(":", element) for segment in header if segment[0] == "HI" for element in segment[1:]]
    return {
        "principal_dx_cd": next((code[1] for code in codes if code[0] == "ABK"), ""),
        "principal_dx_poa": next((code[-1] for code in codes if code[0] == "ABK"), ""),
        "admitting_dx_cd": "",
        "other_dx_cds": [{"dx_cd": code[1], "poa": code[-1]} for code in codes if code[0] == "ABF"],
    }
