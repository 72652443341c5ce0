"""Every finding that stays, with the reason that a reviewer would accept. What can be fixed is fixed instead."""

from secure_backend.compliance import Acknowledgements
from stacks.application import Application


def acknowledge(acknowledgements: Acknowledgements, application: Application) -> None:
    """Enter the application's acknowledgements into the registry."""
