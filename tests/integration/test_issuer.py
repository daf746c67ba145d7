"""An issuer that answers badly: what is known stays in force, and nobody waits for it."""
import pathlib
import signal
import socket
import subprocess
import threading
import unittest

from test_identity import Identity
from support import tokens
from support.clients import Client
from support.h2 import metric
from support.wait import wait_until


class Wire:
    """An issuer that answers each connection with given bytes, and may keep it open."""

    def __init__(self):
        self.answer = b""
        self.closes = True
        self.go = threading.Event()   # until then no answer is sent
        self.go.set()
        self.asked = self.given = 0
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
                self.asked += 1
                self.go.wait(10)
                connection.sendall(self.answer)
                self.given += 1
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


class Wired(Identity):
    def setUp(self):
        super().setUp()
        self.issuer = tokens.Issuer(self.folder)
        self.addCleanup(self.issuer.close)
        self.issuer.make_key("first")
        self.wire = Wire()
        self.addCleanup(self.wire.close)


class HostileIssuer(Wired):
    def started(self, refresh_ms=1000, extra=""):
        self.wire.answer = document(self.issuer.document())
        return self.start(f"tokens: {{key_set_refresh_ms: {refresh_ms}{extra}}}\n" + self.text,
                          environment={"JWT_SECRET": "", "JWT_JWKS_URL": self.wire.url})

    def test_no_answer_of_an_issuer_takes_keys_away(self):
        gateway = self.started()
        token = tokens.bearer(self.issuer.sign("first"))
        self.seen(gateway, header=token)
        for round_, (what, answer) in enumerate(HOSTILE.items(), start=1):
            with self.subTest(what):
                self.wire.answer = answer
                self.events(gateway, "keys that are known stay in force", round_)
                self.seen(gateway, header=token)
                self.wire.answer = document(self.issuer.document())
                self.events(gateway, "the key set can be read again", round_)

    def test_keys_that_could_not_be_read_for_too_long_are_trusted_no_more_until_they_are(self):
        gateway = self.started(extra=", key_set_age_max_ms: 1500")
        token = tokens.bearer(self.issuer.sign("first"))
        self.seen(gateway, header=token)
        self.wire.answer = HOSTILE["nothing at all"]
        self.events(gateway, "the key set could not be read for too long")
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", token)
        self.assertGreaterEqual(metric(gateway, "key_set_age_seconds"), 1.5)
        failures = metric(gateway, "cache_errors_total", cache_type="key_set")
        wait_until(lambda: metric(gateway, "cache_errors_total", cache_type="key_set") > failures, 5, "it is tried again")
        self.wire.answer = document(self.issuer.document())
        self.events(gateway, "the key set can be read again")
        self.seen(gateway, header=token)
        told = [e for e in gateway.events if str(e.get("msg", "")).startswith("the key set could not be read for too long")]
        self.assertEqual(["ERROR"], [e["level"] for e in told])

    def test_an_issuer_that_has_no_keys_is_told_from_one_that_cannot_be_read(self):
        gateway = self.started()
        token = tokens.bearer(self.issuer.sign("first"))
        self.seen(gateway, header=token)
        self.wire.answer = HOSTILE["no keys"]
        self.events(gateway, "the key set has no key that can be used")
        self.seen(gateway, header=token)
        self.wire.answer = HOSTILE["nothing at all"]
        self.events(gateway, "the key set cannot be read")
        self.wire.answer = document(self.issuer.document())
        self.events(gateway, "the key set can be read again")
        self.assertEqual(1, len(self.events(gateway, "the key set has no key that can be used")))

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


class Moved(Wired):
    """The configuration names another issuer than before."""

    def setUp(self):
        super().setUp()
        self.other = tokens.Issuer(self.folder)
        self.addCleanup(self.other.close)
        self.other.make_key("second")

    def begin(self, refresh_ms=1000):
        self.wire.answer = document(self.issuer.document())
        gateway = self.start(self.naming(self.wire.url, refresh_ms), environment={"JWT_SECRET": ""})
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        return gateway

    def naming(self, url, refresh_ms=1000):
        return f"tokens: {{key_set_url: '{url}', key_set_refresh_ms: {refresh_ms}}}\n" + self.text

    def reload(self, gateway, text):
        gateway.config.write_text(text)
        gateway.signal(signal.SIGHUP)
        self.events(gateway, "configuration reloaded")

    def test_keys_of_the_one_before_end_with_the_reload(self):
        gateway = self.begin()
        self.other.answering = False
        self.reload(gateway, self.naming(self.other.url))
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", tokens.bearer(self.issuer.sign("first")))

    def test_what_the_one_before_still_answers_is_nobodys(self):
        gateway = self.begin()
        self.wire.go.clear()
        asked, given = self.wire.asked, self.wire.given
        wait_until(lambda: self.wire.asked > asked, 5, "the next reading is on its way")
        self.reload(gateway, self.naming(self.other.url, 60_000))
        self.seen(gateway, header=tokens.bearer(self.other.sign("second")))
        self.wire.go.set()
        wait_until(lambda: self.wire.given > given, 5, "the late answer")
        first = tokens.bearer(self.issuer.sign("first"))
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", first)
        self.seen(gateway, header=tokens.bearer(self.other.sign("second")))

    def test_a_token_that_waited_for_its_key_while_the_rules_changed_is_good_once(self):
        own = pathlib.Path(self.folder) / "own.pem"
        publish = lambda kid: subprocess.run(["openssl", "rsa", "-in", own.with_name(f"{kid}.pem"), "-pubout", "-out", own],   # noqa: E731
                                             check=True, capture_output=True)
        self.issuer.make_key("new", publish=False)
        publish("first")
        fresh, text = tokens.bearer(self.issuer.sign("new")), self.naming(self.wire.url, 60_000)
        self.wire.answer = document(self.issuer.document())
        gateway = self.start(text, environment={"JWT_SECRET": "", "JWT_PUBLIC_KEY_FILE": str(own), "WORKERS": "1"})
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))
        self.wire.go.clear()
        asked = self.wire.asked
        with Client(gateway.port) as waiting:
            waiting.send(f"GET /api/v1/s0/seen HTTP/1.1\r\nHost: a\r\n{fresh}\r\n".encode())
            wait_until(lambda: self.wire.asked > asked, 5, "the issuer is asked for the key")
            publish("new")
            self.reload(gateway, text.replace("tokens: {", "tokens: {audience: others, "))
            self.assertEqual(200, waiting.response().status)
        self.assertAnswers(401, "token_invalid", gateway, "/api/v1/s0/seen", fresh)

    def test_the_same_one_keeps_its_keys_through_a_reload_while_it_is_away(self):
        gateway = self.begin()
        self.wire.answer = b""
        self.reload(gateway, self.naming(self.wire.url, 2000))
        self.events(gateway, "the key set cannot be read")
        self.seen(gateway, header=tokens.bearer(self.issuer.sign("first")))


if __name__ == "__main__":
    unittest.main()
