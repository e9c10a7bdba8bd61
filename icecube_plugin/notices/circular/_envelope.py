"""The two forms in which a circular arrives, and the text made fit to be searched.

Characters that were lost on the way are a question of signs: a minus sign or a dash leaves one or
three U+FFFD behind, a no-break space, a degree sign or a plus-minus sign two. So U+FFFD before a
digit stays where it may have been a minus sign (the number is then not read), and is a blank
elsewhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from icecube_hooks import Message, NoticeError
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import iso_time
from icecube_plugin.notices._wire import decode
from icecube_plugin.notices.units import plain

__all__ = ["CIRCULAR_LIMIT", "Circular", "clean", "open_circular", "sentences"]

CIRCULAR_LIMIT: Final = 100_000
"""Largest circular that is read [characters]; IceCube's have under 10,000."""

_HEADER = re.compile(r"(TITLE|NUMBER|SUBJECT|DATE|FROM)[ \t]{0,8}:(.{0,2000})", re.ASCII)
_HEADER_DATE = re.compile(r"(\d\d)/(\d\d)/(\d\d)\s{1,4}(\d\d:\d\d:\d\d)\s{0,4}(?:GMT|UTC?)?")
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_EPOCH_MS = re.compile(r"\d{12,13}", re.ASCII)
_LOST = re.compile(r"\ufffd+")
_DIGIT_NEXT = re.compile(r"[ \t]{0,3}[\d.]")
_CUT = re.compile(r"\S{0,40}(?:\d\.?|[-+])\Z")
"""A number at the very end of a file: more of it may have followed."""
_MARKUP = re.compile(r"\\(?=[-+*_.()\[\]#|~])|[*`]")
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\((https?://[^()\s]{1,500})\)")
_TABLE_RULE = re.compile(r"(?=[-: ]{0,100}\|)[-:| ]{3,400}")
_SENTENCE = re.compile(r"(?<=[.:]) (?=[A-Z\[])")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")

_PLAIN: Final = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff")
    | {"\u00b1": "+/-", "\u00b0": " deg ", "\u00ba": " deg ", "\u02da": " deg "}
    | {"\u2032": "'", "\u2019": "'", "\u2033": '"', "\u223c": "~", "\u00d7": "x", "\u2265": ">"}
)


@dataclass(frozen=True, kw_only=True)
class Circular:
    """A circular out of its envelope.

    Attributes
    ----------
    subject, body : str
        Cleaned, see `clean`.
    sender : str
        Name, institution and address, as far as stated.
    number, created : object
        As found; `describe` reads them.
    event : str
        Name that GCN gives to the event.
    length : int
        Of the text as it came [characters]; what is beyond `CIRCULAR_LIMIT` is not in `body`.
    version : int
        GCN counts the corrections of a circular; 1 is the first.
    rest : mapping
        What else the envelope holds.
    repeated : tuple of str
        Keys that the JSON states twice.
    """

    subject: str
    body: str
    sender: str = ""
    number: object = None
    created: object = None
    event: str = ""
    length: int = 0
    version: int = 1
    rest: Mapping[str, Any] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()

    @property
    def is_corrected(self) -> bool:
        """Whether this is a later version of a circular."""
        return self.version > 1

    @cached_property
    def prose(self) -> str:
        """The text without a notice that is appended to it."""
        return self.body.split("//////", 1)[0]

    @cached_property
    def flat(self) -> str:
        """The prose on one line."""
        return " ".join(self.prose.split())

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the prose, each with single blanks, without empty ones at its ends."""
        return [" ".join(line.split()) for line in self.prose.strip().splitlines()]

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences of the prose, roughly; none runs over the end of a paragraph."""
        return [
            sentence
            for paragraph in _PARAGRAPH.split(self.prose)
            for sentence in sentences(" ".join(paragraph.split()))
        ]

    def describe(self, draft: Draft) -> None:
        """Put what the envelope says into the alert."""
        if self.number is not None:
            draft.put("circular_number", draft.attempt(_number, self.number))
        if self.created is not None:
            draft.put("notice_time", draft.attempt(_created, self.created))
        corrected = f"version {self.version} of this circular" if self.is_corrected else ""
        draft.put("comments", tuple(text for text in (self.subject, corrected) if text) or None)
        draft.unread |= self.rest
        draft.doubt_repeated(self.repeated)


def open_circular(message: Message) -> Circular | None:
    """Take a circular out of its JSON or its header; ``None`` if it is no circular.

    Raises
    ------
    NoticeError
        If it is the JSON of a circular, and broken.
    """
    if message.value.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _from_json(message)
    return _from_text(message.value[: 8 * CIRCULAR_LIMIT].decode("utf-8-sig", "replace"))


def _from_json(message: Message) -> Circular | None:
    found = decode(message, (b'"circularId"', b'"subject"'))
    data, repeated = found or ({}, [])
    if not all(isinstance(data.get(key), str) for key in ("subject", "body")):
        return None
    left = dict(data)
    sender = f"{left.pop('submitter', None) or ''} {left.pop('email', None) or ''}".strip()
    edited, created = left.pop("editedOn", None), left.pop("createdOn", None)
    version = left.pop("version", None)
    for name in ("$schema", "format"):
        left.pop(name, None)
    body = left.pop("body")
    return Circular(
        subject=clean(left.pop("subject")),
        body=with_labelled_rows(clean(body[:CIRCULAR_LIMIT])),
        length=len(body),
        sender=sender,
        number=left.pop("circularId", None),
        created=edited if edited is not None else created,
        event=str(left.pop("eventId", None) or ""),
        version=version if isinstance(version, int) and not isinstance(version, bool) else 1,
        rest=left | ({"submitter": sender} if sender else {}),
        repeated=tuple(repeated),
    )


def _from_text(text: str) -> Circular | None:
    """Read the header ``TITLE: GCN CIRCULAR``, ``NUMBER:`` ... above the body."""
    header, body = _split_header(text)
    if not _is_header(header):
        return None
    return Circular(
        subject=clean(header.get("SUBJECT", "")),
        body=_CUT.sub("", with_labelled_rows(clean(body[:CIRCULAR_LIMIT]))),
        length=len(body),
        sender=header.get("FROM", ""),
        number=header.get("NUMBER"),
        created=header.get("DATE"),
        rest={"FROM": header["FROM"]} if header.get("FROM") else {},
    )


def _split_header(text: str) -> tuple[dict[str, str], str]:
    """Separate the header, of which an indented line continues the one before it."""
    header: dict[str, str] = {}
    lines = text.split("\n")
    key = ""
    for index, line in enumerate(lines):
        match = _HEADER.match(line)
        if match is not None:
            key = match[1]
            header.setdefault(key, match[2].strip())
        elif key and line.strip() and line[0] in " \t":
            header[key] += " " + line.strip()
        elif header or line.strip():
            return header, "\n".join(lines[index:])
    return header, ""


def _is_header(header: Mapping[str, str]) -> bool:
    titled = "CIRCULAR" in header.get("TITLE", "")
    return titled or len(header.keys() - {"TITLE"}) > 1


def _number(value: object) -> int:
    """Read the number of a circular: an integer in JSON, digits in text."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if _DIGITS.fullmatch(text) is None:
        raise NoticeError("expected the number of a circular", field="circularId", value=value)
    return int(text)


def _created(value: object) -> datetime:
    """Read milliseconds since 1970, an ISO 8601 time, or ``yy/mm/dd hh:mm:ss GMT``."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if _EPOCH_MS.fullmatch(str(value)):
        return datetime.fromtimestamp(int(str(value)) / 1000, UTC)
    match = _HEADER_DATE.fullmatch(str(value))
    iso = f"20{match[1]}-{match[2]}-{match[3]}T{match[4]}" if match else value
    return iso_time(iso, "createdOn")


def sentences(flat: str) -> list[str]:
    """Split a text, roughly, into its sentences."""
    return _SENTENCE.split(flat)


def clean(text: str) -> str:
    r"""Return `text` in plain characters and numbers, without markup.

    Examples
    --------
    >>> clean("Dec: \u221220.70\u00b0 (\u00b10.5)")
    'Dec: -20.70 deg  (+/-0.5)'
    >>> clean("The [IceCube Collaboration](https://a.b) reports: **RA** 3 x 10**-3")
    'The IceCube Collaboration (https://a.b) reports: RA 3e-3'
    """
    text = plain(_LOST.sub(_stand_in, html.unescape(text)).translate(_PLAIN))
    return _MARKUP.sub("", _LINK.sub(r"\1 (\2)", text))


def _stand_in(lost: re.Match[str]) -> str:
    """Return what lost characters are replaced by: one that stays, or a blank."""
    sign = len(lost[0]) % 2 and _DIGIT_NEXT.match(lost.string, lost.end())
    return "\ufffd" if sign else " "


def with_labelled_rows(text: str) -> str:
    r"""Write the Markdown tables of a position as lines: ``| RA | 1.5 |`` as ``RA: 1.5``.

    Tables of coincident events stay as they are.

    Examples
    --------
    >>> print(with_labelled_rows("| RA [deg] | Dec [deg] |\n|---|---|\n| 1.5 | -2.5 |"))
    <BLANKLINE>
    RA [deg]: 1.5
    Dec [deg]: -2.5
    """
    lines = text.split("\n")
    done: list[str] = []
    at = 0
    while at < len(lines):
        if at + 1 < len(lines) and _TABLE_RULE.fullmatch(lines[at + 1].strip()):
            stop = next((i for i in range(at + 2, len(lines)) if "|" not in lines[i]), len(lines))
            rows = [_table_cells(line) for line in (lines[at], *lines[at + 2 : stop])]
            done += _labelled(rows) or lines[at:stop]
            at = stop
        else:
            done.append(lines[at])
            at += 1
    return "\n".join(done)


def _table_cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _labelled(rows: list[list[str]]) -> list[str]:
    """Return the lines of a table that has RA and Dec in its first row or its first column."""
    heads, labels = {_head(cell) for cell in rows[0]}, {_head(row[0]) for row in rows}
    if "dt" in heads | labels:
        return []
    if {"ra", "dec"} <= heads:
        pairs = (pair for row in rows[1:] for pair in zip(rows[0], row, strict=False))
        return ["", *(f"{head}: {cell}" for head, cell in pairs)]
    if {"ra", "dec"} <= labels:
        return ["", *(f"{row[0].rstrip(':')}: {' '.join(row[1:])}" for row in rows)]
    return []


def _head(cell: str) -> str:
    """Return the first word of a cell, in one spelling."""
    word = cell.split(" ")[0].split("(")[0].replace(".", "").strip(" :").lower()
    return {"right": "ra", "declination": "dec", "decl": "dec"}.get(word, word)
