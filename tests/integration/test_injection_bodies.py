"""Bodies that services read and a strict parser does not: they are looked at, or refused, all the same."""
import gzip
import json

from test_identity import Identity
from support.clients import Client

ATTACK = "x' UNION SELECT password FROM users--"


class InjectionBodies(Identity):
    def setUp(self):
        super().setUp()
        self.text = self.text.replace("name: s0,", "name: s0, injection: {mode: block},")
        self.gateway = self.start(self.text)

    def post(self, body, kind="application/json", more=""):
        with Client(self.gateway.port) as client:
            client.send(f"POST /api/v1/s0/text HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n{more}"
                        f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = client.response("POST")
            return answer.status, json.loads(answer.body).get("code") if answer.status >= 400 else None

    def test_what_only_lenient_parsers_read_is_looked_at(self):
        attack = json.dumps(ATTACK).encode()
        deep = b"[" * 40
        for name, before, after in (
                ("half of a surrogate pair", rb'{"a":"\ud800","q":', b"}"),
                ("no UTF-8", b'{"a":"\xff","q":', b"}"),
                ("a byte order mark", b'\xef\xbb\xbf{"q":', b"}"),
                ("too deep", b'{"a":' + deep + b"]" * 40 + b',"q":', b"}"),
                ("too many values", b"[" + b'"",' * 4_200, b"]")):
            self.assertEqual((400, "bad_request"), self.post(before + attack + after), name)
            self.assertEqual((200, None), self.post(before + b'"O\'Brien"' + after), name)

    def test_strings_in_single_quotes_are_looked_at_and_ordinary_text_is_not_taken_for_any(self):
        for body in (b"{'a':'<script>alert(1)</script>'}", b"{/* it's */a: '<script>alert(1)</script>' }",
                     b"{'a':['x','<script>alert(1)</script>']}"):
            self.assertEqual((400, "bad_request"), self.post(body), body)
        for body in (b"{'a':'Rock \\'n Roll', 'b':'select a seat'}", b"""{"a":"O'Brien's, 'n so on","b":"it's 'quoted', or 'not'",}""",
                     b"""{"note":"they said: 'yes' or 'no', and left",}"""):
            self.assertEqual((200, None), self.post(body), body)

    def test_values_that_hide_one_by_their_number_are_an_attack(self):
        kind = "application/x-www-form-urlencoded"
        self.assertEqual((400, "bad_request"), self.post(b"a&" * 4_097 + b"b=1", kind))
        self.assertEqual((200, None), self.post(b"a&" * 4_000 + b"b=1", kind))

    def test_what_cannot_be_read_is_not_let_in(self):
        body = json.dumps({"name": "O'Brien"})
        unread = (415, "unsupported_media_type")
        self.assertEqual(unread, self.post(gzip.compress(body.encode()), more="Content-Encoding: gzip\r\n"))
        self.assertEqual(unread, self.post(body.encode("utf-16"), "application/json; charset=UTF-16"))
        self.assertEqual(unread, self.post(b"a=1", 'application/x-www-form-urlencoded; charset="utf-7"'))
        self.assertEqual(0, self.origin.requests)
        self.assertEqual((200, None), self.post(body.encode(), "application/json; charset=utf-8"))
        # A picture is no place for SQL, and is compressed by nature.
        self.assertEqual((200, None), self.post(b"\x89PNG", "image/png", "Content-Encoding: gzip\r\n"))
