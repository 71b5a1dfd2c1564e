"""What changed for past months between two reporting states (Datenstände): days reported late, taken back or moved.

Published counts of a base year are revised afterwards; whoever compares two reports must see by how much. Each state is counted by its
own rules and paying bodies, as it was published. Not here: why a figure changed, and changes of money or budgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from traeger_lib.analysis.periods import Zeitraum, monatsende, monatsname
from traeger_lib.analysis.volume import volumen
from traeger_lib.inputs.faults import TraegerFehler, anzahl
from traeger_lib.inputs.schema import Bestand


@dataclass(frozen=True, slots=True)
class Nachmeldung:
    """Own paid days (Entgelttage) of an offer in a month (JJJJ-MM), in the old and in the new reporting state, where they differ."""

    angebot_id: str
    monat: str
    alt: int
    neu: int

    @property
    def tage(self) -> int:
        """Days reported since then, negative where days were taken back."""
        return self.neu - self.alt


@dataclass(frozen=True, slots=True)
class Vergleich:
    """What a reporting state was compared with (its Datenstand, the hash of the provider's data in it), and where days differ."""

    datenstand: date
    pruefsumme: str
    nachmeldungen: tuple[Nachmeldung, ...]


def pruefe_vergleich(alt: Bestand, neu: Bestand) -> None:
    """Raises TraegerFehler where `alt` is no earlier state of the same data: another funder's offers would be compared by mistake."""
    if (alt.leistungstraeger, alt.erfunden) != (neu.leistungstraeger, neu.erfunden):
        raise TraegerFehler(f"Der frühere Bestand gehört zu „{alt.leistungstraeger}“{' (erfunden)' * alt.erfunden}, dieser zu "
                            f"„{neu.leistungstraeger}“{' (erfunden)' * neu.erfunden}. Bitte einen früheren Stand dieses Bestands angeben.")
    if alt.datenstand > neu.datenstand:
        raise TraegerFehler(f"Der frühere Bestand hat den Datenstand {alt.datenstand:%d.%m.%Y}, dieser den {neu.datenstand:%d.%m.%Y}. "
                            "Bitte einen Bestand mit früherem Datenstand angeben.")


def vergleiche(alt: Bestand | None, neu: Bestand, traeger_id: str) -> Vergleich | None:
    """The comparison of the provider's data with an earlier state; None where there is none. Raises TraegerFehler (`pruefe_vergleich`)."""
    if alt is None:
        return None
    pruefe_vergleich(alt, neu)
    if traeger_id not in alt.traeger_ids:
        return None
    return Vergleich(alt.datenstand, alt.nur(traeger_id).pruefsumme(), unterschiede(alt, neu, traeger_id))


def unterschiede(alt: Bestand, neu: Bestand, traeger_id: str) -> tuple[Nachmeldung, ...]:
    """Where own paid days of the provider differ, by offer and month, for every month that was over at the old Datenstand.

    A month still running then is left out: its days were not late. Empty where the old state does not know the provider.
    """
    if traeger_id not in alt.traeger_ids:
        return ()
    stand = alt.datenstand
    ende = stand if stand == monatsende(stand) else date.fromordinal(stand.replace(day=1).toordinal() - 1)
    staende = [volumen(b.nur(traeger_id), ende) for b in (alt, neu)]
    monate = Zeitraum(min(v.beginn for v in staende).replace(day=1), ende).monate()
    nachmeldungen = []
    for a in sorted({g.angebot_id for v in staende for g in v.gruppen}):
        vorher, jetzt = (v.entgelttage[v.wo(eigen=True, angebot_id=a)].sum(axis=0) for v in staende)
        for m in monate:
            tage = [int(t[v.scheibe(m)].sum()) for v, t in zip(staende, (vorher, jetzt), strict=True)]
            nachmeldungen += [Nachmeldung(a, monatsname(m.von), *tage)] if tage[0] != tage[1] else []
    return tuple(nachmeldungen)


def satz(v: Vergleich) -> str:
    """The sentence of the report: days reported late and taken back, by year; "" where nothing changed.

    >>> satz(Vergleich(date(2026, 3, 31), "", (Nachmeldung("A1", "2025-03", 100, 131), Nachmeldung("A1", "2025-04", 90, 80))))
    'Seit dem Datenstand 31.03.2026 wurden für 2025 insgesamt 31 Tage nachgemeldet und 10 Tage zurückgenommen.'
    """
    je_jahr: dict[str, list[int]] = {}
    for n in sorted(v.nachmeldungen, key=lambda n: n.monat):
        je_jahr.setdefault(n.monat[:4], []).append(n.tage)
    teile = []
    for jahr, tage in je_jahr.items():
        mehr, weniger = sum(t for t in tage if t > 0), -sum(t for t in tage if t < 0)
        was = [f"{anzahl(n, 'Tag', 'Tage')} {wort}" for n, wort in ((mehr, "nachgemeldet"), (weniger, "zurückgenommen")) if n]
        teile.append(f"für {jahr} insgesamt {' und '.join(was)}")
    verb = "wurde" if sum(abs(n.tage) for n in v.nachmeldungen) == 1 else "wurden"
    return f"Seit dem Datenstand {v.datenstand:%d.%m.%Y} {verb} {', '.join(teile)}." if teile else ""
