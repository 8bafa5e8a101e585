"""The table follows the routes; what cannot serve is refused with a why, and what served keeps serving."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
import pytest

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Refused, Tampered
from headgate.features.predictor import Predictor
from headgate.gateway.follow import Follower, turn
from headgate.gateway.guard.host import check_host
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Table
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature
from headgate.routing.route import Arm, Route

FIELD = Field("x", "float32")
SIGNATURE = Signature((FIELD,), (FIELD,), (FIELD,))


class Nothing:
    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        raise BadInput(f"nothing runs here, not even {len(features)} columns")

    def close(self) -> None:
        """Do nothing."""


class Shelf:
    """Opens versions; those called bad are tampered with."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.bad: set[str] = set()

    def __call__(self, model: str, arm: Arm) -> Loaded:
        self.opened.append(f"{model}/{arm.version}")
        if arm.version in self.bad:
            raise Tampered("changed since it was sealed: model.onnx", where="bundle")
        manifest = Manifest(model, "regression", "onnx", "", SIGNATURE, (), 1, {})
        return Loaded(arm.version, arm.digest, Predictor(manifest, Nothing()), lambda: None)


def document(model: str, revision: int, version: str, name: str = "champion") -> Document:
    route = Route(model, revision, (Arm(name, version, f"sha256:{version}", 1.0, f"bundles/{version}"),))
    return Document("route", model, revision, route.to_json())


def after(table: Table, documents: Sequence[Document], shelf: Shelf, *, again: bool = False) -> Table:
    return [table, *turn(table, documents, shelf, again=again)][-1]


def test_every_model_of_the_routes_is_opened_once_and_served() -> None:
    shelf = Shelf()
    documents = [document("a", 1, "1"), document("b", 4, "7")]
    table = after(Table(), documents, shelf)
    assert (table.read, table.ready) == (True, True)
    assert table.find("b", None).arm.version == "7"
    assert list(turn(table, documents, shelf, again=True)) == []
    assert shelf.opened == ["a/1", "b/7"]


def test_a_model_serves_as_soon_as_it_is_loaded_but_the_worker_is_ready_when_all_are() -> None:
    tables = list(turn(Table(), [document("a", 1, "1"), document("b", 1, "1")], Shelf(), again=False))
    assert [(len(table.entries), table.ready) for table in tables] == [(1, False), (2, True)]


def test_a_moved_pointer_opens_the_new_version_and_leaves_the_other_model_alone() -> None:
    shelf = Shelf()
    first = after(Table(), [document("a", 1, "1"), document("b", 1, "1")], shelf)
    second = after(first, [document("a", 2, "2"), document("b", 1, "1")], shelf)
    assert second.find("a", None).arm.version == "2"
    assert second.entries["b"] is first.entries["b"]
    assert first.loaded() - second.loaded() == {first.find("a", None).loaded}


def test_a_new_name_for_what_serves_opens_nothing() -> None:
    shelf = Shelf()
    first = after(Table(), [document("a", 1, "1", "challenger")], shelf)
    second = after(first, [document("a", 2, "1", "champion")], shelf)
    assert shelf.opened == ["a/1"]
    assert second.find("a", None).arm.name == "champion"
    assert second.find("a", None).loaded is first.find("a", None).loaded


def test_a_version_that_is_refused_leaves_the_old_one_serving_and_says_why() -> None:
    shelf = Shelf()
    shelf.bad = {"2"}
    table = after(Table(), [document("a", 1, "1")], shelf)
    table = after(table, [document("a", 2, "2")], shelf)
    assert table.find("a", None).arm.version == "1"
    assert table.entries["a"].why == "version 2 is refused: changed since it was sealed: model.onnx"
    assert table.ready
    shelf.bad = set()
    assert after(table, [document("a", 2, "2")], shelf) == table
    table = after(table, [document("a", 2, "2")], shelf, again=True)
    assert (table.find("a", None).arm.version, table.entries["a"].why) == ("2", "")


def test_a_model_without_any_good_version_answers_503_with_the_why() -> None:
    shelf = Shelf()
    shelf.bad = {"1"}
    table = after(Table(), [document("a", 1, "1")], shelf)
    assert not table.ready
    with pytest.raises(Refusal, match="changed since it was sealed") as caught:
        table.find("a", None)
    assert (caught.value.status, caught.value.retry_after) == (503, 1)


def test_a_route_that_cannot_be_read_changes_nothing() -> None:
    table = after(Table(), [document("a", 1, "1")], Shelf())
    bodies: list[Json] = [{"model": "a"}, [1], {"model": "a", "revision": 2, "arms": []}]
    for body in bodies:
        broken = after(table, [Document("route", "a", 2, body)], Shelf())
        assert broken.find("a", None).arm.version == "1"
        assert broken.entries["a"].why.startswith("the route is refused: ")


def test_a_version_that_is_not_served_is_404_naming_those_that_are() -> None:
    table = after(Table(), [document("a", 1, "3")], Shelf())
    assert table.find("a", "3").arm.version == "3"
    with pytest.raises(Refusal, match="version '2' of model 'a' is not served; served: 3") as caught:
        table.find("a", "2")
    assert caught.value.status == 404
    with pytest.raises(Refusal, match="model 'b' is not served; served: a"):
        table.find("b", None)


def test_before_the_routes_are_read_the_worker_asks_for_patience() -> None:
    with pytest.raises(Refusal) as caught:
        Table().find("a", None)
    assert (caught.value.status, caught.value.code) == (503, "starting")


def test_no_routes_at_all_is_ready_and_serves_nothing() -> None:
    assert after(Table(), [], Shelf()).ready


def test_the_last_table_stands_while_the_database_is_away() -> None:
    documents = [document("a", 1, "1")]
    away = False

    def read() -> Sequence[Document]:
        if away:
            raise OSError
        return documents

    tables: list[Table] = []
    follower = Follower(read, Shelf(), tables.append, 1.0)
    follower.look(again=False)
    away = True
    follower.look(again=False)
    follower.look(again=False)
    assert [table.away for table in tables] == ["", "cannot be read: OSError"]
    assert tables[-1].find("a", None).arm.version == "1"
    away, documents[:] = False, [document("a", 2, "2")]
    follower.look(again=False)
    assert tables[-1].away == ""
    assert tables[-1].find("a", None).arm.version == "2"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])  # noqa: S104 - what is refused
def test_a_worker_without_keys_does_not_listen_beyond_this_machine(host: str) -> None:
    with pytest.raises(Refused, match="no API key to ask for") as caught:
        check_host(host, insecure=False)
    assert "--insecure-no-auth" in caught.value.way_out
    check_host(host, insecure=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_host(host, insecure=False)
