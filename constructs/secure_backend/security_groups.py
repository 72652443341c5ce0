"""A security group that stays closed until a way is opened by name.

Example::

    group = ClosedSecurityGroup(self, "HandlerGroup", vpc=network.vpc, description="The documents handler")
    group.connections.allow_to(database_group, ec2.Port.tcp(5433), "PostgreSQL from the handler")
"""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


class ClosedSecurityGroup(ec2.SecurityGroup):
    """A security group without a way in or out, whatever becomes of its rules.

    EC2 allows every way out of a group that is created without an egress rule. ``allow_all_outbound=False`` alone
    does not prevent it: once a rule is added that is a resource of its own, such as one that names another group,
    aws-cdk-lib takes its blocking rule out of the group again. Until that resource exists, and when it goes away
    with another stack, the group would be open. Here a rule to nowhere stays in the group itself.
    Source: AWS CloudFormation Template Reference, AWS::EC2::SecurityGroup, ``SecurityGroupEgress``.

    :param vpc: the VPC.
    :param description: who carries the group; EC2 takes 255 plain characters and never changes them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        description: str,
    ) -> None:
        super().__init__(scope, id, vpc=vpc, description=description, allow_all_outbound=False)
        self.add_egress_rule(
            ec2.Peer.ipv4("127.0.0.1/32"),
            ec2.Port.icmp_type_and_code(252, 86),
            "Nowhere: without a rule EC2 would allow every way out",
        )
