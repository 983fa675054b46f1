"""A Hugging Face Hub in miniature: serves folders as repositories, and takes commits from who may write.

It speaks as far as `datasets`, `snapshot_download`, `create_repo` and `upload_folder` ask. A branch other than `main`
is the folder `NAME@BRANCH` beside `NAME`.
"""

import base64
import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

_FILE = re.compile(r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_LISTING = re.compile(r"/api/(?:datasets|models)/(?P<repo>[^/]+/[^/]+)/(?P<what>tree|revision)/(?P<revision>[^/]+).*")
_WRITE = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)/(?P<what>preupload|commit|branch)/(?P<revision>.+)")
_BATCH = re.compile(r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
_LARGE = (".safetensors", ".bin", ".pt")
_PRIVATE, _GATED = ".private", ".gated"
"""A private repository is seen by who may write there; of a gated one, everybody sees the names of the files."""


@contextmanager
def fake_hub(root: Path, writers: Mapping[str, Sequence[str]] | None = None) -> Iterator[str]:
    """Serve `root/OWNER/NAME` as the data set and the model `OWNER/NAME`; yields the endpoint's URL.

    Args:
        root: the folder.
        writers: tokens, each with the owners for whom it may write.
    """
    handler = type("Handler", (_Handler,), {"root": root, "writers": writers or {}, "large": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def files_of(repo: Path) -> dict[str, Path]:
    """The files of a repository by name."""
    found = sorted(path for path in repo.rglob("*") if path.is_file() and path.name not in (_PRIVATE, _GATED))
    return {path.relative_to(repo).as_posix(): path for path in found}


def _blob(content: bytes) -> str:
    """What Git calls a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    root: Path
    writers: Mapping[str, Sequence[str]]
    large: dict[str, bytes]

    def do_GET(self):
        path = unquote(urlparse(self.path).path)
        if path == "/api/whoami-v2":
            owners = self._owners()
            self._json({"name": owners[0], "type": "user", "orgs": []}) if owners else self._refuse(401)
        elif match := _FILE.fullmatch(path):
            self._file(self._repo(match), match["file"])
        elif (match := _LISTING.fullmatch(path)) and self._sees(self._repo(match)):
            if self._has(match):
                self._listing(self._repo(match), match["repo"], match["what"])
            else:
                self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        path, body = unquote(urlparse(self.path).path), self._body()
        if path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := _BATCH.fullmatch(path):
            self._may_write(match["repo"]) and self._batch(json.loads(body)["objects"])
        elif match := _WRITE.fullmatch(path):
            self._may_write(match["repo"]) and getattr(self, f"_{match['what']}")(
                match["repo"], match["revision"], body
            )
        else:
            self._send(404, b"", {})

    def do_PUT(self):
        content = self._body()
        oid = self.path.rpartition("/")[2]
        right = hashlib.sha256(content).hexdigest() == oid
        if right:
            self.large[oid] = content
        self._send(200 if right else 400, b"", {})

    # --- reading ---

    def _repo(self, match):
        """The folder of a branch or a commit."""
        branches = {path.name.partition("@")[2]: path for path in self.root.glob(f"{match['repo']}@*")}
        commits = {self._commit_of(path): path for path in branches.values()}
        return {**commits, **branches}.get(match["revision"], self.root / match["repo"])

    def _has(self, match) -> bool:
        """Whether there is such a branch or commit."""
        main = self.root / match["repo"]
        return self._repo(match) != main or match["revision"] in ("main", self._commit_of(main))

    def _sees(self, repo: Path) -> bool:
        hidden = (repo / _PRIVATE).is_file() and repo.parent.name not in self._owners()
        return repo.is_dir() and not hidden

    def _commit_of(self, repo: Path) -> str:
        held = {name: _blob(path.read_bytes()) for name, path in files_of(repo).items()}
        return hashlib.sha1(json.dumps(held).encode()).hexdigest()

    def _file(self, repo: Path, name: str):
        if (repo / _GATED).is_file() and repo.parent.name not in self._owners():
            self._send(403 if self._owners() else 401, b"", {"X-Error-Code": "GatedRepo"})
        elif self._sees(repo) and (repo / name).is_file():
            content = (repo / name).read_bytes()
            self._send(200, content, {"ETag": f'"{_blob(content)}"', "X-Repo-Commit": self._commit_of(repo)})
        else:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound" if self._sees(repo) else "RepoNotFound"})

    def _listing(self, repo: Path, name: str, what: str):
        files = [
            {"type": "file", "path": path, "size": file.stat().st_size, "oid": _blob(file.read_bytes())}
            for path, file in files_of(repo).items()
        ]
        sha = self._commit_of(repo)
        about = {"id": name, "sha": sha, "siblings": [{"rfilename": file["path"]} for file in files]}
        self._json(files if what == "tree" else about)

    # --- writing ---

    def _owners(self) -> Sequence[str]:
        return self.writers.get(self.headers.get("Authorization", "").removeprefix("Bearer "), ())

    def _may_write(self, repo: str) -> bool:
        owner = repo.partition("/")[0]
        if not self._owners() or owner not in self._owners():
            self._refuse(403 if self._owners() else 401)
            return False
        return True

    def _create(self, wanted: dict):
        repo = f"{wanted['organization']}/{wanted['name']}"
        if not self._may_write(repo):
            return
        folder = self.root / repo
        status = 409 if folder.is_dir() else 200
        folder.mkdir(parents=True, exist_ok=True)
        if status == 200 and wanted.get("visibility") == "private":
            (folder / _PRIVATE).touch()
        self._json({"url": f"{self._endpoint()}/{repo}", "id": repo}, status)

    def _branch(self, repo: str, revision: str, _body: bytes):
        folder = self.root / f"{repo}@{revision}"
        status = 409 if folder.is_dir() else 200
        if status == 200:
            shutil.copytree(self.root / repo, folder)
        self._json({}, status)

    def _preupload(self, repo: str, revision: str, body: bytes):
        held = files_of(self._repo({"repo": repo, "revision": revision}))
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(_LARGE) else "regular",
                "shouldIgnore": False,
                "oid": _blob(held[file["path"]].read_bytes()) if file["path"] in held else None,
            }
            for file in json.loads(body)["files"]
        ]
        self._json({"files": files})

    def _batch(self, objects: list[dict]):
        actions = [
            {**about, "actions": {"upload": {"href": f"{self._endpoint()}/large/{about['oid']}"}}}
            if about["oid"] not in self.large
            else about
            for about in objects
        ]
        self._json({"transfer": "basic", "objects": actions})

    def _commit(self, repo: str, revision: str, body: bytes):
        folder = self._repo({"repo": repo, "revision": revision})
        for line in map(json.loads, body.splitlines()):
            key, value = line["key"], line["value"]
            if key == "header":
                (self.root / ".messages").open("a").write(f"{repo}@{revision}: {value['summary']}\n")
                continue
            path = folder / value["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if key == "file":
                path.write_bytes(base64.b64decode(value["content"]))
            elif key == "lfsFile":
                path.write_bytes(self.large[value["oid"]])
            elif key == "deletedFile":
                path.unlink()
        sha = self._commit_of(folder)
        self._json({"commitUrl": f"{self._endpoint()}/{repo}/commit/{sha}", "commitOid": sha, "pullRequestUrl": None})

    # --- answering ---

    def _endpoint(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _refuse(self, status: int):
        messages = {401: "Invalid credentials in Authorization header", 403: "You don't have the rights"}
        self._send(status, b"{}", {"X-Error-Message": messages[status]})

    def _json(self, content, status: int = 200):
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]):
        self.send_response(status)
        for key, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Keep quiet."""
