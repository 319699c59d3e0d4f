"""Tokens as the node `$cbs` of Event Hubs takes them.

A shared access signature is checked in full (events-listener.md, section 5.2.2). Of a JSON web
token only `exp` is looked at: who signed it is the business of its issuer.
"""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import unquote

SAS = "servicebus.windows.net:sastoken"
JWT = "jwt"


class Refused(Exception):
    pass


def expiry(kind, token, audience, keys):
    """When the token ends, in seconds of Unix time. Raises `Refused` with the reason."""
    if kind == SAS:
        end = signature_expiry(token, audience, keys)
    elif kind == JWT:
        end = payload_of(token)["exp"]
    else:
        raise Refused(f"tokens of type {kind!r}")
    if end <= time.time():
        raise Refused("a token of the past")
    return end


def signature_expiry(token, audience, keys):
    scheme, _, text = token.partition(" ")
    if scheme != "SharedAccessSignature":
        raise Refused(f"the scheme {scheme!r}")
    given = dict(part.split("=", 1) for part in text.split("&"))
    if sorted(given) != ["se", "sig", "skn", "sr"]:
        raise Refused(f"the fields {sorted(given)}")
    if unquote(given["sr"]) != audience:
        raise Refused(f"a signature for {unquote(given['sr'])}, put for {audience}")
    key = keys.get(unquote(given["skn"]))
    if key is None:
        raise Refused(f"the key name {unquote(given['skn'])!r}")
    # Over the text as it was sent: encoders differ in the case of hexadecimal digits.
    signed = f"{given['sr']}\n{given['se']}".encode()
    digest = hmac.new(key.encode(), signed, hashlib.sha256).digest()
    if unquote(given["sig"]) != base64.b64encode(digest).decode():
        raise Refused("the signature")
    return int(given["se"])


def payload_of(token):
    try:
        _, payload, _ = token.split(".")
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError as error:
        raise Refused("not a JSON web token") from error
