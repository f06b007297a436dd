"""Opens Vestry envelopes by FORMAT.md, with nothing of Vestry's own code.

    python3 decrypt.py vectors/v1.json

Prints a JSON list with the outcome of every vector: opens (with its plaintext), refused or malformed.
Needs Debian's python3-cryptography.
"""

import hmac
import json
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LABELS = {"secret": b"vestry/secret/v1\0", "data-key": b"vestry/data-key/v1\0", "canary": b"vestry/canary/v1\0"}
CANARY = b"vestry canary: this key is the right one"
HEADER, TAG = 89, 16


class Malformed(Exception):
    pass


class Refused(Exception):
    pass


def padded_sizes():
    yield from (64, 128, 256, 512)
    base = 1024
    while base < 1 << 20:
        yield from (base + step * base // 8 for step in range(8))
        base *= 2
    yield 1 << 20


def encode(context):
    fields = ((field["tag"], bytes.fromhex(field["bytes"])) for field in context)
    return b"".join(bytes([tag]) + len(data).to_bytes(4, "big") + data for tag, data in fields)


def unseal(purpose, key_id, key, context, envelope):
    if len(envelope) < HEADER or envelope[:4] != b"VST1" or envelope[4] != 1:
        raise Malformed
    length = int.from_bytes(envelope[85:89], "big")
    if length not in padded_sizes() or len(envelope) != HEADER + length + TAG:
        raise Malformed
    if envelope[5:21] != key_id:
        raise Refused

    salt, commitment = envelope[21:53], envelope[53:85]
    okm = HKDF(SHA512(), 64, salt, LABELS[purpose] + context).derive(key)
    if not hmac.compare_digest(okm[32:], commitment):
        raise Refused
    try:
        padded = AESGCM(okm[:32]).decrypt(bytes(12), envelope[HEADER:], envelope[:HEADER] + context)
    except InvalidTag:
        raise Refused

    end = 4 + int.from_bytes(padded[:4], "big")
    if any(padded[end:]) or length != next((size for size in padded_sizes() if size >= end), None):
        raise Refused
    value = padded[4:end]
    if purpose == "data-key" and len(value) != 32 or purpose == "canary" and value != CANARY:
        raise Refused
    return value


def outcome(vector):
    key_id, key, envelope = (bytes.fromhex(vector[part]) for part in ("key_id", "key", "envelope"))
    try:
        value = unseal(vector["purpose"], key_id, key, encode(vector["context"]), envelope)
    except Malformed:
        return {"outcome": "malformed"}
    except Refused:
        return {"outcome": "refused"}
    return {"outcome": "opens", "plaintext": value.hex()}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)["vectors"]
    json.dump([{"name": vector["name"], **outcome(vector)} for vector in vectors], sys.stdout)
