"""The examples of `shapes.toml`, with letters drawn anew where an example has `{N}`."""

import base64
import re
import secrets
import string

from clusterproof.redact.random_text import SHORTEST, is_drawn_by_chance

ALPHABETS = {
    "": string.ascii_letters + string.digits,
    "hex": "0123456789abcdef",
    "digit": string.digits,
    "upper": string.ascii_uppercase + string.digits,
}
_DRAWN = re.compile(r"\{(\d+)(?::(hex|digit|upper|base64))?\}")


def drawn(kind: str, length: int) -> str:
    """Text of this kind and length; letters and digits that look like it (99 of 100 do)."""
    if kind == "base64":
        return base64.b64encode(secrets.token_bytes(length)).decode()[:length].replace("=", "A")
    while True:
        text = "".join(secrets.choice(ALPHABETS[kind]) for _ in range(length))
        kinds = (str.isupper, str.islower, str.isdigit)
        mixed = length < 8 or all(any(map(of_kind, text)) for of_kind in kinds)
        if kind or (mixed and (length < SHORTEST or is_drawn_by_chance(text))):
            return text


def filled(example: str) -> str:
    """The example with each `{N}` in it drawn."""
    return _DRAWN.sub(lambda match: drawn(match[2] or "", int(match[1])), example)


def parts(example: str) -> tuple[str, list[str]]:
    """The text of an example, and the secrets that it marks."""
    return re.sub("[«»]", "", example), re.findall("«(.*?)»", example, re.DOTALL)
