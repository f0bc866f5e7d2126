"""A stand-in for the Hub for tests, on threads of its own: it keeps what it is sent, and fails on demand.

It answers the requests that huggingface_hub makes to create, push to and read repositories. Large files go by Git LFS: Xet, which
huggingface_hub prefers, is a binary protocol of another server, so tests switch it off (HF_HUB_DISABLE_XET).
"""

import base64
import hashlib
import json
import re
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

WRITER, READER = "token-of-ann-who-writes", "token-of-ann-who-reads"
LARGE = (".safetensors", ".bin", ".pt", ".pth", ".png")


@dataclass
class Fault:
    """What some requests get instead of an answer.

    Args:
        method, path: of the requests; `path` is a part of it.
        what: a status, `drop` (no answer), `drop_midway` (half the body is read), `lost_answer` (done, but not answered).
        times: how many of them.
        skip: leave so many in peace first.
        headers, message: of the answer.
    """

    method: str
    path: str
    what: int | str
    times: int = 1
    skip: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""

    def takes(self, method: str, path: str) -> bool:
        if method != self.method or self.path not in path or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Commit:
    """Message and all files after it: path -> content."""

    message: str
    files: dict[str, bytes]

    @property
    def oid(self) -> str:
        parts = [
            self.message,
            *(f"{path} {hashlib.sha1(data).hexdigest()}" for path, data in sorted(self.files.items())),
        ]
        return hashlib.sha1("\n".join(parts).encode()).hexdigest()


@dataclass
class Repository:
    """Branches, each a list of commits, the newest last."""

    private: bool = False
    sdk: str | None = None
    branches: dict[str, list[Commit]] = field(
        default_factory=lambda: {"main": [Commit("initial commit", {".gitattributes": b"*.safetensors filter=lfs\n"})]}
    )

    def files(self, branch: str = "main") -> dict[str, bytes]:
        """What was pushed: the newest files but the Hub's own."""
        return {path: data for path, data in self.branches[branch][-1].files.items() if path != ".gitattributes"}

    def messages(self, branch: str = "main") -> list[str]:
        return [commit.message for commit in self.branches[branch][1:]]


@dataclass
class HubServer:
    """Use as a context manager; `endpoint` is the address."""

    faults: list[Fault] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    """`models/ann/name` or `spaces/ann/name` -> what lies there."""
    large: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 -> content of the large files that arrived whole."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    received: Counter = field(default_factory=Counter)
    """SHA-256 -> how often that large file arrived."""
    pauses: list[float] = field(default_factory=list)
    """Seconds the client would have waited between attempts, in turn."""

    def __enter__(self) -> "HubServer":
        handler = type("Handler", (_Handler,), {"hub": self})
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._connections):  # else the client may use one for a later server on this port
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def model(self, repo_id: str) -> Repository:
        return self.repositories[f"models/{repo_id}"]

    def count(self, method: str, path: str) -> int:
        """How many requests had this in their path."""
        return sum(method == of and path in whole for of, whole in self.requests)


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str = "", headers: dict[str, str] | None = None, **more: object):
        self.status, self.body, self.headers = status, {"error": message, **more}, headers or {}


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub._connections.add(self.connection)

    def finish(self) -> None:
        self.hub._connections.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self.handle_request()

    do_POST = do_PUT = do_HEAD = do_GET

    def handle_request(self) -> None:
        path = unquote(urlsplit(self.path).path)
        with self.hub._lock:
            self.hub.requests.append((self.command, path))
            fault = next((fault for fault in self.hub.faults if fault.takes(self.command, path)), None)
        what = None if fault is None else fault.what
        if what == "drop_midway":
            self.rfile.read(int(self.headers["Content-Length"]) // 2)
        if what in ("drop", "drop_midway"):
            return self.hang_up()
        body = self.read_body()
        if isinstance(what, int):
            return self.answer(what, {"error": fault.message} if fault.message else {}, fault.headers)
        try:
            with self.hub._lock:
                result, headers = self.route(path, body)
        except Refused as refused:
            return self.answer(refused.status, refused.body, refused.headers)
        return self.hang_up() if what == "lost_answer" else self.answer(200, result, headers)

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    # -------------------------------------------------------------------------------------------------- the Hub

    def route(self, path: str, body: bytes) -> tuple[object, dict[str, str]]:
        method = self.command
        if method == "PUT" and (found := re.fullmatch(r"/large/(\w+)", path)):
            return self.put_large(found[1], body), {"ETag": found[1]}
        if found := re.fullmatch(r"/(spaces/|)([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path):
            return self.resolve(f"{found[1] or 'models/'}{found[2]}", found[3], found[4])
        content = [json.loads(line) for line in body.splitlines()] if body else [{}]
        if path == "/api/repos/create":
            return self.create(content[0]), {}
        if path == "/api/validate-yaml":
            return self.validate(content[0]), {}
        if found := re.fullmatch(r"/(spaces/|)([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", path):
            return self.batch(content[0]), {}
        if found := re.fullmatch(r"/api/(models|spaces)/([\w.-]+/[\w.-]+)/(\w+)/(.+)", path):
            action = {"preupload": self.preupload, "commit": self.commit, "branch": self.branch, "revision": self.info}
            return action[found[3]](f"{found[1]}/{found[2]}", found[4], content), {}
        if found := re.fullmatch(r"/api/(models|spaces)/([\w.-]+/[\w.-]+)", path):
            return self.info(f"{found[1]}/{found[2]}", "main", content), {}
        raise Refused(404, f"no such page: {path}")

    def allow(self, write: bool) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (WRITER, READER):
            raise Refused(401, "Invalid username or password.")
        if write and token == READER:
            raise Refused(403, 'You don\'t have the rights to create a model under the namespace "ann".')

    def repository(self, key: str) -> Repository:
        if key not in self.hub.repositories:
            raise Refused(404, "Repository not found", {"X-Error-Code": "RepoNotFound"})
        return self.hub.repositories[key]

    def commits(self, key: str, branch: str) -> list[Commit]:
        repository = self.repository(key)
        for commits in repository.branches.values():
            if commits[-1].oid == branch:  # a revision by its commit
                return commits
        if branch not in repository.branches:
            raise Refused(404, "Invalid rev id", {"X-Error-Code": "RevisionNotFound"})
        return repository.branches[branch]

    def create(self, wanted: dict) -> dict:
        self.allow(write=True)
        kind = f"{wanted.get('type') or 'model'}s"
        key = f"{kind}/{wanted['organization'] or 'ann'}/{wanted['name']}"
        url = f"{self.hub.endpoint}/{key.removeprefix('models/')}"
        if key in self.hub.repositories:
            raise Refused(409, "You already created this model repo", url=url)
        self.hub.repositories[key] = Repository(wanted.get("visibility") == "private", wanted.get("sdk"))
        return {"url": url}

    def validate(self, wanted: dict) -> dict:
        if "title: [" in wanted["content"]:
            raise Refused(400, "", errors=[{"message": '"title" must be a string'}])
        return {"errors": [], "warnings": []}

    def info(self, key: str, branch: str, _: list) -> dict:
        repository = self.repository(key)
        if repository.private:
            self.allow(write=False)
        newest = self.commits(key, branch)[-1]
        facts = {"id": key.split("/", 1)[1], "sha": newest.oid, "private": repository.private, "tags": []}
        return {**facts, "siblings": [{"rfilename": path} for path in sorted(newest.files)]}

    def branch(self, key: str, name: str, _: list) -> dict:
        self.allow(write=True)
        repository = self.repository(key)
        if name in repository.branches:
            raise Refused(409, "Reference already exists")
        repository.branches[name] = [repository.branches["main"][-1]]
        return {}

    def preupload(self, key: str, branch: str, content: list) -> dict:
        self.allow(write=True)
        there = self.commits(key, branch)[-1].files
        return {"files": [self.upload_mode(file["path"], there) for file in content[0]["files"]]}

    def upload_mode(self, path: str, there: dict[str, bytes]) -> dict:
        large = path.endswith(LARGE)
        data = there.get(path)
        blob = None if data is None else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        oid = hashlib.sha256(data).hexdigest() if large and data is not None else blob
        return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}

    def batch(self, wanted: dict) -> dict:
        self.allow(write=True)
        actions = {"upload": {"href": f"{self.hub.endpoint}/large/%s"}}
        objects = []
        for file in wanted["objects"]:
            upload = {"upload": {"href": actions["upload"]["href"] % file["oid"]}}
            objects.append({**file, **({} if file["oid"] in self.hub.large else {"actions": upload})})
        return {"transfer": "basic", "objects": objects}

    def put_large(self, oid: str, body: bytes) -> dict:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the content is not what its name says")
        self.hub.large[oid] = body
        self.hub.received[oid] += 1
        return {}

    def commit(self, key: str, branch: str, content: list) -> dict:
        self.allow(write=True)
        commits = self.commits(key, branch)
        files = dict(commits[-1].files)
        for entry in content[1:]:
            kind, value = entry["key"], entry["value"]
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            else:
                del files[value["path"]]
        commits.append(Commit(content[0]["value"]["summary"], files))
        url = f"{self.hub.endpoint}/{key.removeprefix('models/')}/commit/{commits[-1].oid}"
        return {"commitUrl": url, "commitOid": commits[-1].oid}

    def resolve(self, key: str, branch: str, path: str) -> tuple[bytes, dict[str, str]]:
        if self.repository(key).private:
            self.allow(write=False)
        commit = self.commits(key, branch)[-1]
        if path not in commit.files:
            raise Refused(404, "Entry not found", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.oid})
        data = commit.files[path]
        return data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": commit.oid}
