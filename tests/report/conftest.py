from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from icecube_hooks import NoticeError, Record
from icecube_hooks.host import load_plugins
from icecube_plugin.host import messages_from
from icecube_plugin.views.pages import build

ROOT = Path(__file__).parents[2]


def records_of(*folders: Path) -> Iterator[Record]:
    """Yield the records of all notices that can be read."""
    plugins = load_plugins(block=("sink-*",))
    for message in messages_from(map(str, folders)):
        try:
            yield plugins.record(message)
        except NoticeError:
            continue


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def records() -> list[Record]:
    return list(records_of(ROOT / "fixtures"))


@pytest.fixture(scope="session")
def built(records: list[Record]) -> dict[str, bytes]:
    return build(records)


@pytest.fixture(scope="session")
def site(built: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("site"), built)
