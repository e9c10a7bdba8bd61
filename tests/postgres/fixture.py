"""Fixtures with a real PostgreSQL server: `postgres`, `private_postgres` and `database_url`.

Use them through ``pytest_plugins = ["tests.postgres.fixture"]``. Where no server can run they
skip and say why; with ``ICECUBE_REQUIRE_POSTGRES=1`` they fail instead.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn, Self

import pytest

__all__ = ["Postgres", "database_url", "postgres", "private_postgres"]

_NUMBERS: Final = itertools.count()


class Postgres:
    """A server in a folder of its own, reached by its socket; it asks only `guarded` a password.

    It does not wait for the disk: a crash of the server, not of the machine, is what tests need.

    Parameters
    ----------
    programs : Path
        Folder of ``initdb`` and ``pg_ctl``.
    """

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_place()))
        self.options = f"-c listen_addresses= -c fsync=off -k {self.folder}"
        self._user = _unprivileged()
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "--auth=trust", "--username=tester", "--no-sync", "--encoding=UTF8")
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all guarded scram-sha-256\n{rules.read_text()}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-l", f"{self.folder}/log", "-o", self.options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    def url(self, database: str = "postgres", user: str = "tester") -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"alerts_{next(_NUMBERS)}"
        self.ask(f"CREATE DATABASE {name}")
        return self.url(name)

    def ask(self, query: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside a transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL as a user who may: it refuses to be root."""
        command = [str(self.programs / program), "-D", f"{self.folder}/data", *words]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _place() -> str | None:
    """Return a folder in memory if there is room: a database is three hundred files."""
    memory = Path("/dev/shm")  # noqa: S108  # the folder in it has a name of its own
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    return str(memory) if roomy else None


def _unprivileged() -> str | None:
    """Return the user that a test run by root becomes; ``None`` for who it is."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _programs() -> Path | None:
    """Return the newest installation, or that on the path."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")
    newest = sorted(debian, key=lambda path: float(path.parts[-3]))
    found = newest[-1] if newest else shutil.which("pg_ctl")
    return None if found is None else Path(found).resolve().parent


def require_postgres(env: Mapping[str, str] = os.environ) -> Path:
    """Return where the programs are; skip the calling test, or fail it if they must be there."""
    programs = _programs()
    try:
        import psycopg  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        _give_up(str(error), env)
    return programs if programs is not None else _give_up("no pg_ctl", env)


def _give_up(reason: str, env: Mapping[str, str]) -> NoReturn:
    if env.get("ICECUBE_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"ICECUBE_REQUIRE_POSTGRES=1, but it cannot run: {reason}", pytrace=False)
    pytest.skip(f"PostgreSQL cannot run: {reason}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole session; do not stop it."""
    with Postgres(require_postgres()) as server:
        yield server


@pytest.fixture
def private_postgres() -> Iterator[Postgres]:
    """A server of this one test, to stop and restart."""
    with Postgres(require_postgres()) as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """An empty database of the session's server."""
    return postgres.new_database()
