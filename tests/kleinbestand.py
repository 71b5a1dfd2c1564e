"""A small Bestand from rows given as dicts, for hand-worked tests."""

from datetime import date

import pandas as pd

from traeger_lib.inputs.schema import TABELLEN, Bestand, leere_tabelle


def bestand(datenstand=date(2026, 3, 31), **tabellen) -> Bestand:
    """A Bestand from rows given as dicts; dates as date, decimals as Decimal."""
    frames = {}
    for name, schema in TABELLEN.items():
        leer = leere_tabelle(name)
        zeilen = [{s.name: r.get(s.name) for s in schema.spalten} for r in tabellen.get(name, [])]
        frames[name] = pd.DataFrame(zeilen, columns=list(leer.columns)).astype(leer.dtypes.to_dict()) if zeilen else leer
    return Bestand(frames, datenstand, "Musterstadt", ("Musterstadt",))


def fall(person, angebot, beginn, ende, hbg="1", **mehr):
    return {"person_id": person, "angebot_id": angebot, "kostentraeger": "Musterstadt", "hbg": hbg, "beginn": beginn, "ende": ende, **mehr}


def grund(*angebote):
    return {"traeger": [{"traeger_id": "T1", "name": "Träger Muster"}],
            "angebote": [{"angebot_id": a, "traeger_id": "T1", "bezeichnung": a, "leistungstyp": "Wohnen", "im_budget": True}
                         for a in angebote]}
