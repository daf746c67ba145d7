"""Hostile input that no other file has: where a request is judged by what it looks like rather than by what it is. The table
of all of it, with the test of each line, is at the end of docs/security.md."""
import json

from support import tokens
from support.clients import Client
from support.wait import wait_until
from test_cache import Cache
from test_limits import Limits


class Deceived(Cache):
    """A cache that is told a page is a picture, or that keeps what one caller wrote for all others."""

    def test_the_end_of_a_path_does_not_make_a_page_public(self):
        gateway = self.start()
        for end in ("me/x.css", "me%20x.css", "x.js", "%D0%B0.png", "me.css%3F"):
            # The service says it is one user's; its route keeps answers, and the name looks like a file.
            self.assertNotKept(gateway, f"/open/{end}?cc=private%2Cmax-age%3D60")
            self.assertNotKept(gateway, f"/open/{end}?cc=no-store")
            self.assertNotKept(gateway, f"/open/{end}?cc=max-age%3D60&cookie=a%3Db")
        for end in ("me%2f..%2fx.css", "me;x.css", "me%0ax.css", "me%00x.css", "me%5cx.css"):
            asked = self.service.count()
            self.assertEqual(400, self.ask_for(gateway, f"/open/{end}?cc=max-age%3D60").status, end)
            self.assertEqual(asked, self.service.count(), end)

    def test_a_header_that_is_no_part_of_the_key_changes_no_answer(self):
        gateway = self.start()
        said = ("X-Forwarded-Host: evil.example\r\n", "X-Original-URL: /admin\r\n", "X-Rewrite-URL: /admin\r\n",
                "X-HTTP-Method-Override: DELETE\r\n", "Forwarded: host=evil.example\r\n", "X-Forwarded-Proto: gopher\r\n")
        for number, header in enumerate(said):
            target = f"/open/poison{number}?cc=max-age%3D60"
            first = self.ask_for(gateway, target, header)
            method, path, fields = self.service.asked[-1]
            sent = json.dumps(fields)
            self.assertEqual((200, "GET"), (first.status, method))
            self.assertTrue("evil" not in sent and "admin" not in sent + path and "gopher" not in sent
                            and "DELETE" not in sent, fields)
            self.assertEqual(first.body, self.ask_for(gateway, target).body)

    def test_a_get_with_a_body_is_nobody_elses_answer(self):
        gateway = self.start()
        target = "/open/fat?cc=max-age%3D60"
        plain = self.number(gateway, target)
        self.ask_for(gateway, target, "Content-Length: 0\r\n")
        with Client(gateway.port) as client:
            client.send(f"GET /api/v1{target} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nevil".encode())
            fat = client.response()
        self.assertNotEqual(plain, json.loads(fat.body)["number"])
        self.assertEqual(plain, self.number(gateway, target))


class NoRequest(Limits):
    def test_what_is_no_request_is_no_failure_of_ours(self):
        gateway = self.start(self.FAILED)
        for said in (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"):
            with Client(gateway.port) as client:
                client.send(said)
                self.assertIn(client.response().status, (501, 505))
        told = lambda: [line["level"] for line in gateway.lines if line["msg"] == "request" and line["status"] in (501, 505)]
        wait_until(lambda: len(told()) == 2, 5, "both access lines")
        self.assertEqual(["INFO", "INFO"], told())


class Counted(Limits):
    """A limit that is got round by saying the same thing differently."""

    def test_however_a_request_is_written_it_is_the_same_caller_and_the_same_limit(self):
        gateway = self.start(self.FAILED, RATE_LIMIT_MAX="8")
        user = lambda number: tokens.bearer(sub="one", jti=f"t{number}")
        ways = [("GET", "/api/v1/s0/text", ""), ("GET", "/api/v1/s0//text", ""), ("GET", "/api/v1/s0/./text", ""),
                ("GET", "/api/v1/s0/%74ext", ""), ("GET", "/api/v1/s0/x/../text", ""), ("HEAD", "/api/v1/s0/text", ""),
                ("GET", "/api/v1/s0/text?a=1", "X-Forwarded-For: 198.51.100.7\r\n"),
                ("GET", "/api/v1/s0/text", "X-HTTP-Method-Override: POST\r\n")]

        def ask(method, target, header, number):
            with Client(gateway.port) as client:
                client.send(f"{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n{header}{user(number)}\r\n".encode())
                return client.response(method).status
        self.assertEqual([200] * 8, [ask(*way, number) for number, way in enumerate(ways)])
        self.assertEqual([429] * 8, [ask(*way, 8 + number) for number, way in enumerate(ways)])
