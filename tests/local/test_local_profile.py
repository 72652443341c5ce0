"""The local profile is the dev profile on this machine: what passes here is what is deployed there."""

from profiles.reading import load


def test_the_local_profile_differs_from_dev_in_name_account_and_issuer_only() -> None:
    local, dev = load("local"), load("dev")
    changes = {"name": dev.name, "account": dev.account, "api": local.api.model_copy(update={"issuer": dev.api.issuer})}
    assert local.model_copy(update=changes) == dev
    assert local.account == "000000000000"
    assert local.api.issuer.startswith("https://127.0.0.1:")
