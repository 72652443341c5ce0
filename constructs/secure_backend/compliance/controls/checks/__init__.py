"""The checks, by service; each is written from AWS's text of the control and cites its id."""

from secure_backend.compliance.controls.check import CHECKS
from secure_backend.compliance.controls.checks import (
    api_gateway,
    certificates,
    databases,
    functions,
    identities,
    keys,
    load_balancers,
    messages,
    networks,
    objects,
    stacks,
    trails,
    user_pools,
    vpc_endpoints,
    web_acls,
)

#: The modules of checks.
MODULES = (
    api_gateway,
    certificates,
    databases,
    functions,
    identities,
    keys,
    load_balancers,
    messages,
    networks,
    objects,
    stacks,
    trails,
    user_pools,
    vpc_endpoints,
    web_acls,
)

__all__ = ["CHECKS", "MODULES"]
