#!/usr/bin/env python3
"""Shows that the test tools themselves can fail: the strict reader, the case format, the implicit checks."""
import contextlib
import io
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import integration  # noqa: E402
from support import casefile, clients, expect, play, wire  # noqa: E402
from support.slots import Slot  # noqa: E402
from support.wait import wait_until  # noqa: E402

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class WireTest(unittest.TestCase):
    def test_reads_what_is_right_and_leaves_the_rest(self):
        message, length = wire.read_response(OK + b"rest", "GET", False)
        self.assertEqual((200, b"ok", len(OK)), (message.status, message.body, length))
        chunked = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n"
        message, length = wire.read_request(chunked + b"GET", False)
        self.assertEqual((b"ok", [(b"T", b"1")], len(chunked)), (message.body, message.trailers, length))

    def test_refuses_what_is_not(self):
        for data in (b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                     b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"):
            with self.assertRaises(wire.BadMessage, msg=data):
                wire.read_response(data, "GET", True)

    def test_tells_incomplete_from_cut_short(self):
        for size in range(len(OK)):
            with self.assertRaises(wire.Incomplete):
                wire.read_response(OK[:size], "GET", False)
        self.assertTrue(wire.read_response(OK[:-1], "GET", True)[0].cut)
        self.assertFalse(wire.read_response(b"HTTP/1.1 200 OK\r\n\r\nall", "GET", True)[0].cut)


def load(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sample.case"
        path.write_text(text, encoding="utf-8")
        return casefile.load(path, "sample.case")


class ClientTest(unittest.TestCase):
    def answered(self, data):
        """A client whose server has sent this, and ended the connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = clients.Client(server.getsockname()[1])
            self.addCleanup(client.close)
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(data)
        return client

    def test_half_an_answer_is_an_error(self):
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
        for half in (OK[:-1], chunked):
            with self.assertRaisesRegex(clients.CutShort, "ended inside a response.*200 OK"):
                self.answered(half).response()
            self.assertTrue(self.answered(half).response(allow_cut=True).cut)
        self.assertEqual(b"ok", self.answered(OK).response().body)


class CaseFileTest(unittest.TestCase):
    def test_expands_escapes_placeholders_and_repetition(self):
        case = load("title: t\nfor a:\n    x\\x00\nclient ends\n")[0]
        case.values["route"] = b"/r"
        self.assertEqual(b'/r\r\n\x00x\x00abab{"j":1}\xc3\xbc', case.text('{route}\\r\\n\\0{a}{repeat 2 ab}{"j":1}ü'))
        self.assertEqual(b"a\r\nb", casefile.content(case, ["> a", '"b"']))

    def test_a_variant_is_a_case(self):
        cases = load('title: t\nfor a, b:\n    1 2\n    "3 4" 5\nclient ends\n')
        self.assertEqual(["sample[1 2]", 'sample["3 4" 5]'], [c.name for c in cases])
        self.assertEqual({"a": "3 4", "b": "5"}, cases[1].values)

    def test_mistakes_are_found(self):
        for text in ("title: t\n", "client ends\n", "title: t\nclient sneezes\n", "title: t\n    stray\n",
                     "title: t\nclient ends\n    block\n", "title: t\nfor a, b:\n    1\nclient ends\n"):
            with self.assertRaises(casefile.CaseError, msg=text):
                load(text)


class CountTest(unittest.TestCase):
    """The last line of integration.py: what was left out has not passed."""

    def counted(self, **environment):
        class Sample(unittest.TestCase):
            def test_a_good_one(self):
                pass

            def test_a_bad_one(self):
                for at in range(2):
                    with self.subTest(at=at):
                        self.fail()

            @unittest.skip("redis-server is not installed")
            def test_a_package_is_missing(self):
                pass

            def test_npm_is_missing(self):
                self.skipTest("npm ci in tests/npm brings what this needs")
        result = integration.Result(unittest.runner._WritelnDecorator(io.StringIO()), True, 0)
        others = {name: value for name, value in os.environ.items() if name != "GW_LEAVE_NOTHING_OUT"}
        with unittest.mock.patch.dict(os.environ, others | environment, clear=True), contextlib.redirect_stdout(io.StringIO()):
            unittest.defaultTestLoader.loadTestsFromTestCase(Sample).run(result)
        return result.told().split("\n")

    def test_what_was_left_out_is_counted_apart_and_named(self):
        *names, last = self.counted()
        self.assertEqual("1 passed, 1 failed, 2 left out", last)
        self.assertRegex("\n".join(names), r"test_a_package_is_missing: redis-server is not installed")

    def test_where_nothing_may_be_left_out_a_missing_package_fails(self):
        *names, last = self.counted(GW_LEAVE_NOTHING_OUT="1")
        self.assertEqual("1 passed, 2 failed, 1 left out", last)
        self.assertRegex("\n".join(names), r"test_npm_is_missing: npm ci")

    def test_files_side_by_side_are_counted_together_and_one_whose_process_dies_is_a_failure(self):
        good, bad, dies = ("import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n        " + does + "\n"
                           for does in ("pass", "self.fail('told')", "import os; os._exit(0)"))
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"good": good, "bad": bad, "dies": dies, "fine": good}.items():
                (pathlib.Path(folder) / "integration").mkdir(exist_ok=True)
                (pathlib.Path(folder) / "integration" / f"test_{name}.py").write_text(text)
            runner = pathlib.Path(folder) / "integration.py"
            runner.write_bytes(pathlib.Path(integration.__file__).read_bytes())
            done = subprocess.run([sys.executable, str(runner), "--jobs", "2"], capture_output=True, text=True, timeout=60)
            self.assertEqual((1, ["failed: test_bad.T.test_it", "failed: dies: its process ended with 0, and counted nothing",
                                  "2 passed, 2 failed, 0 left out"]), (done.returncode, done.stdout.splitlines()[-3:]))
            self.assertIn("AssertionError: told", done.stdout)
            done = subprocess.run([sys.executable, str(runner), "--jobs", "2", "good", "fine"], capture_output=True, text=True, timeout=60)
            self.assertEqual((0, "2 passed, 0 failed, 0 left out"), (done.returncode, done.stdout.splitlines()[-1]))


class Relay:
    """A stand-in for a gateway that answers with given bytes, and may forward given bytes to the case's origin."""

    def __init__(self, answer, forward=b"", close=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.answer, self.forward, self.close, self.origin = answer, forward, close, None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        client, _ = self.listener.accept()
        client.recv(65536)
        if self.forward:
            with socket.create_connection(self.origin) as upstream:
                upstream.sendall(self.forward)
                upstream.settimeout(0.2)
                try:
                    upstream.recv(65536)
                except TimeoutError:
                    pass     # the script does not answer
        client.sendall(self.answer)
        self._rest(client)

    def _rest(self, client):
        if self.close:
            client.close()
            return
        if client.recv(65536):     # the probe
            client.sendall(OK.replace(b"\r\n\r\n", b"\r\nX-Request-Id: p\r\nX-Correlation-Id: p\r\n\r\n"))


IDS = b"X-Request-Id: 1\r\nX-Correlation-Id: 1\r\n"
GOOD = b"HTTP/1.1 200 OK\r\n" + IDS + b"Content-Length: 2\r\n\r\nok"
SEND = "title: t\nclient sends:\n    > GET /x HTTP/1.1\n    >\n"
GATEWAY_FIELDS = (b"Host: 127.0.0.1:1\r\nX-Request-Id: 1\r\nX-Correlation-Id: 1\r\nX-Original-Ip: 127.0.0.1\r\n"
                  b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
                  b"X-Gateway-Forwarded: true\r\nX-Request-Deadline: %d\r\nVia: 1.1 gw\r\n"
                  b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
FORWARDED = SEND + ("upstream sees:\n    GET /up/x\nupstream answers:\n    > HTTP/1.1 204 No\n    >\n"
                    "client gets: 200\n")


class PlayTest(unittest.TestCase):
    def play(self, text, answer, forward=b"", close=False):
        case = load(text)[0]
        slot = Slot(0)
        relay = Relay(answer, forward, close)
        relay.origin = slot.listener.getsockname()
        try:
            play.Player(case, relay.listener.getsockname(), slot.listener, True, 1).run()
        finally:
            slot.close()
            relay.listener.close()

    def fails(self, why, text, answer, forward=b"", close=False):
        with self.assertRaisesRegex(play.Failure, why):
            self.play(text, answer, forward, close)

    def test_what_is_as_written_passes(self):
        self.play(SEND + 'client gets: 200\n    body "ok"\nupstream sees nothing\n', GOOD)
        closing = GOOD.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")
        self.play(SEND + "client gets: 200 close\n", closing, close=True)

    def test_the_client_side_can_fail(self):
        self.fails("wanted .404", SEND + "client gets: 404\n", GOOD)
        self.fails("body", SEND + 'client gets: 200\n    body "no"\n', GOOD)
        self.fails("a: wanted", SEND + "client gets: 200\n    A: b\n", GOOD)
        self.fails("should not be there", SEND + "client gets: 200\n    without X-Request-Id\n", GOOD)
        self.fails("X-Request-Id", SEND + "client gets: 200\n", OK)
        self.fails("not a problem", SEND + "client gets: 200 bad_request\n", GOOD)
        self.fails("should still serve", SEND + "client gets: 200\n", GOOD + b"x")
        self.fails("should still serve", SEND + "client gets: 200\n", GOOD, close=True)
        self.fails("not in time", SEND + "client gets: 200 close\n",
                   GOOD.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"))
        self.fails("behind the response", SEND + "client gets: 200 close\n",
                   GOOD.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n") + b"x", close=True)
        self.fails("Connection: close", SEND + "client gets: 200 close\n", GOOD, close=True)
        self.fails("cut short", SEND + "client gets: 200\n", GOOD[:-1], close=True)
        self.fails("should be cut", SEND + "client gets: 200 cut\n", GOOD)

    def test_the_service_side_can_fail(self):
        fields = GATEWAY_FIELDS % (time.time() * 1000 + 5000)
        good = b"GET /up/x HTTP/1.1\r\n" + fields + b"\r\n"
        self.play(FORWARDED, GOOD, good)
        self.fails("contacted", SEND + "client gets: 200\nupstream sees nothing\n", GOOD, good)
        self.fails("wanted `GET", FORWARDED, GOOD, good.replace(b"/up/x", b"/up/y"))
        self.fails("does not expect: X-User-Id", FORWARDED, GOOD, good.replace(b"Via", b"X-User-Id: 1\r\nVia"))
        self.fails("via", FORWARDED, GOOD, good.replace(b"Via: 1.1 gw\r\n", b""))
        self.fails("x-forwarded-for", FORWARDED, GOOD, good.replace(b"Via", b"X-Forwarded-For: 10.0.0.1\r\nVia"))
        self.fails("Deadline", FORWARDED, GOOD, b"GET /up/x HTTP/1.1\r\n" + GATEWAY_FIELDS % 1600000000000 + b"\r\n")
        self.fails("more than the script", FORWARDED, GOOD, good + b"GET /smuggled HTTP/1.1\r\n")
        self.fails("whole request", SEND + "client gets: 200\nupstream sees no whole request\n", GOOD, good)

    def test_the_log_can_fail(self):
        line = {"requestId": "1", "status": 200, "durationMs": 1, "path": "/r/x", "outcome": "upstream"}
        answer = expect.Answer("here", "1", 200)
        expect.check_log(answer, [line], "/r")
        answer.fields = [("outcome", True, "up.*"), ("status", False, "200")]
        expect.check_log(answer, [line], "/r")
        expect.check_log(expect.Answer("here", None, None), [line], "/r")
        for lines in ([], [line, line], [line | {"status": 500}], [line | {"outcome": "route"}]):
            with self.assertRaises(expect.Mismatch):
                expect.check_log(answer, lines, "/r")


class Turns(clients.Again):
    """Turns as `script` has them, each an error or whether the connection is good for another; then they end."""

    failing = (OSError, EOFError)

    def __init__(self, *script):
        super().__init__(1)
        self.script, self.used = list(script), []

    def connect(self):
        made = unittest.mock.Mock()
        self.used.append(made)
        return made

    def turn(self, client):
        if not self.script:
            self._stop.set()
            return True
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


class AgainTest(unittest.TestCase):
    def run_through(self, *script):
        with Turns(*script) as turns:
            wait_until(lambda: not any(thread.is_alive() for thread in turns._threads), 10, "all turns are taken")
        return turns

    def test_a_connection_is_kept_while_it_is_good(self):
        turns = self.run_through(True, True)
        self.assertEqual((1, []), (len(turns.used), turns.failures))

    def test_after_one_that_is_not_comes_another_and_that_is_no_failure(self):
        turns = self.run_through(True, False, True)
        self.assertEqual((2, []), (len(turns.used), turns.failures))
        turns.used[0].close.assert_called_once()

    def test_what_fails_is_told_and_the_next_turn_has_another(self):
        turns = self.run_through(EOFError("no more"), True, OSError("reset"))
        self.assertEqual(3, len(turns.used))
        self.assertRegex(" ".join(turns.failures), "EOFError.*no more.*OSError.*reset")
        turns.used[0].close.assert_called_once()

    def test_an_answer_that_is_not_the_expected_one_is_a_failure_of_a_load(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            for body in (b"ok", b"no"):
                with listener.accept()[0] as client:
                    client.recv(65536)
                    client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n" + body)
        threading.Thread(target=serve, daemon=True).start()
        with clients.Load(listener.getsockname()[1], "/", b"ok", connections=1) as load:
            wait_until(lambda: load.failures, 10, "the second answer is not as expected")
        self.assertEqual(1, load.done)


if __name__ == "__main__":
    unittest.main()
