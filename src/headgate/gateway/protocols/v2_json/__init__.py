"""Open Inference Protocol V2, REST with JSON bodies: bytes in, bytes out."""
