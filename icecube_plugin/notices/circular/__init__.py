"""Reader of GCN Circulars by IceCube and AMON: prose, with a few lines in a known form.

Such a circular, in the older of the two forms in which GCN hands it over (the newer is JSON with
``subject`` and ``body``)::

    TITLE:   GCN CIRCULAR
    NUMBER:  99999
    SUBJECT: IceCube-260502A - IceCube observation of a high-energy neutrino candidate event
    DATE:    26/05/02 07:08:09 GMT
    FROM:    Somebody at IceCube <somebody@example.org>

    The IceCube Collaboration reports:

    An event of the ICECUBE_Astrotrack_Gold alert stream, with an estimated false alarm rate of
    1.2 events per year. Its refined direction is:

    Date: 2026-05-02
    Time: 04:00:00.25 UT
    RA: 103.50 (+0.71, -0.58 deg 90% PSF containment) J2000
    Dec: +5.25 (+0.42, -0.40 deg 90% PSF containment) J2000

Conventions
-----------
- Whose it is, the first sentence says: the IceCube Collaboration reports, somebody does on its
  behalf, or AMON. The subject alone does not count: every telescope that follows up an event has
  the name of the event in it. A circular by anybody else is none of ours, and so is one by IceCube
  that is about neither a neutrino alert nor a gravitational wave.
- A number is taken from a place whose meaning is known and with the unit that follows it
  (`icecube_plugin.notices.units`), or not at all. What is lacking is a concern; two statements that
  differ are a concern, and where the text does not say which one holds, the field stays unstated.
  So a circular is never refused for its prose.
- Asymmetric errors are differences in right ascension and declination [deg], as quoted. So near a
  pole that none can be given in right ascension, the box spans all of it.
- The day in the name of an event outweighs a typed one, see `_event`.
- A retraction has ``status`` RETRACTION. It names its event in the subject or the sentence that
  retracts, and it is the collaboration's; anything else about a retraction is a concern.
- A corrected version has the number of the first and the time of the correction, and is an update.
"""

from __future__ import annotations

from typing import Final

from icecube_hooks import Alert, Message, ParserType, hookimpl

from ._reader import read

__all__ = ["TOPICS", "parse", "register_parsers"]

TOPICS: Final = ("gcn.circulars", "gcn.circulars.*")
"""All circulars, and the topics of one type of event each (neutrino, retraction, gw ...)."""


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``circulars``."""
    summary = "GCN Circulars by IceCube and AMON: events, retractions, searches around GW events"
    return [ParserType(name="circulars", topics=TOPICS, parse=parse, summary=summary, shared=True)]


def parse(message: Message) -> Alert | None:
    """Read a circular.

    Returns
    -------
    Alert or None
        ``None`` if the content is no circular, or one by somebody else.

    Raises
    ------
    NoticeError
        If it is ours, and no text that could be searched: broken JSON, or too long.
    """
    return read(message)
