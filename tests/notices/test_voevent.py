"""VOEvent: GCN's packets, AMON's own, and documents that mean harm."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from icecube_hooks import Alert, AlertKind, Message, NoticeError, PValue, Status, Tense, WireFormat
from icecube_plugin.notices._draft import NOTICE_LIMIT
from icecube_plugin.notices.voevent import TOPICS, parse, parse_element, register_parsers

from .stated import stated_fields

IVORN = "ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event2026-05-02T04:00:00.25_24_142000_001234567_0"
HARMLESS = ("RADec_valid", "false", "position")

PARAMS: dict[str, tuple[str, str]] = {
    "Packet_Type": ("173", ""),
    "Pkt_Ser_Num": ("3", ""),
    "AMON_ID": ("1420001234567", ""),
    "run_id": ("142000", ""),
    "event_id": ("1234567", ""),
    "Event_TJD": ("21162", "days"),
    "Event_SOD": ("14400.25", "sec"),
    "Stream": ("24", "dn"),
    "Rev": ("0", "dn"),
    "signalness": ("0.4800", "dn"),
    "FAR": ("1.2000", "yr^-1"),
    "energy": ("171.2000", "TeV"),
    "src_error_90": ("0.6867", "deg"),
    "src_error_50": ("0.2675", "deg"),
    "Trigger_ID": ("0x0", ""),
    "Misc_flags": ("0x18000000", ""),
}
FLAGS = {"SubType": "indi", "Test": "false", "RADec_valid": "false", "Retraction": "false"}


def packet(
    params: dict[str, tuple[str, str] | str | None] | None = None,
    flags: dict[str, str] | None = None,
    *,
    role: str = "observation",
    version: str = "2.0",
    ivorn: str = IVORN,
    date: str = "2026-05-02T04:05:06",
    time: str | None = "2026-05-02T04:00:00.25",
    position: tuple[str, str, str | None] | None = ("103.5000", "-5.2500", "0.6867"),
    names: tuple[str, str] = ("RA", "Dec"),
    words: str = "",
    head: str = "<?xml version = '1.0' encoding = 'UTF-8'?>",
    what: str = "",
) -> bytes:
    """Return a VOEvent; `params` replace those above, None leaves one out."""
    lines = []
    for name, entry in (PARAMS | (params or {})).items():
        value, unit = (entry, "") if isinstance(entry, str) else entry or (None, "")
        if value is not None:
            lines.append(f'<Param name="{name}" value="{value}" unit="{unit}">{words}</Param>')
    group = "".join(f'<Param name="{k}" value="{v}"/>' for k, v in (FLAGS | (flags or {})).items())
    instant = (
        "" if time is None else f"<Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>"
    )
    place = ""
    if position is not None:
        ra, dec, radius = position
        circle = "" if radius is None else f"<Error2Radius>{radius}</Error2Radius>"
        place = (
            f"<Position2D unit='deg'><Name1>{names[0]}</Name1><Name2>{names[1]}</Name2>"
            f"<Value2><C1>{ra}</C1><C2>{dec}</C2></Value2>{circle}</Position2D>"
        )
    return f"""{head}
<voe:VOEvent ivorn="{ivorn}" role="{role}" version="{version}"
      xmlns:voe="http://www.ivoa.net/xml/VOEvent/v{version}">
  <Who><Date>{date}</Date></Who>
  <What>{"".join(lines)}<Group name="Trigger_ID">{group}</Group>
    <Group name="Misc_flags"/>{what}</What>
  <WhereWhen><ObsDataLocation><ObservationLocation><AstroCoords>
    {instant}{place}
  </AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>
""".encode()


def amon(**changes: str) -> bytes:
    """Return a packet as AMON itself writes it."""
    params: dict[str, tuple[str, str] | str | None] = dict.fromkeys(PARAMS)
    params |= {"stream": "1", "amon_id": "0", "rev": "0.0", "false_pos": "0.002", "pvalue": "0.092"}
    params |= changes
    return packet(params, role="test", ivorn="ivo://amon/test#1_0_0")


def read(value: bytes) -> Alert:
    alert = parse(Message(value=value))
    assert alert is not None
    return alert


def refusal(value: bytes) -> str:
    with pytest.raises(NoticeError) as info:
        parse(Message(value=value))
    return str(info.value)


def concerns(alert: Alert) -> list[tuple[str, str, str | None]]:
    """Return all concerns but the one that every packet gives."""
    found = [(c.field, c.found, c.taken) for c in alert.concerns]
    assert found.count(HARMLESS) <= 1
    return [concern for concern in found if concern != HARMLESS]


def test_registration() -> None:
    [parser] = register_parsers()
    assert (parser.name, parser.topics, parser.parse) == ("voevent", TOPICS, parse)


def test_every_field() -> None:
    alert = read(packet())
    place = alert.localization
    assert place is not None
    assert (alert.kind, alert.format) == (AlertKind.GOLD, WireFormat.VOEVENT)
    assert (alert.run_id, alert.event_id, alert.revision) == (142000, 1234567, 0)
    assert (alert.status, alert.tense, alert.stream) == (Status.INITIAL, Tense.OBSERVATION, 24)
    assert (alert.ivorn, alert.amon_id) == (IVORN, None)
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, tzinfo=UTC)
    assert alert.notice_time == datetime(2026, 5, 2, 4, 5, 6, tzinfo=UTC)
    assert (place.ra_deg, place.dec_deg) == (103.5, -5.25)
    assert (place.error_radius_deg, place.error_radius_50_deg) == (0.6867, 0.2675)
    assert (place.containment, place.systematic_included) == (0.9, None)
    assert (alert.energy_tev, alert.signalness) == (171.2, 0.48)
    assert alert.far_hz == 1.2 / (365 * 86400)
    assert [(c.field, c.found, c.taken) for c in alert.concerns] == [HARMLESS]
    assert alert.unread == {}


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("157", AlertKind.COINC),
        ("158", AlertKind.HESE),
        ("169", AlertKind.EHE),
        ("172", AlertKind.NU_EM),
        ("173", AlertKind.GOLD),
        ("174", AlertKind.BRONZE),
        ("176", AlertKind.CASCADE),
    ],
)
def test_packet_types(number: str, kind: AlertKind) -> None:
    assert read(packet({"Packet_Type": number})).kind is kind


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"VOEvent",
        b'{"VOEvent": 1}',
        b"<html><body>VOEvent</body></html>",
        packet({"Packet_Type": "61"}),
        packet({"Packet_Type": None}),
        packet({"Packet_Type": None}, ivorn="ivo://nasa.gsfc.gcn/Fermi#GBM"),
    ],
)
def test_not_ours(value: bytes) -> None:
    assert parse(Message(value=value)) is None


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_versions(version: str) -> None:
    assert read(packet(version=version)).run_id == 142000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (packet({"Packet_Type": "gold"}), "Packet_Type: expected an integer, got 'gold'"),
        (packet({"run_id": None}), "run_id: run and event number belong together"),
        (packet({"event_id": None}), "event_id: run and event number belong together"),
        (packet({"run_id": "1.5"}), "run_id: expected an integer, got '1.5'"),
        (packet({"run_id": ""}), "run_id: expected an integer, got ''"),
        (packet({"run_id": "-1"}), "run_id: expected a number of 0 or more, got -1"),
        (packet({"Rev": "-1"}), "revision: expected a number of 0 or more, got -1"),
        (packet(time=None), "ISOTime: the notice states no time of the event"),
        (
            packet(time="today"),
            "ISOTime: expected a time such as 2023-04-16T05:22:26Z, got 'today'",
        ),
        (packet(position=("x", "1", "1")), "C1: expected a number, got 'x'"),
        (packet(position=("1", "", "1")), "C2: expected a number, got ''"),
        (packet(position=("nan", "1", "1")), "C1: expected a number, got 'nan'"),
        (packet(position=("400", "1", "1")), "ra: expected a number from 0 to 360, got 400.0"),
        (packet(position=("1", "-91", "1")), "dec: expected a number from -90 to 90, got -91.0"),
        (
            packet(names=("Dec", "RA")),
            "Name1, Name2: expected the coordinates RA and Dec, got ('Dec', 'RA')",
        ),
        (packet({"pvalue": "1.5"}), "pvalue: expected a number from 0 to 1, got 1.5"),
    ],
)
def test_refused(value: bytes, words: str) -> None:
    assert refusal(value) == words


def test_only_what_identifies_is_needed() -> None:
    needed = ("Packet_Type", "run_id", "event_id")
    alert = read(packet(dict.fromkeys(PARAMS.keys() - set(needed)), position=None))
    stated = stated_fields(alert)
    assert stated == {
        "kind", "format", "run_id", "event_id", "ivorn", "tense", "trigger_time",
        "notice_time",
    }  # fmt: skip


# ------------------------------------------------------------------------------------ identity


@pytest.mark.parametrize(
    ("tail", "found"),
    [
        ("142000_001234567_0", []),
        ("142000_1234567_0", []),
        ("142001_001234567_0", [("ivorn", "142001", "142000")]),
        ("142000_001234568_0", [("ivorn", "1234568", "1234567")]),
        ("142000_001234567_1", [("ivorn", "1", "0")]),
        ("2147483647-644", []),
    ],
)
def test_ivorn_is_held_against_the_parameters(
    tail: str, found: list[tuple[str, str, str | None]]
) -> None:
    ivorn = f"ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event2026-05-02T04:00:00.25_24_{tail}"
    alert = read(packet(ivorn=ivorn))
    assert (alert.run_id, alert.event_id, alert.revision) == (142000, 1234567, 0)
    assert (alert.ivorn, concerns(alert)) == (ivorn, found)


@pytest.mark.parametrize(
    ("amon_id", "found"),
    [
        ("1420001234567", []),
        ("1234567142000", []),
        (None, []),
        ("999", [("AMON_ID", "999", "142000_1234567")]),
        ("2147483647", [("TrigID", "2147483647", None)]),
    ],
)
def test_amon_number_beside_run_and_event(
    amon_id: str | None, found: list[tuple[str, str, str | None]]
) -> None:
    alert = read(packet({"AMON_ID": amon_id}))
    assert (alert.amon_id, concerns(alert)) == (None, found)


@pytest.mark.parametrize(("number", "expected"), [("71", "71"), ("2147483647", None)])
def test_amon_number_alone(number: str, expected: str | None) -> None:
    params: dict[str, tuple[str, str] | str | None] = {
        "Packet_Type": "157", "AMON_ID": None, "TrigID": number, "run_id": None, "event_id": None
    }  # fmt: skip
    alert = read(packet(params, ivorn="ivo://nasa.gsfc.gcn/AMON#ICECUBE_COINC_71-0"))
    assert (alert.run_id, alert.amon_id) == (None, expected)


@pytest.mark.parametrize(
    ("role", "tense"),
    [
        ("observation", Tense.OBSERVATION),
        ("test", Tense.TEST),
        ("sim", Tense.SIMULATION),
        ("prediction", Tense.PLANNED),
    ],
)
def test_roles(role: str, tense: Tense) -> None:
    alert = read(packet(role=role))
    assert (alert.tense, concerns(alert)) == (tense, [])


def test_role_that_there_is_not() -> None:
    alert = read(packet(role="rumour"))
    assert (alert.tense, concerns(alert)) == (None, [("role", "rumour", None)])


@pytest.mark.parametrize("flag", ["Test", "InternalTest"])
def test_test_flag(flag: str) -> None:
    alert = read(packet(flags={flag: "true"}))
    assert (alert.tense, alert.is_real) == (Tense.TEST, False)


def test_retraction_flag() -> None:
    assert read(packet(flags={"Retraction": "true"})).status is Status.RETRACTION
    assert read(packet({"Rev": "1"})).status is Status.UPDATE


def test_radec_valid() -> None:
    [concern] = read(packet()).concerns
    assert concern.why == "every packet says so, also beside a good position; the position is taken"
    assert read(packet(flags={"RADec_valid": "true"})).concerns == ()
    assert read(packet(position=None)).concerns == ()


# ---------------------------------------------------------------------------------------- time


def test_date_is_not_the_time_of_the_event() -> None:
    alert = read(packet(date="2026-06-01T12:00:00"))
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, tzinfo=UTC)
    assert alert.notice_time == datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_date_that_is_none() -> None:
    alert = read(packet(date="b'2026'"))
    assert (alert.notice_time, concerns(alert)) == (None, [("Who/Date", "b'2026'", None)])


@pytest.mark.parametrize(
    ("tjd", "sod", "doubts"),
    [
        ("21162", "14400.25", []),
        ("21162", "14400.26", []),
        ("21161", "14400.25", ["Event_TJD, Event_SOD"]),
        ("21162", "14401.25", ["Event_TJD, Event_SOD"]),
        ("21162", "86402", ["Event_TJD"]),
        ("late", "14400.25", ["Event_TJD"]),
        ("21162", "late", ["Event_SOD"]),
    ],
)
def test_tjd_is_held_against_the_time(tjd: str, sod: str, doubts: list[str]) -> None:
    alert = read(packet({"Event_TJD": tjd, "Event_SOD": sod}))
    assert alert.trigger_time == datetime(2026, 5, 2, 4, 0, 0, 250_000, tzinfo=UTC)
    assert [field for field, _, _ in concerns(alert)] == doubts


# ------------------------------------------------------------------------------------ position


@pytest.mark.parametrize(
    ("kind", "containment"),
    [("158", 0.9), ("169", 0.5), ("157", None)],
)
def test_circle_alone(kind: str, containment: float | None) -> None:
    params: dict[str, tuple[str, str] | str | None] = {
        "Packet_Type": kind, "src_error_90": None, "src_error_50": None
    }  # fmt: skip
    place = read(packet(params, position=("10", "5", "0.25"))).localization
    assert place is not None
    assert (place.error_radius_deg, place.containment) == (0.25, containment)
    assert place.error_radius_50_deg == (0.25 if containment == 0.5 else None)


@pytest.mark.parametrize(
    ("circle", "doubts"), [("0.6867", []), ("0.68675", []), ("1.0", ["Error2Radius"])]
)
def test_circle_beside_the_radius(circle: str, doubts: list[str]) -> None:
    alert = read(packet(position=("10", "5", circle)))
    assert alert.localization is not None
    assert alert.localization.error_radius_deg == 0.6867
    assert [field for field, _, _ in concerns(alert)] == doubts


@pytest.mark.parametrize(
    ("words", "systematic"),
    [
        ("The position error is statistical only, there is no systematic added.", False),
        ("The position error is the combined statistical and the systematic.", True),
        ("Angular error of the source.", None),
    ],
)
def test_systematics(words: str, systematic: bool | None) -> None:
    place = read(packet(words=f"<Description>{words}</Description>")).localization
    assert place is not None
    assert place.systematic_included is systematic


@pytest.mark.parametrize(
    "position", [("0.0", "0.0", "0.0"), ("-1.0", "0.0", "0.0"), ("0", "0", None)]
)
def test_placeholder_position(position: tuple[str, str, str | None]) -> None:
    alert = read(packet({"src_error_90": None, "src_error_50": None}, position=position))
    assert alert.localization is None
    assert [field for field, _, _ in concerns(alert)] == ["position"]


def test_default_radius() -> None:
    params: dict[str, tuple[str, str] | str | None] = {
        "src_error_90": "0.5133",
        "src_error_50": "0.2",
    }
    alert = read(packet(params, position=("10", "5", "0.5133")))
    assert concerns(alert) == [("error_radius_deg", "0.5133", "0.5133")]


def test_sky_maps_after_the_groups() -> None:
    what = (
        '<Param name="skymap_fits" value="https://a/b.fits"/><Param name="skymap_png" value="x"/>'
    )
    alert = read(packet(what=what))
    assert alert.localization is not None
    assert alert.localization.skymap_fits_url == "https://a/b.fits"
    assert alert.localization.skymap_png_url is None
    assert concerns(alert) == [("skymap_png", "x", None)]


# ------------------------------------------------------------------------------------- physics


def test_energy_in_gev_is_tev() -> None:
    alert = read(packet({"energy": ("23.8726", "GeV")}))
    assert alert.energy_tev == 23.8726
    assert concerns(alert) == [("energy", "GeV", "TeV")]


def test_signalness_in_photo_electrons() -> None:
    alert = read(packet({"signalness": ("0.5000", "pe")}))
    assert alert.signalness == 0.5
    assert concerns(alert) == [("signalness", "pe", "0.5")]


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("energy", "0.0", "energy_tev"),
        ("energy", "NaN", "energy_tev"),
        ("energy", "1e400", "energy_tev"),
        ("signalness", "-1.0000", "signalness"),
        ("signalness", "1.01", "signalness"),
        ("FAR", "0.0", "far_hz"),
        ("FAR", "", "far_hz"),
        ("charge", "1510.0000", "charge_pe"),
        ("signal_trackness", "-1", "signal_trackness"),
        ("Stream", "x", "stream"),
        ("Nevents", "1.5", "n_events"),
        ("deltaT", "inf", "delta_t_s"),
    ],
)
def test_values_that_are_none_are_left_unstated(name: str, value: str, attribute: str) -> None:
    alert = read(packet({name: value if name != "energy" else (value, "TeV")}))
    assert getattr(alert, attribute) is None
    assert [(field, taken) for field, _, taken in concerns(alert)] == [(name, None)]


@pytest.mark.parametrize(
    ("value", "expected"), [("0.0000e+00", ()), ("9.2e-02", (0.092,)), ("1.0", (1.0,))]
)
def test_p_value(value: str, expected: tuple[float, ...]) -> None:
    alert = read(packet({"pvalue": value}))
    assert alert.p_values == tuple(PValue(search="amon", value=p) for p in expected)
    assert [field for field, _, _ in concerns(alert)] == ([] if expected else ["pvalue"])


def test_unknown_parameters_and_groups_are_kept() -> None:
    what = '<Group name="new"><Param name="a" value="1"/></Group><Param name="b" value="2"/>'
    assert read(packet(what=what)).unread == {"b": "2", "new": {"a": "1"}}


def test_amon_packet() -> None:
    alert = read(amon())
    assert (alert.kind, alert.tense, alert.revision) == (AlertKind.AMON, Tense.TEST, 0)
    assert (alert.stream, alert.p_value("amon"), alert.amon_id) == (1, 0.092, None)
    assert alert.event_key == "ivo://amon/test#1_0_0"
    assert alert.localization is not None
    assert (alert.localization.error_radius_deg, alert.localization.containment) == (0.6867, 0.5)
    assert alert.unread == {"false_pos": "0.002"}


# ----------------------------------------------------------------------------------- the bytes


@pytest.mark.parametrize(
    "value",
    [
        packet().replace(b"\n", b"\n\t\t"),
        packet().replace(b"<Who>", b"<Who>\\"),
        packet().replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + packet(),
        b"\n  " + packet() + b"\n\n",
        packet().replace(b"</Who>", b"</Who><!-- a comment --><?pi x?>"),
        packet(head=""),
        packet().decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
    ids=["tabs", "backslash", "crlf", "bom", "blanks", "comment", "no declaration", "utf-16"],
)
def test_harmless_damage(value: bytes) -> None:
    alert = parse(Message(value=value))
    if value[:2] == b"\xff\xfe":
        assert alert is None, "GCN sends UTF-8; other encodings are left alone"
    else:
        assert alert is not None
        assert (alert.localization, alert.run_id) == (read(packet()).localization, 142000)


def test_parsed_element() -> None:
    root = etree.fromstring(packet())
    message = Message(value=packet())
    assert parse_element(root, message) == parse(message)
    assert parse_element(etree.fromstring(b"<a/>"), message) is None
    assert parse_element(etree.Comment("VOEvent"), message) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (packet()[:500], "not well-formed XML ("),
        (packet().replace(b'role="', b"role=b'\""), "not well-formed XML ("),
        (packet() + b"<more/>", "not well-formed XML ("),
        (packet().replace(b"<Who>", b"<Who>\0"), "not well-formed XML ("),
        (
            packet().replace(b"04:05:06", b"&nbsp;"),
            "not well-formed XML (Entity 'nbsp' not defined",
        ),
        (
            packet(words="<x>" * 400 + "</x>" * 400),
            "not well-formed XML (Excessive depth in document",
        ),
        (
            packet(head="<?xml version='1.0' encoding='klingon'?>"),
            "not well-formed XML (Unsupported",
        ),
        (b"<VOEvent", "not well-formed XML ("),
    ],
)
def test_not_well_formed(value: bytes, words: str) -> None:
    assert refusal(value).startswith(words)


def test_size_limit() -> None:
    filling = b" " * (NOTICE_LIMIT - len(packet()))
    assert read(packet() + filling).run_id == 142000
    assert refusal(packet() + filling + b" ") == "the message has 1048577 bytes, more than 1048576"


NO_DOCTYPE = "DOCTYPE: a VOEvent has no document type; this one is not read"


def with_doctype(doctype: str, words: str = "") -> bytes:
    return packet(head=f"<?xml version='1.0'?>\n<!DOCTYPE VOEvent {doctype}>", words=words)


@pytest.mark.parametrize(
    "doctype", ["", "[]", '[<!ENTITY a "1">]', '[<!ATTLIST Param value CDATA "9">]']
)
def test_document_types_are_refused(doctype: str) -> None:
    assert refusal(with_doctype(doctype)) == NO_DOCTYPE


@pytest.mark.parametrize("where", ["text", "attribute"])
def test_entity_bomb(where: str) -> None:
    entities = ['<!ENTITY a0 "neutrino">']
    entities += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    value = with_doctype(f"[{''.join(entities)}]", "&a11;" if where == "text" else "")
    if where == "attribute":
        value = value.replace(b'role="observation"', b'role="&a11;"')
    start = time.process_time()
    words = refusal(value)
    assert words == NO_DOCTYPE or words.startswith("not well-formed XML (")
    assert time.process_time() - start < 2


def test_external_entity_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not tell")
    entity = f'[<!ENTITY x SYSTEM "{secret.as_uri()}">]'
    assert refusal(with_doctype(entity, "&x;")) == NO_DOCTYPE


@pytest.mark.parametrize(
    "form", ['SYSTEM "{}"', '[<!ENTITY % x SYSTEM "{}"> %x;]', '[<!ENTITY x SYSTEM "{}">]']
)
def test_nothing_is_fetched(form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/evil.dtd"
        words = "&x;" if "ENTITY x" in form else ""
        assert refusal(with_doctype(form.format(url), words)) == NO_DOCTYPE
        with pytest.raises(BlockingIOError):
            server.accept()


def test_external_schema_and_include_are_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}"/>'
        assert read(packet(words=include)).run_id == 142000
        with pytest.raises(BlockingIOError):
            server.accept()


def test_entities_fixture(fixtures: Path) -> None:
    assert refusal((fixtures / "broken" / "entities.xml").read_bytes()) == NO_DOCTYPE
