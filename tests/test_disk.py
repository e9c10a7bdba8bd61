"""Files that several processes have open."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from icecube_plugin.disk import make_private

TRY_LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


def test_a_file_that_is_there_keeps_its_locks_and_its_content(tmp_path: Path) -> None:
    """POSIX ends all locks of a process on a file when it closes any descriptor of that file."""
    path = tmp_path / "a.sqlite"
    make_private(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("r+b") as file:
        file.write(b"content")
        file.flush()
        fcntl.lockf(file, fcntl.LOCK_EX)
        make_private(path)
        command = [sys.executable, "-c", TRY_LOCK, str(path)]
        tried = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=300)
        assert "BlockingIOError" in tried.stderr
    assert path.read_bytes() == b"content"
