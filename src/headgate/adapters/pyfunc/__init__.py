"""MLflow pyfunc models, each in a process of its own: what it does to itself touches nobody."""
