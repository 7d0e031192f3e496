"""Files with secrets."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from cli.stack import private_files
from tests.support.processes import ROOT


def test_a_file_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    assert private_files.keep(tmp_path / "a", "whole")
    assert not private_files.keep(tmp_path / "a", "other")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "whole")]
    private_files.write(tmp_path / "a", "newer")
    assert (tmp_path / "a").read_text() == "newer"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    script = (
        "import sys; from pathlib import Path; from cli.stack import private_files; {}(Path(sys.argv[1]), 'x' * 99)"
    )
    for call, path in (("private_files.write", tmp_path / "a"), ("private_files.keep", tmp_path / "b")):
        done = subprocess.run(
            [sys.executable, "-c", script.format(call), str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
        )
        assert "File too large" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]
