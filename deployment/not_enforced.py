"""What the local AWS does not enforce, and which test proves each of it instead."""

NOT_ENFORCED = """\
not enforced here, and proved instead by:
  network, security groups   tests/test_secure_vpc.py, tests/app/test_application.py (rules in the templates)
  WAF                        tests/test_web_acl.py
  key policies, key states   tests/test_keys.py
  permissions that S3, SQS,  tests/local/test_least_privilege.py (the deployed policies, evaluated)
    Lambda and X-Ray ask for
  an upload's checksum       tests/local/test_uploads.py (the finaliser refuses what S3 let through)
  the database's parameters  tests/postgres/test_parameters.py
  backups, deletion          tests/postgres/test_backup.py, tests/app/test_application.py
  memory, processor, runtime tests/test_functions.py
  API access logs            tests/api/test_logs.py
  CloudTrail, alarms         tests/test_audit_trail.py, tests/trail/test_cis_alarms.py
  rights of who deploys      nothing: the account's own bootstrap decides them"""
