"""What all tests share: the folders of notices, and the real Kafka broker."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kafka_broker.fixture", "tests.postgres.fixture"]

ROOT = Path(__file__).parent.parent

# A busy machine is no bug of ours, and CI judges a change, not its luck: there the examples are the
# same each time. Everywhere else they are new ones.
settings.register_profile(
    "here",
    deadline=None,
    max_examples=int(os.environ.get("ICECUBE_EXAMPLES", "50")),  # in the night 500
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("here")

# A shell starts what runs in its background with Ctrl-C ignored, and every program that a test
# starts, and means to end by it, would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Else each of the programs that tests start would compile anew all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Nobody's own credentials take part.
os.environ["ICECUBE_ALERTS_AUTH"] = str(ROOT / "tests" / "no-credentials-here.toml")

FULL = (
    *("adapters/", "faults/", "fuzz/", "host/kafka/", "report/", "security/"),
    *("significance/test_monte_carlo", "supply_chain/", "test_never_said", "test_new_plugin"),
    *("test_tutorial", "test_write_a_sink", "third_party/"),
)
NIGHTLY = ("kafka_broker/",)
LONG = (  # a minute each, and more: begun first, so that none of them is left to the end
    *("adapters/test_tom.py", "adapters/test_ligo_skymap.py", "test_service.py"),
    *("adapters/test_tom_pages.py", "adapters/test_hop.py", "host/kafka/test_health.py"),
    *("adapters/test_tom_nonlocalized.py", "security/test_attacks.py", "host/kafka/test_faults.py"),
    *("adapters/test_generic.py", "faults/test_faults.py"),
)
SERVERS = {
    *("broker", "browser", "kafka", "kafka_cluster", "oidc", "peers", "postgres", "private_kafka"),
    *("private_postgres", "proxy", "stream"),
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import none of what the core suite leaves out: that takes seconds."""
    is_core = config.option.markexpr == "not full and not nightly" and not config.option.file_or_dir
    return True if is_core and _place(collection_path).startswith((*FULL, *NIGHTLY)) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not in the core suite: ``full`` and ``nightly`` in pyproject.toml; sort."""
    for item in items:
        place = _place(item.path)
        if place.startswith(FULL) or SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker("full")
        if place.startswith(NIGHTLY):
            item.add_marker("nightly")
    items.sort(key=_rank)


def _place(path: Path) -> str:
    """Return where a file or folder is, from here; folders end with a slash."""
    return path.relative_to(ROOT / "tests").as_posix() + "/" * path.is_dir()


def _rank(item: pytest.Item) -> int:
    place = _place(item.path)
    return LONG.index(place) if place in LONG else len(LONG)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_in_the_checkout() -> Iterator[None]:
    """But for caches, whose names begin with a dot."""

    def names() -> set[str]:
        return {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    before = names()
    yield
    assert names() <= before


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Our own notices."""
    return ROOT / "fixtures"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real notices, which are not part of the project.

    Where they are missing the test is skipped, or fails if ICECUBE_REQUIRE_CORPUS is 1.
    """
    folder = ROOT.parent / "shared" / "corpus"
    if folder.is_dir():
        return folder
    reason = f"no real notices in {folder}"
    if os.environ.get("ICECUBE_REQUIRE_CORPUS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
