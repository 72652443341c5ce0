"""Endpoint policies: through this VPC's endpoints only our own identities reach our own resources.

Two exceptions are named, each for one action on one bucket of AWS's own. They carry no condition on the caller, for the
requests are presigned by AWS: the account that signed is not ours.

Example::

    endpoint = vpc.add_gateway_endpoint("Objects", service=ec2.GatewayVpcEndpointAwsService.S3)
    endpoint.add_to_policy(own_statement(self, "s3:*", organization_id=None))
    endpoint.add_to_policy(custom_resource_responses(self))
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from secure_backend.security_groups import ClosedSecurityGroup
from secure_backend.validation import Validation

_GATEWAYS = {"s3", "dynamodb"}
_IMAGE_REGISTRY = {"ecr.api", "ecr.dkr"}


def own_statement(scope: Construct, actions: str, organization_id: str | None) -> iam.PolicyStatement:
    """Allow the actions to identities of this account, or organisation, on resources of the same.

    ``aws:PrincipalAccount`` keeps foreign credentials out of the network, ``aws:ResourceAccount`` keeps our data from
    foreign resources. Source: AWS whitepaper "Building a data perimeter on AWS".
    """
    if organization_id is None:
        account = cdk.Stack.of(scope).account
        owner = {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}
    else:
        owner = {"aws:PrincipalOrgID": organization_id, "aws:ResourceOrgID": organization_id}
    return iam.PolicyStatement(
        sid="OwnIdentitiesOwnResources",
        principals=[iam.AnyPrincipal()],
        actions=[actions],
        resources=["*"],
        conditions={"StringEquals": owner},
    )


def custom_resource_responses(scope: Construct) -> iam.PolicyStatement:
    """Let a custom resource's function in the VPC answer CloudFormation, which waits for an hour otherwise.

    Source: AWS CloudFormation User Guide, "Access CloudFormation using an interface endpoint", Considerations.
    """
    stack = cdk.Stack.of(scope)
    return _aws_bucket(
        scope,
        sid="CustomResourceResponses",
        action="s3:PutObject",
        bucket=f"cloudformation-custom-resource-response-{stack.region.replace('-', '')}",
    )


def image_layers(scope: Construct) -> iam.PolicyStatement:
    """Let container images be pulled: ECR keeps their layers in a bucket of its own.

    Source: Amazon ECR User Guide, "Amazon ECR interface VPC endpoints", minimum Amazon S3 bucket permissions.
    """
    region = cdk.Stack.of(scope).region
    return _aws_bucket(scope, sid="ImageLayers", action="s3:GetObject", bucket=f"prod-{region}-starport-layer-bucket")


def pulls_images(services: Sequence[str]) -> bool:
    """Tell whether one of the interface endpoints is a container registry's."""
    return not _IMAGE_REGISTRY.isdisjoint(services)


def check_services(check: Validation, services: object) -> list[str]:
    """Check the short names of the services that get an interface endpoint; returns those given as text."""
    if not isinstance(services, (list, tuple)):
        check.refuse("interface_endpoints", services, "a list of service names", 'pass for example ["secretsmanager"]')
        return []
    for service in services:
        if not check.text(
            "interface_endpoints",
            service,
            r"(?!(cn\.)?com\.amazonaws)[a-z][a-z0-9-]*(\.[a-z0-9-]+)*",
            "a service's short name",
            'pass the part after the region: "logs" of com.amazonaws.eu-central-1.logs',
        ):
            continue
        check.check(
            service not in _GATEWAYS,
            "interface_endpoints",
            service,
            "a service without a gateway endpoint",
            "remove it: S3 has its gateway endpoint already, DynamoDB gets one by dynamodb_endpoint=True",
        )
    names = [service for service in services if isinstance(service, str)]
    for service in sorted({name for name in names if names.count(name) > 1}):
        check.refuse("interface_endpoints", service, "each service once", "remove the duplicate")
    return names


def check_service_zones(
    check: Validation, given: object, services: Sequence[str], zones: Sequence[str]
) -> dict[str, list[str]]:
    """Check which zones a service's endpoint is limited to; returns them by service."""
    if given is None:
        return {}
    name = "interface_endpoint_zones"
    if not isinstance(given, Mapping):
        check.refuse(name, given, "zones by service", f'pass for example {{"logs": ["{zones[0] if zones else "…"}"]}}')
        return {}
    for service, chosen in given.items():
        check.check(service in services, name, service, "a service of interface_endpoints", "add it there or remove it")
        sound = isinstance(chosen, (list, tuple)) and bool(chosen) and set(chosen) <= set(zones)
        check.check(sound, name, chosen, f"some of {', '.join(zones)}", f"name zones of the VPC for {service}")
    return {str(service): list(chosen) for service, chosen in given.items() if isinstance(chosen, (list, tuple))}


def _aws_bucket(scope: Construct, *, sid: str, action: str, bucket: str) -> iam.PolicyStatement:
    arn = cdk.Stack.of(scope).format_arn(service="s3", region="", account="", resource=bucket, resource_name="*")
    return iam.PolicyStatement(sid=sid, principals=[iam.AnyPrincipal()], actions=[action], resources=[arn])


class InterfaceEndpoints(Construct):
    """Interface endpoints in one tier, reached only by the security groups that are let in by name.

    :param vpc: the VPC.
    :param services: short names of the services.
    :param subnets: one subnet a zone.
    :param zones: for a service that is not offered in every zone, those to use.
    :param organization_id: whose identities and resources; this account's when left out.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the CDK's own word
        *,
        vpc: ec2.IVpc,
        services: Sequence[str],
        subnets: Sequence[ec2.ISubnet],
        zones: dict[str, list[str]],
        organization_id: str | None,
    ) -> None:
        super().__init__(scope, id)
        self.security_group = ClosedSecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="Interface endpoints: HTTPS from the security groups let in by name",
        )
        self.endpoints: dict[str, ec2.InterfaceVpcEndpoint] = {}
        for service in services:
            chosen = zones.get(service)
            endpoint = ec2.InterfaceVpcEndpoint(
                self,
                service,
                vpc=vpc,
                service=ec2.InterfaceVpcEndpointAwsService(service),
                subnets=ec2.SubnetSelection(
                    subnets=[s for s in subnets if chosen is None or s.availability_zone in chosen]
                ),
                security_groups=[self.security_group],
                open=False,
                private_dns_enabled=True,
            )
            endpoint.add_to_policy(own_statement(self, "*", organization_id))
            self.endpoints[service] = endpoint

    def allow_from(self, security_group: ec2.ISecurityGroup) -> None:
        """Let the group's members reach every endpoint; both rules stand in the group's own stack."""
        security_group.connections.allow_to(self.security_group, ec2.Port.tcp(443), "HTTPS to AWS interface endpoints")
