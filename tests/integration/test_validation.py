"""Requests held against a description of the API: what is let through byte by byte, what is refused with every fault, and what
becomes of files that are no description."""
import hashlib
import json
import os
import shutil
import subprocess

from support.clients import Client
from support.h2 import H2Client
from support.process import ask
from support.scenario import BINARY, Scenario
from support.wait import wait_until

EVENT = "33333333-3333-4333-8333-333333333333"
TYPE = "55555555-5555-4555-8555-555555555555"
PUBLIC = "authenticate: {public: [/**]}, rate_limit: {policies: []}, injection: {mode: off}"
JSON = "Content-Type: application/json\r\n"

API = """
openapi: 3.1.0
servers: [{url: /api/v1}]
paths:
  /shop/seen:
    post:
      operationId: post
      requestBody: {content: {application/json: {schema: {type: object, required: [n]}}, image/*: {}}}
    get:
      parameters:
        - {name: page, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: tag, in: query, schema: {type: array, maxItems: 2, items: {type: string, maxLength: 3}}}
        - {name: on, in: query, schema: {type: boolean}}
        - {name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}}
        - {name: X-Device, in: header, schema: {type: string, pattern: "^[a-z]+$"}}
        - {name: seat, in: query, explode: false, schema: {type: array, items: {type: string, maxLength: 4}}}
        - {name: X-Row, in: header, schema: {type: array, items: {type: integer}}}
        - {name: size, in: query, schema: {enum: [1, 2]}}
  /shop/items/{id}/seen:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string, format: uuid}}]
"""


class Validation(Scenario):
    def setUp(self):
        super().setUp()
        shipped = os.path.join(os.path.dirname(BINARY), "../../config/openapi.yaml")
        shutil.copy(shipped, os.path.join(self.folder, "openapi.yaml"))
        self.write("shop.yaml", API)
        self.write("body.json", '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",'
                                ' "properties": {"list": {"items": {"type": "string"}}}}')
        self.text = f"""
services:
  origin: {{url: "{self.origin.url}"}}
routes:
  - {{name: buy, path: /api/v1/tickets/purchase, methods: [POST], service: origin, rewrite: /up/seen, {PUBLIC},
     validate: {{openapi: openapi.yaml, operation: purchaseTickets}}}}
  - {{name: pay, path: /api/v1/payments/process, methods: [POST], service: origin, rewrite: /up/seen, {PUBLIC},
     validate: {{openapi: openapi.yaml, operation: processPayment}}}}
  - {{name: shop, path: /api/v1/shop/**, service: origin, rewrite: /up, {PUBLIC}, validate: {{openapi: shop.yaml}}}}
  - {{name: watched, path: /api/v1/watched/**, service: origin, rewrite: /up, {PUBLIC}, validate: {{body: body.json, mode: log}}}}
  - {{name: small, path: /api/v1/small/**, service: origin, rewrite: /up, {PUBLIC}, validate: {{body: body.json, body_bytes_max: 2000}}}}
"""

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def begin(self):
        return self.start(self.text)

    def post(self, gateway, target, body, header=JSON, chunked=False, method="POST"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        with Client(gateway.port) as client:
            client.send(f"{method} {target} HTTP/1.1\r\nHost: a\r\n{header}{framing}\r\n\r\n".encode() + sent)
            return client.response(method)

    def get(self, gateway, target, header=""):
        with Client(gateway.port) as client:
            return client.get(target, header)

    def faults(self, answer):
        problem = json.loads(answer.body)
        self.assertEqual((422, "validation_failed", "application/problem+json"),
                         (answer.status, problem["code"], answer.value("Content-Type")), answer)
        self.assertTrue(all(f["detail"] for f in problem["errors"]))
        return [(f["in"], f["pointer"], f["keyword"]) for f in problem["errors"]]

    def assertRefused(self, status, code, answer):
        self.assertEqual((status, code), (answer.status, json.loads(answer.body)["code"]), answer)

    def test_what_fits_arrives_byte_by_byte(self):
        gateway = self.begin()
        bodies = (b'{"eventId": "%s" ,"tickets":[{"quantity":1.0,"ticketTypeId":"%s","seatNumbers":["A1",2]}],\r\n\t"more": 12345678901234567890.10}'
                  % (EVENT.encode(), TYPE.encode()),
                  json.dumps({"eventId": EVENT, "tickets": [{"quantity": 10, "ticketTypeId": TYPE}] * 50, "metadata": {"a": [1]},
                              "paymentIntentId": "x" * 500}).encode())
        for body in bodies:
            for chunked in (False, True):
                for header in (JSON, "Content-Type: application/json; charset=utf-8\r\n"):
                    answer = self.post(gateway, "/api/v1/tickets/purchase", body, header, chunked)
                    self.assertEqual((200, hashlib.sha256(body).hexdigest()),
                                     (answer.status, json.loads(answer.body)["sha256"]))

    def test_every_fault_is_told_with_its_place_and_nothing_reaches_the_service(self):
        gateway = self.begin()
        answer = self.post(gateway, "/api/v1/tickets/purchase", {
            "eventId": "x", "tickets": [{"ticketTypeId": TYPE, "quantity": 11}, {"quantity": "1", "seatNumbers": [1] * 11}],
            "paymentIntentId": "x" * 501, "metadata": 1})
        self.assertEqual([("body", "/eventId", "format"), ("body", "/metadata", "type"), ("body", "/paymentIntentId", "maxLength"),
                          ("body", "/tickets/0/quantity", "maximum"), ("body", "/tickets/1/ticketTypeId", "required"),
                          ("body", "/tickets/1/quantity", "type"), ("body", "/tickets/1/seatNumbers", "maxItems")],
                         self.faults(answer))
        problem = json.loads(answer.body)
        self.assertEqual(("/api/v1/tickets/purchase", False), (problem["instance"], problem["moreErrors"]))
        ticket = {"ticketTypeId": TYPE, "quantity": 1}
        payment = {"venueId": EVENT, "eventId": EVENT, "tickets": [ticket | {"price": 0}], "paymentMethod": {"type": "cash"}}
        self.assertEqual([("body", "/paymentMethod/type", "enum"), ("body", "/tickets/0/price", "exclusiveMinimum")],
                         self.faults(self.post(gateway, "/api/v1/payments/process", payment)))
        for tickets in ([], [ticket] * 51):
            self.assertIn(self.faults(self.post(gateway, "/api/v1/tickets/purchase", {"eventId": EVENT, "tickets": tickets}))[0][2],
                          ("minItems", "maxItems"))
        many = self.post(gateway, "/api/v1/tickets/purchase", {"eventId": EVENT, "tickets": [{}] * 50})
        self.assertEqual((32, True), (len(json.loads(many.body)["errors"]), json.loads(many.body)["moreErrors"]))
        self.assertEqual([("body", "", "required")], self.faults(self.without_body(gateway)))
        self.assertEqual(0, self.origin.requests)
        wait_until(lambda: 'invalid_requests_total{service="api-gateway",outcome="blocked"} 6' in ask(gateway.admin_port, "/metrics")[2],
                   5, "each is counted")
        wait_until(lambda: [l for l in gateway.lines if l.get("outcome", "").startswith("validate")], 5, "the line says who refused")

    def without_body(self, gateway):
        with Client(gateway.port) as client:
            client.send(b"POST /api/v1/tickets/purchase HTTP/1.1\r\nHost: a\r\n\r\n")
            return client.response("POST")

    def test_what_is_no_json_of_ours_is_refused(self):
        gateway = self.begin()
        good = json.dumps({"eventId": EVENT, "tickets": [{"quantity": 1, "ticketTypeId": TYPE}]})
        for body in ("{", "", good + "x", good.replace("1,", "01,"), good[:-1] + ',"eventId":"%s"}' % EVENT, good.replace('"', "'"),
                     good[:-1] + ',"\\u0065ventId":1}', "\ufeff" + good, '{"a":' * 100 + "1" + "}" * 100, "[" * 100000,
                     good[:-1] + ',"a":"\\ud800"}', good[:-1] + ',"a":NaN}', '{"a":[' + "0," * 110000 + "0]}"):
            sent = body.encode() or b" "
            self.assertRefused(400, "bad_request", self.post(gateway, "/api/v1/tickets/purchase", sent))
        self.assertRefused(400, "bad_request", self.post(gateway, "/api/v1/tickets/purchase", good.encode().replace(b"3333-4", b"\xff\xfe")))
        self.assertEqual(0, self.origin.requests)

    def test_a_body_of_no_bytes_is_none(self):
        gateway = self.begin()
        for header in ("", JSON):
            self.assertEqual(200, self.post(gateway, "/api/v1/shop/seen", b"", header).status)
            self.assertEqual([("body", "", "required")], self.faults(self.post(gateway, "/api/v1/tickets/purchase", b"", header)))

    def test_types_and_sizes_that_are_not_taken(self):
        gateway = self.begin()
        for header in ("", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
                       "Content-Type: application/jsonp\r\n", JSON + "Content-Encoding: gzip\r\n"):
            self.assertRefused(415, "unsupported_media_type", self.post(gateway, "/api/v1/tickets/purchase", b"{}", header))
        for chunked in (False, True):
            self.assertRefused(413, "payload_too_large",
                               self.post(gateway, "/api/v1/small/seen", {"a": "x" * 3000}, chunked=chunked))
        self.assertEqual(0, self.origin.requests)
        for header in (JSON + "Content-Encoding: identity\r\n", JSON + "Content-Encoding:\r\n", "Content-Type: text/json\r\n"):
            self.assertEqual(200, self.post(gateway, "/api/v1/small/seen", {"a": "x"}, header).status, header)
        self.assertEqual(200, self.post(gateway, "/api/v1/small/seen", {"a": "x" * 1900}).status)
        body = bytes(range(256)) * 4000
        answer = self.post(gateway, "/api/v1/shop/seen", body, "Content-Type: image/png\r\n")
        self.assertEqual(hashlib.sha256(body).hexdigest(), json.loads(answer.body)["sha256"])

    def test_parameters_of_path_query_and_fields(self):
        gateway = self.begin()
        for query in ("page=1", "page=2&tag=a&tag=b&on=true&else=1", "page=%31&on=false", "tag=&page=1",
                      "page=1&flag", "page=1&flag=", "page=1&flag=true"):
            self.assertEqual(200, self.get(gateway, f"/api/v1/shop/seen?{query}").status, query)
        for query, header, expected in (
                ("", "", [("query", "/page", "required")]),
                ("page=0&on=1", "X-Device: A1\r\n", [("query", "/page", "minimum"), ("query", "/on", "type"),
                                                      ("header", "/x-device", "pattern")]),
                ("page=1&page=2", "", [("query", "/page", "maxItems")]),
                ("page=1&p%61ge=2", "", [("query", "/page", "maxItems")]),
                ("page=x", "", [("query", "/page", "type")]),
                ("page=1e400", "", []),
                ("page=01", "", [("query", "/page", "type")]),
                ("page=1&flag=x", "", [("query", "/flag", "type")]),
                ("page=1&on=", "", [("query", "/on", "type")]),
                ("page=%ff", "", [("query", "/page", "type")]),
                ("page=1&tag=a&tag=bcde&tag=f", "", [("query", "/tag", "maxItems")]),
                ("page=1&tag=bcde", "", [("query", "/tag/0", "maxLength")])):
            answer = self.get(gateway, f"/api/v1/shop/seen?{query}", header)
            self.assertEqual(expected, self.faults(answer) if expected else [], query)
        self.assertEqual(200, self.get(gateway, f"/api/v1/shop/items/{EVENT}/seen").status)
        self.assertEqual([("path", "/id", "format")], self.faults(self.get(gateway, "/api/v1/shop/items/7/seen")))
        self.assertRefused(404, "not_found", self.post(gateway, "/api/v1/shop/other", b"", "", method="GET"))
        answer = self.post(gateway, "/api/v1/shop/seen", b"", "", method="DELETE")
        self.assertRefused(405, "method_not_allowed", answer)
        self.assertEqual({"GET", "HEAD", "POST"}, set(answer.values("Allow")[0].split(", ")))

    def test_lists_are_cut_before_they_are_read(self):
        gateway = self.begin()
        for query, header in (("seat=A1,B2", ""), ("seat=a%2Cb,c%20d", ""), ("seat=", ""), ("", "X-Row: 1, 2\t,3\r\n"),
                              ("", "X-Row: 1\r\nX-Row: 2\r\n"), ("size=2", "")):
            self.assertEqual(200, self.get(gateway, f"/api/v1/shop/seen?page=1&{query}", header).status, (query, header))
        many = ",".join("a" * 300)
        for query, header, expected in (("seat=a%2Cbcd", "", ("query", "/seat/0", "maxLength")),
                                        (f"seat={many},longer", "", ("query", "/seat", "type")),
                                        ("", f"X-Row: {','.join('1' * 300)}\r\n", ("header", "/x-row", "type")),
                                        ("", "X-Row: 1, x\r\n", ("header", "/x-row/1", "type")),
                                        ("size=3", "", ("query", "/size", "enum"))):
            answer = self.get(gateway, f"/api/v1/shop/seen?page=1&{query}", header)
            self.assertEqual([expected], self.faults(answer), (query, header))

    def test_in_the_mode_log_all_goes_on_and_is_told(self):
        gateway = self.begin()
        for body, header in ((b'{"list": [1]}', JSON), (b"{", JSON), (b"x", "Content-Type: text/plain\r\n")):
            self.assertEqual(200, self.post(gateway, "/api/v1/watched/seen", body, header).status)
        wait_until(lambda: len([e for e in gateway.events if e["msg"] == "request would be refused"]) == 3, 5, "three lines")
        line = next(e for e in gateway.events if e.get("keyword"))
        self.assertEqual(("/list/0", "type", "/api/v1/watched/**"), (line["pointer"], line["keyword"], line["route"]))

    def test_it_is_the_same_over_http2_and_with_bodies_in_pieces(self):
        gateway = self.begin()
        with H2Client(gateway.port) as client:
            for body, status in ((b'{"n": 1}', 200), (b'{"m": 1}', 422)):
                stream = client.request(client.head("/api/v1/shop/seen", "POST", extra=[("content-type", "application/json")]),
                                        end=False)
                for at in range(len(body)):
                    client.send(client.data_frame(stream, body[at:at + 1], at + 1 == len(body)))
                self.assertEqual(status, client.finish(stream).status)
        with Client(gateway.port) as client:
            client.send(f"POST /api/v1/shop/seen HTTP/1.1\r\nHost: a\r\n{JSON}Content-Length: 8\r\n\r\n".encode())
            for byte in b'{"n": 1}':
                client.send(bytes([byte]))
            self.assertEqual(200, client.response("POST").status)

    def test_files_that_are_no_description_stop_the_start_with_every_mistake(self):
        self.write("shop.yaml", API.replace("minimum", "minimun").replace('"^[a-z]+$"', '"(?=a)"'))
        self.write("body.json", '{"type": "object",\n "properties": {"a": {"$ref": "https://example.com/x.json"}}}')
        path = os.path.join(self.folder, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text.replace("operation: processPayment", "operation: pay").replace(
                "{body: body.json, mode: log}", "{mode: log}").replace("/api/v1/tickets/purchase,", "/api/v1/buy,"))
        done = subprocess.run([str(BINARY), "check", "--config", path], capture_output=True, text=True, timeout=20)
        said = done.stdout + done.stderr
        self.assertNotEqual(0, done.returncode)
        for part in ("shop.yaml:11", "minimun is no keyword", "linear time", "body.json", "/properties/a/$ref names no schema",
                     '"pay"', "names no description", "purchaseTickets", '"/api/v1/buy"'):
            self.assertIn(part, said)

    def test_a_changed_description_is_taken_over_and_a_broken_one_is_not(self):
        gateway = self.begin()
        status = lambda: self.post(gateway, "/api/v1/small/seen", {"list": [1]}).status
        self.assertEqual(422, status())
        self.write("body.json", "{")
        wait_until(lambda: [e for e in gateway.events if "refused, the old one stays" in e["msg"]], 10, "it is refused")
        self.assertEqual(422, status())
        self.write("body.json", '{"type": "object"}')
        wait_until(lambda: status() == 200, 10, "the new one is in force")
