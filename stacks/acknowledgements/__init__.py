"""Every finding that stays, with the reason that a reviewer would accept. What can be fixed is fixed instead."""

from secure_backend.compliance import Acknowledgements
from stacks.acknowledgements.api import api
from stacks.acknowledgements.audit import audit
from stacks.acknowledgements.data import data
from stacks.acknowledgements.network import network
from stacks.acknowledgements.registry import Registry
from stacks.application import Application


def acknowledge(acknowledgements: Acknowledgements, application: Application) -> None:
    """Enter the application's acknowledgements into the registry."""
    registry = Registry(acknowledgements)
    for stack in (network, data, api, audit):
        stack(registry, application)
