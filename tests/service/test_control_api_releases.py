"""Releases over the control API: started, looked at, held and ended as by the commands; on a real journal."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.gateway.guard.roles import ROLES
from headgate.predictions.rollup import Key, Row
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.standing import Standing
from headgate.testing.asking import Api, Client
from headgate.testing.clock import FakeClock
from headgate.testing.registry import MemoryRegistry
from headgate.testing.release_supply import MINUTE, Scripted, release_policy
from headgate.testing.supply import MODEL
from headgate.wiring import Project

WHY = {"because": "it is better"}
START, PROMOTE, ONE = f"/v1/models/{MODEL}/releases", f"/v1/models/{MODEL}/promote", f"/v1/releases/{MODEL}-1"
CALM = Reading("errors", required=True, verdict=Verdict.SOUND, why="1.0 % fail", requests=1200)
Ticks = Callable[[int], None]


def sees(at: Standing, _now: object) -> Evidence | None:
    return weigh([CALM], at.since, 1200) if at.rung >= 0 else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    one = FakeClock()
    real = Project.open.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Project, "open", classmethod(lambda cls, folder, clock=None: real(cls, folder, clock or one)))
    return one


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Api:
    write(tmp_path)
    registry = MemoryRegistry(tmp_path / "registry")
    monkeypatch.setattr(Project, "registry", lambda _: registry)
    monkeypatch.setattr(Project, "judge", lambda _: Scripted(sees))
    found = Api(tmp_path)
    found.supply.clock = clock
    found.supply.promote(found.supply.ready())
    found.supply.approve(found.judged())
    return found


@pytest.fixture
def client(api: Api) -> Client:
    return api.client()


@pytest.fixture
def ticks(api: Api, clock: FakeClock) -> Ticks:
    controller = api.project.controller()

    def run(number: int) -> None:
        for _ in range(number):
            clock.advance(MINUTE)
            controller.run_pass()

    return run


def write(folder: Path, **said: Any) -> None:
    policy = release_policy(**said).model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    (folder / "headgate.yaml").write_text(yaml.safe_dump(policy))


def serve(api: Api, per_second: int = 100) -> None:
    """Leave the rollups of ten minutes of traffic."""
    now = int(api.project.clock.now().timestamp())
    keys = [Key(now - ago, MODEL, "1", "champion", "live") for ago in range(600, 0, -1)]
    api.project.rollups().add([Row(key, per_second, 1, {700: per_second}) for key in keys])


def test_promote_starts_a_release_with_what_each_rung_needs_at_today_s_traffic(
    api: Api, client: Client, ticks: Ticks
) -> None:
    serve(api)
    assert client.get("/v1/releases").json() == {"releases": []}
    begun = client.post(PROMOTE, json={**WHY, "version": "2"}).json()
    assert (begun["release"], begun["started"], begun["moved"], begun["per_second"]) == ("delay-1", True, False, 100.0)
    assert [one["name"] for one in begun["rungs"]] == ["shadow", "5 %", "25 %", "full"]
    assert all(one["enough"] for one in begun["rungs"])
    assert begun["rungs"][1]["requests"] > 100
    ticks(3)
    shown = client.get(ONE).json()
    assert (shown["state"], shown["rung"], shown["shares"]) == ("running", 1, {"1": 0.95, "2": 0.05})
    assert shown["evidence"]["readings"][0]["why"] == "1.0 % fail"
    assert client.get("/v1/releases", params={"model": MODEL}).json()["releases"] == [shown]
    assert client.get("/v1/status").json()["models"][0]["releases"] == [shown]
    assert client.get(f"/v1/models/{MODEL}").json()["releases"] == [shown]
    ticks(10)
    assert client.get("/v1/releases").json() == {"releases": []}
    (over,) = client.get("/v1/releases", params={"all": True}).json()["releases"]
    assert (over["release"], over["state"]) == ("delay-1", "finished")
    assert client.get("/v1/models").json()["models"][0]["champion"] == "2"


def test_what_traffic_cannot_decide_is_refused_with_the_nearest_plan_and_a_dry_run_starts_nothing(
    api: Api, client: Client
) -> None:
    for path in (START, PROMOTE):
        little = client.post(path, json={**WHY, "version": "2", "per_second": 0.05})
        assert (little.status_code, little.json()["code"]) == (409, "refused")
        assert "more patience (shadow" in little.json()["way_out"]
    asked = client.post(START, json={**WHY, "version": "2", "per_second": 50, "dry_run": True}).json()
    assert (asked["started"], asked["why_not"]) == (False, [])
    poor = client.post(START, json={**WHY, "version": "2", "per_second": 0.05, "dry_run": True})
    assert "latency needs about" in poor.json()["why_not"][0]
    neither = client.post(START, json=WHY)
    assert (neither.status_code, neither.json()["what"]) == (422, "which version?")
    both = client.post(START, json={**WHY, "version": "2", "arms": {"b": "2"}})
    assert both.json()["what"] == "which version?"
    assert client.get("/v1/releases", params={"all": True}).json() == {"releases": []}


def test_a_log_that_cannot_be_read_is_said_when_a_release_is_to_start(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(api.project.folder, guards={"business": {"late": {"metric": "accuracy", "margin": 0.1}}})

    def damaged(*_: Any) -> None:
        raise OSError("the footer of a file is damaged")

    monkeypatch.setattr(Project, "joined", damaged)
    answer = Api(api.project.folder).client().post(START, json={**WHY, "version": "2"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["where"] == f"prediction log of {MODEL}"


def test_people_hold_a_release_let_it_go_on_and_end_it_with_reasons(client: Client, ticks: Ticks) -> None:
    client.post(START, json={**WHY, "version": "2", "per_second": 500})
    ticks(2)
    held = client.post(f"{ONE}/pause", json={"because": "a deploy"}).json()
    assert (held["state"], held["release"], held["model"]) == ("paused", "delay-1", MODEL)
    assert "a deploy" in held["why"]
    again = client.post(f"{ONE}/pause", json={"because": "again"})
    assert (again.status_code, again.json()["code"]) == (409, "refused")
    assert client.get(ONE).json()["waits_for"] == "a person"
    assert client.post(f"{ONE}/resume", json={"because": "deployed"}).json()["state"] == "running"
    ended = client.post(f"{ONE}/abort", json={"because": "wrong data"}, headers={"headgate-actor": "grace"}).json()
    assert ended["ends"] == "aborted by person:grace: wrong data"
    assert client.post(f"{ONE}/resume", json=WHY).status_code == 409
    ticks(1)
    assert client.get(ONE).json()["state"] == "aborted"
    for path in (f"{ONE}9", f"{ONE}9/pause", f"{ONE}9/resume", f"{ONE}9/abort"):
        answer = client.request("GET" if path == f"{ONE}9" else "POST", path, json=WHY)
        assert (answer.status_code, answer.json()["way_out"]) == (404, "releases: delay-1")
    assert client.get("/v1/releases", params={"model": "none"}).status_code == 404


def test_what_a_person_said_is_answered_also_when_nothing_can_be_measured(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(START, json={**WHY, "version": "2", "per_second": 500})
    monkeypatch.setattr("headgate.api.lookout.PATIENCE", 0.01)
    look: Any = client._app.state.lookout
    with look._lock:
        busy = client.get(ONE)
        assert (busy.status_code, busy.json()["what"]) == (503, "others are looking at the releases")
        assert client.post(f"{ONE}/pause", json=WHY).status_code == 200
    assert client.get(ONE).json()["state"] == "paused"


def test_now_is_the_journalled_exception(api: Api, client: Client, ticks: Ticks) -> None:
    client.post(PROMOTE, json={**WHY, "version": "2", "per_second": 500})
    ticks(2)
    admin = api.key("root", *ROLES["admin"])
    forced = client.post(PROMOTE, json={**WHY, "version": "2", "override": "it burns"}, headers=admin)
    assert (forced.status_code, forced.json()["what"]) == (422, "a release sets no rule aside")
    told = client.post(PROMOTE, json={"because": "it is on fire", "version": "2", "now": True}).json()
    assert (told["version"], told["moved"], told["from"]) == ("2", True, "1")
    assert api.supply.ledger.moves[-1].reason == "it is on fire"
    assert client.get(ONE).json()["state"] == "promoted"


def test_a_repeated_start_starts_one_release(api: Api) -> None:
    key, body = {"idempotency-key": "a"}, {**WHY, "version": "2", "per_second": 500}
    first = api.client().post(START, json=body, headers=key)
    again = api.client(owner="two").post(START, json=body, headers=key)
    assert first.status_code == 200, first.text
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    held = [api.client().post(f"{ONE}/pause", json=WHY, headers={"idempotency-key": "b"}) for _ in range(2)]
    assert [one.json()["state"] for one in held] == ["paused", "paused"]
    (one,) = api.client().get("/v1/releases").json()["releases"]
    assert (one["release"], one["state"]) == ("delay-1", "paused")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_what_it_may(api: Api, clock: FakeClock, role: str) -> None:
    headers, client = api.key("linus", *ROLES[role]), api.client(needed=True)
    clock.advance(timedelta(seconds=1))
    operates = role in {"operator", "admin"}
    body = {**WHY, "version": "2", "per_second": 500}
    assert client.post(START, json=body, headers=headers).status_code == (200 if operates else 403)
    api.client().post(START, json=body)
    assert [client.get(path, headers=headers).status_code for path in ("/v1/releases", ONE)] == [200, 200]
    assert client.get(ONE).status_code == 401
    for verb in ("pause", "resume", "abort"):
        answer = client.post(f"{ONE}/{verb}", json=WHY, headers=headers)
        assert (answer.status_code != 403) is operates, answer.text
        assert client.post(f"{ONE}/{verb}", json=WHY).status_code == 401
    assert client.post(PROMOTE, json={**body, "now": True}, headers=headers).status_code == (200 if operates else 403)
