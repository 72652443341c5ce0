"""What the local AWS does not enforce, and which test proves each of it instead."""

NOT_ENFORCED = """\
not enforced here, and proved instead by:
  network, security groups   tests/test_secure_vpc.py, tests/app/test_application.py (rules in the templates)
  WAF                        tests/test_web_acl.py
  key policies               tests/test_keys.py
  CloudTrail, alarms         tests/test_audit_trail.py
  an upload's checksum       nothing yet: only AWS compares it"""
