"""What a load balancer listens on: HTTPS, and plain HTTP to be redirected."""

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from secure_backend.load_balancer import network
from secure_backend.load_balancer.mutual_tls import mutual_authentication

# TLS 1.3, or 1.2 with forward secrecy and authenticated encryption, and a post-quantum key exchange for clients that
# know one. AWS's console takes it, CloudFormation would take one of 2016.
TLS_POLICY = elbv2.SslPolicy.TLS13_12_RES_PQ

_NOT_FOUND = '{"title":"Not Found","status":404}'
_A_YEAR = "max-age=31536000"


def https(
    load_balancer: elbv2.ApplicationLoadBalancer, certificate: acm.ICertificate, trust_store: elbv2.ITrustStore | None
) -> elbv2.ApplicationListener:
    """Listen on port 443, and answer 404 to what no rule names."""
    listener = load_balancer.add_listener(
        "Https",
        port=network.HTTPS,
        protocol=elbv2.ApplicationProtocol.HTTPS,
        ssl_policy=TLS_POLICY,
        certificates=[elbv2.ListenerCertificate.from_arn(certificate.certificate_arn)],
        open=False,
        mutual_authentication=mutual_authentication(trust_store),
        default_action=elbv2.ListenerAction.fixed_response(
            404, content_type="application/json", message_body=_NOT_FOUND
        ),
    )
    listener.set_attribute("routing.http.response.server.enabled", "false")
    listener.set_attribute("routing.http.response.strict_transport_security.header_value", _A_YEAR)
    return listener


def redirect(load_balancer: elbv2.ApplicationLoadBalancer) -> elbv2.ApplicationListener:
    """Listen on port 80, and answer 301 to the same address by HTTPS."""
    return load_balancer.add_listener(
        "Http",
        port=network.HTTP,
        protocol=elbv2.ApplicationProtocol.HTTP,
        open=False,
        default_action=elbv2.ListenerAction.redirect(protocol="HTTPS", port=str(network.HTTPS), permanent=True),
    )
