"""Certificates for tests, made when they are needed."""
import datetime
import pathlib
import secrets
import subprocess


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done


def kind(key):
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]


def make(folder, stem, names, key="ec"):
    """A certificate for these names that signs itself: the paths of certificate and key."""
    cert, private = pathlib.Path(folder) / f"{stem}.crt", pathlib.Path(folder) / f"{stem}.key"
    run("openssl", "req", "-x509", *kind(key), "-nodes", "-keyout", private, "-out", cert, "-days", "2",
        "-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
    return cert, private


class Authority:
    """Issues certificates, revokes them, and says so (OCSP)."""

    def __init__(self, folder, name="ca", key="ec"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.cert, self.key = self.folder / "ca.crt", self.folder / "ca.key"
        run("openssl", "req", "-x509", *kind(key), "-nodes", "-keyout", self.key, "-out", self.cert, "-days", "30",
            "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
        self.index = self.folder / "index.txt"
        self.index.write_text("")
        self.serial = secrets.randbits(96) | 1 << 96

    def issue(self, stem, names=(), subject=None, usage="serverAuth", key="ec", days=20, more=()):
        """The paths of a certificate with its issuer's behind it, and of its key."""
        self.serial += 1
        cert, private = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        request, extensions = self.folder / f"{stem}.csr", self.folder / f"{stem}.ext"
        run("openssl", "req", *kind(key), "-nodes", "-keyout", private, "-out", request,
            "-subj", subject or f"/CN={names[0] if names else stem}")
        lines = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                 f"extendedKeyUsage={usage}", "authorityKeyIdentifier=keyid", *more]
        if names:
            lines.append("subjectAltName=" + ",".join(f"DNS:{n}" for n in names))
        extensions.write_text("\n".join(lines) + "\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-set_serial",
            hex(self.serial), "-days", str(days), "-extfile", extensions, "-out", cert)
        self.note("V", self.serial)
        cert.write_text(cert.read_text() + self.cert.read_text())
        cert.chmod(0o600)
        return cert, private

    def note(self, state, serial):
        now = datetime.datetime.now(datetime.timezone.utc)
        later = (now + datetime.timedelta(days=20)).strftime("%y%m%d%H%M%SZ")
        revoked = now.strftime("%y%m%d%H%M%SZ") if state == "R" else ""
        number = f"{serial:026X}"
        kept = [line for line in self.index.read_text().splitlines() if f"\t{number}\t" not in line]
        kept.append(f"{state}\t{later}\t{revoked}\t{number}\tunknown\t/CN={serial}")
        self.index.write_text("\n".join(kept) + "\n")

    def answer(self, cert, into, minutes=60):
        """Writes an OCSP response about a certificate that holds for so long."""
        request = self.folder / "request.der"
        run("openssl", "ocsp", "-issuer", self.cert, "-cert", cert, "-no_nonce", "-reqout", request)
        part = self.folder / "response.der"
        run("openssl", "ocsp", "-index", self.index, "-rsigner", self.cert, "-rkey", self.key, "-CA", self.cert,
            "-reqin", request, "-respout", part, "-nmin", minutes)
        part.replace(into)
