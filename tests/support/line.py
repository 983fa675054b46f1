"""A line to a server on this machine, which can be cut and slowed."""

import contextlib
import socket
import threading
import time

_PIECE = 1 << 16


class Line:
    """A line to a server. While it is cut, nobody answers at its address; `refused` counts who tried.

    Attributes:
        address: where it begins.
        delay_s: by how much each answer is late.
    """

    def __init__(self, address):
        self._target = int(address.rpartition(":")[2])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.delay_s = 0.0
        self.refused = 0
        self.is_cut = False
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Cut it, under the requests that are on their way, too."""
        self.is_cut = True
        for each in list(self._open):
            _shut(each)

    def mend(self):
        self.is_cut = False

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                self.refused += 1
                _shut(caller)
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open |= {caller, server}
            threading.Thread(target=self._carry, args=(caller, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, caller, True), daemon=True).start()

    def _carry(self, source, target, answers):
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if answers:
                    time.sleep(self.delay_s)
                target.sendall(piece)
        for each in (source, target):
            _shut(each)
        self._open -= {source, target}


def _shut(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
