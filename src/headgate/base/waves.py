"""Order what needs one another: waves of things that can be done at the same time. Pure.

It refuses a circle, and names it.
"""

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter


def waves(needs: Mapping[str, Collection[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the names in waves, each sorted: a name comes in the first wave after everything that it needs.

    Args:
        needs: Name -> the names that it needs; a needed name that is no key is taken as there already.

    Raises:
        CycleError: Some need each other; `circle` reads it.
    """
    sorter = TopologicalSorter({name: [other for other in others if other in needs] for name, others in needs.items()})
    sorter.prepare()
    found = []
    while ready := sorter.get_ready():
        found.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(found)


def circle(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the names of one circle, each needing the next, the last the first; nothing where there is none."""
    try:
        waves(needs)
    except CycleError as error:
        names = tuple(reversed(error.args[1][1:]))  # graphlib lists each name after the one that it is needed by
        first = names.index(min(names))
        return names[first:] + names[:first]
    return ()
