"""A name server for tests: answers A queries from a table that the test may change at any time."""
import socket
import struct
import threading


class NameServer:
    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.table = {}          # name: addresses; None: says that it failed; missing: no such name
        self.ttl = 1
        self.silent = False
        self.queries = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
            except OSError:
                return
            self.queries += 1
            if not self.silent:
                self.sock.sendto(self._answer(query), peer)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        addresses = self.table.get(name, "missing")
        status = 2 if addresses is None else 3 if addresses == "missing" else 0
        records = b""
        count = 0
        if status == 0 and kind == 1:
            for address in addresses:
                records += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, self.ttl, 4) + socket.inet_aton(address)
                count += 1
        return query[:2] + struct.pack("!HHHHH", 0x8180 | status, 1, count, 0, 0) + question + records

    def close(self):
        self.sock.close()
