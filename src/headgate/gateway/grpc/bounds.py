"""What gRPC calls the limits of a worker. Pure."""

from headgate.gateway.limits import Limits


def options(limits: Limits) -> tuple[tuple[str, int], ...]:
    """Return a server's options; several workers share its port, that it was free is seen before they start."""
    idle, receive = round(limits.idle_seconds * 1000), round(limits.receive_seconds * 1000)
    return (
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", limits.body_bytes),
        ("grpc.max_metadata_size", limits.head_bytes),
        ("grpc.max_allowed_incoming_connections", limits.calls),
        ("grpc.max_concurrent_streams", limits.pipelined),
        ("grpc.max_connection_idle_ms", idle),
        ("grpc.keepalive_time_ms", idle),
        ("grpc.keepalive_timeout_ms", receive),
        ("grpc.server_handshake_timeout_ms", receive),
    )
