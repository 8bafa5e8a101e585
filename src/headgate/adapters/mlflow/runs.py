"""Write runs and versions into MLflow, and read versions back."""

import json
from datetime import datetime
from typing import Any

from headgate.registry.version import RunRecord, Version

NAME = "headgate.run"
BATCH = 500  # MLflow's own limit is 1000 entities a call


def find_or_create(client: Any, experiment: str, artefacts: str, record: RunRecord) -> Any:
    """Return the run of this record's name, made if there is none."""
    number = _experiment(client, experiment, artefacts, record.model)
    runs = client.search_runs([number], f"tags.`{NAME}` = '{record.name}'", max_results=1)
    if runs:
        return runs[0]
    return client.create_run(number, run_name=record.name, tags={NAME: record.name})


def _experiment(client: Any, name: str, artefacts: str, model: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    where = f"{artefacts.rstrip('/')}/{model}" if artefacts else None
    return str(client.create_experiment(name, artifact_location=where))


def log(client: Any, run_id: str, record: RunRecord) -> None:
    """Write parameters, tags, metrics and the record of a run."""
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(_key(name), value, 0, 0) for name, value in record.metrics.items()]
    params = [Param(_key(name), value[:6000]) for name, value in record.params.items()]
    tags = [RunTag(name, value[:5000]) for name, value in record.tags.items()]
    client.log_batch(run_id, params=params[:100], tags=tags[:100])
    for start in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + BATCH])
    client.log_text(run_id, json.dumps(record.record, indent=1, sort_keys=True), "record.json")


def create_version(client: Any, record: RunRecord, info: Any, author: str) -> Version:
    """Register the run's model as a version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(record.model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        "headgate.run": record.name,
        "headgate.digest": record.tags.get("headgate.digest", ""),
        "headgate.author": author,
        "headgate.trained_until": record.tags.get("headgate.trained_until", ""),
    }
    source = f"{info.artifact_uri.rstrip('/')}/model"
    return version_of(client.create_model_version(record.model, source, info.run_id, tags=tags))


def version_of(entry: Any) -> Version:
    """Return what MLflow holds of a version."""
    until = entry.tags.get("headgate.trained_until", "")
    return Version(
        model=entry.name,
        number=str(entry.version),
        run=entry.run_id,
        digest=entry.tags.get("headgate.digest", ""),
        author=entry.tags.get("headgate.author", ""),
        trained_until=datetime.fromisoformat(until) if until else None,
    )


def _key(name: str) -> str:
    """MLflow allows letters, digits, and _-. :/ in names; segments hold = and more."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name.replace("=", ":"))[:250]


def place_of(client: Any, uri: str) -> str:
    """Return where the model of a `models:/name/version` or `models:/name@alias` lies; other URIs as they are."""
    name = uri.removeprefix("models:/")
    if name == uri:
        return uri
    model, _, alias = name.partition("@")
    if alias:
        number = client.get_model_version_by_alias(model, alias).version
    else:
        model, _, number = name.rpartition("/")
    return str(client.get_model_version_download_uri(model, number))
