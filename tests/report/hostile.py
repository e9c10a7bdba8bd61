"""Records that try to get out of the page that shows them."""

from __future__ import annotations

from typing import Final

from icecube_hooks import Concern, PValue, Record, WireFormat
from icecube_hooks.testing import make_localization, make_record, make_significance

ATTACKS: Final = (
    "<script>alert(1)</script>",
    "</style><script>alert(2)</script>",
    "</title></svg><img src=x onerror=alert(3)>",
    '" onmouseover="alert(4)" x=\'',
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&#60;script&#62;",
    "up\u202egpj.exe\x1b[2J\x00",
)
"""Each once: as name, comment, concern, search, quantity, and file name."""


def hostile(number: int, attack: str) -> Record:
    """Return a record that says `attack` wherever a message or a plugin can put text."""
    place = make_localization(
        skymap_fits_url=f"javascript:alert({number})//{attack}",
        skymap_png_url=f'https://example.org/{attack}" onclick="alert(5)',
    )
    return make_record(
        run_id=None,
        event_names=(attack,),
        format=WireFormat.VOEVENT,
        localization=place,
        comments=(attack,),
        concerns=(Concern(field=attack, found=attack, taken=attack, why=attack),),
        p_values=(PValue(search=attack, value=0.5),),
        significances=(make_significance(quantity=attack, trials_source=attack, notes=(attack,)),),
        raw=f"<voe:VOEvent>{number}</voe:VOEvent>".encode(),
    )


def all_hostile() -> list[Record]:
    return [hostile(number, attack) for number, attack in enumerate(ATTACKS)]
