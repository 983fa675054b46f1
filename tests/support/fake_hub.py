"""A Hugging Face Hub in miniature: serves folders as repositories, as far as `datasets` and `snapshot_download` ask."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

_COMMIT = "a" * 40
_FILE = re.compile(r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/[^/]+/(?P<file>.+)")
_LISTING = re.compile(r"/api/(?:datasets|models)/(?P<repo>[^/]+/[^/]+)/(?P<what>tree|revision)/.*")


@contextmanager
def fake_hub(root: Path) -> Iterator[str]:
    """Serve `root/OWNER/NAME` as the data set and the model `OWNER/NAME`; yields the endpoint's URL."""
    handler = type("Handler", (_Handler,), {"root": root})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    root: Path

    def do_GET(self):
        self._answer()

    def do_HEAD(self):
        self._answer()

    def _answer(self):
        path = unquote(urlparse(self.path).path)
        if match := _FILE.fullmatch(path):
            self._file(self.root / match["repo"], match["file"])
        elif (match := _LISTING.fullmatch(path)) and (self.root / match["repo"]).is_dir():
            self._listing(self.root / match["repo"], match["repo"], match["what"])
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _file(self, repo: Path, name: str):
        if (repo / name).is_file():
            content = (repo / name).read_bytes()
            self._send(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": _COMMIT})
        else:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound" if repo.is_dir() else "RepoNotFound"})

    def _listing(self, repo: Path, name: str, what: str):
        files = [
            {
                "type": "file",
                "path": file.name,
                "size": file.stat().st_size,
                "oid": hashlib.sha1(file.read_bytes()).hexdigest(),
            }
            for file in sorted(repo.iterdir())
        ]
        about = {"id": name, "sha": _COMMIT, "siblings": [{"rfilename": file["path"]} for file in files]}
        self._send(200, json.dumps(files if what == "tree" else about).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]):
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Keep quiet."""
