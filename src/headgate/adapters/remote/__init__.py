"""Models that another server runs: any V2 inference server (Triton, KServe, MLServer), and TF Serving's REST."""
