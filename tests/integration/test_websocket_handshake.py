"""What happens while a WebSocket is agreed on: it is as if it had been there already. And what happens behind its client's end."""
import signal
import socket
import time
import unittest

from support.process import ask
from support.wait import wait_until
from support.websocket import KEY, accept_of, request
from test_websocket import WebSocketScenario

AGREES = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          f"Sec-WebSocket-Accept: {accept_of(KEY)}\r\n\r\n").encode()


class WhileItIsAgreedOn(WebSocketScenario):
    def asked(self, gateway, service):
        """A client that has asked, and its service, which has not answered."""
        client = self.client(gateway)
        client.send(request())
        behind = service.next()
        self.addCleanup(behind.close)
        return client, behind

    def assertIsClosed(self, client, behind, reason):
        behind.send(AGREES)
        self.assertTrue(client.head().startswith("HTTP/1.1 101 "))
        self.assertClosed(client, 1001, reason)
        self.assertEqual(b"", behind.rest())

    def test_a_reload_that_takes_the_route_away_closes_it(self):
        service = self.service(answer=b"")
        gateway = self.run_gateway(service)
        client, behind = self.asked(gateway, service)
        gateway.config.write_text(self.config(service.url, name="other"))
        gateway.signal(signal.SIGHUP)
        wait_until(lambda: any(l.get("msg") == "configuration reloaded" for l in gateway.events), 5, "reload")
        self.assertIsClosed(client, behind, "reconfigured")

    def test_the_end_of_a_drain_closes_it(self):
        service = self.service(answer=b"")
        gateway = self.run_gateway(service, environment={"SHUTDOWN_DRAIN_MS": "100"})
        (first, its_service), (second, behind) = (self.asked(gateway, service) for _ in range(2))
        its_service.send(AGREES)
        self.assertTrue(first.head().startswith("HTTP/1.1 101 "))
        gateway.signal(signal.SIGTERM)
        self.assertClosed(first, 1001, "draining")
        first.close()
        self.assertIsClosed(second, behind, "draining")
        second.close()
        self.assertEqual(0, gateway.process.wait(15))


class BehindItsClientsEnd(WebSocketScenario):
    def test_the_end_of_the_process_does_not_wait_for_the_service(self):
        service = self.service()
        gateway = self.run_gateway(service, environment={"SHUTDOWN_DRAIN_MS": "20000"})
        client, behind = self.open(gateway, service)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: (ask(gateway.port, "/health/ready") or [0])[0] == 503, 5, "it drains")
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(b"", behind.rest())
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        self.assertEqual(0, gateway.process.wait(15))
        self.assertLess(time.monotonic() - began, 1.5)     # the service is given two seconds otherwise


if __name__ == "__main__":
    unittest.main()
