"""A client as people write one: JSON over HTTP, with the standard library alone."""

import json
import urllib.error
import urllib.request


def call(url, content=None, kind="application/json"):
    """The status, the headers and the text that an address answers; `content` is posted, as it is or as JSON."""
    body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read().decode()


def asked(url, content, kind="application/json"):
    """The status and the JSON that an address answers."""
    status, _, text = call(url, content, kind)
    return status, json.loads(text)
