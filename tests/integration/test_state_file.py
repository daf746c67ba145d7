"""Bans and revocations kept in a file: they outlive a restart, a crash and a damaged file."""
import os
import pathlib
import signal
import subprocess
import time
import unittest

from support import tokens
from support.clients import Load
from support.process import free_ports
from support.wait import wait_until
from test_state import BANNED, FINE, REVOKED, State, cli

WARNING = "the snapshot of the state cannot be written; bans and revocations would not outlive a restart"
REFUSED = "the snapshot of the state is not used; bans and revocations in it are not known"


class Snapshot(State):
    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.folder) / "state"
        self.environment = {"STATE_SNAPSHOT_FILE": str(self.file)}

    def holds(self, *texts):
        content = self.file.read_bytes() if self.file.exists() else b""
        return all(text in content for text in texts)

    def test_bans_outlive_a_restart(self):
        gateway = self.start()
        old = tokens.bearer(jti="t1")
        cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600")
        cli(self.resp_port, "SET", "revoked:jti:t1", "1", "EX", "3600")
        cli(self.resp_port, "SET", "banned:ip:203.0.113.8", "1", "EX", "1")
        cli(self.resp_port, "SET", "ratelimit:x", "1")
        self.assertStops(gateway)
        wait_until(lambda: time.time() > int(self.file.stat().st_mtime) + 2, 5, "the short ban is over")
        gateway = self.start()
        self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
        self.assertEqual(REVOKED, self.answer(gateway, old, target="/api/v1/s0/seen"))
        self.assertEqual(FINE, self.answer(gateway, address="203.0.113.8"))
        self.assertTrue(3590 < int(cli(self.resp_port, "TTL", "banned:ip:203.0.113.7")) < 3600)
        self.assertEqual("2", cli(self.resp_port, "DBSIZE"))
        line = self.events(gateway, "the state is kept in a file")[0]
        self.assertEqual((2, 1), (line["entries"], line["ended"]))
        self.assertEqual("1", cli(self.resp_port, "DEL", "banned:ip:203.0.113.7"))
        self.assertStops(gateway)
        gateway = self.start()
        self.assertEqual(FINE, self.answer(gateway, address="203.0.113.7"))

    def test_bans_outlive_a_crash(self):
        gateway = self.start()
        cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1", "EX", "3600")
        wait_until(lambda: self.holds(b"203.0.113.7"), 3, "it is written")
        cli(self.resp_port, "SET", "banned:ip:203.0.113.8", "1")
        wait_until(lambda: self.holds(b"203.0.113.7", b"203.0.113.8"), 3, "that is written too")
        gateway.signal(signal.SIGKILL)
        gateway.process.wait()
        gateway = self.start()
        self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
        self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.8"))

    def test_a_damaged_file_is_moved_aside(self):
        gateway = self.start()
        cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1")
        self.assertStops(gateway)
        whole = self.file.read_bytes()
        for damaged, offset in ((whole[:-30], whole.index(b"end ")), (whole[:25], 20), (b"REDIS0009\xfa", 0), (b"", 0)):
            self.file.write_bytes(damaged)
            gateway = self.start()
            line = self.events(gateway, REFUSED)[0]
            aside = f"{self.file}.bad"
            self.assertEqual(("WARN", str(self.file), offset, aside),
                             (line["level"], line["file"], line["offset"], line["movedTo"]))
            self.assertEqual(damaged, pathlib.Path(aside).read_bytes())
            self.assertEqual(FINE, self.answer(gateway, address="203.0.113.7"))
            self.assertStops(gateway)
        self.file.write_bytes(whole)
        self.assertEqual(BANNED, self.answer(self.start(), address="203.0.113.7"))

    def test_what_cannot_be_written_is_told_once(self):
        self.environment["STATE_SNAPSHOT_FILE"] = str(pathlib.Path(self.folder) / "nowhere" / "state")
        gateway = self.start()
        for number in range(3):
            cli(self.resp_port, "SET", f"banned:ip:203.0.113.{number}", "1")
            self.becomes(BANNED, gateway, address=f"203.0.113.{number}")
        self.assertEqual("its folder is not there", self.events(gateway, WARNING)[0]["reason"])
        (pathlib.Path(self.folder) / "nowhere").mkdir()
        wait_until(lambda: any(l["msg"] == "the snapshot of the state is written again" for l in gateway.events), 10,
                   "it is written again")
        self.assertEqual(1, len([l for l in gateway.events if l["msg"] == WARNING]))
        self.assertStops(gateway)

    @unittest.skipUnless(os.geteuid() == 0, "a disk takes root")
    def test_a_full_disk_breaks_nothing(self):
        disk = pathlib.Path(self.folder) / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("a mount is not allowed here")
        self.addCleanup(subprocess.run, ["umount", str(disk)])
        self.file = disk / "state"
        self.environment["STATE_SNAPSHOT_FILE"] = str(self.file)
        gateway = self.start()
        cli(self.resp_port, "SET", "banned:ip:203.0.113.7", "1")
        wait_until(lambda: self.holds(b"203.0.113.7"), 3, "it is written")
        cli(self.resp_port, "SET", "banned:user:large", "x" * 100_000)
        self.assertEqual("the disk is full", self.events(gateway, WARNING)[0]["reason"])
        self.assertTrue(self.holds(b"203.0.113.7"), "the old file is still there")
        self.assertEqual([self.file], list(disk.iterdir()))
        self.assertEqual(BANNED, self.answer(gateway, address="203.0.113.7"))
        cli(self.resp_port, "DEL", "banned:user:large")
        wait_until(lambda: any(l["msg"] == "the snapshot of the state is written again" for l in gateway.events), 10,
                   "it is written again")
        self.assertStops(gateway)

    def test_a_successor_knows_what_is_known(self):
        port = free_ports(1)[0]
        first = self.start(port=port, environment={"SHUTDOWN_DRAIN_MS": "500"})
        resp_port = self.resp_port
        cli(resp_port, "SET", "banned:ip:203.0.113.7", "1")
        second = self.start(port=port, environment={"RESP_PORT": str(resp_port)})
        # Until it has, the old one answers for it.
        self.events(second, "gateway started")
        # Operators reach the new one only, and what they write there outlives the old one's end.
        cli(resp_port, "SET", "banned:ip:203.0.113.8", "1")
        self.assertStops(first)
        self.assertEqual(BANNED, self.answer(second, address="203.0.113.7"))
        self.assertEqual(BANNED, self.answer(second, address="203.0.113.8"))
        wait_until(lambda: self.holds(b"203.0.113.7", b"203.0.113.8"), 5, "the file has both")
        self.assertStops(second)
        self.assertTrue(self.holds(b"203.0.113.7", b"203.0.113.8"))

    def test_who_goes_on_when_its_successor_has_ended_writes_the_file_again(self):
        port, resp_port = free_ports(2)
        environment = {"RESP_PORT": str(resp_port)}
        first = self.start(port=port, environment=environment)
        cli(resp_port, "SET", "banned:ip:203.0.113.7", "1")
        second = self.start(port=port, environment=environment)
        self.events(second, "gateway started")
        cli(resp_port, "SET", "banned:ip:203.0.113.8", "1")
        wait_until(lambda: self.holds(b"203.0.113.7", b"203.0.113.8"), 5, "the new one has written the file")
        self.assertStops(second)
        self.events(first, "the process that was to take over has ended before this one, which goes on")
        cli(resp_port, "SET", "banned:ip:203.0.113.9", "1")
        # What the new one was told outlives its end.
        for last in (7, 8, 9):
            self.becomes(BANNED, first, address=f"203.0.113.{last}")
        wait_until(lambda: self.holds(b"203.0.113.7", b"203.0.113.8", b"203.0.113.9"), 5, "the file has all three")
        self.assertStops(first)
        self.assertTrue(self.holds(b"203.0.113.7", b"203.0.113.8", b"203.0.113.9"))

    def test_many_bans_hold_nobody_up(self):
        gateway = self.start()
        count = 20_000
        words = "".join(f"SET banned:user:{number} {'x' * 100} EX 3600\r\n" for number in range(count))
        subprocess.run(["redis-cli", "-p", str(self.resp_port), "--pipe"], input=words.encode(), check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        with Load(gateway.port, "/api/v1/s0/text", b"hello from origin", connections=4) as load:
            wait_until(lambda: self.holds(b"end %d " % count), 20, "all are written")
        self.assertEqual([], load.failures)
        self.assertStops(gateway)
        self.start()
        self.assertEqual(str(count), cli(self.resp_port, "DBSIZE"))


if __name__ == "__main__":
    unittest.main()
