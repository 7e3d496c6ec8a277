"""Pictures made on the spot, so that every test has bytes of its own."""

import secrets
import struct
import zlib


def png(width: int = 16, height: int = 16, size: int | None = None) -> bytes:
    """Makes a PNG of random pixels, unlike any other. With `size` it has about so many bytes instead."""
    if size is not None:
        width = height = max(1, int((size / 3) ** 0.5))
    rows = b"".join(b"\0" + secrets.token_bytes(width * 3) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
