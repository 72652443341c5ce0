"""Certificates."""

from collections.abc import Iterator

from secure_backend.analysis import Assembly
from secure_backend.compliance.controls.check import Judgement, control, judge

_CERTIFICATE = "AWS::CertificateManager::Certificate"


@control("ACM.1")
def renews_itself(assembly: Assembly) -> Iterator[Judgement]:
    """Validate by DNS, which ACM renews by itself; by mail somebody has to answer in time."""
    for certificate in assembly.resources(_CERTIFICATE):
        method = certificate.at("ValidationMethod")
        yield judge(certificate, met=method == "DNS", problem=f"ValidationMethod is {method}")


@control("ACM.2")
def long_keys(assembly: Assembly) -> Iterator[Judgement]:
    """Have 2048 bits or more in an RSA key."""
    for certificate in assembly.resources(_CERTIFICATE):
        algorithm = certificate.at("KeyAlgorithm")
        yield judge(certificate, met=algorithm != "RSA_1024", problem=f"KeyAlgorithm is {algorithm}")
