"""`headgate register`: bring a model that already exists; it goes through the same gate as a trained one."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.output import HERE, Actor, AsJson, Folder, actor_of, choose_model, open_project, plainly, show

Source = Annotated[
    str,
    typer.Argument(
        help="A file or folder (ONNX, LightGBM, XGBoost, MLflow), runs:/..., models:/..., or a server's URL."
    ),
]
HeldOut = Annotated[
    Path, typer.Option("--heldout", help="Rows that the model never saw: CSV or Parquet, declared columns.")
]
Until = Annotated[str, typer.Option("--trained-until", help="Last row it was trained on (ISO 8601 with zone).")]
Classes = Annotated[str, typer.Option("--classes", help="Labels in the order of its probabilities, comma-separated.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("register", rich_help_panel="Make a version")(register)


@plainly
def register(
    source: Source,
    *,
    heldout: HeldOut,
    model: Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where there is one.")] = "",
    trained_until: Until = "",
    classes: Classes = "",
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Register a model that was made elsewhere, with the held-out rows that judge it."""
    from headgate.training.bring import Brought, bring

    project = open_project(folder)
    bench = project.bench(choose_model(project, model), lambda _line: None)
    labels = tuple(name.strip() for name in classes.split(",") if name.strip())
    brought = Brought(source, heldout.resolve(), trained_until, labels, actor_of(actor))
    version, runtime, why = bring(bench, brought)
    body = {"model": version.model, "version": version.number, "digest": version.digest, "runtime": runtime, "why": why}
    show(body, as_json=as_json, render=lambda: _summary(body))


def _summary(body: dict[str, str]) -> str:
    return (
        f"{body['model']} version [bold]{body['version']}[/bold], served as {body['runtime']}: {body['why']}\n"
        f"next: headgate gate {body['version']} --model {body['model']}"
    )
