"""The description of the API is valid, and the server does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from scrubber.server.openapi import describe_api
from scrubber.server.problems import Problems
from scrubber.testing import to_837p
from tests.support.serving import Server, serving

TOKEN = "a-token-of-the-tests-0123456789"

X12 = to_837p("37238\n36012\n37252 desc='LEFT CIV'"), to_837p("37252 desc='LEFT CIV'")
bodies = st.sampled_from(X12) | st.binary(min_size=1, max_size=200) | st.sampled_from(X12).map(lambda data: data[:-30])
schemathesis.openapi.media_type("application/edi-x12", bodies)
schemathesis.openapi.media_type("application/octet-stream", bodies)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("secured") / "files"
    with serving(folder, "--jobs=2", SCRUBBER_TOKEN=TOKEN) as server:
        yield server


DESCRIPTION = describe_api(1 << 30, secured=True)
# A key that was used, a body that is no 837P and an Accept header are in order by the schema, and still refused.
ACCEPTED = {"positive_data_acceptance": {"expected-statuses": ["2XX", "406", "422"]}}
described = schemathesis.openapi.from_dict(DESCRIPTION, config=schemathesis.Config.from_dict({"checks": ACCEPTED}))


def test_the_server_gives_its_description(secured: Server) -> None:
    assert secured.ask("GET", "/openapi.json").json == DESCRIPTION


@described.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_server_does_what_its_description_says(case: schemathesis.Case[Any], secured: Server) -> None:
    case.call_and_validate(base_url=f"http://127.0.0.1:{secured.port}", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("secured_by_token", [True, False])
def test_the_description_is_valid(*, secured_by_token: bool) -> None:
    description = describe_api(1000, secured=secured_by_token)
    OpenAPIV31SpecValidator(description).validate()
    scrub = description["paths"]["/v1/scrub"]["post"]
    assert ("401" in scrub["responses"]) == secured_by_token
    assert bool(scrub["security"]) == secured_by_token


def test_every_kind_of_problem_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in Problems.all()]
    assert len(set(names)) == len(names) > 15
