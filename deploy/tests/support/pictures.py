"""Pictures made on the spot, so that every test has bytes of its own."""

import secrets
import struct
import zlib


def png(width: int = 16, height: int = 16, size: int | None = None) -> bytes:
    """Makes a PNG of random pixels, unlike any other. With `size` it has about so many bytes instead."""
    if size is not None:
        width = height = max(1, int((size / 3) ** 0.5))
    rows = b"".join(b"\0" + secrets.token_bytes(width * 3) for _ in range(height))
    return _png(width, height, zlib.compress(rows, 0))


def hills(width: int, height: int) -> bytes:
    """Makes a PNG of smooth colours, unlike any other: as large as a photo, in few bytes."""
    low = secrets.token_bytes(3)
    row = b"".join(bytes((low[c] + x // 8) % 256 for c in range(3)) for x in range(width))
    rows = b"".join(b"\0" + row[3 * (y // 4 % 8) :] + row[: 3 * (y // 4 % 8)] for y in range(height))
    return _png(width, height, zlib.compress(rows))


def undecodable() -> bytes:
    """Makes a PNG whose container is in order, and whose pixels are none."""
    return _png(400, 300, secrets.token_bytes(500))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
