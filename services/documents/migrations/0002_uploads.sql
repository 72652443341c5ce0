-- What becomes of an upload: stored or rejected once, deleted, and a record of each step that nobody can change.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'documents_finaliser') THEN
        CREATE ROLE documents_finaliser LOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') THEN
        GRANT rds_iam TO documents_finaliser;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO documents_finaliser', current_database());
END
$$;

ALTER ROLE documents_finaliser CONNECTION LIMIT 10;
ALTER ROLE documents_finaliser SET statement_timeout = '5s';
ALTER ROLE documents_finaliser SET lock_timeout = '3s';
ALTER ROLE documents_finaliser SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE documents_finaliser SET idle_session_timeout = '15min';
ALTER ROLE documents_finaliser SET search_path = '';

SET LOCAL ROLE documents_owner;

ALTER TABLE documents.document
    -- The one version of the object that was compared with what was announced.
    ADD COLUMN version_id text CHECK (char_length(version_id) BETWEEN 1 AND 1024),
    ADD COLUMN stored_at timestamptz,
    -- Why it was rejected, in words for the caller.
    ADD COLUMN reason text CHECK (char_length(reason) BETWEEN 1 AND 500),
    -- S3's order of the upload that decided the state, padded.
    ADD COLUMN sequencer text COLLATE "C" CHECK (sequencer ~ '^[0-9A-F]{64}$'),
    ADD CONSTRAINT document_stored CHECK ((state = 'stored') <= (version_id IS NOT NULL AND stored_at IS NOT NULL)),
    ADD CONSTRAINT document_rejected CHECK ((state = 'rejected') <= (reason IS NOT NULL));

-- Each version of an object is dealt with once, however often its event arrives.
CREATE TABLE documents.upload (
    document_id uuid NOT NULL REFERENCES documents.document (id),
    version_id text NOT NULL CHECK (char_length(version_id) BETWEEN 1 AND 1024),
    sequencer text COLLATE "C" NOT NULL CHECK (sequencer ~ '^[0-9A-F]{64}$'),
    problem text CHECK (char_length(problem) BETWEEN 1 AND 500),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (document_id, version_id)
);

CREATE TABLE documents.audit_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES documents.document (id),
    owner text NOT NULL CHECK (owner <> ''),
    action text NOT NULL CHECK (action IN ('created', 'stored', 'rejected', 'deleted')),
    role name NOT NULL DEFAULT session_user,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE documents.upload ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents.upload FORCE ROW LEVEL SECURITY;
ALTER TABLE documents.audit_record ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents.audit_record FORCE ROW LEVEL SECURITY;

-- The states and the ways between them, for every role.
CREATE FUNCTION documents.check_state() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('pending', 'stored'), ('pending', 'rejected'), ('pending', 'deleted'),
        ('rejected', 'stored'), ('rejected', 'rejected'), ('rejected', 'deleted'),
        ('stored', 'stored'), ('stored', 'deleted')
    ) THEN
        RAISE EXCEPTION 'a document cannot become % after %', NEW.state, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_state BEFORE UPDATE ON documents.document
    FOR EACH ROW EXECUTE FUNCTION documents.check_state();

-- The API changes nothing of a document but that it is deleted.
CREATE POLICY api_deletes_only ON documents.document AS RESTRICTIVE FOR UPDATE TO documents_api
    USING (true) WITH CHECK (state = 'deleted');
GRANT UPDATE (state) ON documents.document TO documents_api;

-- The finaliser serves all callers, and decides about uploads only.
CREATE POLICY finaliser_reads ON documents.document FOR SELECT TO documents_finaliser USING (true);
CREATE POLICY finaliser_decides ON documents.document FOR UPDATE TO documents_finaliser
    USING (true) WITH CHECK (state IN ('stored', 'rejected'));
CREATE POLICY finaliser_remembers ON documents.upload TO documents_finaliser USING (true) WITH CHECK (true);

CREATE POLICY api_records ON documents.audit_record FOR INSERT TO documents_api
    WITH CHECK (owner = nullif(current_setting('documents.owner', true), ''));
CREATE POLICY finaliser_records ON documents.audit_record FOR INSERT TO documents_finaliser
    WITH CHECK (
        action IN ('stored', 'rejected')
        AND EXISTS (SELECT FROM documents.document d WHERE d.id = document_id AND d.owner = audit_record.owner)
    );

GRANT USAGE ON SCHEMA documents TO documents_finaliser;
GRANT SELECT ON documents.document TO documents_finaliser;
GRANT UPDATE (state, version_id, stored_at, reason, sequencer) ON documents.document TO documents_finaliser;
GRANT SELECT, INSERT (document_id, version_id, sequencer, problem) ON documents.upload TO documents_finaliser;
GRANT INSERT (document_id, owner, action) ON documents.audit_record TO documents_api, documents_finaliser;

RESET ROLE;
