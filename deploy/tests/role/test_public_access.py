"""What strangers get in each way of public access, and what the service says to S3 about it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from role.life import key_of
from role.world import BUCKET, World
from support.door import Recorded
from support.http import get, request, upload
from support.pictures import png
from support.policies import Asked, Verdict, verdict
from support.service import Service, service

PUBLIC = {"bucket-policy", "object-acl"}
"""Ways in which the bucket itself serves strangers."""


@pytest.fixture(scope="module")
def host(stack: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A host of the stack."""
    with service(tmp_path_factory.mktemp("host"), **stack.settings()) as running:
        yield running


def puts_of(stack: World, image: dict[str, Any]) -> list[Recorded]:
    """Gives the requests that stored an image."""
    target = f"/{BUCKET}/{key_of(image)}"
    return [one for one in stack.door.recorded if one.method == "PUT" and one.target.partition("?")[0] == target]


def test_strangers_fetch_images_from_the_bucket_unless_it_is_private(stack: World, host: Service) -> None:
    picture = png()
    image = upload(host.url, picture).json()
    assert image["storage"]["s3"] == "stored"
    assert image["url"].startswith(stack.door.url)
    fetched = get(image["url"])
    assert fetched.status == (200 if stack.public_access in PUBLIC else 403)
    if fetched.status == 200:
        assert fetched.body == picture
        assert fetched.headers["Content-Type"] == "image/png"
    # It is there, for those who may.
    assert stack.operators("s3").get_object(Bucket=BUCKET, Key=key_of(image))["Body"].read() == picture
    assert get(image["link"]).body == picture


def test_strangers_get_nothing_else(stack: World, host: Service) -> None:
    image = upload(host.url, png()).json()
    # As open as the twin in the image prefix, as far as the object goes.
    stack.operators("s3").put_object(Bucket=BUCKET, Key="other/one.png", Body=b"x")
    base = f"{stack.door.url}/{BUCKET}"
    assert get(image["url"]).status == (200 if stack.public_access in PUBLIC else 403)
    for address in (
        f"{base}/other/one.png",
        base,
        f"{base}?list-type=2",
        f"{base}?list-type=2&prefix=images/",
        f"{base}?versions",
        f"{base}?policy",
        f"{base}?acl",
        f"{image['url']}?acl",
        f"{image['url']}?versionId={stack.operators('s3').head_object(Bucket=BUCKET, Key=key_of(image))['VersionId']}",
    ):
        assert get(address).status == 403, address
    for method in ("PUT", "DELETE"):
        assert request(method, image["url"], b"x" if method == "PUT" else b"").status == 403
    assert stack.versions(key_of(image)) == [key_of(image)]


def test_an_acl_is_sent_where_it_is_configured_and_nowhere_else(stack: World, host: Service) -> None:
    image = upload(host.url, png()).json()
    (put,) = puts_of(stack, image)
    expected = {"x-amz-acl": "public-read"} if stack.public_access == "object-acl" else {}
    sent = {name: value for name, value in put.headers.items() if "acl" in name or "grant" in name}
    assert sent == expected
    # And the object says so itself, or does not.
    grants = stack.operators("s3").get_object_acl(Bucket=BUCKET, Key=key_of(image))["Grants"]
    everyone = [one["Permission"] for one in grants if one["Grantee"].get("URI", "").endswith("/AllUsers")]
    assert everyone == (["READ"] if expected else [])


def test_no_request_but_uploads_carries_an_acl(stack: World, host: Service) -> None:
    upload(host.url, png()).json()
    assert any(one.method == "PUT" for one in stack.door.recorded)
    with_acl = [one for one in stack.door.recorded if "x-amz-acl" in one.headers]
    assert {one.method for one in with_acl} == ({"PUT"} if stack.public_access == "object-acl" else set())
    asked = {action for one in stack.door.recorded for action in one.actions}
    changed = {action for action in asked if action.endswith("Acl") and action.startswith("s3:Put")}
    assert changed == ({"s3:PutObjectAcl"} if stack.public_access == "object-acl" else set())


def test_an_acl_that_the_bucket_does_not_take_stores_nothing_and_loses_nothing(
    private_stack: World, tmp_path: Path
) -> None:
    """What an operator sees who sets S3_ACL in a stack that does not use ACLs."""
    bucket = private_stack.door.buckets[BUCKET]
    assert bucket.ownership == "BucketOwnerEnforced"
    with service(tmp_path, **private_stack.settings(), S3_ACL="public-read") as wrong:
        image = upload(wrong.url, png()).json()
        assert image["storage"] == {"local": "stored", "s3": "pending", "record": "stored"}
        assert not private_stack.versions(key_of(image))
        assert puts_of(private_stack, image)[0].status in (400, 403)
    with service(tmp_path, **private_stack.settings()) as right:
        image = upload(right.url, png()).json()
        assert image["storage"]["s3"] == "stored"


def test_the_role_itself_cannot_make_an_object_public_where_acls_are_off(private_stack: World) -> None:
    s3 = private_stack.hosts("s3")
    s3.put_object(Bucket=BUCKET, Key="images/one.png", Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=BUCKET, Key="images/one.png", Body=b"x", ACL="public-read")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_acl(Bucket=BUCKET, Key="images/one.png", ACL="public-read")
    # Nor does an ACL open anything that somebody else has put there.
    operators = private_stack.operators("s3")
    operators.put_object(Bucket=BUCKET, Key="images/public.png", Body=b"x", ACL="public-read")
    assert get(f"{private_stack.door.url}/{BUCKET}/images/public.png").status == 403


def test_an_acl_opens_an_object_where_acls_are_on(acl_stack: World) -> None:
    s3 = acl_stack.hosts("s3")
    for acl, status in (("private", 403), ("public-read", 200)):
        s3.put_object(Bucket=BUCKET, Key="images/one.png", Body=b"x", ACL=acl)
        assert get(f"{acl_stack.door.url}/{BUCKET}/images/one.png").status == status


def test_nobody_gets_anything_without_tls(stack: World, host: Service, tmp_path: Path) -> None:
    image = upload(host.url, png()).json()
    plain = image["url"].replace(stack.door.url, stack.door.plain_url)
    assert plain != image["url"]
    assert get(plain).status == 403
    with service(tmp_path, **stack.settings(stack.door.plain_url)) as insecure:
        refused = upload(insecure.url, png()).json()
        assert refused["storage"]["s3"] == "pending"
    assert {one.status for one in puts_of(stack, refused)} == {403}


def test_the_distribution_of_this_stack_reads_images_and_nothing_else(private_stack: World) -> None:
    """What the bucket's policy says of CloudFront, which moto does not know, is evaluated."""
    policy = private_stack.door.buckets[BUCKET].policy
    (statement,) = [one for one in policy if one["Effect"] == "Allow"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    allow = [{**statement, "Principal": "*"}]
    source = statement["Condition"]["StringEquals"]["AWS:SourceArn"]
    assert re.fullmatch(r"arn:aws:cloudfront::123456789012:distribution/[\w-]+", source)
    arn = f"arn:aws:s3:::{BUCKET}"
    own = {"aws:SourceArn": source}
    assert verdict(allow, Asked("s3:GetObject", f"{arn}/images/one.png", own)) == Verdict.ALLOWED
    for refused in (
        Asked("s3:GetObject", f"{arn}/images/one.png", {"aws:SourceArn": source + "2"}),
        Asked("s3:GetObject", f"{arn}/images/one.png"),
        Asked("s3:GetObject", f"{arn}/other/one.png", own),
        Asked("s3:ListBucket", arn, own),
        Asked("s3:PutObject", f"{arn}/images/one.png", own),
    ):
        assert verdict(allow, refused) == Verdict.SILENT, refused
    # Without the stand-in for its principal nobody else is meant.
    assert verdict([statement], Asked("s3:GetObject", f"{arn}/images/one.png", own)) == Verdict.SILENT
