"""What testssl.sh finds, with an ECDSA certificate and with an RSA one: nothing. Minutes; only where the package is there
(apt-get install testssl.sh)."""
import json
import pathlib
import shutil
import subprocess
import unittest

from support import certificates
from support.process import free_ports
from support.scenario import Scenario, config

TOOL = shutil.which("testssl") or shutil.which("testssl.sh")
FINDINGS = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL"}
# What is true of a bench and not of the gateway: its names are in no DNS, its authority in no log.
OF_THE_BENCH = {"DNS_CAArecord", "certificate_transparency"}


@unittest.skipUnless(TOOL, "apt-get install testssl.sh brings what this needs")
class Testssl(Scenario):
    def test_finds_nothing(self):
        ca = certificates.Authority(self.folder, key="rsa")
        lines, names = [], {"ec.test": "ec", "rsa.test": "rsa"}
        for name, key in names.items():
            cert, private = ca.issue(name, [name], key=key, days=180, more=["authorityInfoAccess=OCSP;URI:http://ocsp.test"])
            staple = pathlib.Path(self.folder) / f"{name}.ocsp"
            ca.answer(cert, staple, minutes=60 * 24)
            lines.append(f"    - {{cert_file: {cert}, key_file: {private}, ocsp_file: {staple}}}\n")
        port = free_ports(1)[0]
        gateway = self.start(config(self.origin.url, extra="tls:\n  certificates:\n" + "".join(lines)),
                             environment={"TLS_PORT": str(port)})
        for name in names:
            out = pathlib.Path(self.folder) / f"{name}.json"
            done = subprocess.run([TOOL, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1",
                                   "--add-ca", str(ca.cert), "--jsonfile", str(out), f"https://{name}:{port}/"],
                                  capture_output=True, text=True, timeout=900)
            self.assertTrue(out.exists(), done.stdout[-2000:] + done.stderr[-2000:])
            found = json.loads(out.read_text())
            self.assertGreater(len(found), 80, done.stdout[-2000:])
            bad = [f"{f['id']}: {f['severity']}: {f['finding']}" for f in found
                   if f["severity"] in FINDINGS and f["id"].split()[0] not in OF_THE_BENCH]
            self.assertEqual([], bad, name)
        self.assertStops(gateway)
