"""The JWT authorizer's own code. It runs in Lambda as the package ``authorizer`` and imports no CDK.

``handler`` is the entry; it reads ``configuration``, verifies ``token`` with the issuer's ``key_set``, and
answers with a ``policy``.
"""
