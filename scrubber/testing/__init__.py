"""What tests of edits need: claims in a shorthand, cases as data."""

from scrubber.testing.cases import case_engine, load_cases, run_case, run_cases, run_examples
from scrubber.testing.shorthand import (
    BILLING_NPI,
    DEFAULT_DATE,
    RENDERING_NPI,
    Form,
    scrub_shorthand,
    to_837p,
)

__all__ = [
    "BILLING_NPI",
    "DEFAULT_DATE",
    "RENDERING_NPI",
    "Form",
    "case_engine",
    "load_cases",
    "run_case",
    "run_cases",
    "run_examples",
    "scrub_shorthand",
    "to_837p",
]
