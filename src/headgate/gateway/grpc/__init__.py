"""Open Inference Protocol V2 over gRPC; imported only where a port is asked for."""
