"""The operators' way into a VPC that has none: an EC2 Instance Connect Endpoint, opened by IAM, recorded by CloudTrail.

Example::

    operators = InstanceConnect(self, "Operators", vpc=vpc, subnet=vpc.isolated_subnets[0])
    operators.operator_group.connections.allow_to(database_group, ec2.Port.tcp(5433), "PostgreSQL from operator hosts")
"""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from secure_backend.security_groups import ClosedSecurityGroup


class InstanceConnect(Construct):
    """An Instance Connect Endpoint, and the security group of the hosts that it leads to.

    The endpoint forwards to ports 22 and 3389 only, never to a database's: the way to a database is an SSH
    tunnel through a host in the app tier that carries ``operator_group``. Nothing here starts such a host.
    A VPC takes one endpoint, and none of its properties can change: whoever changes the first zone must
    remove the endpoint before.
    Source: Amazon EC2 User Guide, "Connect to your instances using EC2 Instance Connect Endpoint", Considerations.

    :param vpc: the VPC.
    :param subnet: where the endpoint's network interface stands; it reaches the other zones too.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        subnet: ec2.ISubnet,
    ) -> None:
        super().__init__(scope, id)
        self.operator_group = ClosedSecurityGroup(
            self,
            "OperatorGroup",
            vpc=vpc,
            description="Operator hosts: SSH from the Instance Connect Endpoint only",
        )
        self.endpoint_group = ClosedSecurityGroup(
            self,
            "EndpointGroup",
            vpc=vpc,
            description="Instance Connect Endpoint: SSH to operator hosts only",
        )
        self.endpoint_group.connections.allow_to(
            self.operator_group, ec2.Port.tcp(22), "SSH from the Instance Connect Endpoint to operator hosts"
        )
        self.endpoint = ec2.CfnInstanceConnectEndpoint(
            self,
            "Endpoint",
            subnet_id=subnet.subnet_id,
            security_group_ids=[self.endpoint_group.security_group_id],
            preserve_client_ip=False,
        )
