"""HTTP/1.1 on asyncio.Protocol and llhttp: framing, order, limits. Knows no model."""
