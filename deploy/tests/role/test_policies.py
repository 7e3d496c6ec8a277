"""The evaluation of policies follows the rules of AWS, as far as the other tests rely on it."""

from typing import Any

import pytest

from support.policies import Asked, Verdict, verdict

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/images/*"}
LIST = {
    "Effect": "Allow",
    "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
    "Resource": "arn:aws:s3:::b",
    "Condition": {"StringLike": {"s3:prefix": "images/*"}},
}
TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
CDN = {**READ, "Principal": {"Service": "cloudfront.amazonaws.com"}}
SECURE = {"aws:SecureTransport": "true"}


@pytest.mark.parametrize(
    ("statements", "action", "resource", "context", "expected"),
    [
        ([READ], "s3:GetObject", "b/images/a", {}, Verdict.ALLOWED),
        ([READ], "s3:getobject", "b/images/a", {}, Verdict.ALLOWED),
        ([READ], "s3:GetObject", "b/other/a", {}, Verdict.SILENT),
        ([READ], "s3:GetObject", "b/images", {}, Verdict.SILENT),
        ([READ], "s3:GetObjectAcl", "b/images/a", {}, Verdict.SILENT),
        ([READ], "s3:GetObject", "c/images/a", {}, Verdict.SILENT),
        ([{**READ, "Resource": "arn:aws:s3:::?/images/a"}], "s3:GetObject", "b/images/a", {}, Verdict.ALLOWED),
        ([{**READ, "Resource": "arn:aws:s3:::b.images/a"}], "s3:GetObject", "b/images/a", {}, Verdict.SILENT),
        ([LIST], "s3:ListBucket", "b", {"s3:prefix": "images/"}, Verdict.ALLOWED),
        ([LIST], "s3:ListBucket", "b", {"s3:prefix": "other/"}, Verdict.SILENT),
        ([LIST], "s3:ListBucket", "b", {"s3:prefix": ""}, Verdict.SILENT),
        ([LIST], "s3:ListBucket", "b", {}, Verdict.SILENT),
        ([READ, TLS], "s3:GetObject", "b/images/a", SECURE, Verdict.ALLOWED),
        ([READ, TLS], "s3:GetObject", "b/images/a", {"aws:SecureTransport": "false"}, Verdict.DENIED),
        ([TLS], "s3:GetObject", "b/images/a", SECURE, Verdict.SILENT),
        ([CDN], "s3:GetObject", "b/images/a", SECURE, Verdict.SILENT),
        ([{**READ, "Principal": "*"}], "s3:GetObject", "b/images/a", SECURE, Verdict.ALLOWED),
        ([{**READ, "Principal": {"AWS": "*"}}], "s3:GetObject", "b/images/a", SECURE, Verdict.ALLOWED),
        ([{**READ, "Principal": {"AWS": "arn:other"}}], "s3:GetObject", "b/images/a", SECURE, Verdict.SILENT),
    ],
)
def test_a_request_is_allowed_denied_or_not_spoken_of(
    statements: list[dict[str, Any]], action: str, resource: str, context: dict[str, str], expected: Verdict
) -> None:
    assert verdict(statements, Asked(action, f"arn:aws:s3:::{resource}", context)) == expected


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:TlsVersion": "1.1"}, True),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:TlsVersion": "1.2"}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {}, False),
        ({"StringEquals": {"a:b": ["x", "y"]}}, {"A:B": "y"}, True),
        ({"StringEquals": {"a:b": "x*"}}, {"a:b": "xy"}, False),
        ({"StringEqualsIfExists": {"a:b": "x"}}, {}, True),
        ({"StringEqualsIfExists": {"a:b": "x"}}, {"a:b": "y"}, False),
        ({"Null": {"a:b": "true"}}, {}, True),
        ({"Null": {"a:b": "true"}}, {"a:b": "x"}, False),
        ({"Null": {"a:b": False}}, {"a:b": "x"}, True),
        ({"Bool": {"a:b": True}}, {"a:b": "true"}, True),
        ({"ArnLike": {"a:b": "arn:aws:*:x"}}, {"a:b": "arn:aws:s3:x"}, True),
        ({"StringEquals": {"a:b": "x"}, "StringLike": {"c:d": "*"}}, {"a:b": "x"}, False),
    ],
)
def test_conditions_hold_or_not(condition: dict[str, Any], context: dict[str, str], holds: bool) -> None:
    statement = {**READ, "Condition": condition}
    found = verdict([statement], Asked("s3:GetObject", "arn:aws:s3:::b/images/a", context))
    assert found == (Verdict.ALLOWED if holds else Verdict.SILENT)


@pytest.mark.parametrize(
    "strange",
    [{"NotAction": "s3:GetObject"}, {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026"}}}],
)
def test_what_cannot_be_evaluated_is_an_error(strange: dict[str, Any]) -> None:
    asked = Asked("s3:GetObject", "arn:aws:s3:::b/images/a", {"aws:CurrentTime": "2027"})
    with pytest.raises(AssertionError, match="cannot evaluate"):
        verdict([{**READ, **strange}], asked)
