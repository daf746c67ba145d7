"""The log's way out is full, closed or blocked: requests are served all the same."""
import os
import unittest

from support.clients import Client
from support.process import ask
from support.scenario import Scenario


class Output(Scenario):
    def serves(self, gateway, count=500):
        with Client(gateway.port) as client:
            for _ in range(count):
                self.assertEqual(200, client.get("/api/v1/s0/text").status)
        self.assertEqual(200, ask(gateway.port, "/health")[0])
        self.assertStops(gateway)

    def test_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.serves(self.start(stdout=full))

    def test_a_reader_that_went_away(self):
        reader, writer = os.pipe()
        os.close(reader)
        gateway = self.start(stdout=writer)
        os.close(writer)
        self.serves(gateway)

    def test_a_reader_that_does_not_read(self):
        reader, writer = os.pipe()
        gateway = self.start(stdout=writer)
        os.close(writer)
        self.serves(gateway, 3000)      # far more lines than a pipe holds
        os.close(reader)

    def test_a_standard_output_that_was_never_there(self):
        with open(os.devnull, "wb") as nothing:
            self.serves(self.start(stdout=nothing, before=lambda: os.close(1)))

    def test_a_closed_standard_error(self):
        self.serves(self.start(before=lambda: os.close(2)))

    def test_of_requests_that_went_well_a_share_has_a_line_and_all_others_do(self):
        gateway = self.start(environment={"LOG_SUCCESS_SHARE": "0.2"})
        with Client(gateway.port) as client:
            for _ in range(1000):
                client.get("/api/v1/s0/text")
                client.get("/nowhere")
        self.assertStops(gateway)
        lines = [line for line in gateway.lines if line.get("msg") == "request"]
        self.assertEqual(1000, sum(line["status"] == 404 for line in lines))
        # 200 are expected; 140 and 260 are nearly five deviations away.
        self.assertTrue(140 < sum(line["status"] == 200 for line in lines) < 260, len(lines))


if __name__ == "__main__":
    unittest.main()
