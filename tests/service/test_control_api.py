"""The control API: the same reading and deciding as the commands, by keys with roles; on a real journal."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import typer
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from typer.testing import CliRunner, Result

from headgate.api.application import build
from headgate.api.desk import Counter
from headgate.cli import key, status
from headgate.gate.people import key_id_of
from headgate.gateway.guard import issue
from headgate.gateway.guard.roles import ROLES
from headgate.release.release_steps import start
from headgate.testing.asking import Api, Client
from headgate.testing.registry import MemoryRegistry
from headgate.testing.release_supply import BUSY, plenty
from headgate.testing.signers import SeededSigner
from headgate.testing.supply import MODEL, policy_of
from headgate.wiring import Project

EXAMPLES = int(os.environ.get("HEADGATE_FUZZ", "5"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
READS = (
    "/v1/status",
    "/v1/models",
    f"/v1/models/{MODEL}",
    f"/v1/models/{MODEL}/versions",
    f"/v1/models/{MODEL}/versions/1",
    f"/v1/models/{MODEL}/verdicts",
    f"/v1/models/{MODEL}/history",
    f"/v1/models/{MODEL}/route",
    f"/v1/models/{MODEL}/predictions",
    f"/v1/models/{MODEL}/outcomes",
    "/v1/releases",
    "/v1/journal",
)
WHY = {"because": "it is time"}
APPROVES = {
    f"/v1/models/{MODEL}/scorecard/approve": WHY,
    f"/v1/models/{MODEL}/scorecard/reject": WHY,
    f"/v1/models/{MODEL}/versions/1/approve": WHY,
    f"/v1/models/{MODEL}/versions/1/reject": WHY,
}
OPERATES: dict[str, dict[str, Any]] = {
    f"/v1/models/{MODEL}/promote": {**WHY, "version": "1"},
    f"/v1/models/{MODEL}/releases": {**WHY, "version": "1"},
    f"/v1/models/{MODEL}/rollback": WHY,
    f"/v1/models/{MODEL}/route": {**WHY, "shares": {"champion": 1.0}},
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    policy = policy_of().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (tmp_path / "headgate.yaml").write_text(yaml.safe_dump(policy))
    registry = MemoryRegistry(tmp_path / "registry")
    monkeypatch.setattr(Project, "registry", lambda _: registry)
    return Api(tmp_path)


@pytest.fixture
def client(api: Api) -> Client:
    return api.client()


def test_every_page_is_there_for_a_project_without_a_champion_and_with_one(api: Api, client: Client) -> None:
    assert {path: client.get(path).status_code for path in READS if "versions/1" not in path} == dict.fromkeys(
        [path for path in READS if "versions/1" not in path], 200
    )
    api.supply.promote(api.supply.ready())
    pages = {path: client.get(path) for path in READS}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(READS, 200)
    assert pages["/v1/models"].json()["models"] == [{"model": MODEL, "task": "binary", "champion": "1"}]
    assert pages["/v1/status"].json()["models"][0]["champion"]["approvers"] == ["grace"]
    assert pages["/v1/status"].json()["running"] == {"parts": []}
    assert pages[f"/v1/models/{MODEL}/versions"].json()["versions"][0]["passed"] is True
    assert pages[f"/v1/models/{MODEL}/versions/1"].json()["verdicts"][0]["passed"] is True
    assert pages[f"/v1/models/{MODEL}/route"].json()["now"] == {"champion": 1.0}
    assert pages[f"/v1/models/{MODEL}/history"].json()["served"]["version"] == "1"


def test_the_journal_is_paged(api: Api, client: Client) -> None:
    api.supply.promote(api.supply.ready())
    first = client.get("/v1/journal", params={"limit": 2}).json()
    rest = client.get("/v1/journal", params={"after": first["next"], "limit": 100}).json()
    assert [event["position"] for event in first["events"]] == [1, 2]
    assert [event["position"] for event in rest["events"]] == list(range(3, 3 + len(rest["events"])))
    assert rest["next"] is None
    moved = client.get("/v1/journal", params={"kind": "pointer.moved", "model": MODEL}).json()["events"]
    assert [event["body"]["to"] for event in moved] == ["1"]


def test_from_a_judged_version_to_a_champion_and_back(api: Api, client: Client) -> None:
    api.judged()
    early = client.post(f"/v1/models/{MODEL}/promote", json={**WHY, "version": "1"})
    assert (early.status_code, early.json()["code"]) == (409, "refused")
    assert set(early.json()) == {"code", "what", "where", "way_out"}
    grace = {"headgate-actor": "grace"}
    assert client.post(f"/v1/models/{MODEL}/scorecard/approve", json=WHY, headers=grace).status_code == 200
    own = client.post(f"/v1/models/{MODEL}/versions/1/approve", json=WHY)
    assert "ada trained or asked for this version" in own.json()["what"]
    said = client.post(f"/v1/models/{MODEL}/versions/1/approve", json=WHY, headers=grace).json()
    assert (said["approved"], said["authenticated"], said["person"]) == (True, False, "grace")
    moved = client.post(f"/v1/models/{MODEL}/promote", json={**WHY, "version": "1"}, headers=grace).json()
    assert (moved["moved"], moved["version"], moved["warnings"]) == (True, "1", [])
    assert api.supply.ledger.moves[-1].actor == "person:grace"
    version = api.judged()
    api.supply.approve(version)
    at_once = {**WHY, "version": "2", "now": True}
    assert client.post(f"/v1/models/{MODEL}/promote", json=at_once).json()["from"] == "1"
    back = client.post(f"/v1/models/{MODEL}/rollback", json=WHY).json()
    assert (back["version"], back["cause"]) == ("1", "rollback")
    shares = {"champion": 0.9, "challenger": 0.1}
    wish = {**WHY, "shares": shares, "versions": {"challenger": "2"}, "lease_seconds": 600}
    assert client.post(f"/v1/models/{MODEL}/route", json=wish).status_code == 200
    assert client.get(f"/v1/models/{MODEL}/route").json()["now"] == shares


def test_a_signature_made_elsewhere_is_taken_once_and_only_for_what_it_was_made_over(api: Api) -> None:
    grace, mallory = SeededSigner("grace"), SeededSigner("mallory")
    api.supply.add("grace", grace)
    api.judged()
    headers = api.key("grace", *ROLES["approver"])
    path = f"/v1/models/{MODEL}/versions/1"
    client = api.client(needed=True)
    ask = {"choice": "approve", **WHY}
    drawn = client.get(f"{path}/ballot", params=ask, headers=headers).json()
    assert json.loads(drawn["payload"])["person"] == "grace"

    def vote(signer: SeededSigner, because: str = WHY["because"]) -> Any:
        signature = signer.sign(drawn["payload"].encode())
        signed = {"at": drawn["at"], "nonce": drawn["nonce"], "signature": signature}
        body = {"because": because, "signed": {**signed, "key_id": key_id_of(signer.public_key)}}
        return client.post(f"{path}/approve", json=body, headers=headers)

    unsigned = client.post(f"{path}/approve", json=WHY, headers=headers)
    assert (unsigned.status_code, "not signed" in unsigned.json()["what"]) == (409, True)
    assert "which is not grace's key" in vote(mallory).json()["what"]
    assert "the signature is not grace's" in vote(grace, "something else").json()["what"]
    assert vote(grace).json()["authenticated"] is True
    assert (vote(grace).status_code, vote(grace).json()["code"]) == (409, "conflict")
    private = {**WHY, "private_key": "x"}
    assert client.post(f"{path}/approve", json=private, headers=headers).status_code == 422


@pytest.mark.parametrize(
    ("scopes", "reads", "approves", "operates"),
    [
        (ROLES["viewer"], True, False, False),
        (ROLES["operator"], True, False, True),
        (ROLES["approver"], True, True, False),
        (ROLES["admin"], True, True, True),
        (("predict:*",), False, False, False),
    ],
    ids=["viewer", "operator", "approver", "admin", "client"],
)
def test_every_role_may_what_it_may(
    api: Api, scopes: tuple[str, ...], *, reads: bool, approves: bool, operates: bool
) -> None:
    api.judged()
    headers = api.key("linus", *scopes)
    client = api.client(needed=True)

    def let_in(method: str, path: str, body: Any = None) -> bool:
        answer = client.request(method, path, json=body, headers=headers)
        assert answer.status_code in (200, 409, 403), answer.text
        if answer.status_code == 403:
            assert answer.json()["code"] == "key_scope"
        return answer.status_code != 403

    assert {let_in("GET", path) for path in READS} == {reads}
    assert {let_in("POST", path, body) for path, body in APPROVES.items()} == {approves}
    assert {let_in("POST", path, body) for path, body in OPERATES.items()} == {operates}


def test_without_a_key_or_with_a_wrong_an_expired_or_a_revoked_one_nobody_comes_in(api: Api) -> None:
    good, old = api.key("linus", "read"), api.key("eve", "read", days=-1)
    client = api.client(needed=True)
    for headers in ({}, old, {"authorization": good["authorization"][:-1] + "x"}, {"authorization": "Bearer hg"}):
        for path in READS:
            assert client.get(path, headers=headers).status_code == 401
        for path, body in {**APPROVES, **OPERATES}.items():
            assert client.post(path, json=body, headers=headers).status_code == 401
    assert client.get("/v1/models", headers=good).status_code == 200
    known = {key.name: key.id for key, _ in issue.known(api.project.journal())}
    now = api.project.clock.now()
    issue.revoke(api.project.journal(), known["linus"], now, now, "person:ada", "left")
    assert client.get("/v1/models", headers=good).status_code == 401
    assert client.get("/health").status_code == 200


def test_the_actor_is_the_key_s_person_whatever_a_header_says_and_an_override_is_an_admin_s(api: Api) -> None:
    api.judged()
    operator = {**api.key("Linus", *ROLES["operator"]), "headgate-actor": "grace"}
    forced = {**WHY, "version": "1", "override": "it burns"}
    client = api.client(needed=True)
    refused = client.post(f"/v1/models/{MODEL}/promote", json=forced, headers=operator)
    assert (refused.status_code, "an override needs" in refused.json()["what"]) == (403, True)
    admin = {**api.key("Root", *ROLES["admin"]), "headgate-actor": "grace"}
    assert client.post(f"/v1/models/{MODEL}/promote", json=forced, headers=admin).status_code == 200
    assert api.supply.ledger.moves[-1].actor == "person:root"


def test_a_repeated_key_gets_the_first_answer_and_nothing_is_done_twice(api: Api) -> None:
    version = api.supply.ready()
    path, body = f"/v1/models/{MODEL}/promote", {**WHY, "version": version.number}
    key = {"idempotency-key": "a-1"}
    client = api.client()
    first = client.post(path, json=body, headers=key)
    assert "idempotency-replayed" not in first.headers
    client = api.client(owner="two")
    again = client.post(path, json=body, headers=key)
    assert (again.json(), again.status_code) == (first.json(), first.status_code)
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post(path, json={**body, "because": "another"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert client.post(path, json=body, headers={"idempotency-key": "b"}).json()["moved"] is False
    no = client.post(f"/v1/models/{MODEL}/rollback", json=WHY, headers={"idempotency-key": "c"})
    assert (no.status_code, no.json()) == (
        409,
        client.post(f"/v1/models/{MODEL}/rollback", json=WHY, headers={"idempotency-key": "c"}).json(),
    )
    assert len(api.supply.ledger.moves) == 1


def test_what_does_not_exist_cannot_be_read_or_is_too_large_is_said(client: Client) -> None:
    unknown = client.get("/v1/models/none/versions")
    assert (unknown.status_code, unknown.json()["way_out"]) == (404, f"its models: {MODEL}")
    assert client.get(f"/v1/models/{MODEL}/versions/9").json()["code"] == "not_found"
    assert client.get("/v1/nothing").status_code == 404
    assert client.request("PUT", "/v1/models").json()["code"] == "method_not_allowed"
    assert client.get(f"/v1/models/{MODEL}/history", params={"when": "soon"}).status_code == 422
    assert client.post(f"/v1/models/{MODEL}/rollback", json={"because": " "}).json()["code"] == "bad_request"
    large = client.post(f"/v1/models/{MODEL}/rollback", json={"because": "x" * 100_000})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert client.post(f"/v1/models/{MODEL}/promote", json={**WHY, "version": "9"}).status_code == 422


@pytest.mark.parametrize("text", [r"a\u0000b", r"a\ud800b", r"\u0000"])
def test_texts_that_no_database_keeps_are_refused(client: Client, text: str) -> None:
    content = f'{{"because": "{text}"}}'
    answer = client.post(f"/v1/models/{MODEL}/rollback", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")


def test_keys_are_made_by_role_and_status_says_that_the_database_is_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = typer.Typer()
    for noun in (key, status):
        noun.attach(app)

    def headgate(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "-C", str(api.project.folder)])

    create = ("key", "create", "--name", "grace", "--because", "signs", "--json", "--role")
    made = json.loads(headgate(*create, "approver").stdout)
    assert made["scopes"] == ["read", "approve"]
    assert headgate(*create, "boss").exit_code == 4
    assert [one["role"] for one in json.loads(headgate("key", "list", "--json").stdout)] == ["approver"]
    answer = api.client(needed=True).get("/v1/models", headers={"authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 200
    monkeypatch.setenv("HEADGATE_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    away = headgate("status", "--json")
    assert away.exit_code == 5
    (wrong,) = json.loads(away.stdout)["running"]["wrong"]
    assert wrong.startswith("the journal cannot be read: ")


def test_a_web_page_elsewhere_gets_nowhere(client: Client) -> None:
    plain = client.post(f"/v1/models/{MODEL}/rollback", content=json.dumps(WHY), headers={"content-type": "text/plain"})
    assert plain.status_code == 422
    rebound = client.get("/v1/models", headers={"host": "evil.example:8081"})
    assert (rebound.status_code, rebound.json()["code"]) == (403, "host_unknown")
    asked = client.request("OPTIONS", "/v1/models", headers={"origin": "http://evil.example"})
    assert not [name for name in asked.headers if name.startswith("access-control")]


def test_a_database_that_is_away_is_503_and_a_registry_that_is_away_stops_no_rollback(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.supply.promote(api.supply.ready())
    second = api.judged()
    api.supply.approve(second)
    api.supply.promote(second)
    api.registry.reachable = False
    back: Callable[[], Any] = lambda: client.post(f"/v1/models/{MODEL}/rollback", json=WHY)  # noqa: E731
    assert (back().status_code, back().json()["code"]) == (200, "refused")
    monkeypatch.setenv("HEADGATE_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    away = Api(api.project.folder)
    other = away.client()
    answer = other.get("/v1/models")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")


def test_the_page_of_the_reference_lists_every_path_and_no_other(client: Client) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text()
    listed = re.findall(r"^\| (GET|POST) \| `([^`]+)` \|", page, re.MULTILINE)
    paths = client.get("/openapi.json").json()["paths"]
    assert sorted(listed) == sorted((method.upper(), path) for path, on in paths.items() for method in on)
    assert all(operation["description"] for on in paths.values() for operation in on.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_every_path_does_what_the_document_says(api: Api, mode: GenerationMode) -> None:
    api.supply.promote(api.supply.ready())
    second = api.judged()
    api.supply.approve(second)
    start(api.supply.desk, MODEL, {"challenger": second.number}, BUSY, plenty, "person:ada", "it is time")
    counter = Counter(api.project, api.project.answers("fuzz"), False, "ada", (), lambda: {"parts": []})  # noqa: FBT003
    app = build(counter)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    bounded = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    asked = 0

    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        if "model" in case.path_parameters and asked % 2:
            case.path_parameters["model"] = MODEL
        if "release" in case.path_parameters and asked % 2:
            case.path_parameters["release"] = f"{MODEL}-1"
        case.call_and_validate(checks=CHECKS)

    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.path_parameters):
            continue
        bounded(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    assert asked > 20
    assert len(api.supply.ledger.moves) >= 1
