"""What only the documents service's own logs and metrics tell."""

from aws_cdk import aws_logs as logs

from secure_backend import MetricGraph, SavedQuery

#: What the service counts: services/documents/uploads.py.
UPLOADS = MetricGraph(
    title="Uploads",
    namespace="Documents",
    metrics=("UploadStored", "UploadRejected"),
    dimensions={"service": "documents"},
)


def service_queries(*, handler: logs.ILogGroup, finaliser: logs.ILogGroup) -> list[SavedQuery]:
    """Return the questions about uploads and single documents."""
    return [
        SavedQuery(
            name="Uploads that were not stored",
            lines=(
                "fields @timestamp, decided, document, version, correlation_id",
                'filter message = "upload" and not (decided in ["stored", "stored again", "seen before"])',
                "sort @timestamp desc",
                "limit 200",
            ),
            log_groups=[finaliser],
        ),
        SavedQuery(
            name="History of a document",
            lines=(
                "fields @timestamp, message, action, decided, version, error, correlation_id",
                'filter document = "DOCUMENT-ID"',
                "sort @timestamp asc",
                "limit 200",
            ),
            log_groups=[handler, finaliser],
        ),
    ]
