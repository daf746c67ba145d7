"""An issuer that answers badly: what is known stays in force, and nobody waits for it."""
import socket
import threading
import unittest

from test_identity import Identity
from support import tokens


class Wire:
    """An issuer that answers each connection with given bytes, and may keep it open."""

    def __init__(self):
        self.answer = b""
        self.closes = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/keys"
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            try:
                connection.recv(65536)
                connection.sendall(self.answer)
            except OSError:
                pass
            if self.closes:
                connection.close()
            else:
                self.open.append(connection)

    def close(self):
        self.listener.close()
        for connection in self.open:
            connection.close()


def document(body, fields=b""):
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + fields
            + b"Content-Length: %d\r\n\r\n" % len(body) + body)


GOOD_FORM = b'{"keys":[]}'
HOSTILE = {
    "nothing at all": b"",
    "no HTTP": b"hello\r\n\r\n",
    "a page": document(b"<html>sign in</html>"),
    "cut short": b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"keys":[',
    "an error with a set": b"HTTP/1.1 500 Oops\r\nContent-Length: 11\r\n\r\n" + GOOD_FORM,
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
    "no list": document(b'{"keys":{"a":1}}'),
    "a list": document(b"[]"),
    "no keys": document(GOOD_FORM),
    "keys of no use": document(b'{"keys":[{"kty":"RSA"},{"kty":"oct","k":"c2VjcmV0"},7,null]}'),
    "deep": document(b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "more than a set may be": document(b'{"keys":[' + b" " * 400_000 + b"]}"),
    "more than it says": document(b" ") + b"x" * 1000,
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + GOOD_FORM,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nContent-Length: 12\r\n\r\n" + GOOD_FORM,
    "chunks of nonsense": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000,
}


class HostileIssuer(Identity):
    def setUp(self):
        super().setUp()
        self.issuer = tokens.Issuer(self.folder)
        self.addCleanup(self.issuer.close)
        self.issuer.make_key("first")
        self.wire = Wire()
        self.addCleanup(self.wire.close)

    def started(self, refresh_ms=1000):
        self.wire.answer = document(self.issuer.document())
        return self.start(f"tokens: {{key_set_refresh_ms: {refresh_ms}}}\n" + self.text,
                          environment={"JWT_SECRET": "", "JWT_JWKS_URL": self.wire.url})

    def test_no_answer_of_an_issuer_takes_keys_away(self):
        gateway = self.started()
        token = tokens.bearer(self.issuer.sign("first"))
        self.seen(gateway, header=token)
        for round_, (what, answer) in enumerate(HOSTILE.items(), start=1):
            with self.subTest(what):
                self.wire.answer = answer
                self.events(gateway, "the key set cannot be read", round_)
                self.seen(gateway, header=token)
                self.wire.answer = document(self.issuer.document())
                self.events(gateway, "the key set can be read again", round_)

    def test_an_issuer_that_never_ends_its_answer_is_given_up(self):
        gateway = self.started()
        token = tokens.bearer(self.issuer.sign("first"))
        self.seen(gateway, header=token)
        self.wire.closes = False
        self.wire.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
        self.events(gateway, "the key set cannot be read")
        self.seen(gateway, header=token)

    def test_keys_of_no_use_among_others_are_left_out(self):
        self.issuer.more = [{"kty": "oct", "kid": "mine", "k": tokens.part(b"0" * 32)}, {"kty": "RSA", "kid": "first"},
                            "text"]
        gateway = self.started()
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        forged = tokens.signed(tokens.claims(), "0" * 32, kid="mine")
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", tokens.bearer(forged))


if __name__ == "__main__":
    unittest.main()
