"""What is fuzzed: a function of bytes, what it begins with, and what it may answer."""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Final

from icecube_hooks import Alert, ConfigError, Message, NoticeError, ParserType, Record
from icecube_hooks.testing import example_records
from icecube_plugin.host._archives import DAMAGE, Limits, TooLarge, contents
from icecube_plugin.host.config import Config, config_from
from icecube_plugin.host.files import FileError, messages_from
from icecube_plugin.host.journal import Journal, Refusal
from icecube_plugin.host.store import StoreError
from icecube_plugin.notices import binary, circular, gw, lvk, normalised, text, track, voevent
from icecube_plugin.views.summary import summary

__all__ = ["CONFIGURATION", "FOUND", "READERS", "TARGETS", "Target", "Wrong"]

ROOT: Final = Path(__file__).parents[2]
FIXTURES: Final = ROOT / "fixtures"
FOUND: Final = Path(__file__).parent / "found"
"""Inputs that once did what they should not, in a folder for each target."""


class Wrong(AssertionError):
    """An answer that may not be."""


@dataclass(frozen=True, slots=True)
class Target:
    """A function of bytes.

    Attributes
    ----------
    name : str
    run : callable
        Takes the input; returns a word for what became of it. Anything raised is a find.
    seeds : callable
        Returns inputs to begin with.
    words : tuple of bytes
        Pieces that mean something to it.
    """

    name: str
    run: Callable[[bytes], str]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = field(default=(), repr=False)


def _read(parser: ParserType, data: bytes) -> str:
    """Show bytes to a reader; an alert of it must be fit for every sink."""
    message = Message(value=data)
    try:
        alert: object = parser.parse(message)
    except NoticeError as error:
        if not str(error).isprintable():
            raise Wrong(f"the error does not print: {error!r}") from error
        return "refused"
    if alert is None:
        return "not ours"
    if isinstance(alert, Record):  # as another host has published it
        _check(alert)
    elif isinstance(alert, Alert):
        _check(Record.of(message, alert, ()))
    else:
        raise Wrong(f"neither Alert, Record nor None: {alert!r}")
    return "alert"


def _check(record: Record) -> None:
    line = record.to_json()
    if len(line.splitlines()) != 1:
        raise Wrong("its JSON is not one line")
    if Record.from_dict(json.loads(line)) != record:
        raise Wrong("its JSON does not give it back")
    if not summary(record).replace("\n", "").isprintable():
        raise Wrong("its summary does not print")


def _files(*patterns: str) -> list[bytes]:
    """Return the fixtures that match, and those that are broken."""
    return [path.read_bytes() for pattern in patterns for path in sorted(FIXTURES.glob(pattern))]


def _dictionaries() -> list[bytes]:
    """Return text notices as other software hands them over."""
    notices = _files("gcn.classic.text.*/*.txt")[::20]
    fields = [text.fields_of(notice.decode()) for notice in notices]
    plain = [{key.lower(): "\n".join(values) for key, values in one.items()} for one in fields]
    return [json.dumps(one).encode() for one in plain] + [repr(one).encode() for one in plain]


def _records() -> list[bytes]:
    return [record.to_json().encode() for record in example_records()]


def _gravitational_waves() -> list[bytes]:
    """Return LVK's own alerts, which no fixture is: one with two maps, and a retraction."""
    fits = base64.b64encode(b"SIMPLE  =" + bytes(200)).decode()
    event = {
        "time": "2026-05-02T04:00:00.5Z",
        "far": 9.5e-10,
        "significant": True,
        "instruments": ["H1", "L1"],
        "classification": {"BBH": 0.98, "Terrestrial": 0.02},
        "mchirp_source": {"bin_edges": [0.1, 1.0, 5.5], "probabilities": [0.25, 0.75]},
        "skymap": fits,
    }
    other = {"gcn_notice_id": 5, "time_coincidence_far": 1e-9, "combined_skymap": fits}
    notice = {"superevent_id": "S260502ab", "time_created": "2026-05-02T04:30:00Z"}
    found = notice | {"alert_type": "UPDATE", "event": event, "external_coinc": other}
    retraction = notice | {"alert_type": "RETRACTION", "event": None, "external_coinc": None}
    return [json.dumps(one).encode() for one in (found, retraction)]


_JSON: Final = (
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-1", b"0.5", b'""', b"[]", b"{}", b"[[",),
    *(b'"\\ud800"', b"9" * 400, b"1_2", b'"142000_1234567"', b'"2026-05-02T04:00:00Z"'),
)  # fmt: skip
_XML: Final = (
    *(b"<!DOCTYPE a [", b'<!ENTITY a "b">', b"&a;", b"&#0;", b"&#xD800;", b"<![CDATA[", b"]]>"),
    *(b"<!--", b"-->", b"<?xml-stylesheet?>", b"<Param name=", b' value="', b"xmlns:a="),
    *(b"<Group>", b"</Group>", b"NaN", b"1e999", b"UTF-16", b"xi:include"),
)  # fmt: skip

_WORDS: Final[dict[str, tuple[bytes, ...]]] = {
    "binary-packet": (
        *(number.to_bytes(4, "big", signed=True) for number in (0, -1, 2**31 - 1, -(2**31))),
        *(number.to_bytes(4, "big") for number in (157, 158, 169, 172, 173, 174, 176)),
        b"\xff\xff\xff\x9c", b"\x7f\xff\xff\xff",
    ),
    "circulars": (
        *(b"The IceCube Collaboration reports:\n", b"AMON", b"on behalf of", b"+/-", b"deg", b"%"),
        *(b"RA: ", b"Dec: ", b"J2000", b"PSF containment", b"FAR", b"TeV", b"S260502ab", b"p-val"),
        *(b"\n\n", b"&#0;", b"&nbsp;", b"\xef\xbf\xbd", b"retraction", b"IceCube-260502A"),
        *(b" per cent", b" per month", b" x 10^-5", b"$\\times10^{-5}$", b"^{+1}_{-2}", b"arcmin"),
        *(b"| RA | Dec |\n|---|---|\n", b"dt[s] RA[deg] Dec[deg] Sigma[deg]\n", b"[a](https://b.c)"),
        *(b"has been retracted", b"respectively", b"too close to pole", b"1,5", b"p = ", b"floops"),
        *_JSON,
    ),
    "classic-text": (
        *(b"NOTICE_TYPE: ICECUBE ", b"(J2000)", b"[arcmin]", b"[deg]", b"TJD;", b"DOY;", b"SOD {"),
        *(b"RUN_NUM: ", b"SRC_RA: ", b"nan", b"inf", b"1e999", b"\r", b"\x00", b"\xe2\x80\xa8"),
        *(b"{'notice_type': '", b"': 1e400, '", b"((((", b"---", b"b'x'", b"1j"),
    ),
    "lvk-gw": (b'"skymap": "', b"U0lNUExFICA9", b"sha256:", b"RETRACTION", b"MS260502ab", *_JSON),
    "lvk-json": _JSON,
    "record-json": _JSON,
    "track-json": _JSON,
    "lvk-gw-voevent": (*_XML, b"GraceID", b"LVC#MS260502ab-3-Retraction", b'unit="Hz"'),
    "voevent": _XML,
}  # fmt: skip

_SEEDS: Final[dict[str, Callable[[], list[bytes]]]] = {
    "binary-packet": lambda: _files("gcn.classic.binary.*/*", "broken/*.bin"),
    "circulars": lambda: _files("gcn.circulars/*", "../tests/notices/circulars/*"),
    "classic-text": lambda: _files("gcn.classic.text.*/*", "broken/*.txt") + _dictionaries(),
    "lvk-gw": _gravitational_waves,
    "lvk-gw-voevent": lambda: _files("gcn.classic.voevent.LVC_*/*", "broken/*.xml"),
    "lvk-json": lambda: _files("*.lvk_nu_track_search/*", "broken/*.json"),
    "record-json": _records,
    "track-json": lambda: _files("*.gold_bronze_track_alerts/*", "broken/*.json"),
    "voevent": lambda: _files("gcn.classic.voevent.*/*", "broken/*.xml"),
}

_PARSERS: Final = [
    parser
    for module in (binary, circular, gw, lvk, normalised, text, track, voevent)
    for parser in module.register_parsers()
]

READERS: Final = tuple(
    Target(parser.name, partial(_read, parser), _SEEDS[parser.name], _WORDS[parser.name])
    for parser in _PARSERS
)


def _configure(data: bytes) -> str:
    """Read bytes as a configuration file; an error must be ours."""
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return "no TOML"
    try:
        found = config_from(table, {})
    except ConfigError as error:
        if not error.key:
            raise Wrong(f"names no key: {error}") from error
        return "refused"
    if not isinstance(found, Config):
        raise Wrong(f"no Config: {found!r}")
    return "read"


CONFIGURATION: Final = b"""
data_folder = "a"
batch_size = 10
journal_days = 5
journal_limit_gb = 1.5
dead_letters_limit = 6
remember_notices = 7
mock_maps_days = 2
message_limit_mb = 3
plugins_folder = "p"
[kafka]
domain = "gcn.nasa.gov"
client_id = "a"
client_secret = "b"
group_id = "c"
topics = ["a"]
topics_extra = ["b.*"]
keyring = "k"
bootstrap_servers = "d:1"
start = "latest"
instance_id = "e"
wait = true
heartbeat = false
[kafka.options]
"session.timeout.ms" = 30000
[plugins]
block = ["sink-terminal"]
allow = ["*"]
[plugins.options]
a = 1
[health]
listen = "127.0.0.1:1"
every_s = 1
connection_limit_s = 4
heartbeat_limit_s = 2
stall_limit_s = 3
[significance.icecube]
trials = 3
[annotators.b]
near = "c"
[parsers.d]
strict = true
[observers.e]
loud = 1
[sinks.a]
type = "sqlite"
path = "b"
required = false
patience_s = 5
start = "earliest"
skip_older_than = "3d"
when = "signalness > 0.5"
[sinks.a.filter]
kinds = ["gold"]
"""
"""Every key that there is; a test holds it against the code."""


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="icecube-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _damaged(data: bytes) -> str:
    """Open a damaged journal: what can be read is, and it can be written in any case."""
    folder = _scratch() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    journal = Journal(folder)
    journal.path.write_bytes(data)
    try:
        for _ in range(2):
            with contextlib.suppress(StoreError):  # it has been put aside then
                journal.look()
                list(journal.letters())
                journal.after(0)
        last = journal.append([example_records()[0]])
        if journal.after(last - 1).entries[0].record != example_records()[0]:
            raise Wrong("the record is not there")
    finally:
        journal.close()
    return "refused" if list(folder.glob("*.damaged-*")) else "read"


def _journals() -> list[bytes]:
    folder = _scratch() / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    journal = Journal(folder)
    broken = NoticeError("broken")
    journal.append([*example_records(), Refusal(Message(value=b"x"), broken)])
    journal.close()
    return [journal.path.read_bytes()]


def _unpack(suffix: str, data: bytes) -> str:
    path = _scratch() / f"archive{suffix}"
    path.write_bytes(data)
    try:
        size = sum(len(one.read()) for one in contents(path, Limits(member=2**20, total=2**21)))
    except (TooLarge, OSError, *DAMAGE):
        return "refused"
    if size > 2**21:
        raise Wrong(f"{size} bytes came out")
    return "read"


def _replay(data: bytes) -> str:
    path = _scratch() / "lines.jsonl"
    path.write_bytes(data)
    try:
        return "read" if list(messages_from([str(path)])) else "empty"
    except FileError:
        return "refused"


def _archives(suffix: str) -> list[bytes]:
    import gzip
    import io
    import tarfile
    import zipfile

    out = io.BytesIO()
    if suffix == ".gz":
        return [gzip.compress(b"a notice")]
    if suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("gcn.x/a.json", "a notice")
            packed.writestr("../b.txt", "another" * 100)
        return [out.getvalue()]
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("gcn.x/a.json")
        info.size = 8
        tar.addfile(info, io.BytesIO(b"a notice"))
    return [out.getvalue()]


_TOML: Final = (
    *(b"[", b"]", b"[[", b"]]", b"=", b"1e400", b"nan", b"inf", b"true", b'""', b"{}", b"[]"),
    *(b"1979-05-27T07:32:00Z", b"'''", b"9" * 400, b"kafka.", b"[sinks.x]", b'"\\uD800"'),
)

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for target in (
        *READERS,
        Target("config", _configure, lambda: [CONFIGURATION], _TOML),
        Target("journal", _damaged, _journals),
        Target("jsonl", _replay, _records, _JSON),
        *(
            Target(f"archive{s}", partial(_unpack, s), partial(_archives, s))
            for s in (".zip", ".tar", ".gz")
        ),
    )
}
