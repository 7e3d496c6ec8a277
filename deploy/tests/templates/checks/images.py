"""The bucket and who may read from it."""

from typing import Any

from support.cloudformation import Resource
from templates.checks import check
from templates.combinations import Deployment
from templates.policies import Statement, documents_in, found_in, statements

ARN = "⟨state/Bucket.Arn⟩"
EVERYTHING = [ARN, f"{ARN}/*"]
IMAGES = [f"{ARN}/images/*"]
LONGEST_NAME_OF_ACCESS_CONTROL = 64
"""What CloudFront takes."""

BLOCKS = {
    "bucket-policy": (True, True, False, False),
    "object-acl": (False, False, True, True),
    "cloudfront": (True, True, True, True),
}
"""What is blocked: new public ACLs, public ACLs, new public policies, public policies."""


def bucket_of(deployment: Deployment) -> Resource:
    (bucket,) = deployment.stack.of_type("AWS::S3::Bucket")
    return bucket


def bucket_statements(deployment: Deployment) -> list[Statement]:
    (policy,) = deployment.stack.of_type("AWS::S3::BucketPolicy")
    assert deployment.stack.target(policy.get("Bucket")) == bucket_of(deployment)
    return statements(deployment.stack, "AWS::S3::BucketPolicy")


def distribution_of(deployment: Deployment) -> dict[str, Any]:
    (distribution,) = deployment.stack.of_type("AWS::CloudFront::Distribution")
    return distribution.get("DistributionConfig")


@check
def public_access_is_blocked_but_for_what_the_mode_needs(deployment: Deployment) -> None:
    blocked = bucket_of(deployment).get("PublicAccessBlockConfiguration")
    keys = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert tuple(blocked[key] for key in keys) == BLOCKS[deployment.public_access]


@check
def objects_have_acls_only_where_these_make_them_public(deployment: Deployment) -> None:
    bucket = bucket_of(deployment)
    expected = "BucketOwnerPreferred" if deployment.public_access == "object-acl" else "BucketOwnerEnforced"
    assert bucket.get("OwnershipControls.Rules") == [{"ObjectOwnership": expected}]
    assert bucket.get("AccessControl") is None, "a canned ACL that is public opens the listing too"
    assert bucket.get("WebsiteConfiguration") is None


@check
def the_bucket_keeps_versions_for_a_while(deployment: Deployment) -> None:
    bucket = bucket_of(deployment)
    assert bucket.get("VersioningConfiguration.Status") == "Enabled"
    rules = {rule["Id"]: rule for rule in bucket.get("LifecycleConfiguration.Rules")}
    assert all(rule["Status"] == "Enabled" for rule in rules.values())
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["old-versions"]["ExpiredObjectDeleteMarker"] is True
    assert rules["incomplete-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    for rule in rules.values():
        ends = {"ExpirationInDays", "ExpirationDate", "Transitions", "Transition", "NoncurrentVersionTransitions"}
        assert not ends & rule.keys(), "images do not expire or move by themselves"


@check
def pages_of_others_may_read_images(deployment: Deployment) -> None:
    (rule,) = bucket_of(deployment).get("CorsConfiguration.CorsRules")
    assert (set(rule["AllowedMethods"]), rule["AllowedOrigins"]) == ({"GET", "HEAD"}, ["*"])


@check
def the_bucket_is_reached_by_tls_alone(deployment: Deployment) -> None:
    denied = [statement for statement in bucket_statements(deployment) if not statement.allows]
    assert all(statement.is_for_everyone for statement in denied)
    assert all((statement.actions, statement.resources) == (["s3:*"], EVERYTHING) for statement in denied)
    assert {str(statement.conditions) for statement in denied} == {
        str({"Bool": {"aws:SecureTransport": "false"}}),
        str({"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    }


@check
def everyone_reads_images_in_mode_bucket_policy_alone(deployment: Deployment) -> None:
    public = [each for each in bucket_statements(deployment) if each.allows and each.is_for_everyone]
    if deployment.public_access != "bucket-policy":
        assert public == []
        return
    (statement,) = public
    assert (statement.actions, statement.resources, statement.conditions) == (["s3:GetObject"], IMAGES, {})


@check
def the_distribution_reads_images_in_mode_cloudfront_alone(deployment: Deployment) -> None:
    others = [each for each in bucket_statements(deployment) if each.allows and not each.is_for_everyone]
    if deployment.public_access != "cloudfront":
        assert others == []
        assert deployment.stack.of_type("AWS::CloudFront::Distribution") == []
        return
    (statement,) = others
    assert statement.body["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert (statement.actions, statement.resources) == (["s3:GetObject"], IMAGES)
    source = "arn:aws:cloudfront::123456789012:distribution/⟨public-access/Distribution⟩"
    assert statement.conditions == {"StringEquals": {"AWS:SourceArn": source}}


@check
def nobody_else_is_let_in_by_a_wildcard(deployment: Deployment) -> None:
    for statement in statements(deployment.stack):
        assert "NotPrincipal" not in statement.body, str(statement)
        assert "NotAction" not in statement.body, str(statement)
        if not statement.allows:
            continue
        assert not any(action == "*" or action.endswith(":*") for action in statement.actions), str(statement)
        if statement.is_for_everyone:
            endpoint = statement.resource.type == "AWS::EC2::VPCEndpoint"
            images = statement.resource.type == "AWS::S3::BucketPolicy" and deployment.public_access == "bucket-policy"
            assert endpoint or images, str(statement)


@check
def policies_are_written_in_the_current_language(deployment: Deployment) -> None:
    for resource in deployment.stack.resources.values():
        for document in documents_in(resource.properties):
            assert document.get("Version") == "2012-10-17", resource.name


@check
def roles_are_for_services_of_aws(deployment: Deployment) -> None:
    for role in deployment.stack.of_type("AWS::IAM::Role"):
        trust = list(found_in(role.get("AssumeRolePolicyDocument")))
        assert trust, f"nobody can assume {role.name}"
        for statement in trust:
            assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole"), role.name
            assert list(statement["Principal"]) == ["Service"], role.name
            assert str(statement["Principal"]["Service"]).endswith(".amazonaws.com"), role.name


@check
def urls_of_images_begin_where_they_are_public(deployment: Deployment) -> None:
    outputs = deployment.stack.outputs
    if deployment.public_access == "cloudfront":
        expected = "https://⟨public-access/Distribution.DomainName⟩"
        expected = "https://cdn.example.org" if deployment.full else expected
        assert outputs["public-access"]["PublicUrl"] == outputs[""]["PublicUrl"] == expected
    else:
        assert outputs["public-access"]["PublicUrl"] == ""
        assert outputs[""]["PublicUrl"] == "https://⟨state/Bucket.RegionalDomainName⟩"


@check
def cloudfront_asks_the_bucket_with_its_signature(deployment: Deployment) -> None:
    if deployment.public_access != "cloudfront":
        return
    config = distribution_of(deployment)
    (origin,) = config["Origins"]
    assert config["Enabled"] is True
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == origin.get("Id")
    assert origin["DomainName"] == "⟨state/Bucket.RegionalDomainName⟩"
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    access = deployment.stack.target(origin["OriginAccessControlId"])
    assert access is not None
    config = access.get("OriginAccessControlConfig")
    assert (config["SigningBehavior"], config["SigningProtocol"]) == ("always", "sigv4")
    assert config["OriginAccessControlOriginType"] == "s3"
    # The id of a stack ends with a UUID, of which eight digits are rendered; names of nested stacks are long.
    assert config["Name"] == "image-handler-00000000"
    assert len(config["Name"]) + 28 <= LONGEST_NAME_OF_ACCESS_CONTROL


@check
def cloudfront_speaks_tls_alone(deployment: Deployment) -> None:
    if deployment.public_access != "cloudfront":
        return
    config = distribution_of(deployment)
    behaviours = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", [])]
    assert {behaviour["ViewerProtocolPolicy"] for behaviour in behaviours} == {"redirect-to-https"}
    if deployment.full:
        certificate = config["ViewerCertificate"]
        assert config["Aliases"] == ["cdn.example.org"]
        assert certificate["MinimumProtocolVersion"] == "TLSv1.2_2021"
        assert certificate["SslSupportMethod"] == "sni-only"
        assert certificate["AcmCertificateArn"].startswith("arn:aws:acm:us-east-1:")
    else:
        assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
        assert "Aliases" not in config


@check
def cloudfront_keeps_images_as_long_as_they_say(deployment: Deployment) -> None:
    if deployment.public_access != "cloudfront":
        return
    config = distribution_of(deployment)
    behaviour = config["DefaultCacheBehavior"]
    assert behaviour["Compress"] is False
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD"}
    policy = deployment.stack.target(behaviour["CachePolicyId"])
    assert policy is not None
    cache = policy.get("CachePolicyConfig")
    assert (cache["MinTTL"], cache["DefaultTTL"], cache["MaxTTL"]) == (0, 3600, 86400)
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"}
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
    errors = {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in config["CustomErrorResponses"]}
    assert errors == {403: 0, 404: 0}, "an image that is still owed has to show as soon as it is stored"


@check
def cloudfront_sends_the_services_headers(deployment: Deployment) -> None:
    if deployment.public_access != "cloudfront":
        return
    policy = deployment.stack.target(distribution_of(deployment)["DefaultCacheBehavior"]["ResponseHeadersPolicyId"])
    assert policy is not None
    headers = policy.get("ResponseHeadersPolicyConfig")
    (custom,) = headers["CustomHeadersConfig"]["Items"]
    assert (custom["Header"], custom["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")
    sharing = headers["CorsConfig"]
    assert sharing["AccessControlAllowCredentials"] is False
    assert sharing["AccessControlAllowOrigins"]["Items"] == ["*"]
    assert sharing["AccessControlAllowMethods"]["Items"] == ["GET", "HEAD"]
    security = headers["SecurityHeadersConfig"]
    assert security["ContentTypeOptions"] == {"Override": True}
    expected = {"ContentSecurityPolicy": "default-src 'none'; sandbox", "Override": True}
    assert security["ContentSecurityPolicy"] == expected
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
