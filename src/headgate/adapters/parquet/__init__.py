"""The prediction log at rest: Parquet by model and day, here or in an object store; and reading all of it."""
