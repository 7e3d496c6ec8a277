"""A door before moto: writes down every request, and lets in what the stack's policies allow, conditions included.

It stands for what moto leaves out of S3: conditions, `s3:ListBucket` for `HEAD` of the bucket, 403 instead of 404 for
those who may not list, ACLs where the bucket's settings refuse or ignore them, and strangers while moto enforces
policies. What it lets in, moto judges again by itself.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from support.http import request
from support.policies import Asked, Statement, Verdict, verdict

BUCKET_ACTIONS = {
    "GET": {
        "versions": "ListBucketVersions",
        "location": "GetBucketLocation",
        "policy": "GetBucketPolicy",
        "policyStatus": "GetBucketPolicyStatus",
        "versioning": "GetBucketVersioning",
        "ownershipControls": "GetBucketOwnershipControls",
        "publicAccessBlock": "GetBucketPublicAccessBlock",
        "acl": "GetBucketAcl",
        "": "ListBucket",
    },
    "HEAD": {"": "ListBucket"},
    "PUT": {
        "policy": "PutBucketPolicy",
        "acl": "PutBucketAcl",
        "versioning": "PutBucketVersioning",
        "ownershipControls": "PutBucketOwnershipControls",
        "publicAccessBlock": "PutBucketPublicAccessBlock",
        "lifecycle": "PutLifecycleConfiguration",
        "": "CreateBucket",
    },
    "DELETE": {"policy": "DeleteBucketPolicy", "": "DeleteBucket"},
}
OBJECT_ACTIONS = {
    "GET": {"acl": "GetObjectAcl", "versionId": "GetObjectVersion", "": "GetObject"},
    "HEAD": {"versionId": "GetObjectVersion", "": "GetObject"},
    "PUT": {"acl": "PutObjectAcl", "": "PutObject"},
    "DELETE": {"versionId": "DeleteObjectVersion", "": "DeleteObject"},
}


@dataclass
class Role:
    """Whom an access key stands for, and what they may do."""

    arn: str
    statements: list[Statement]


@dataclass
class Bucket:
    """What decides about a bucket beside the rights of who asks, as the template says it."""

    name: str
    policy: list[Statement]
    ownership: str
    block: dict[str, bool]


@dataclass(frozen=True)
class Recorded:
    """A request that came to the door."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    asked: tuple[Asked, ...]
    status: int

    @property
    def actions(self) -> set[str]:
        return {asked.action for asked in self.asked}


@dataclass
class Door:
    """The door. What it knows may be changed while it stands open."""

    moto: str
    buckets: dict[str, Bucket] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    """By access key id."""
    recorded: list[Recorded] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""
    """As if it spoke TLS 1.3."""
    plain_url: str = ""
    """As if it did not speak TLS."""

    def actions(self, since: int = 0) -> set[str]:
        """Gives every action that was asked for and allowed."""
        return {action for entry in self.recorded[since:] if entry.status != 403 for action in entry.actions}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    door: Door
    context: dict[str, str]

    def handle_request(self) -> None:
        assert "chunked" not in self.headers.get("Transfer-Encoding", ""), "a body without a length"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.door.lock:
            status, headers, answer, asked = self.judged(body)
            named = {name.lower(): value for name, value in self.headers.items()}
            self.door.recorded.append(Recorded(self.command, self.path, named, tuple(asked), status))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Date", self.date_time_string())
        # The answer to HEAD tells a length and has no body.
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(answer)))
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(answer)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing: what came is recorded."""

    def judged(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, list[Asked]]:
        """Decides, and asks moto if moto may be asked: status, headers, body, and what was asked for."""
        authorization = self.headers.get("Authorization", "")
        if not authorization:
            return self.stranger(body)
        scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
        role = self.door.roles.get(scope[0])
        if role is None:
            return 403, [], refusal("InvalidAccessKeyId"), []
        asked = self.s3(role.arn) if scope[3] == "s3" else self.other(scope[3], body, role.arn)
        bucket = self.bucket()
        for one in asked:
            if not self.may(one, role, bucket):
                return 403, [], refusal("AccessDenied", scope[3]), asked
        if "x-amz-acl" in self.headers and bucket is not None:
            if bucket.ownership == "BucketOwnerEnforced":
                return 400, [], refusal("AccessControlListNotSupported"), asked
            if bucket.block["BlockPublicAcls"] and self.headers["x-amz-acl"].startswith("public"):
                return 403, [], refusal("AccessDenied"), asked
        status, headers, answer = self.passed(body)
        if status == 404 and scope[3] == "s3" and self.key() and self.command in ("GET", "HEAD"):
            # A request for an object names no prefix: only who may list without one is told that it is not there.
            listing = Asked("s3:ListBucket", f"arn:aws:s3:::{bucket.name}" if bucket else "", self.context, role.arn)
            if not self.may(listing, role, bucket):
                return 403, [], refusal("AccessDenied"), asked
        return status, headers, answer, asked

    def stranger(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, list[Asked]]:
        asked, bucket = self.s3(None), self.bucket()
        if bucket is None:
            return 403, [], refusal("AccessDenied"), asked
        said = {verdict(bucket.policy, one) for one in asked}
        # What a blocked public policy grants to strangers does not count, nor does an ignored ACL. Others are moto's to
        # read.
        by_policy = said == {Verdict.ALLOWED} and not bucket.block["RestrictPublicBuckets"]
        by_acl = Verdict.DENIED not in said and not bucket.block["IgnorePublicAcls"] and bool(self.key())
        if not by_policy and not (by_acl and {one.action for one in asked} == {"s3:GetObject"}):
            return 403, [], refusal("AccessDenied"), asked
        enforced(self.door.moto, False)
        try:
            return (*self.passed(body), asked)
        finally:
            enforced(self.door.moto, True)

    def may(self, asked: Asked, role: Role, bucket: Bucket | None) -> bool:
        said = {verdict(role.statements, asked)}
        if bucket is not None:
            said.add(verdict(bucket.policy, asked))
        return Verdict.ALLOWED in said and Verdict.DENIED not in said

    def bucket(self) -> Bucket | None:
        return self.door.buckets.get(unquote(urlsplit(self.path).path).split("/")[1])

    def key(self) -> str:
        return unquote(urlsplit(self.path).path)[1:].partition("/")[2]

    def s3(self, who: str | None) -> list[Asked]:
        """Tells what a request to S3 asks for."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        name, _, key = unquote(urlsplit(self.path).path)[1:].partition("/")
        known = (OBJECT_ACTIONS if key else BUCKET_ACTIONS).get(self.command, {})
        action = next((known[part] for part in query if part and part in known), known.get(""))
        if action is None:
            self.door.not_understood.append(f"{self.command} {self.path}")
            action = "NotUnderstood"
        context = dict(self.context)
        if not key and "prefix" in query:
            context["s3:prefix"] = query["prefix"][0]
        resource = f"arn:aws:s3:::{name}" + (f"/{key}" if key else "")
        actions = [action]
        if action == "PutObject" and "x-amz-acl" in self.headers:
            actions.append("PutObjectAcl")
        return [Asked(f"s3:{action}", resource, context, who) for action in actions]

    def other(self, service: str, body: bytes, who: str) -> list[Asked]:
        """Tells what a request to another service asks for."""
        resource = "*"
        if target := self.headers.get("X-Amz-Target"):
            action = target.rpartition(".")[2]
            resource = json.loads(body).get("SecretId", "*")
        else:
            action = parse_qs(body.decode())["Action"][0]
        return [Asked(f"{service}:{action}", resource, self.context, who)]

    def passed(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Asks moto the same, word for word, so that the signature holds."""
        connection = HTTPConnection(urlsplit(self.door.moto).netloc, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def refusal(code: str, service: str = "s3") -> bytes:
    """Gives the body of a refusal, in the service's way of speaking."""
    if service == "secretsmanager":
        return json.dumps({"__type": f"{code}Exception", "Message": "refused at the door"}).encode()
    error = f"<Error><Code>{code}</Code><Message>refused at the door</Message></Error>"
    return (error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>").encode()


def enforced(moto: str, yes: bool) -> None:
    """Switches moto's own look at credentials and policies on or off."""
    answer = request("POST", f"{moto}/moto-api/reset-auth", b"0" if yes else b"inf")
    assert answer.status == 200, answer.body


@contextmanager
def door(moto: str) -> Iterator[Door]:
    """Opens a door before moto, which enforces policies from then on."""
    opened = Door(moto)
    enforced(moto, True)
    contexts = [{"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}, {"aws:SecureTransport": "false"}]
    servers = []
    for context in contexts:
        handler = type("OpenedHandler", (Handler,), {"door": opened, "context": context})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
    opened.url, opened.plain_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield opened
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
