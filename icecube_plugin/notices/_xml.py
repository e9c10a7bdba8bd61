"""What all VOEvents of GCN have in common: XML that may be hostile, and where what stands in it.

Security: no DTD, no entities, no network, bounded size and depth (lxml's own limits).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from icecube_hooks import Message, NoticeError, Tense

from ._draft import NOTICE_LIMIT, check_size

if TYPE_CHECKING:
    from lxml.etree import XMLParser
    from lxml.etree import _Element as Element

__all__ = ["ROLES", "Params", "author_of", "is_voevent", "params_of", "read_xml", "where_when"]

ROLES: Final = {
    "observation": Tense.OBSERVATION,
    "test": Tense.TEST,
    "prediction": Tense.PLANNED,
    "sim": Tense.SIMULATION,
}

Params = dict[str, "Element"]
"""Parameters by their names in lower case: GCN writes ``signalness`` and ``Signalness``."""


def read_xml(message: Message) -> Element | None:
    """Return the root of a VOEvent; ``None`` if the content is none.

    Raises
    ------
    NoticeError
        If it is not well-formed, too large, or has a document type.
    """
    if message.value.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<" or b"VOEvent" not in message.value:
        return None
    check_size(message, NOTICE_LIMIT)
    root = _element(message.value)
    return root if is_voevent(root) else None


def is_voevent(root: Element) -> bool:
    """Whether an element is the root of a VOEvent."""
    return isinstance(root.tag, str) and root.tag.rpartition("}")[2] == "VOEvent"


def _element(value: bytes) -> Element:
    """Parse XML that may be hostile."""
    from lxml import etree

    try:
        root = etree.fromstring(value.lstrip(), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoticeError(f"not well-formed XML ({error})") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise NoticeError("a VOEvent has no document type; this one is not read", field="DOCTYPE")
    return root


@cache
def _parser() -> XMLParser:
    """Make the parser once: that takes as long as parsing a third of a notice."""
    from lxml import etree

    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
        remove_pis=True, huge_tree=False,
    )  # fmt: skip


def params_of(root: Element) -> tuple[Params, dict[str, Params]]:
    """Return the parameters outside of groups, and those in each group."""
    params: Params = {}
    groups: dict[str, Params] = {}
    for what in root.iterchildren("What"):
        for child in what.iterchildren("Param", "Group"):
            name = child.get("name") or child.get("type") or ""
            if child.tag == "Param":
                params.setdefault(name.lower(), child)
                continue
            group = groups.setdefault(name, {})
            for param in child.iterchildren("Param"):
                group.setdefault(param.get("name", "").lower(), param)
    return params, groups


def author_of(root: Element) -> tuple[str, str | None]:
    """Return who made the packet, and when."""
    for who in root.iterchildren("Who"):
        found = {child.tag: child.text or "" for child in who.iterchildren("AuthorIVORN", "Date")}
        return found.get("AuthorIVORN", ""), found.get("Date")
    return "", None


def where_when(root: Element) -> tuple[str | None, str, dict[str, str]]:
    """Return the time, the system of both, and the texts of the first position by their tags.

    An observatory has a position, too: it stands beside ``ObservationLocation``, not in it.
    """
    for location in root.iter("ObservationLocation"):
        coords = next(location.iter("AstroCoords"), None)
        system = "" if coords is None else coords.get("coord_system_id", "")
        when = next(location.iter("ISOTime"), None)
        position = next(location.iter("Position2D"), None)
        place = {}
        if position is not None:
            place = {"unit": position.get("unit", ""), "system": system}
            for element in position.iter("Name1", "Name2", "C1", "C2", "Error2Radius"):
                place.setdefault(element.tag, (element.text or "").strip())
        return None if when is None else when.text or "", system, place
    return None, "", {}
