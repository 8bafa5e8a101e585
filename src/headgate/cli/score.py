"""`headgate score`: answer every row of a file with a version, as the gateway would."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import HERE, AsJson, Folder, choose_model, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.policy.model import ModelPolicy
    from headgate.registry.bundle import Manifest
    from headgate.registry.version import Version
    from headgate.scoring.steps import Order
    from headgate.wiring import Project

Keep = Annotated[str, typer.Option("--keep", help="Further columns to write beside the answers, comma-separated.")]
OnError = Annotated[
    str,
    typer.Option("--on-error", help="refuse, or skip: write rows that cannot be answered to OUTPUT.skipped.parquet."),
]
Number = Annotated[str, typer.Option("--version", help="The version; without it, the champion.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score", rich_help_panel="Answer")(score)


@plainly
def score(
    model: Annotated[str, typer.Argument(help="The model.")],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Parquet or CSV file with the model's inputs.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="Parquet file for the answers.")],
    *,
    version: Number = "",
    keep: Keep = "",
    join: Annotated[
        bool, typer.Option("--join", help="Join the stored features that the file lacks, as training did.")
    ] = False,
    on_error: OnError = "refuse",
    workers: Annotated[int, typer.Option("--workers", min=0, help="Threads; 0: one for each core.")] = 0,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Answer every row of a file; killed and run again it goes on, and the output appears whole or not at all."""
    from headgate.base.errors import BadInput
    from headgate.scoring.steps import score as run
    from headgate.wiring import open_model

    if on_error not in ("refuse", "skip"):
        raise BadInput(f"{on_error!r} is not known", where="--on-error", way_out="say refuse or skip")
    project = open_project(folder)
    name = choose_model(project, model)
    policy = project.policy.models[name]
    chosen = _version(project, name, version)
    predictor = open_model(_bundle(project, chosen), chosen.digest)
    try:
        manifest, names = predictor.manifest, _names(keep)
        order = _order(project, policy, manifest, chosen, source, output, names, skip=on_error == "skip", join=join)
        threads = 1 if predictor.apart else (workers or os.cpu_count() or 1)
        with _bar(quiet=as_json) as tell:
            done = run(order, policy, predictor, project.clock, threads, tell)
    finally:
        predictor.close()
    body = {
        "model": name,
        "version": chosen.number,
        "rows": done.rows,
        "skipped": done.skipped,
        "resumed": done.resumed,
        "already": done.already,
        "output": str(output),
        "aside": str(order.skipped) if done.skipped else None,
    }
    show(body, as_json=as_json, render=lambda: _summary(body))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _version(project: "Project", model: str, number: str) -> "Version":
    """Return the version that was named, or the champion."""
    from headgate.base.errors import BadInput
    from headgate.cli.gate import version_of
    from headgate.release.steps import read_ledger

    ledger, _ = read_ledger(project.journal(), model)
    if not number and ledger.champion is None:
        raise BadInput(
            "no version is champion yet", where=f"model {model}", way_out="name one with --version, or promote one"
        )
    return version_of(ledger, number or (ledger.champion.version if ledger.champion else ""))


def _bundle(project: "Project", version: "Version") -> Path:
    from headgate.registry.steps import ensure_bundle

    return ensure_bundle(project.bundles(), project.registry(), version.model, version.number, version.digest)


def _order(
    project: "Project",
    policy: "ModelPolicy",
    manifest: "Manifest",
    version: "Version",
    source: Path,
    output: Path,
    keep: tuple[str, ...],
    *,
    skip: bool,
    join: bool,
) -> "Order":
    """Return what is to be scored: the id goes along where the file has one, stored tables where they are needed."""
    from headgate.base.digest import digest_file
    from headgate.scoring.joining import lacking
    from headgate.scoring.source import open_source
    from headgate.scoring.steps import Order
    from headgate.training.table import read_stored

    there = open_source(source, str(source)).schema.names
    first = (policy.data.id,) if policy.data.id in there else ()
    needed = lacking(policy, manifest.signature.inputs, there) if join else ()
    places = {name: policy.features.stored[name].source for name in needed}
    tables = {name: read_stored(project.folder / place, policy, name, place) for name, place in places.items()}
    digests = {name: digest_file(project.folder / place) for name, place in places.items()}
    return Order(source, output, version.number, tuple(dict.fromkeys((*first, *keep))), skip, tables, digests)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[int, int, float], object]]:
    """Show rows, rows a second and the time that is left, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f} rows/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=hidden) as progress:
        task = progress.add_task("", total=1.0, rows=0, rate=0.0)
        first: list[int] = []

        def tell(done: int, _total: int, share: float) -> None:
            first.append(done) if not first else None
            elapsed = progress.tasks[0].elapsed or 0.0
            rate = (done - first[0]) / elapsed if elapsed else 0.0
            progress.update(task, completed=share, rows=done, rate=rate)

        yield tell


def _summary(body: dict[str, Any]) -> str:
    if body["already"]:
        return f"{body['output']} is there already: {body['rows']:,} rows by {body['model']} version {body['version']}"
    lines = [f"{body['rows']:,} rows answered by {body['model']} version {body['version']}: {body['output']}"]
    if body["resumed"]:
        lines.append(f"{body['resumed']:,} of them had been done before")
    if body["skipped"]:
        lines.append(f"[yellow]{body['skipped']:,} rows could not be answered[/yellow]: {body['aside']}")
    return "\n".join(lines)
