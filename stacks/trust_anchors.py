"""Which authorities may vouch for the database: files beside the service's code."""

from pathlib import Path

DOCUMENTS = Path(__file__).resolve().parent.parent / "services" / "documents"


def trust_anchors(region: str, *, proxy: bool) -> dict[str, str]:
    """Return the variable that names the authorities; nothing where the service's own bundle does.

    Regions that the bundle does not cover, GovCloud and China among them, take a file of their own beside it.
    """
    name = "rds-proxy-roots.pem" if proxy else f"rds-{region}.pem"
    return {"DATABASE_CA_FILE": f"/var/task/documents/{name}"} if (DOCUMENTS / name).is_file() else {}


def are_missing(region: str, *, proxy: bool) -> bool:
    """Tell whether no file here can vouch for a database of the region: every sign-in would fail."""
    bundle = (DOCUMENTS / "rds-global-bundle.pem").read_text(encoding="utf-8")
    return f"Amazon RDS {region} Root CA" not in bundle and not trust_anchors(region, proxy=proxy)
