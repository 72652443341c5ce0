-- Roles, the documents table and who may do what with it.
-- Run by the database's master user, which may create roles and owns the database, but is no superuser.

-- Roles belong to the whole instance, so another database on it may have made them already.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'documents_owner') THEN
        CREATE ROLE documents_owner NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'documents_api') THEN
        CREATE ROLE documents_api LOGIN;
    END IF;
    -- On RDS, whoever has this role signs in by an IAM token and in no other way.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        GRANT rds_iam TO documents_api;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO documents_api', current_database());
END
$$;

-- Leaves room for the migrator and for operators; a runaway statement ends by itself; a frozen function's session too.
ALTER ROLE documents_api CONNECTION LIMIT 40;
ALTER ROLE documents_api SET statement_timeout = '5s';
ALTER ROLE documents_api SET lock_timeout = '3s';
ALTER ROLE documents_api SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE documents_api SET idle_session_timeout = '15min';
ALTER ROLE documents_api SET search_path = '';

-- The tables belong to a role that nobody can sign in as.
GRANT documents_owner TO CURRENT_USER;
CREATE SCHEMA documents AUTHORIZATION documents_owner;
SET LOCAL ROLE documents_owner;

CREATE TABLE documents.document (
    id uuid PRIMARY KEY,
    owner text NOT NULL CHECK (owner <> ''),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    type text NOT NULL CHECK (char_length(type) BETWEEN 3 AND 127),
    size bigint NOT NULL CHECK (size BETWEEN 1 AND 104857600),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'stored', 'rejected', 'deleted')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX document_owner_newest ON documents.document (owner, created_at DESC, id DESC);

-- The caller is set for each transaction. Not set, or empty, it is NULL here, and NULL equals nobody.
ALTER TABLE documents.document ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents.document FORCE ROW LEVEL SECURITY;
CREATE POLICY own_documents ON documents.document TO documents_api
    USING (owner = nullif(current_setting('documents.owner', true), ''))
    WITH CHECK (owner = nullif(current_setting('documents.owner', true), ''));

GRANT USAGE ON SCHEMA documents TO documents_api;
GRANT SELECT ON documents.document TO documents_api;
GRANT INSERT (id, owner, name, type, size, sha256) ON documents.document TO documents_api;

RESET ROLE;
