"""The published description against the server: requests that fit it, and requests that do not.

`webpubsub-2024-12-01.original.openapi.json` is the description as it was published, byte by byte.
`adjusted` changes it only where rest-api.md says otherwise:

1. `default` responses become the statuses of rest-api.md, section 6, with the same error schema;
   204 and 200 have no content type (5.2), and a HEAD has no body (5.1.2).
2. `api-version` is one of the accepted versions (2.1).
3. An unknown connection or user in operations 13, 16 and 22 is 404 (6.6, 6.9).
4. `:generateToken` answers `application/json` only (6.10.3).
5. Health needs no version and no authorization (6.2).
"""

import copy
import json
import os
import pathlib
import time

import jwt
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import status_code_conformance

from support import KEY, URL

VERSIONS = ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"]
COMMON = [400, 401, 403, 405, 429]
PUBLISHED = pathlib.Path(__file__).with_name("webpubsub-2024-12-01.original.openapi.json")


def adjusted(also=()):
    """The description with the adjustments above; `also` are statuses of every operation."""
    description = copy.deepcopy(json.loads(PUBLISHED.read_text()))
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            adjust(path, method, operation, also)
    return description


def adjust(path, method, operation, also):
    responses = operation["responses"]
    error = responses.pop("default")
    statuses = [*COMMON, *also]
    if "consumes" in operation:
        statuses.append(415)
    if method == "put":
        statuses.append(404)
    for status in statuses:
        responses.setdefault(str(status), error)
    operation["parameters"] = [
        {**parameter, "enum": VERSIONS} if parameter["name"] == "api-version" else parameter
        for parameter in operation["parameters"]
    ]
    if path.endswith(":generateToken"):
        operation["produces"] = ["application/json"]
    if path == "/api/health":
        operation["parameters"] = []


class Signed(requests.auth.AuthBase):
    """Signs the URL of every request with the access key, as the libraries do."""

    def __call__(self, request):
        claims = {"aud": request.url, "exp": int(time.time()) + 60}
        request.headers["Authorization"] = "Bearer " + jwt.encode(claims, KEY, algorithm="HS256")
        return request


def load(mode, also=()):
    schema = schemathesis.openapi.from_dict(
        adjusted(also), config=SchemathesisConfig.from_dict({"generation": {"mode": mode}})
    )
    schema.config.update(base_url=f"http://{URL.netloc}")
    return schema


BOUNDED = settings(
    max_examples=int(os.environ.get("CORECAST_EXAMPLES", "25")),
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Outside the description the route may not exist either.
FITTING, UNFITTING = load("positive"), load("negative", also=[404, 413, 414, 431])
session = requests.Session()


def check(case):
    response = case.call(session=session, auth=Signed())
    case.validate_response(response, checks=[not_a_server_error, status_code_conformance])
    return response


def check_error(response):
    """Every error is a flat object with its code in a header as well (A43)."""
    if response.status_code >= 400:
        [code] = response.headers["x-ms-error-code"]
        if response.content:
            body = response.json()
            assert body["code"] == code, body
            assert isinstance(body["message"], str), body


@FITTING.parametrize()
@BOUNDED
def test_requests_that_fit(case):
    response = check(case)
    check_error(response)
    assert response.status_code not in (401, 403, 405, 429), response.text


@UNFITTING.parametrize()
@BOUNDED
def test_requests_that_do_not_fit(case):
    check_error(check(case))
