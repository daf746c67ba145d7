"""Names of services: found again by their time to live, all addresses used, failures survived."""
import re
import signal
import threading
import unittest

from support.clients import Load
from support.h2_service import H2Service
from support.origins import Origin
from support.process import ask, free_ports
from support.names import NameServer
from support.scenario import Scenario, config
from support.wait import wait_until

NAME = "service.test"


class Names(Scenario):
    def setUp(self):
        super().setUp()
        self.names = NameServer()
        self.addCleanup(self.names.close)
        port = free_ports(1)[0]
        self.origins = {}
        for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
            self.origins[host] = Origin(host, host, port)
            self.addCleanup(self.origins[host].close)
        self.text = config(f"http://{NAME}:{port}",
                           extra=f"dns:\n  servers: [\"{self.names.address}\"]\n  ttl_min_ms: 100\n")
        self.impatient = self.text + "  ttl_max_ms: 200\n"

    def answer(self, gateway):
        answer = ask(gateway.port, "/api/v1/s0/text")
        return (answer[0], answer[2].removeprefix("hello from ")) if answer else (None, None)

    def test_a_changed_address_is_used_within_its_time_to_live(self):
        self.names.table[NAME] = ["127.0.0.2"]
        gateway = self.start(self.text)
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.2"), 10, "the first address")
        self.names.table[NAME] = ["127.0.0.3"]
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.3"), 5, "the second address")
        for _ in range(20):
            self.assertEqual((200, "127.0.0.3"), self.answer(gateway))
        wait_until(lambda: self.origins["127.0.0.2"].connections == 0, 10, "connections to the first are closed")

    def test_all_addresses_are_used(self):
        self.names.table[NAME] = list(self.origins)
        gateway = self.start(self.text)
        wait_until(lambda: self.answer(gateway)[0] == 200, 10, "it serves")
        for _ in range(300):
            self.assertEqual(200, self.answer(gateway)[0])
        # Chance decides between equals: a hundred each, and half of that is six deviations away.
        for origin in self.origins.values():
            self.assertGreater(origin.requests, 50)

    def test_a_dead_address_among_good_ones_costs_no_request(self):
        self.names.table[NAME] = ["127.0.0.2", "127.0.0.9"]   # nobody listens on the second
        gateway = self.start(self.text)
        wait_until(lambda: self.answer(gateway)[0] == 200, 10, "it serves")
        for _ in range(40):
            self.assertEqual((200, "127.0.0.2"), self.answer(gateway))

    def test_a_time_to_live_of_zero_is_the_shortest_there_is(self):
        self.names.ttl = 0
        self.names.table[NAME] = ["127.0.0.2"]
        gateway = self.start(self.text)
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.2"), 10, "the first address")
        self.names.table[NAME] = ["127.0.0.3"]
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.3"), 2, "the second address")

    def test_the_last_good_answer_outlives_the_name_server(self):
        self.names.table[NAME] = ["127.0.0.2"]
        gateway = self.start(self.impatient)
        wait_until(lambda: self.answer(gateway)[0] == 200, 10, "it serves")
        for trouble in (lambda: self.names.table.update({NAME: None}),      # SERVFAIL
                        lambda: self.names.table.pop(NAME),                 # NXDOMAIN
                        lambda: self.names.table.update({NAME: []}),        # no address
                        lambda: setattr(self.names, "silent", True)):
            trouble()
            seen = self.names.queries
            wait_until(lambda: self.names.queries > seen + 2, 15, "the name is asked for again")
            self.assertEqual((200, "127.0.0.2"), self.answer(gateway))
        self.names.silent = False
        self.names.table[NAME] = ["127.0.0.4"]
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.4"), 30, "the new address")

    def test_a_name_without_an_address_does_not_keep_it_from_starting(self):
        gateway = self.start(self.text)
        self.assertEqual(503, self.answer(gateway)[0])
        self.names.table[NAME] = ["127.0.0.2"]
        wait_until(lambda: self.answer(gateway)[0] == 200, 30, "it is found once it is there")

    def test_a_service_that_moves_is_spoken_to_as_before_until_its_new_name_is_known(self):
        self.names.table[NAME] = ["127.0.0.2"]
        # What fails is to be seen, not to be kept off.
        gateway = self.start(self.impatient, environment={"CIRCUIT_BREAKER_VOLUME_THRESHOLD": "100000"})
        wait_until(lambda: self.answer(gateway) == (200, "127.0.0.2"), 10, "it serves")
        there = H2Service()
        self.addCleanup(there.close)
        port = there.listener.getsockname()[1]
        gateway.config.write_text(re.sub(r"    url: \S+", f"    url: http://moved.test:{port}\n    protocol: h2", self.impatient))
        gateway.signal(signal.SIGHUP)
        for told in ("configuration reloaded", "a service's name has no address"):
            wait_until(lambda: any(l.get("msg") == told for l in gateway.events), 10, told)
        for _ in range(20):
            self.assertEqual((200, "127.0.0.2"), self.answer(gateway))

        def serve():
            peer = there.next()
            peer.respond(peer.request_on(), fields=[("content-length", "17")], body=b"hello from HTTP/2")
        server = threading.Thread(target=serve)
        server.start()
        self.addCleanup(server.join)
        self.names.table["moved.test"] = ["127.0.0.1"]
        answers = set()

        def moved():
            answers.add(self.answer(gateway))
            return (200, "HTTP/2") in answers
        wait_until(moved, 30, "it is asked where it is now, in HTTP/2")
        self.assertEqual({200}, {status for status, _ in answers}, answers)

    def test_addresses_that_change_all_the_time_lose_no_request(self):
        hosts = list(self.origins)
        self.names.table[NAME] = [hosts[0]]
        for origin in self.origins.values():
            origin.name = "all"
        gateway = self.start(self.impatient)
        wait_until(lambda: self.answer(gateway)[0] == 200, 10, "it serves")
        with Load(gateway.port, "/api/v1/s0/text", b"hello from all", 4) as load:
            for number in range(30):
                self.names.table[NAME] = [hosts[number % 3], hosts[(number + 1) % 3]]
                seen = self.names.queries
                wait_until(lambda: self.names.queries > seen, 10, "the name is asked for again")
        self.assertEqual([], load.failures[:5])


if __name__ == "__main__":
    unittest.main()
