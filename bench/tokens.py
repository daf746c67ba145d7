"""An issuer of this run: its key pair, and one token that it signed."""

import base64
import json
import subprocess
import time

ISSUER = "https://auth.example.com"


def key_files(out):
    """Private and public key, PEM."""
    return str(out / "issuer.key.pem"), str(out / "issuer.pem")


def make(out):
    """An RS256 access token as the platform's auth-service makes them, good for the longest time that is allowed."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    def compact(fields):
        return json.dumps(fields, separators=(",", ":")).encode()

    now = int(time.time())
    claims = {
        "iss": ISSUER, "type": "access", "role": "customer", "iat": now, "exp": now + 900,
        "sub": "7d1f4b1e-0f6d-4a52-9d5e-0f3f5a1c2b77", "jti": "c2b8a1de-4b7a-4e55-8a39-5a60fd0ab0b1",
        "tenant_id": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    }
    signed = part(compact({"alg": "RS256", "typ": "JWT", "kid": "current"})) + "." + part(compact(claims))
    private, public = key_files(out)
    subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                    "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", private], input=signed.encode(),
                               capture_output=True, check=True).stdout
    return signed + "." + part(signature)
