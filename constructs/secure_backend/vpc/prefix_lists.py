"""The ids of the prefix lists that AWS manages for its gateway endpoints, by region.

A security group names S3 by such a list, and neither CloudFormation nor an attribute of the endpoint gives its id at
synthesis. The ids do not change. The table holds those that at least two independent public sources agree on; for any
other region one AWS CLI command finds the id, and the caller passes it on.
"""

from typing import Literal

GatewayService = Literal["s3", "dynamodb"]

# Sources: output of `aws ec2 describe-prefix-lists` for each region, published by AWS customers, compared with the
# mappings in published templates. GovCloud and China are missing because no source could be found.
PREFIX_LISTS: dict[GatewayService, dict[str, str]] = {
    "s3": {
        "ap-northeast-1": "pl-61a54008",
        "ap-northeast-2": "pl-78a54011",
        "ap-northeast-3": "pl-a4a540cd",
        "ap-south-1": "pl-78a54011",
        "ap-southeast-1": "pl-6fa54006",
        "ap-southeast-2": "pl-6ca54005",
        "ca-central-1": "pl-7da54014",
        "eu-central-1": "pl-6ea54007",
        "eu-north-1": "pl-c3aa4faa",
        "eu-west-1": "pl-6da54004",
        "eu-west-2": "pl-7ca54015",
        "eu-west-3": "pl-23ad484a",
        "sa-east-1": "pl-6aa54003",
        "us-east-1": "pl-63a5400a",
        "us-east-2": "pl-7ba54012",
        "us-west-1": "pl-6ba54002",
        "us-west-2": "pl-68a54001",
    },
    "dynamodb": {
        "ap-northeast-1": "pl-78a54011",
        "ap-northeast-2": "pl-48a54021",
        "ap-south-1": "pl-66a7420f",
        "ap-southeast-1": "pl-67a5400e",
        "ap-southeast-2": "pl-62a5400b",
        "eu-central-1": "pl-66a5400f",
        "eu-north-1": "pl-adae4bc4",
        "eu-west-1": "pl-6fa54006",
        "eu-west-2": "pl-b3a742da",
        "eu-west-3": "pl-abb451c2",
        "us-east-1": "pl-02cd2c6b",
        "us-east-2": "pl-4ca54025",
        "us-west-1": "pl-6ea54007",
        "us-west-2": "pl-00a54069",
    },
}


def lookup_command(service: GatewayService, region: str) -> str:
    """Return the AWS CLI command that prints the id of the region's list."""
    return (
        f"aws ec2 describe-managed-prefix-lists --region {region} "
        f"--filters Name=prefix-list-name,Values=com.amazonaws.{region}.{service} "
        "--query PrefixLists[].PrefixListId --output text"
    )
