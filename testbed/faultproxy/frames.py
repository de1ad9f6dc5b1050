"""The websocket of an exec, from the API server to the caller, spoiled frame by frame.

Source: RFC 6455, section 5.2: a server's frames are not masked. Kubernetes' v5.channel.k8s.io: the
first byte of a frame is its channel: 1 output, 2 errors, 3 the status.
"""

import asyncio

_STATUS, _OUTPUT = 3, 1
_CLOSE = b"\x88\x02\x03\xe8"
_EXTENDED = {126: 2, 127: 8}


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The first byte (flags and opcode) and the payload of the next frame."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length in _EXTENDED:
        length = int.from_bytes(await reader.readexactly(_EXTENDED[length]), "big")
    return first, await reader.readexactly(length)


def frame(first: int, payload: bytes) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:  # noqa: PLR2004 - RFC 6455
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


async def spoil(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: str, hang_s: float
) -> None:
    """Bring the frames to the caller, spoiled."""
    if how == "silent":
        await asyncio.sleep(hang_s)
    if how == "close":
        writer.write(_CLOSE)
        await writer.drain()
        return
    if how == "garbage":
        writer.write(bytes(range(255, 0, -1)) * 8)
        await writer.drain()
        return
    while True:
        first, payload = await read_frame(reader)
        channel = payload[0] if payload else 0
        if channel == _OUTPUT and how == "cut":
            writer.transport.abort()
            return
        if channel == _OUTPUT and how == "half":
            payload = payload[: 1 + len(payload) // 2]
        if channel == _STATUS and how == "no-status":
            continue
        if channel == _STATUS and how == "bad-status":
            payload = payload[:1] + b"{not json"
        writer.write(frame(first, payload))
        await writer.drain()
