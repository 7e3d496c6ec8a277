"""The stack in every combination of its modes, as the checks look at it."""

from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from support.cloudformation import Rendered, Templates, load_folder, render

FOLDER = Path(__file__).parents[2] / "cloudformation"
TEMPLATES = {"image-handler.yaml", "network.yaml", "public-access.yaml", "service.yaml", "state.yaml"}
"""The files that make up the stack."""

REQUIRED = {
    "ReleaseBucket": "releases-of-images",
    "ReleasePrefix": "releases/0.1.0/",
    "PackageSha256": "a" * 64,
    "SsmAgentSha256": "b" * 64,
    "CloudWatchAgentSha256": "c" * 64,
    "RdsCaSha256": "d" * 64,
}
"""Parameters of the root that have no default."""

CERTIFICATE = "123456789012:certificate/11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Combination:
    """What the stack is rendered for. `full` gives all that is optional: names, certificates, a larger database."""

    mode: str
    public_access: str
    full: bool = False

    def __str__(self) -> str:
        return f"{self.mode}-{self.public_access}{'-full' if self.full else ''}"

    def parameters(self) -> dict[str, str]:
        """Gives the parameters of the root."""
        parameters = {**REQUIRED, "Mode": self.mode, "PublicAccess": self.public_access}
        if self.full:
            parameters["DomainName"] = "images.example.org"
            parameters["HostedZoneId"] = "Z0123456789ABCDEFGHIJ"
            parameters["AlarmEmail"] = "operator@example.org"
            parameters["DatabaseInstanceClass"] = "db.m7g.large"
            parameters["FlowLogs"] = "ALL"
        if self.full and self.mode == "scaled":
            parameters["CertificateArn"] = f"arn:aws:acm:eu-west-1:{CERTIFICATE}"
        if self.full and self.public_access == "cloudfront":
            parameters["CdnDomainName"] = "cdn.example.org"
            parameters["CdnCertificateArn"] = f"arn:aws:acm:us-east-1:{CERTIFICATE}"
        return parameters


MODES = ("single", "scaled")
PUBLIC_ACCESS = ("bucket-policy", "object-acl", "cloudfront")
COMBINATIONS = [Combination(*each) for each in product(MODES, PUBLIC_ACCESS, (False, True))]


@dataclass(frozen=True)
class Deployment:
    """The rendered stack, and what it was rendered for."""

    mode: str
    public_access: str
    full: bool
    stack: Rendered


@cache
def templates() -> Templates:
    """Loads the templates that are shipped. Whoever changes them takes a copy."""
    return load_folder(FOLDER)


def deployment(of: Templates, combination: Combination, **parameters: str | int) -> Deployment:
    """Renders the whole stack for one combination, with what `parameters` changes in it."""
    closed = frozenset({"service.yaml"} - TEMPLATES)
    stack = render(of, {**combination.parameters(), **parameters}, without=closed)
    return Deployment(combination.mode, combination.public_access, combination.full, stack)
