"""Messages that mean harm, by name. Each is made when it is asked for: some are large."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from icecube_hooks import AlertKind, Concern, GWReference, PValue
from icecube_hooks.testing import make_alert, make_record

__all__ = ["ATTACKS", "CANARY", "Attack"]

FIXTURES: Final = Path(__file__).parents[2] / "fixtures"
CANARY: Final = "canary-that-nobody-may-read"
"""Content of the file that external entities ask for."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Messages, and what has to become of each: ``alert``, ``refused``, or ``any`` of the two."""

    make: Callable[[Path, str], tuple[bytes, ...]]
    becomes: str


def _xml(head: str = "", inside: str = "") -> bytes:
    """Return a VOEvent of a cascade with something before and in it."""
    name = "gcn.classic.voevent.ICECUBE_CASCADE/139414_34468187_0.xml"
    text = (FIXTURES / name).read_text()
    text = text.replace("<voe:VOEvent", f"{head}<voe:VOEvent", 1)
    return text.replace("<Who>", f"<Who><Title>{inside}</Title>", 1).encode()


def _track(**changes: object) -> bytes:
    name = "gcn.notices.icecube.gold_bronze_track_alerts/135553_7213992_1.json"
    return json.dumps(json.loads((FIXTURES / name).read_bytes()) | changes).encode()


def _track_with(number: str) -> bytes:
    return _track(more="PLACE").replace(b'"PLACE"', number.encode())


def _text(**changes: str) -> bytes:
    name = "gcn.classic.text.AMON_NU_EM_COINC/NuEm-200202A.txt"
    lines = [f"{key}: {value}" for key, value in changes.items()]
    return (FIXTURES / name).read_bytes() + "\n".join(lines).encode("utf-8", "replace")


def _record(attack: str) -> bytes:
    """Return a record as another host publishes it, with the attack wherever text may stand."""
    text = "ATTACK"
    alert = make_alert(
        event_names=(text,), ivorn=text, comments=(text, text), run_id=None, event_id=None,
        amon_id=text, unread={text: {text: [text]}}, p_values=(PValue(search=text, value=0.5),),
        concerns=(Concern(field=text, found=text, taken=text, why=text),),
    )  # fmt: skip
    search = alert.replace(
        kind=AlertKind.LVK_SEARCH,
        gw=GWReference(superevent_id=text, notice_type=text, reference=text),
    )
    circular = alert.replace(amon_id=None)
    made = [make_record(alert=one) for one in (alert, search, circular)]
    found = json.dumps([one.to_dict() for one in made])
    return found.replace(text, json.dumps(attack)[1:-1]).encode()


def _records(text: str) -> tuple[bytes, ...]:
    return tuple(json.dumps(one).encode() for one in json.loads(_record(text)))


def _everywhere(text: str) -> Callable[[Path, str], tuple[bytes, ...]]:
    """Return notices of all formats with `text` in every field that may hold it."""
    xml = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    xml = "".join(c for c in xml if c.isprintable())  # the others are not XML
    param = f'<Param name="{xml}" value="{xml}"/>'
    named = _xml().replace(b'value="IceCubeCascade-240518a"', f'value="{xml}"'.encode())

    def make(folder: Path, server: str) -> tuple[bytes, ...]:
        return (
            _track(event_name=[text], instrument=text, healpix_url=text, **{f"x{text}": [text]}),
            _text(EVENT_NAME=text, COMMENTS=text, SKYMAP_FITS_URL=text, NEW_FIELD=text),
            named.replace(b"<What>", f"<What>{param}".encode()),
            *_records(text),
        )

    return make


def _fixed(*values: bytes) -> Callable[[Path, str], tuple[bytes, ...]]:
    return lambda folder, server: values


def _laughs(folder: Path, server: str) -> tuple[bytes, ...]:
    entities = '<!ENTITY e0 "ha">' + "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)
    )
    return (_xml(f"<!DOCTYPE x [{entities}]>", "&e9;"),)


def _quadratic(folder: Path, server: str) -> tuple[bytes, ...]:
    return (_xml(f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 50_000),)


def _external(folder: Path, server: str) -> tuple[bytes, ...]:
    secret = folder / "secret.txt"
    return tuple(
        _xml(head, inside)
        for address in (secret.as_uri(), server)
        for head, inside in (
            (f'<!DOCTYPE x [<!ENTITY a SYSTEM "{address}">]>', "&a;"),
            (f'<!DOCTYPE x [<!ENTITY % a SYSTEM "{address}"> %a;]>', ""),
            (f'<!DOCTYPE x SYSTEM "{address}">', ""),
        )
    )


def _included(folder: Path, server: str) -> tuple[bytes, ...]:
    secret = (folder / "secret.txt").as_uri()
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="{}"/>'
    style = f'<?xml-stylesheet href="{server}"?>'
    return (_xml("", include.format(secret)), _xml(style, include.format(server)))


ATTACKS: Final[dict[str, Attack]] = {
    "billion-laughs": Attack(_laughs, "refused"),
    "quadratic-blow-up": Attack(_quadratic, "refused"),
    "external-entity": Attack(_external, "refused"),
    "xinclude-and-stylesheet": Attack(_included, "alert"),
    "comment-of-100-mb": Attack(
        lambda folder, server: (_xml("", "<!--" + "a" * 100_000_000 + "-->"),), "refused"
    ),
    "deep-xml": Attack(lambda folder, server: (_xml("", "<a>" * 100_000),), "refused"),
    "deep-json": Attack(
        _fixed(_track_with("[" * 100_000 + "]" * 100_000), _track_with("[" * 65 + "]" * 65)),
        "refused",
    ),
    "deep-python": Attack(
        _fixed(*(b"{'notice_type': 'Gold', 'a': " + b * 100_000 for b in (b"-", b"(", b"{"))),
        "refused",
    ),
    "slow-f-string": Attack(
        _fixed(b"{'notice_type': f'" + b"{a}" * 300_000 + b"'}"), "refused"
    ),
    "number-of-10000-digits": Attack(
        _fixed(_track_with("9" * 10_000), _track_with("-" + "1" * 10_000)), "refused"
    ),
    "number-of-400-digits": Attack(
        _fixed(_track(nu_energy=10**400), _track(far=-(10**400)), _track(number_of_events=10**400)),
        "alert",
    ),
    "number-1e400": Attack(
        _fixed(*(_track(energy=0).replace(b"109.42", n) for n in (b"1e400", b"-1e400", b"1e-400"))),
        "alert",
    ),
    "position-1e400": Attack(
        _fixed(_track(event_name="x").replace(b"105.73", b"1e400")), "refused"
    ),
    "nan-and-infinity": Attack(
        _fixed(*(_track_with(word) for word in ("NaN", "Infinity", "-Infinity"))), "refused"
    ),
    "time-beyond-all": Attack(
        _fixed(*(_track(trigger_time=t) for t in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"))),
        "refused",
    ),
    "too-many-events": Attack(
        lambda folder, server: (
            (FIXTURES / "gcn.notices.icecube.lvk_nu_track_search/MS260101a-1-Preliminary.json")
            .read_bytes()
            .replace(b'"coincident_events": [', b'"coincident_events": [' + b"{}," * 20_000),
        ),
        "refused",
    ),
    "line-of-a-megabyte": Attack(
        _fixed(_text(COMMENTS="a" * 1_000_000), _text(SRC_RA=" " * 900_000)), "alert"
    ),
    "field-of-a-megabyte": Attack(
        _fixed(_track(event_name=["a" * 1_000_000], more=["b" * 5_000_000])), "alert"
    ),
    "path": Attack(_everywhere("../../../../../../../../tmp/icecube-owned"), "alert"),
    "absolute-path": Attack(_everywhere("/tmp/icecube-owned"), "alert"),  # noqa: S108  # not made
    "name-of-a-thousand": Attack(_everywhere("n" * 1000), "alert"),
    "name-of-dots": Attack(_everywhere(".."), "alert"),
    "script": Attack(_everywhere("</title><script>alert(666)</script><img src=x onerror=alert(6)>"),
        "alert",
    ),
    "script-address": Attack(_everywhere("javascript:alert(666)"), "alert"),
    "attribute": Attack(_everywhere('" onmouseover="alert(666)" x=\' onload=\'alert(6)'), "alert"),
    "template": Attack(_everywhere("{{7*191}}{% for x in y %}${7*191}"), "alert"),
    "terminal-title": Attack(_everywhere("\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f"), "alert"),
    "forged-log-line": Attack(
        _everywhere('x\r\n12:00:00 ERROR forged\u2028{"level": "forged"}\n'), "alert"
    ),
    "bidirectional": Attack(_everywhere("\u202egpj.exe\u2066\u200f\ufeff"), "alert"),
    "nul": Attack(_everywhere("a\x00b"), "alert"),
    "half-a-surrogate": Attack(
        _fixed(_track(event_name=["\ud800"])), "refused"
    ),
    "half-a-surrogate-of-another-host": Attack(
        _fixed(*_records("\udcff")), "alert"
    ),
    "sql": Attack(_everywhere("'; DROP TABLE records; --\"; DROP TABLE records; --"), "alert"),
    "formula": Attack(_everywhere('=HYPERLINK("http://evil.example","x")'), "alert"),
    "format-string": Attack(_everywhere("%s%n%(asctime)s{0.__class__}"), "alert"),
    "shell": Attack(_everywhere("$(touch /tmp/icecube-owned)`touch /tmp/icecube-owned`|x"),
        "alert",
    ),
    "mail-header": Attack(_everywhere("x\r\nBcc: all@example.org\r\n\r\nbody"), "alert"),
    "nothing": Attack(_fixed(b"", b"\x00" * 160, b"\xff\xfe<", b"{", b"null", b"<"), "refused"),
}  # fmt: skip
