"""Let an SQLite store follow its artefacts when the project folder was moved, copied, or restored elsewhere.

MLflow writes absolute paths. They are written anew where the artefacts lie in the folder that the project names now;
where they do not, another place was meant and nothing is touched.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

PLACES = (
    "UPDATE experiments SET artifact_location = :there WHERE experiment_id = :id",
    (
        "UPDATE runs SET artifact_uri = :there || substr(artifact_uri, :cut)"
        " WHERE experiment_id = :id AND substr(artifact_uri, 1, :cut) = :below"
    ),
    (
        "UPDATE logged_models SET artifact_location = :there || substr(artifact_location, :cut)"
        " WHERE experiment_id = :id AND substr(artifact_location, 1, :cut) = :below"
    ),
    "UPDATE model_versions SET source = :there || substr(source, :cut) WHERE substr(source, 1, :cut) = :below",
    (
        "UPDATE model_versions SET storage_location = :there || substr(storage_location, :cut)"
        " WHERE substr(storage_location, 1, :cut) = :below"
    ),
)


def follow(store: Path, artefacts: str, project: str) -> None:
    """Point every experiment of the project, its runs and versions to the artefacts' present folder.

    Args:
        store: MLflow's SQLite file, which nobody else writes to meanwhile.
        artefacts: The folder of artefacts, absolute; what is no path of this machine is left alone.
        project: Its experiments are called `<project>/<model>`, and lie in `<artefacts>/<model>`.
    """
    if not artefacts.startswith("/"):
        return
    with closing(sqlite3.connect(store, timeout=60)) as connection:
        rows = connection.execute("SELECT experiment_id, name, artifact_location FROM experiments").fetchall()
        for number, name, here in rows:
            there = Path(artefacts) / name.removeprefix(f"{project}/")
            if not name.startswith(f"{project}/") or here == str(there) or not there.is_dir():
                continue
            names = {"id": number, "there": str(there), "below": f"{here}/", "cut": len(here) + 1}
            with connection:
                for statement in PLACES:
                    connection.execute(statement, names)
