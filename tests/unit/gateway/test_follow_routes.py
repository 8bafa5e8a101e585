"""The table follows the routes; what cannot serve is refused with a why, and what served keeps serving."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
import pytest

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Refused, Tampered
from headgate.features.predictor import Predictor
from headgate.gateway.follower import Follower
from headgate.gateway.guard.host import check_host
from headgate.gateway.refusal import Refusal
from headgate.gateway.table import Shaded, Table
from headgate.gateway.telling import standing
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature
from headgate.routing.route import Arm, Route, Shadow

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
        self.broken: dict[str, Exception] = {}

    def __call__(self, model: str, arm: Arm) -> Loaded:
        self.opened.append(f"{model}/{arm.version}")
        if arm.version in self.broken:
            raise self.broken[arm.version]
        if arm.version in self.bad:
            raise Tampered("changed since it was sealed: model.onnx", where="bundle")
        manifest = Manifest(model, "regression", "onnx", "", SIGNATURE, (), 1, {})
        return Loaded(arm.version, arm.digest, Predictor(manifest, Nothing()), lambda: None)


def document(model: str, revision: int, version: str, name: str = "champion") -> Document:
    route = Route(model, revision, (Arm(name, version, f"sha256:{version}", 1.0, f"bundles/{version}"),))
    return Document("route", model, revision, route.to_json())


class World:
    """A follower of documents that a test changes, and the tables that it published."""

    def __init__(self, *documents: Document) -> None:
        self.documents: Sequence[Document] = documents
        self.shelf = Shelf()
        self.tables: list[Table] = [Table()]
        self.follower = Follower(lambda: self.documents, self.shelf, self.tables.append)

    def look(self, *documents: Document, again: bool = False) -> Table:
        self.documents = documents or self.documents
        self.follower.look(again=again)
        return self.tables[-1]


def test_every_model_of_the_routes_is_opened_once_and_served() -> None:
    world = World(document("a", 1, "1"), document("b", 4, "7"))
    table = world.look()
    assert (table.read, table.ready) == (True, True)
    assert table.find("b", None).arm.version == "7"
    assert world.look(again=True) is table
    assert world.shelf.opened == ["a/1", "b/7"]


def test_a_model_serves_as_soon_as_it_is_loaded_but_the_worker_is_ready_when_all_are() -> None:
    world = World(document("a", 1, "1"), document("b", 1, "1"))
    world.look()
    assert [(len(table.entries), table.ready) for table in world.tables[1:]] == [(1, False), (2, True)]


def test_a_moved_pointer_opens_the_new_version_and_leaves_the_other_model_alone() -> None:
    world = World(document("a", 1, "1"), document("b", 1, "1"))
    first = world.look()
    second = world.look(document("a", 2, "2"), document("b", 1, "1"))
    assert second.find("a", None).arm.version == "2"
    assert second.entries["b"] is first.entries["b"]
    assert first.loaded() - second.loaded() == {first.find("a", None).loaded}


def test_a_new_name_for_what_serves_opens_nothing() -> None:
    world = World(document("a", 1, "1", "challenger"))
    first = world.look()
    second = world.look(document("a", 2, "1", "champion"))
    assert world.shelf.opened == ["a/1"]
    assert second.find("a", None).arm.name == "champion"
    assert second.find("a", None).loaded is first.find("a", None).loaded


def test_a_version_that_is_refused_leaves_the_old_one_serving_and_says_why() -> None:
    world = World(document("a", 1, "1"))
    world.shelf.bad = {"2"}
    world.look()
    table = world.look(document("a", 2, "2"))
    assert table.find("a", None).arm.version == "1"
    assert table.entries["a"].why == "version 2 is refused: changed since it was sealed: model.onnx"
    assert standing(table) == {"model a": table.entries["a"].why}
    assert table.ready
    world.shelf.bad = set()
    assert world.look() is table
    table = world.look(again=True)
    assert (table.find("a", None).arm.version, table.entries["a"].why) == ("2", "")
    assert standing(table) == {}


def test_a_model_without_any_good_version_answers_503_with_the_why() -> None:
    world = World(document("a", 1, "1"))
    world.shelf.bad = {"1"}
    table = world.look()
    assert not table.ready
    with pytest.raises(Refusal, match="changed since it was sealed") as caught:
        table.find("a", None)
    assert (caught.value.status, caught.value.retry_after) == (503, 1)


def test_a_route_that_cannot_be_read_changes_nothing() -> None:
    bodies: list[Json] = [{"model": "a"}, [1], {"model": "a", "revision": 2, "arms": []}]
    for body in bodies:
        world = World(document("a", 1, "1"))
        world.look()
        broken = world.look(Document("route", "a", 2, body))
        assert broken.find("a", None).arm.version == "1"
        assert broken.entries["a"].why.startswith("the route is refused: ")


def test_whatever_a_load_raises_its_model_alone_is_refused_and_is_tried_again() -> None:
    world = World(document("a", 1, "1"), document("b", 1, "2"))
    world.shelf.broken = {"1": OSError(24, "Too many open files")}
    table = world.look()
    assert table.entries["a"].why == "version 1 is refused: OSError: [Errno 24] Too many open files"
    assert table.find("b", None).arm.version == "2"
    world.shelf.broken = {}
    assert world.look(again=True).ready


def test_a_shadow_whose_folder_cannot_be_read_is_refused_and_its_champion_serves() -> None:
    def shade(model: str, shadow: Shadow) -> Shaded:
        raise OSError(24, f"Too many open files for {shadow.name} of {model}")

    arm = Arm("champion", "1", "sha256:1", 1.0, "b")
    route = Route("a", 1, (arm,), (Shadow("dark", "2", "sha256:2", 1.0, "b"),))
    tables: list[Table] = []
    Follower(lambda: [Document("route", "a", 1, route.to_json())], Shelf(), tables.append, shade).look(again=False)
    assert tables[-1].find("a", None).arm.version == "1"
    assert "version 2 (dark, a shadow) is refused: OSError" in tables[-1].entries["a"].why


def test_a_load_that_takes_long_keeps_no_other_model_waiting() -> None:
    waiting: dict[str, Callable[[], None]] = {}
    documents = [document("slow", 1, "1"), document("quick", 1, "1")]
    tables: list[Table] = []
    follower = Follower(lambda: documents, Shelf(), tables.append, aside=waiting.__setitem__)
    follower.look(again=True)
    waiting.pop("quick")()
    assert (list(tables[-1].entries), tables[-1].read) == (["quick"], False)
    follower.look(again=True)
    assert list(waiting) == ["slow"], "what is being loaded is not loaded a second time"
    documents[1] = document("quick", 2, "2")
    follower.look(again=False)
    waiting.pop("quick")()
    assert tables[-1].find("quick", None).arm.version == "2"
    waiting.pop("slow")()
    assert tables[-1].ready


def test_a_revision_that_comes_while_one_is_loaded_is_followed_after_it() -> None:
    asked: list[Callable[[], None]] = []
    documents = [document("a", 1, "1")]
    tables: list[Table] = []
    follower = Follower(lambda: documents, Shelf(), tables.append, aside=lambda _, errand: asked.append(errand))
    follower.look(again=False)
    documents[0] = document("a", 2, "2")
    follower.look(again=False)
    for errand in asked:
        errand()
    follower.look(again=False)
    assert len(asked) == 2
    assert [table.entries["a"].revision for table in tables] == [1, 2]


def test_a_version_that_is_not_served_is_404_naming_those_that_are() -> None:
    table = World(document("a", 1, "3")).look()
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
    assert World().look().ready


def test_the_last_table_stands_while_the_database_is_away() -> None:
    documents = [document("a", 1, "1")]
    away = False

    def read() -> Sequence[Document]:
        if away:
            raise OSError
        return documents

    tables: list[Table] = []
    follower = Follower(read, Shelf(), tables.append)
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


def test_a_worker_that_starts_while_the_database_is_away_serves_what_another_read_last() -> None:
    last = [document("a", 1, "1")]
    away = True

    def read() -> Sequence[Document]:
        if away:
            raise OSError
        return [document("a", 2, "2")]

    tables: list[Table] = []
    follower = Follower(read, Shelf(), tables.append, last=lambda: last)
    follower.look(again=False)
    assert tables[-1].ready
    assert tables[-1].find("a", None).arm.version == "1"
    assert standing(tables[-1]) == {"routes": "cannot be read: OSError; the last ones stand"}
    away = False
    follower.look(again=False)
    assert tables[-1].find("a", None).arm.version == "2"
    assert standing(tables[-1]) == {}


def test_a_worker_that_never_read_a_route_says_so_while_the_database_is_away() -> None:
    tables: list[Table] = []
    follower = Follower(lambda: 1 / 0, Shelf(), tables.append, last=lambda: None)  # type: ignore[arg-type, return-value]
    follower.look(again=False)
    assert (tables[-1].read, tables[-1].away) == (False, "cannot be read: ZeroDivisionError")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])  # noqa: S104 - what is refused
def test_a_worker_without_keys_does_not_listen_beyond_this_machine(host: str) -> None:
    with pytest.raises(Refused, match="no API key to ask for") as caught:
        check_host(host, insecure=False)
    assert "--insecure-no-auth" in caught.value.way_out
    check_host(host, insecure=True)
    with pytest.raises(Refused) as caught:
        check_host(host, insecure=False, option="--admin-host")
    assert caught.value.where == f"--admin-host {host}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_host(host, insecure=False)
