"""A loopback port of the host that leads into the cluster: `... -m testbed.cluster.forward NAME`.

Listens on 127.0.0.1 in the host's namespace, then moves into the station's namespace: the listening
socket stays behind, the connections it opens come out there.
"""

import socket
import sys
import threading
from contextlib import suppress

from testbed.cluster import netns
from testbed.cluster.topology import FORWARDS, Forward
from testbed.settings import patient

CHUNK_BYTES = 256 * 1024
CONNECTION_LIMIT = 512
CONNECT_WITHIN_S = 5.0


def main() -> None:
    """Serve the forward named by the first argument."""
    forward = next(each for each in FORWARDS if each.name == sys.argv[1])
    with socket.create_server(("127.0.0.1", forward.port), backlog=128) as listener:
        netns.enter(forward.station.netns)
        slots = threading.BoundedSemaphore(CONNECTION_LIMIT)
        while True:
            client, _ = listener.accept()
            slots.acquire()
            threading.Thread(target=_carry, args=(client, forward, slots), daemon=True).start()


def _carry(client: socket.socket, forward: Forward, slots: threading.BoundedSemaphore) -> None:
    try:
        with client, _dial(forward) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()
    except OSError as error:
        sys.stderr.write(f"{forward.name}: {forward.target}:{forward.target_port}: {error}\n")
    finally:
        slots.release()


def _dial(forward: Forward) -> socket.socket:
    server = socket.create_connection(
        (str(forward.target), forward.target_port), timeout=patient(CONNECT_WITHIN_S)
    )
    server.settimeout(None)
    return server


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    # Either end may go away at any time; the other one is then told by a shutdown.
    with suppress(OSError):
        while count := source.recv_into(buffer):
            sink.sendall(view[:count])
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
