"""The data plane: answers requests with every live version. Imports no adapter, no mlflow, no pandas."""
