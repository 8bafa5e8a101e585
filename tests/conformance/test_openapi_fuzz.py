"""What /openapi.json says is what the worker does: schemathesis asks every path with good and with broken requests."""

import json
import os
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from headgate.testing.running import Server
from headgate.testing.waiting import LONGEST

pytestmark = pytest.mark.filterwarnings("ignore")
EXAMPLES = int(os.environ.get("HEADGATE_FUZZ", "5"))  # a path and mode
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def read(server: Server, path: str) -> tuple[str, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.getheader("content-type", ""), answer.read()
    finally:
        connection.close()


def test_the_page_lists_paths_and_models(server: Server) -> None:
    kind, content = read(server, "/docs")
    assert kind.startswith("text/html")
    text = content.decode()
    assert "/v1/models/{model}:predict" in text
    assert "age, plan" in text


def test_the_document_names_the_rows_of_the_models(server: Server) -> None:
    document: dict[str, Any] = json.loads(read(server, "/openapi.json")[1])
    schemathesis.openapi.from_dict(document).validate()
    row = document["components"]["schemas"]["Row.frame"]
    assert row["required"] == ["age", "plan"]
    assert row["properties"]["age"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_every_path_does_what_the_document_says(server: Server, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"http://{server.address}/openapi.json")
    asked = 0
    bounded = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )

    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(base_url=f"http://{server.address}", checks=CHECKS)

    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters):
            continue  # nothing of it can be broken
        bounded(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    assert asked > 20
    assert server.process.poll() is None
    assert "Traceback" not in server.log()
