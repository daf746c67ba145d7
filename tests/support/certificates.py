"""Certificates for tests, made when they are needed."""
import pathlib
import subprocess


def make(folder, stem, names, key="ec"):
    """A certificate for these names that signs itself: the paths of certificate and key."""
    cert, private = pathlib.Path(folder) / f"{stem}.crt", pathlib.Path(folder) / f"{stem}.key"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    subprocess.run(["openssl", "req", "-x509", *kind, "-nodes", "-keyout", private, "-out", cert, "-days", "2",
                    "-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names)],
                   check=True, capture_output=True)
    return cert, private
