"""Where PostgreSQL's socket goes and which account it runs under."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.embedded import postgres


def test_a_short_folder_holds_the_socket(tmp_path: Path) -> None:
    run = Path("/tmp/run")
    assert postgres.socket_folder(run) == run


def test_a_long_folder_is_exchanged_for_a_short_one_of_its_own() -> None:
    long = [Path("/tmp") / ("很长的文件夹" * 8) / name for name in ("a", "b")]
    short = [postgres.socket_folder(run) for run in long]
    assert short[0] != short[1]
    assert short == [postgres.socket_folder(run) for run in long]
    assert all(len(bytes(folder)) < 80 for folder in short)


def test_an_ordinary_user_runs_it_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert postgres.unprivileged_account(Path("/")) is None


def test_root_gives_it_to_an_account_without_rights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    account = postgres.unprivileged_account(Path("/usr/bin/env"))
    assert account is not None
    assert account.uid != 0
    assert not account.search
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    reaching = postgres.unprivileged_account(closed / "data")
    assert reaching is not None
    assert reaching.search


def test_missing_binaries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(postgres.PostgresNotFoundError, match="TIKU_POSTGRES_DSN"):
        postgres.wheel_binaries()


def test_a_cluster_from_before_gets_the_switch_once_and_loses_the_old_one(tmp_path: Path) -> None:
    settings, said = tmp_path / "postgresql.conf", tmp_path / "postgresql.auto.conf"
    settings.write_text("max_connections = 100\n", encoding="utf-8")
    said.write_text("work_mem = '8MB'\ndefault_transaction_read_only = 'on'\n", encoding="utf-8")
    for _ in range(2):
        postgres._add_switch(tmp_path, None)
    assert settings.read_text(encoding="utf-8") == "max_connections = 100\ninclude_if_exists = 'tiku-writes.conf'\n"
    assert said.read_text(encoding="utf-8") == "work_mem = '8MB'\n"
    switch = tmp_path / "tiku-writes.conf"
    assert switch.read_text(encoding="utf-8") == "default_transaction_read_only = off\n"
    postgres._overwrite(switch, postgres._WRITES[False], None)
    postgres._add_switch(tmp_path, None)
    assert switch.read_text(encoding="utf-8") == "default_transaction_read_only = on \n"
    assert settings.stat().st_mode & 0o777 == said.stat().st_mode & 0o777 == 0o600
