"""A worker with room for one model serves several: each is opened when somebody asks, and every answer is its own."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest

from headgate.adapters.machine.served import serving
from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.routing.route import COLLECTION
from headgate.testing.running import POLICY
from headgate.testing.serving import route, sum_bundle
from headgate.testing.waiting import LONGEST
from headgate.wiring import Project

NAMES = [f"m{at}" for at in range(6)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("many")
    (folder / "headgate.yaml").write_text(POLICY + "settings: { model_memory_mb: 0.001 }\n")
    journal = Project.open(folder, SystemClock()).journal()
    for at, name in enumerate(NAMES):
        bundle = folder / "bundles" / name
        wanted = route(name, 1, "1", sum_bundle(bundle, name, float(at)), bundle)
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
        journal.append(f"model/{name}", 0, [event], [Document(COLLECTION, name, 1, wanted.to_json())])
    with serving(folder) as found:
        yield found


def ask(place: tuple[str, int], name: str) -> float:
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}
    connection = HTTPConnection(*place, timeout=LONGEST)
    connection.request("POST", f"/v2/models/{name}/infer", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, said
    return float(said["outputs"][0]["data"][0])


def test_every_request_is_held_until_its_model_is_open_and_answered_by_it(place: tuple[str, int]) -> None:
    wanted = [(name, 6.0 + at) for _ in range(20) for at, name in enumerate(NAMES)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: ask(place, one[0]), wanted))
    assert found == [value for _, value in wanted]
