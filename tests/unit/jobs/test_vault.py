"""Credentials at rest."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.vault import Vault, VaultError

SECRET = {"hf_token": "hf_" + "a" * 30, "cookies": "sid=ü"}


def test_what_was_locked_for_a_job_opens_for_that_job(tmp_path: Path) -> None:
    vault = Vault.from_file(tmp_path / "keys" / "secret.key")
    locked = vault.lock("job_1", SECRET)
    assert vault.unlock("job_1", locked) == SECRET
    assert b"hf_" not in locked
    assert vault.lock("job_1", SECRET) != locked


@pytest.mark.parametrize("change", ["job", "key", "byte", "cut", "empty"])
def test_a_ciphertext_that_was_moved_or_changed_is_refused(tmp_path: Path, change: str) -> None:
    vault = Vault.from_file(tmp_path / "a.key")
    locked = vault.lock("job_1", SECRET)
    other = Vault.from_file(tmp_path / "b.key") if change == "key" else vault
    broken = {"byte": locked[:-1] + bytes([locked[-1] ^ 1]), "cut": locked[:20], "empty": b""}.get(change, locked)
    with pytest.raises(VaultError) as refused:
        other.unlock("job_2" if change == "job" else "job_1", broken)
    assert "hf_" not in str(refused.value)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    Vault.from_file(path)
    first = path.read_bytes()
    Vault.from_file(path)
    assert path.read_bytes() == first
    assert len(base64.b64decode(first)) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"short"), b"\xff" * 32])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(VaultError, match="holds no key"):
        Vault.from_file(path)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    code = f"from pathlib import Path; from jobs.vault import Vault; Vault.from_file(Path({str(path)!r}))"
    starts = [subprocess.Popen([sys.executable, "-c", f"{code}; print(Path({str(path)!r}).read_text())"],
                               stdout=subprocess.PIPE, text=True) for _ in range(3)]  # fmt: skip
    keys = {process.communicate(timeout=30)[0].strip() for process in starts}
    assert keys == {path.read_text().strip()}


def test_a_replaced_key_still_opens_and_the_first_one_locks(tmp_path: Path) -> None:
    old, new = tmp_path / "old.key", tmp_path / "new.key"
    before = Vault.from_file(old)
    locked = before.lock("job_1", SECRET)
    Vault.from_file(new)
    new.write_bytes(new.read_bytes() + old.read_bytes())
    after = Vault.from_file(new)
    assert after.unlock("job_1", locked) == SECRET
    assert after.derived("links") == (Vault.from_file(new).derived("links")[0], before.derived("links")[0])
    with pytest.raises(VaultError):
        before.unlock("job_1", after.lock("job_1", SECRET))


def test_keys_for_different_purposes_tell_nothing_of_each_other(tmp_path: Path) -> None:
    vault = Vault.from_file(tmp_path / "a.key")
    assert len({vault.derived(purpose) for purpose in ("links", "cursors", "fingerprint")}) == 3
    assert len(vault.derived("links")[0]) == 32
