"""Tokens that tests sign, and key sets that they publish. HS256 by the standard library, RS256 by the openssl program."""
import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time
import uuid

from support.process import JWT_SECRET
from support.services import Handler, WebService

ISSUER = "tests"
TENANT = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
OTHER_TENANT = "2c8e7cde-ccfe-4c3e-8c6e-bc9efcce5cfe"


def part(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """Those of a good access token; a change to None leaves one out."""
    now = int(time.time())
    all_of_them = {"iss": ISSUER, "sub": "user-1", "tenant_id": TENANT, "type": "access", "role": "customer",
                   "jti": str(uuid.uuid4()), "iat": now, "exp": now + 600} | changes
    return {name: value for name, value in all_of_them.items() if value is not None}


def signed(claims_, secret=JWT_SECRET, **header):
    text = part({"alg": "HS256", "typ": "JWT"} | header) + "." + part(claims_)
    return text + "." + part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def token(**changes):
    return signed(claims(**changes))


def token_of(number):
    """A good one of a user and a tenant that nobody else has."""
    tenant = f"1b9d6bcd-bbfd-4b2d-9b5d-{number:012x}"
    return token(sub=f"user-{number}", tenant_id=tenant, jti=str(number))


def bearer(text=None, **changes):
    """A header line."""
    return f"Authorization: Bearer {text or token(**changes)}\r\n"


class Keys(Handler):
    def do_GET(self):
        self.service.questions += 1
        self.respond(200 if self.service.answering else 503, self.service.document(), [("Content-Type", "application/json")])


class Issuer(WebService):
    """Signs RS256 tokens and publishes the keys over HTTP."""
    handler = Keys

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.published = []
        self.more = []   # published beside them
        self.questions = 0
        self.answering = True
        super().__init__()
        self.url += "/.well-known/jwks.json"

    def make_key(self, kid, publish=True):
        subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                        "-out", self.folder / f"{kid}.pem"], check=True)
        if publish:
            self.published.append(kid)

    def document(self):
        return json.dumps({"keys": [self.jwk(kid) for kid in self.published] + self.more}).encode()

    def jwk(self, kid):
        modulus = subprocess.run(["openssl", "rsa", "-in", self.folder / f"{kid}.pem", "-noout", "-modulus"],
                                 check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": part(bytes.fromhex(modulus)),
                "e": "AQAB"}

    def sign(self, kid, **changes):
        text = part({"alg": "RS256", "typ": "JWT", "kid": kid}) + "." + part(claims(**changes))
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.folder / f"{kid}.pem"],
                              input=text.encode(), check=True, capture_output=True).stdout
        return text + "." + part(made)
