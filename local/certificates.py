"""An authority of the local AWS's own, and the certificate with which all of its servers answer."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM = serialization.Encoding.PEM
_DAYS = 800


def write(folder: Path, hosts: list[str]) -> None:
    """Write ``authority.pem``, and ``server.pem`` and ``server.key`` for loopback addresses; once for the same."""
    if (folder / "server.key").exists() and set(hosts) == set(hosts_of(folder)):
        return
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Secure Backend, local authority", authority_key, authority_key, is_authority=True)
    names = [x509.IPAddress(ipaddress.ip_address(host)) for host in dict.fromkeys(hosts)]
    server = (
        _certificate("Secure Backend, local servers", server_key, authority_key, is_authority=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *names]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    root = authority.sign(authority_key, hashes.SHA256()).public_bytes(_PEM)
    (folder / "authority.pem").write_bytes(root)
    (folder / "server.pem").write_bytes(server.sign(authority_key, hashes.SHA256()).public_bytes(_PEM) + root)
    key = folder / "server.key"
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_bytes(server_key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def hosts_of(folder: Path) -> list[str]:
    """Return the addresses that the certificate in the folder was made for, in order; none where there is none."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return []
    return [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Secure Backend, local authority")])
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
