"""MLflow: tracking server and model registry behind registry/ports.py."""
