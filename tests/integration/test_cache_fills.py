"""Who fetches what is kept while others wait: slow clients and services that fail; and writes that go another way than reads."""
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.clients import Client
from support.h2 import H2Client, metric
from support.process import ask
from support.services import Handler
from support.shaping import Service, Shaping, config
from support.wait import wait_until

LARGE = 7_000_000   # more than sockets hold
CACHE = "cache: {ttl_s: 600, body_bytes_max: 8000000}"


class Counted(Handler):
    def do_GET(self):
        service = self.service
        service.seen.append((self.command, self.path))
        status = service.statuses.pop(0) if service.statuses else 200
        service.go.wait(20)
        self.respond(status, b"x" * service.size if self.command == "GET" else b"", service.fields.items())

    do_PUT = do_POST = do_GET

    def body(self):
        return b""


class Origin(Service):
    """The statuses are said in their order, then 200."""
    handler = Counted

    def __init__(self, name="origin"):
        self.statuses, self.size, self.fields = [], 10, {}
        super().__init__(name)
        self.go.set()


class Fills(Shaping):
    def setUp(self):
        super().setUp()
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def begin(self, *routes, **services):
        return self.start(config({"origin": self.origin.url} | services, *(routes or (f"path: /x/**, service: origin, {CACHE}",))),
                          environment={"RATE_LIMIT_ENABLED": "false"})

    def asking(self, gateway, count, target="/x/a", fields=""):
        clients = [Client(gateway.port, seconds=20) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode())
        return clients

    def waiting(self, gateway, count):
        wait_until(lambda: sum(float(line.split()[-1]) for line in ask(gateway.admin_port, "/metrics")[2].splitlines()
                               if line.startswith("http_requests_in_progress{")) >= count, 10, f"{count} are under way")

    def test_a_client_that_reads_slowly_holds_up_nobody_for_long_and_one_of_the_others_fetches(self):
        self.origin.size = LARGE
        gateway = self.begin()
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", gateway.port))
            slow.sendall(b"GET /x/a HTTP/1.1\r\nHost: test\r\n\r\n")
            wait_until(lambda: len(self.origin.seen) == 1, 5, "the slow one asks")
            others = self.asking(gateway, 5)
            # All at once: whoever fetches is not to be the next one that nobody reads from.
            with ThreadPoolExecutor(5) as readers:
                answers = list(readers.map(lambda other: other.response(), others))
            self.assertEqual([(200, LARGE)] * 5, [(a.status, len(a.body)) for a in answers])
            self.assertEqual(2, len(self.origin.seen))
        self.assertEqual("api-gateway; hit", self.ask(gateway, "/x/a").value("cache-status"))

    def test_who_has_it_already_is_told_so_and_so_is_who_waits(self):
        self.origin.fields = {"ETag": '"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "Content-Type": "text/plain"}
        self.origin.size = 2_000   # comes with its head
        gateway = self.begin()
        for number, condition in enumerate(('If-None-Match: "v0", W/"v1"\r\n',
                                            "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n"), start=1):
            target = f"/x/{number}"
            self.origin.go.clear()
            clients = self.asking(gateway, 5, target, condition)
            self.waiting(gateway, 5)
            self.origin.go.set()
            answers = [client.response() for client in clients]
            self.assertEqual([(304, b"", '"v1"', None, None)] * 5,
                             [(a.status, a.body, a.value("etag"), a.value("content-type"), a.value("content-length")) for a in answers])
            self.assertEqual(1, [a.value("cache-status") for a in answers].count("api-gateway; fwd=miss; fwd-status=200; stored"))
            # The connections go on.
            for client in clients:
                client.send(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
                answer = client.response()
                self.assertEqual((200, 2_000, "api-gateway; hit"), (answer.status, len(answer.body), answer.value("cache-status")))
            self.assertEqual(number, len(self.origin.seen))
        [client] = self.asking(gateway, 1, "/x/other", 'If-None-Match: "v2"\r\n')
        self.assertEqual(200, client.response().status)
        # Nobody waits behind a 304 for a body that is still to come.
        self.origin.size = LARGE
        [client] = self.asking(gateway, 1, "/x/large", 'If-None-Match: "v1"\r\n')
        answer = client.response()
        self.assertEqual((200, LARGE), (answer.status, len(answer.body)))
        wait_until(lambda: metric(gateway, "downstream_requests_total", status_code="200") == 4, 5, "the service's own status counts")

    def test_who_has_it_already_is_told_so_over_http2(self):
        self.origin.fields = {"ETag": '"v1"'}
        gateway = self.begin()
        with H2Client(gateway.port) as client:
            stream = client.request(path="/x/h2", authority="test", extra=[("if-none-match", '"v1"')])
            self.assertEqual(304, client.finish(stream).status)
            wait_until(lambda: self.ask(gateway, "/x/h2").value("cache-status") == "api-gateway; hit", 5, "it is kept")
        self.assertEqual(1, len(self.origin.seen))

    def test_where_the_service_fails_the_next_one_takes_the_place_and_the_others_wait_on(self):
        self.origin.statuses = [503]
        self.origin.go.clear()
        gateway = self.begin()
        first, = self.asking(gateway, 1)
        wait_until(lambda: len(self.origin.seen) == 1, 5, "the first one asks")
        others = self.asking(gateway, 5)
        self.waiting(gateway, 6)
        self.origin.go.set()
        self.assertEqual([503, 200, 200, 200, 200, 200], [client.response().status for client in (first, *others)])
        self.assertEqual(2, len(self.origin.seen))

    def test_a_write_outdates_what_another_service_or_version_has_answered(self):
        other, version = Origin("other"), Origin("next")
        self.addCleanup(other.close)
        self.addCleanup(version.close)
        gateway = self.begin(f"path: /x/**, methods: [GET], service: origin, {CACHE}, "
                             "canary: {versions: [{service: next, header: 'X-Beta: yes'}]}",
                             "path: /x/**, methods: [PUT], service: other, cache: {}",
                             "path: /y/**, methods: [POST], service: other, cache: {}", next=version.url, other=other.url)

        def told():
            return [self.ask(gateway, "/x/a?b=1", header).value("cache-status") for header in ("", "X-Beta: yes\r\n")]
        missed, hit = ["api-gateway; fwd=miss; stored"] * 2, ["api-gateway; hit"] * 2
        self.assertEqual((missed, hit), (told(), told()))
        self.assertEqual(200, self.ask(gateway, "/x/a?b=1", "Content-Length: 0\r\n", "PUT").status)
        self.assertEqual((missed, hit), (told(), told()))
        other.fields = {"Location": "/x/a?b=1"}
        self.assertEqual(200, self.ask(gateway, "/y/c", "Content-Length: 0\r\n", "POST").status)
        self.assertEqual((missed, hit), (told(), told()))
        other.fields = {}
        self.assertEqual(200, self.ask(gateway, "/x/other", "Content-Length: 0\r\n", "PUT").status)
        self.assertEqual(hit, told())


if __name__ == "__main__":
    unittest.main()
