"""Reads the synthesized templates of any app; imports nothing of the CDK."""

from secure_backend.analysis.assembly import Assembly, Reference
from secure_backend.analysis.policies import Condition, Statement
from secure_backend.analysis.requests import Request, decision
from secure_backend.analysis.template import Resource, Stack

__all__ = ["Assembly", "Condition", "Reference", "Request", "Resource", "Stack", "Statement", "decision"]
