"""Interface endpoints of VPCs, which cost by the hour: none is made unless it is asked for."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.check import Check, Judgement, control, judge, surely_attached

#: The control and the end of the endpoint service's name.
SERVICES = {
    "EC2.10": "ec2",
    "EC2.55": "ecr.api",
    "EC2.56": "ecr.dkr",
    "EC2.57": "ssm",
    "EC2.58": "ssm-contacts",
    "EC2.60": "ssm-incidents",
}


def _has(service: str) -> Check:
    def check(assembly: Assembly) -> Iterator[Judgement]:
        for vpc in assembly.resources("AWS::EC2::VPC"):
            met = any(
                endpoint.at("VpcEndpointType") == "Interface"
                and assembly.render(endpoint.stack, endpoint.at("ServiceName")).endswith(f".{service}")
                for endpoint in surely_attached(assembly, "AWS::EC2::VPCEndpoint", "VpcId", vpc)
            )
            yield judge(vpc, met=met, problem=f"it has no interface endpoint of {service}")

    return check


for _id, _service in SERVICES.items():
    control(_id)(_has(_service))


@control("EC2.172")
def public_access_blocked(assembly: Assembly) -> Iterator[Judgement]:
    """Stop internet gateways by VPC Block Public Access."""
    for options in assembly.resources("AWS::EC2::VPCBlockPublicAccessOptions"):
        mode = options.at("InternetGatewayBlockMode")
        met = mode in ("block-bidirectional", "block-ingress")
        yield judge(options, met=met, problem=f"InternetGatewayBlockMode is {mode}")
