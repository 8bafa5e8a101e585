"""Decide what a route document leads to: what it names, once that is loaded, or what served before, and why.

A version that does not load, or whose bundle is not the approved one, is refused, whatever its loading raises: what
served before keeps serving.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from headgate.base.errors import BadInput, HeadgateError
from headgate.gateway.table import Entry, Serving, Shaded
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.routing.route import Arm, Route, Shadow

Open = Callable[[str, Arm], Loaded]
Shade = Callable[[str, Shadow], Shaded]


def due(document: Document, old: Entry | None, *, again: bool) -> bool:
    """Say whether a route document asks for something: it is new, or was refused and is tried once more."""
    return old is None or old.revision != document.revision or (bool(old.why) and again)


def follow(document: Document, old: Entry | None, open_version: Open, shade: Shade | None = None) -> Entry:
    """Return the entry that a route document leads to: what it names, or what served before and why.

    A challenger that does not load leaves its share with the champion; a champion that does not load leaves everything
    as it was. A shadow whose bundle is not there gets nothing.
    """
    before = old.servings if old else ()
    arm: Arm | None = None
    try:
        route = _route(document)
        arm = route.champion
        champion = _serve(document.key, arm, before, open_version)
    except Exception as error:  # noqa: BLE001 - one route that breaks must not end the following of the others
        what = f"version {arm.version} is refused: {_why(error)}" if arm else f"the route is refused: {_why(error)}"
        kept = old or Entry(document.key, document.revision, arm, None)
        return replace(kept, revision=document.revision, wanted=arm, why=what)
    others: list[Serving] = []
    flaws: list[str] = []
    for other in route.challengers:
        try:
            others.append(_serve(document.key, other, (champion, *others, *before), open_version))
        except Exception as error:  # noqa: BLE001 - as above
            flaws.append(f"version {other.version} ({other.name}) is refused: {_why(error)}")
    shadows = tuple(_shade(document.key, route.shadows, shade, flaws)) if shade else ()
    return Entry(document.key, document.revision, arm, champion, "; ".join(flaws), tuple(others), route, shadows)


def _shade(model: str, shadows: Sequence[Shadow], shade: Shade, flaws: list[str]) -> Iterator[Shaded]:
    for shadow in shadows:
        try:
            yield shade(model, shadow)
        except Exception as error:  # noqa: BLE001 - as above
            flaws.append(f"version {shadow.version} ({shadow.name}, a shadow) is refused: {_why(error)}")


def _serve(model: str, arm: Arm, before: Sequence[Serving], open_version: Open) -> Serving:
    """Return what serves an arm: what serves it already, else the version, opened if it is not."""
    for serving in before:
        if serving.arm == arm:
            return serving
    for serving in before:
        if _same(serving.arm, arm):
            return Serving(arm, serving.loaded)
    return Serving(arm, open_version(model, arm))


def _same(one: Arm, other: Arm) -> bool:
    return (one.version, one.digest) == (other.version, other.digest)


def _route(document: Document) -> Route:
    try:
        if isinstance(document.body, Mapping):
            return Route.from_json(document.body)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the route document cannot be read: {error!r}", where=document.key) from error
    raise BadInput("the route document is not an object", where=document.key)


def _why(error: Exception) -> str:
    return error.what if isinstance(error, HeadgateError) else f"{type(error).__name__}: {error}"


def say(entry: Entry) -> str:
    """Return which versions serve a model, for the log."""
    champion, *others = entry.servings
    shares = [f", version {one.arm.version} has {one.arm.weight:.4g} as {one.arm.name}" for one in others]
    return f"version {champion.arm.version} serves" + "".join(shares)
