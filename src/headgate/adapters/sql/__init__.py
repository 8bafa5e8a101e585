"""The journal in SQLite or PostgreSQL, through SQLAlchemy Core; the only place that imports it."""
