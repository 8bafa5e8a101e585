"""`headgate controller`: a pass over the project every second, until it is told to end."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from headgate.cli.output import HERE, Folder, open_project, plainly

if TYPE_CHECKING:
    from headgate.wiring import Project

SECONDS = 1.0
LONGEST = 5.0  # seconds for which the end waits for upkeep; what is cut off is found again
READY = "headgate controls"
WHOEVER_SERVES = ("predictions",)  # chores that the gateway does beside serving


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("controller", rich_help_panel="Run")(controller)


@plainly
def controller(*, folder: Folder = HERE) -> None:
    """Run the pass of `headgate tick` every second: what cannot be done now is said once, and tried again."""
    import logging
    import signal
    from functools import partial
    from threading import Event, Lock, Thread

    from headgate.cli.promote import desk_of
    from headgate.cli.tick import chores_of
    from headgate.loop.steps import Pass, tick
    from headgate.running.controller import Controller

    project = open_project(folder)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    log, end, ready = logging.getLogger("headgate.controller"), Event(), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())

    def wait() -> bool:
        if not ready.is_set():
            ready.set()
            typer.echo(f"{READY} {project.folder}: a pass every {SECONDS:g} s (Ctrl-C ends it)")
        return end.wait(SECONDS)

    leader = project.controller()
    passed = dict[str, str]()
    troubles, reporting = dict[str, Sequence[str]](), Lock()  # two threads report
    chores = {name: chore for name, chore in chores_of(project).items() if name not in WHOEVER_SERVES}

    def report(part: str, passes: int, lines: Sequence[str]) -> None:
        with reporting:
            troubles[part], passed[part] = lines, project.clock.now().isoformat()
            _report(project, passes, [line for every in troubles.values() for line in every], passed)

    releases = Controller(
        lambda: Pass(dry_run=False, parts=leader.run_pass()), log.info, log.warning, partial(report, "releases")
    )
    upkeep = Controller(lambda: tick(desk_of(project), chores), log.info, log.warning, partial(report, "upkeep"))
    beside = Thread(target=upkeep.run, args=[lambda: end.wait(SECONDS)], daemon=True)
    beside.start()  # apart: a registry or a webhook that does not answer must not hold up a rollback
    try:
        releases.run(wait)
    finally:
        leader.resign()
        beside.join(LONGEST)


def _report(project: "Project", passes: int, trouble: Sequence[str], passed: Mapping[str, str]) -> None:
    import json
    import os

    from headgate.base.files import write_atomically
    from headgate.running.standing import controller_of

    body = {"pid": os.getpid(), "passed": dict(passed), "passes": passes, "trouble": list(trouble)}
    write_atomically(controller_of(project.state), json.dumps(body).encode())
