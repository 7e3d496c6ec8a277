"""What security groups of a rendered stack let through, wherever the rules stand."""

from dataclasses import dataclass
from typing import Any

from support.cloudformation import Rendered, Resource

GROUP = "AWS::EC2::SecurityGroup"
PEERS = (
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
)
NOWHERE = "127.0.0.1/32"
"""Where the only rule leads of a group that lets nothing out."""


@dataclass(frozen=True, order=True)
class Rule:
    """One rule: ports, and where it comes from or leads to (a group by its qualified name, else as rendered)."""

    protocol: str
    first: int
    last: int
    peer: str

    @property
    def is_between_groups(self) -> bool:
        return self.peer.startswith("network/")

    def opens(self, port: int) -> bool:
        return self.protocol in ("-1", "tcp", "6") and self.first <= port <= self.last


def rule(stack: Rendered, properties: dict[str, Any]) -> Rule:
    protocol = str(properties["IpProtocol"])
    every = protocol == "-1"
    (peer,) = [properties[key] for key in PEERS if key in properties]
    target = stack.target(peer)
    if target and target.type != GROUP:
        # Such as the addresses of the whole VPC.
        target = None
    return Rule(
        protocol,
        0 if every else int(properties["FromPort"]),
        65535 if every else int(properties["ToPort"]),
        target.name if target else peer,
    )


def rules(stack: Rendered, group: Resource, direction: str) -> list[Rule]:
    """Gives the rules of a group, those that stand apart from it too. The direction is `Ingress` or `Egress`."""
    found = list(group.get(f"SecurityGroup{direction}", []))
    for apart in stack.of_type(f"AWS::EC2::SecurityGroup{direction}"):
        if stack.target(apart.get("GroupId")) == group:
            found.append(apart.properties)
    return sorted(rule(stack, properties) for properties in found)


def groups(stack: Rendered) -> list[Resource]:
    return stack.of_type(GROUP)
