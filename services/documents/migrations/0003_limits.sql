-- What each caller may have, requests that are sent twice, and what the sweeper has to look after.

SET LOCAL ROLE documents_owner;

-- When the sweeper has seen to it that nothing of a document that is none any more lies open in the bucket.
ALTER TABLE documents.document ADD COLUMN swept_at timestamptz;
CREATE INDEX document_unswept ON documents.document (created_at) WHERE swept_at IS NULL AND state <> 'stored';

CREATE OR REPLACE FUNCTION documents.check_state() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    IF OLD.state = 'deleted' AND to_jsonb(NEW) - 'swept_at' = to_jsonb(OLD) - 'swept_at' THEN
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) NOT IN (
        ('pending', 'stored'), ('pending', 'rejected'), ('pending', 'deleted'),
        ('rejected', 'stored'), ('rejected', 'rejected'), ('rejected', 'deleted'),
        ('stored', 'stored'), ('stored', 'deleted')
    ) THEN
        RAISE EXCEPTION 'a document cannot become % after %', NEW.state, OLD.state USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state = 'deleted' AND current_user = 'documents_finaliser' THEN
        RAISE EXCEPTION 'documents are deleted by their callers' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

ALTER POLICY finaliser_decides ON documents.document
    WITH CHECK (state IN ('stored', 'rejected') OR (state = 'deleted' AND swept_at IS NOT NULL));
GRANT UPDATE (swept_at) ON documents.document TO documents_finaliser;

-- What a caller has: kept by a trigger, so that it is exact however many requests come at once.
CREATE TABLE documents.usage (
    owner text PRIMARY KEY CHECK (owner <> ''),
    pending integer NOT NULL CHECK (pending >= 0),
    bytes bigint NOT NULL CHECK (bytes >= 0)
);
ALTER TABLE documents.usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents.usage FORCE ROW LEVEL SECURITY;
CREATE POLICY counted ON documents.usage TO documents_owner USING (true) WITH CHECK (true);
CREATE POLICY own_usage ON documents.usage FOR SELECT TO documents_api
    USING (owner = nullif(current_setting('documents.owner', true), ''));
GRANT SELECT ON documents.usage TO documents_api;

CREATE FUNCTION documents.count_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    more_pending integer := CASE WHEN NEW.state = 'pending' THEN 1 ELSE 0 END;
    more_bytes bigint := CASE WHEN NEW.state IN ('pending', 'stored') THEN NEW.size ELSE 0 END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        more_pending := more_pending - CASE WHEN OLD.state = 'pending' THEN 1 ELSE 0 END;
        more_bytes := more_bytes - CASE WHEN OLD.state IN ('pending', 'stored') THEN OLD.size ELSE 0 END;
    END IF;
    INSERT INTO documents.usage AS u (owner, pending, bytes) VALUES (NEW.owner, 0, 0) ON CONFLICT DO NOTHING;
    UPDATE documents.usage SET pending = pending + more_pending, bytes = bytes + more_bytes WHERE owner = NEW.owner;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_usage AFTER INSERT OR UPDATE OF state ON documents.document
    FOR EACH ROW EXECUTE FUNCTION documents.count_usage();

-- The documents that there are already; the owner itself is bound by row-level security.
ALTER TABLE documents.document NO FORCE ROW LEVEL SECURITY;
INSERT INTO documents.usage (owner, pending, bytes)
    SELECT owner, count(*) FILTER (WHERE state = 'pending'),
        coalesce(sum(size) FILTER (WHERE state IN ('pending', 'stored')), 0)
    FROM documents.document GROUP BY owner;
ALTER TABLE documents.document FORCE ROW LEVEL SECURITY;

-- A request that is sent twice with the same key makes one document. Kept for a day.
CREATE TABLE documents.idempotency_key (
    owner text NOT NULL CHECK (owner <> ''),
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 128),
    request text NOT NULL CHECK (request ~ '^[0-9a-f]{64}$'),
    document_id uuid NOT NULL REFERENCES documents.document (id) DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (owner, key)
);
CREATE INDEX idempotency_key_oldest ON documents.idempotency_key (created_at);
ALTER TABLE documents.idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents.idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_keys ON documents.idempotency_key TO documents_api
    USING (owner = nullif(current_setting('documents.owner', true), ''))
    WITH CHECK (owner = nullif(current_setting('documents.owner', true), ''));
CREATE POLICY finaliser_forgets ON documents.idempotency_key TO documents_finaliser USING (true);
GRANT SELECT, INSERT (owner, key, request, document_id) ON documents.idempotency_key TO documents_api;
GRANT SELECT (created_at), DELETE ON documents.idempotency_key TO documents_finaliser;

RESET ROLE;
