"""What is wrong with the data, said in one German line each: place, value, reason, remedy."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fehler:
    """One fault. `zeile` counts as the user's program shows it (header = 1); `wert` is empty for confidential columns;
    `traeger_id` is empty where the fault blocks the whole Bestand; `art` names the kind, for grouping."""

    ort: str
    grund: str
    abhilfe: str
    zeile: int | None = None
    spalte: str = ""
    wert: str = ""
    traeger_id: str = ""
    art: str = ""

    def __str__(self) -> str:
        teile = [self.ort]
        if self.zeile is not None:
            teile.append(f"Zeile {self.zeile}")
        if self.spalte:
            teile.append(f"{'Angabe' if self.ort.endswith('.toml') else 'Spalte'} {self.spalte}")
        wert = f"„{self.wert}“: " if self.wert else ""
        return f"{', '.join(teile)}: {wert}{self.grund} {self.abhilfe}".strip()


def anzahl(n: int, eines: str, viele: str, blank: str = " ") -> str:
    """A count with its noun; `blank` stands between them.

    >>> anzahl(1, "Zeile", "Zeilen"), anzahl(1200, "Zeile", "Zeilen"), anzahl(0, "Zeile", "Zeilen")
    ('1 Zeile', '1.200 Zeilen', '0 Zeilen')
    """
    return f"{n:,}".replace(",", ".") + blank + (eines if n == 1 else viele)


def zeile(text: str) -> str:
    r"""Text as one printable line: what is no letter, digit or sign becomes a blank, blanks in a row become one.

    >>> zeile(" Haus\x1b \r\nBcc: x@example.org")
    'Haus Bcc: x@example.org'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


SYSTEM = {
    errno.ENOSPC: "Auf dem Datenträger ist kein Platz mehr", errno.EDQUOT: "Das Kontingent auf dem Datenträger ist erschöpft",
    errno.EACCES: "Das Recht dazu fehlt", errno.EPERM: "Das Recht dazu fehlt", errno.EROFS: "Der Datenträger ist schreibgeschützt",
    errno.ENOENT: "Datei oder Ordner gibt es nicht", errno.EIO: "Der Datenträger meldet einen Fehler"}


class TraegerFehler(Exception):
    """A mistake of the user's that is told in German, without a traceback; the command ends with exit code 2."""


class Fehlerliste(TraegerFehler):
    """All faults of a Bestand at once."""

    def __init__(self, fehler: Sequence[Fehler]) -> None:
        self.fehler = tuple(fehler)
        super().__init__("\n".join(map(str, self.fehler)))


def gruppiert(fehler: Sequence[Fehler], je_art: int = 20) -> list[str]:
    """The faults as lines for display: kind by kind, the first `je_art` of each, then how many more there are.

    >>> gruppiert([Fehler("a.csv", "Falsch.", "Ändern.", zeile=z, art="x") for z in (2, 3, 4)], je_art=1)
    ['a.csv, Zeile 2: Falsch. Ändern.', '… und 2 weitere dieser Art']
    """
    arten: dict[str, list[Fehler]] = {}
    for f in fehler:
        arten.setdefault(f.art or f.grund, []).append(f)
    zeilen = []
    for gruppe in arten.values():
        zeilen += [str(f) for f in gruppe[:je_art]]
        if len(gruppe) > je_art:
            zeilen.append(f"… und {anzahl(len(gruppe) - je_art, 'weiterer', 'weitere')} dieser Art")
    return zeilen


def systemgrund(fehler: OSError) -> str:
    """Why the system refused a file, in German, without the full stop."""
    return SYSTEM.get(fehler.errno or 0, f"Das System meldet: {fehler.strerror or fehler}")
