"""Buckets and distributions that give away more, or less, than images."""

from typing import Any

from support.cloudformation import Templates
from templates.checks import images as checks
from templates.mutants import mutant, properties

STATE = "state.yaml"
FILE = "public-access.yaml"


def bucket(templates: Templates) -> dict[str, Any]:
    return properties(templates, STATE, "Bucket")


def statements(templates: Templates) -> list[Any]:
    """Gives the statements: two that deny, then what is public, then what CloudFront may."""
    return properties(templates, FILE, "BucketPolicy")["PolicyDocument"]["Statement"]


def public_statement(templates: Templates) -> dict[str, Any]:
    return statements(templates)[2]["Fn::If"][1]


def distribution_statement(templates: Templates) -> dict[str, Any]:
    return statements(templates)[3]["Fn::If"][1]


def distribution(templates: Templates) -> dict[str, Any]:
    return properties(templates, FILE, "Distribution")["DistributionConfig"]


@mutant(caught_by=checks.public_access_is_blocked_but_for_what_the_mode_needs, public_access="cloudfront")
def bucket_behind_cloudfront_that_may_become_public(templates: Templates) -> None:
    bucket(templates)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@mutant(caught_by=checks.public_access_is_blocked_but_for_what_the_mode_needs)
def blocks_of_another_mode(templates: Templates) -> None:
    blocks = bucket(templates)["PublicAccessBlockConfiguration"]
    for block in blocks.values():
        block["Fn::If"][0] = "ByObjectAcl" if block["Fn::If"][0] == "ByBucketPolicy" else "ByBucketPolicy"


@mutant(caught_by=checks.public_access_is_blocked_but_for_what_the_mode_needs, public_access="object-acl")
def bucket_with_acls_that_are_ignored(templates: Templates) -> None:
    bucket(templates)["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] = True


@mutant(caught_by=checks.objects_have_acls_only_where_these_make_them_public)
def objects_owned_by_who_writes_them(templates: Templates) -> None:
    bucket(templates)["OwnershipControls"]["Rules"][0]["ObjectOwnership"] = "ObjectWriter"


@mutant(caught_by=checks.objects_have_acls_only_where_these_make_them_public, public_access="object-acl")
def bucket_with_a_canned_acl(templates: Templates) -> None:
    bucket(templates)["AccessControl"] = "PublicRead"


@mutant(caught_by=checks.the_bucket_keeps_versions_for_a_while)
def bucket_without_versions(templates: Templates) -> None:
    bucket(templates)["VersioningConfiguration"]["Status"] = "Suspended"


@mutant(caught_by=checks.the_bucket_keeps_versions_for_a_while)
def bucket_that_keeps_old_versions_for_ever(templates: Templates) -> None:
    bucket(templates)["LifecycleConfiguration"]["Rules"][0]["Status"] = "Disabled"


@mutant(caught_by=checks.the_bucket_keeps_versions_for_a_while)
def images_that_expire(templates: Templates) -> None:
    rules = bucket(templates)["LifecycleConfiguration"]["Rules"]
    rules.append({"Id": "old-images", "Status": "Enabled", "ExpirationInDays": 365})


@mutant(caught_by=checks.pages_of_others_may_read_images)
def pages_of_others_that_may_write(templates: Templates) -> None:
    bucket(templates)["CorsConfiguration"]["CorsRules"][0]["AllowedMethods"].append("PUT")


@mutant(caught_by=checks.the_bucket_is_reached_by_tls_alone)
def dropped_condition_for_tls(templates: Templates) -> None:
    del statements(templates)[0]["Condition"]


@mutant(caught_by=checks.the_bucket_is_reached_by_tls_alone, public_access="object-acl")
def plain_text(templates: Templates) -> None:
    del statements(templates)[0]


@mutant(caught_by=checks.the_bucket_is_reached_by_tls_alone)
def plain_text_for_objects(templates: Templates) -> None:
    statements(templates)[0]["Resource"].pop()


@mutant(caught_by=checks.the_bucket_is_reached_by_tls_alone)
def old_tls(templates: Templates) -> None:
    statements(templates)[1]["Condition"]["NumericLessThan"]["s3:TlsVersion"] = "1.0"


@mutant(caught_by=checks.everyone_reads_images_in_mode_bucket_policy_alone)
def public_listing(templates: Templates) -> None:
    public = public_statement(templates)
    public["Action"] = ["s3:GetObject", "s3:ListBucket"]
    public["Resource"] = [public["Resource"], {"Ref": "BucketArn"}]


@mutant(caught_by=checks.everyone_reads_images_in_mode_bucket_policy_alone)
def whole_bucket_public(templates: Templates) -> None:
    public_statement(templates)["Resource"] = {"Fn::Sub": "${BucketArn}/*"}


@mutant(caught_by=checks.everyone_reads_images_in_mode_bucket_policy_alone, public_access="cloudfront")
def public_read_past_cloudfront(templates: Templates) -> None:
    statements(templates)[2] = public_statement(templates)


@mutant(caught_by=checks.the_distribution_reads_images_in_mode_cloudfront_alone, public_access="cloudfront")
def distributions_of_anybody(templates: Templates) -> None:
    del distribution_statement(templates)["Condition"]


@mutant(caught_by=checks.the_distribution_reads_images_in_mode_cloudfront_alone, public_access="cloudfront")
def listing_at_the_distributions_root(templates: Templates) -> None:
    distribution_statement(templates)["Action"] = ["s3:GetObject", "s3:ListBucket"]


@mutant(caught_by=checks.nobody_else_is_let_in_by_a_wildcard)
def every_action_for_everyone(templates: Templates) -> None:
    public_statement(templates)["Action"] = "s3:*"


@mutant(caught_by=checks.nobody_else_is_let_in_by_a_wildcard, public_access="object-acl")
def role_for_anybody(templates: Templates) -> None:
    role = properties(templates, "network.yaml", "FlowLogRole")
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


@mutant(caught_by=checks.urls_of_images_begin_where_they_are_public, public_access="cloudfront")
def urls_that_lead_past_cloudfront(templates: Templates) -> None:
    templates[FILE]["Outputs"]["PublicUrl"]["Value"] = ""


@mutant(caught_by=checks.cloudfront_asks_the_bucket_with_its_signature, public_access="cloudfront")
def requests_to_the_bucket_without_signature(templates: Templates) -> None:
    properties(templates, FILE, "OriginAccess")["OriginAccessControlConfig"]["SigningBehavior"] = "never"


@mutant(caught_by=checks.cloudfront_asks_the_bucket_with_its_signature, public_access="cloudfront")
def name_that_is_longer_than_cloudfront_takes(templates: Templates) -> None:
    config = properties(templates, FILE, "OriginAccess")["OriginAccessControlConfig"]
    config["Name"] = {"Ref": "AWS::StackName"}


@mutant(caught_by=checks.cloudfront_speaks_tls_alone, public_access="cloudfront")
def plain_text_to_cloudfront(templates: Templates) -> None:
    distribution(templates)["DefaultCacheBehavior"]["ViewerProtocolPolicy"] = "allow-all"


@mutant(caught_by=checks.cloudfront_speaks_tls_alone, public_access="cloudfront", full=True)
def old_tls_to_cloudfront(templates: Templates) -> None:
    distribution(templates)["ViewerCertificate"]["Fn::If"][1]["MinimumProtocolVersion"] = "TLSv1"


@mutant(caught_by=checks.cloudfront_keeps_images_as_long_as_they_say, public_access="cloudfront")
def images_that_cannot_be_taken_down(templates: Templates) -> None:
    properties(templates, FILE, "CachePolicy")["CachePolicyConfig"]["MinTTL"] = 604800


@mutant(caught_by=checks.cloudfront_keeps_images_as_long_as_they_say, public_access="cloudfront")
def missing_images_that_stay_missing(templates: Templates) -> None:
    distribution(templates)["CustomErrorResponses"][0]["ErrorCachingMinTTL"] = 300


@mutant(caught_by=checks.cloudfront_sends_the_services_headers, public_access="cloudfront")
def images_that_may_run_scripts(templates: Templates) -> None:
    headers = properties(templates, FILE, "ResponseHeaders")["ResponseHeadersPolicyConfig"]
    headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"] = "default-src *"


@mutant(caught_by=checks.cloudfront_sends_the_services_headers, public_access="cloudfront")
def images_with_credentials(templates: Templates) -> None:
    headers = properties(templates, FILE, "ResponseHeaders")["ResponseHeadersPolicyConfig"]
    headers["CorsConfig"]["AccessControlAllowCredentials"] = True


@mutant(caught_by=checks.policies_are_written_in_the_current_language)
def policy_in_the_language_of_2008(templates: Templates) -> None:
    del properties(templates, FILE, "BucketPolicy")["PolicyDocument"]["Version"]


@mutant(caught_by=checks.roles_are_for_services_of_aws)
def role_for_the_whole_account(templates: Templates) -> None:
    role = properties(templates, "network.yaml", "FlowLogRole")
    root = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": root}
