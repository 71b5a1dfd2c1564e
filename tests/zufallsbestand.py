"""Random Bestaende for tests: valid by the fault rules of the contract, otherwise as nasty as it allows.

`zufallsbestand(seed)` gives `(tabellen, bestand)` in the form `tests/zweitrechnung.py` reads: dates as
`date`, months as 'JJJJ-MM', decimals as `Decimal`, ja/nein as `bool`, missing values None, absent
tables as empty lists. `als_csv()` writes such a Bestand as a folder, `quartale()` names quarters to test.
Everything is invented. Deterministic by seed; nothing here computes a figure.

Kept out, because the contract leaves it open and no reading would be a finding: overlapping absences,
need groups like "02", a Leitung rule of the key that changes inside a month or differs between groups,
`hbg_ausgang` without S, mixed basisjahr within one version, adjustments of another year than wirksam_ab.
"""

import csv
import random
from datetime import date, timedelta
from decimal import Decimal

SPALTEN = {
    "traeger": "traeger_id name ort modell budget_beginn",
    "angebote": "angebot_id traeger_id bezeichnung leistungstyp sektor plaetze im_budget",
    "entgelte": "angebot_id hbg gueltig_ab gueltig_bis grundpauschale massnahmepauschale "
    "investitionsbetrag abwesenheit_faktor gesamt beschlossen_am",
    "faelle": "person_id angebot_id kostentraeger hbg s hbg_ausgang beginn ende kostenzusage "
    "hilfe_zur_pflege besonderheit",
    "abwesenheiten": "person_id angebot_id beginn ende grund",
    "fallzahlen": "angebot_id kostentraeger hbg s hbg_ausgang monat belegungstage abwesenheitstage "
    "stichtagszahl zugaenge abgaenge",
    "personal": "angebot_id monat qualifikation vk kosten_eur",
    "schluessel": "angebot_id hbg gueltig_ab personen_je_vk leitung_enthalten",
    "budgets": "traeger_id budgetjahr version beschlossen_am basisjahr art angebot_id hbg plaetze_plan "
    "bezeichnung betrag_eur",
    "verfahren": "traeger_id gueltig_ab austrittstag_zaehlt abwesenheit_volle_tage "
    "abwesenheit_max_tage_jahr korridor_unten_prozent korridor_oben_prozent personalanteil_nach",
    "brueche": "von bis art grund leistungstyp traeger_id",
    "anpassungen": "traeger_id budgetjahr wirksam_ab betrag_eur grund",
    "massnahmen": "massnahme_id traeger_id perspektive ziel massnahme kennzahl sollwert istwert status "
    "faellig verantwortlich vereinbart_am handlungsfeld prioritaet vorhaben mittel_eur eigenanteil_eur "
    "bemerkung",
    "termine": "traeger_id quartal termin ort",
    "verteiler": "traeger_id name email rolle",
}
SPALTEN = {tabelle: spalten.split() for tabelle, spalten in SPALTEN.items()}

EIN_TAG = timedelta(days=1)
EIGENE = ["Bremerhaven", "Land Bremen"]
FREMDE = ["Landkreis Cuxhaven", "Hamburg"]
GRUPPEN = (
    ["1", "2", "3", "4", "5"],
    ["1", "2", "3"],
    ["4", "7", "10", "12"],
    ["I", "II", "III", "IV"],
    ["ohne"],
    ["1", "2", "ohne"],
)
BESONDERHEITEN = [None, "regelfall", "zusatzbetreuung", "stand_by", "klassische_assistenz"]
STATUS = ["offen", "laufend", "im Plan", "abgeschlossen", "erledigt", "beendet", "zurueckgestellt"]
STATUS += ["verworfen", "nicht begonnen"]


def zufallsbestand(seed):
    """A random Bestand: `(tabellen, bestand)`."""
    return Erfindung(seed).alles()


def quartale(bestand):
    """The quarter of the Datenstand, the one before it, and a year before one of the two."""
    stand = bestand["datenstand"]
    lauf = stand.year * 4 + (stand.month - 1) // 3
    nummern = [lauf, lauf - 1, lauf - 4 - stand.day % 2]
    return [f"{nummer // 4}Q{nummer % 4 + 1}" for nummer in nummern]


def als_csv(tabellen, bestand, ordner):
    """Write a Bestand as a folder of the contract: UTF-8, ';', decimal comma, TT.MM.JJJJ."""
    ordner.mkdir(parents=True, exist_ok=True)
    immer = {"traeger", "angebote", "entgelte", "faelle", "budgets", "verfahren"}
    for tabelle, spalten in SPALTEN.items():
        zeilen = tabellen[tabelle]
        if not zeilen and tabelle not in immer:
            continue
        with (ordner / f"{tabelle}.csv").open("w", encoding="utf-8", newline="") as datei:
            schreiber = csv.writer(datei, delimiter=";", lineterminator="\n")
            schreiber.writerow(spalten)
            schreiber.writerows([als_text(zeile[spalte]) for spalte in spalten] for zeile in zeilen)
    eigene = ", ".join(f'"{name}"' for name in bestand["eigene_kostentraeger"])
    (ordner / "bestand.toml").write_text(
        f"datenstand = {bestand['datenstand'].isoformat()}\n"
        f'leistungstraeger = "{bestand["leistungstraeger"]}"\n'
        f"eigene_kostentraeger = [{eigene}]\n"
        'hinweis = "erfundene Zufallsdaten fuer Tests"\n',
        encoding="utf-8",
    )
    return ordner


def als_text(wert):
    """One cell. Decimals get two or four places: three behind a comma could be taken for thousands."""
    if wert is None:
        return ""
    if isinstance(wert, bool):
        return "ja" if wert else "nein"
    if isinstance(wert, date):
        return wert.strftime("%d.%m.%Y")
    if isinstance(wert, Decimal):
        stellen = 2 if wert == wert.quantize(Decimal("0.01")) else 4
        return f"{wert:.{stellen}f}".replace(".", ",")
    return str(wert)


def monatsanfang(tag, monate=0):
    lauf = tag.year * 12 + tag.month - 1 + monate
    return date(lauf // 12, lauf % 12 + 1, 1)


def monatslaenge(erster):
    return (monatsanfang(erster, 1) - erster).days


class Erfindung:
    """The dice and the tables they fill."""

    def __init__(self, seed):
        self.w = random.Random(f"zufallsbestand {seed}")
        self.tabellen = {tabelle: [] for tabelle in SPALTEN}

    # ---- dice

    def ja(self, wahrscheinlichkeit):
        return self.w.random() < wahrscheinlichkeit

    def eins(self, *werte, gewichte=None):
        return self.w.choices(werte, weights=gewichte)[0]

    def tag(self, von, bis):
        """A day from `von` to `bis`; `von` itself where `bis` is earlier."""
        return von + self.w.randint(0, max(0, (bis - von).days)) * EIN_TAG

    def euro(self, von, bis):
        return Decimal(self.w.randint(von * 100, bis * 100)).scaleb(-2)

    def neu(self, tabelle, **werte):
        unbekannt = set(werte) - set(SPALTEN[tabelle])
        assert not unbekannt, unbekannt
        zeile = {spalte: werte.get(spalte) for spalte in SPALTEN[tabelle]}
        self.tabellen[tabelle].append(zeile)
        return zeile

    # ---- the whole

    def alles(self):
        jahr = self.eins(2024, 2025, 2026, 2027, 2028)
        quartalsende = monatsanfang(date(jahr, self.eins(3, 6, 9, 12), 1), 1) - EIN_TAG
        quartalsbeginn = monatsanfang(quartalsende, -2)
        self.stand = self.eins(
            quartalsende,
            self.tag(quartalsbeginn, quartalsende - EIN_TAG),
            self.tag(quartalsbeginn, quartalsbeginn + 25 * EIN_TAG),
            gewichte=(5, 3, 2),
        )
        self.jahr = self.stand.year
        self.anfang = date(max(self.jahr - 2, 2023), 1, 1)
        self.eigene = self.eins(EIGENE[:1], EIGENE)
        bestand = {
            "datenstand": self.stand,
            "leistungstraeger": "Stadt Erfunden",
            "eigene_kostentraeger": list(self.eigene),
        }
        self.personen = [f"P{nummer:03d}" for nummer in range(self.w.randint(5, 40))]
        self.w.shuffle(self.personen)
        for traeger_id in self.w.sample(["TR-A", "TR_B", "7NORD", "ZWEI2"], self.eins(1, 1, 2, 3)):
            self.traeger(traeger_id)
        self.rand()
        for zeilen in self.tabellen.values():
            self.w.shuffle(zeilen)
        return self.tabellen, bestand

    def traeger(self, traeger_id):
        beginn = self.eins(
            None,
            date(self.jahr - 1, 1, 1),
            date(self.eins(self.jahr - 1, self.jahr, self.jahr), self.w.randint(2, 12), 1),
            self.tag(date(self.jahr - 1, 4, 2), self.stand + 60 * EIN_TAG),
            self.tag(date(self.jahr, 1, 2), self.stand),
            gewichte=(3, 2, 2, 2, 2),
        )
        self.neu("traeger", traeger_id=traeger_id, name=f"Träger {traeger_id}", budget_beginn=beginn)
        self.verfahren(traeger_id)
        angebote = []
        for buchstabe in self.w.sample("ABCDEFGH", self.eins(1, 2, 3, 4)):
            angebote.append(self.angebot(traeger_id, f"{buchstabe}-{traeger_id}"))
        self.budgets(traeger_id, beginn, [a for a in angebote if a["im_budget"]])
        self.entgelte_aller(angebote)
        mit_faellen = [a for a in angebote if not a["aggregat"] and not a["leer"]]
        if mit_faellen:
            for person in self.personen:
                if self.ja(0.8):
                    self.lebenslauf(person, mit_faellen)
        lueckenlos = self.ja(0.55)  # staff and keys of every offer known
        for angebot in angebote:
            if angebot["aggregat"]:
                self.fallzahlen(angebot)
            if lueckenlos or self.ja(0.7):
                self.personal(angebot)
            if lueckenlos or self.ja(0.7):
                self.schluessel(angebot, lueckenlos)
        self.massnahmen(traeger_id)

    # ---- providers and offers

    def verfahren(self, traeger_id):
        if self.ja(0.05):
            self.reduziert = False
            return
        erster = self.eins(date(2015, 1, 1), self.tag(self.anfang, self.stand), gewichte=(12, 1))
        daten = {erster}
        for _ in range(self.eins(0, 1, 2, gewichte=(5, 3, 2))):
            daten.add(self.tag(max(erster, self.anfang) + EIN_TAG, self.stand + 40 * EIN_TAG))
        self.reduziert = not self.ja(0.12)
        for ab in sorted(daten):
            korridor = self.eins(None, Decimal("5"))
            self.neu(
                "verfahren",
                traeger_id=traeger_id,
                gueltig_ab=ab,
                austrittstag_zaehlt=self.ja(0.5),
                abwesenheit_volle_tage=self.eins(None, 0, 1, 3, 5, 14) if self.reduziert else None,
                abwesenheit_max_tage_jahr=self.eins(None, None, 0, 4, 10, 30),
                korridor_unten_prozent=korridor,
                korridor_oben_prozent=korridor,
                personalanteil_nach=self.eins(None, "tage", "personen", "euro"),
            )

    def angebot(self, traeger_id, angebot_id):
        im_budget = self.ja(0.75)
        self.neu(
            "angebote",
            angebot_id=angebot_id,
            traeger_id=traeger_id,
            bezeichnung=f"Angebot {angebot_id}",
            leistungstyp=self.eins("BW", "ABW", "TS"),
            sektor=self.eins(None, "ambulant", "besondere Wohnform", "teilstationär"),
            plaetze=self.eins(None, self.w.randint(3, 40)),
            im_budget=im_budget,
        )
        return {
            "angebot_id": angebot_id,
            "im_budget": im_budget,
            "gruppen": list(self.eins(*GRUPPEN)),
            "aggregat": self.ja(0.18),
            "leer": self.ja(0.06),
            "nur_auswaertig": None,
            "reduziert": self.reduziert,
        }

    # ---- rates

    def entgelte_aller(self, angebote):
        """Every group of an offer in the budget has a known rate every day; others may have gaps."""
        for angebot in angebote:
            gruppen = angebot["gruppen"]
            if angebot["im_budget"]:
                if self.ja(0.1):
                    angebot["nur_auswaertig"] = "9" if gruppen[0].isdigit() else "X"
            elif self.ja(0.5):
                gruppen = self.w.sample(gruppen, self.w.randint(0, len(gruppen)))
            for hbg in gruppen:
                self.entgelte(angebot, hbg)

    def entgelte(self, angebot, hbg):
        vergeben = set()

        def satz(ab, bis, beschlossen):
            if (ab, beschlossen) in vergeben:
                return
            vergeben.add((ab, beschlossen))
            grund, massnahme = self.euro(2, 20), self.euro(15, 150)
            invest = self.eins(Decimal("0.00"), self.euro(0, 9), gewichte=(1, 4))
            faktor = self.eins(Decimal("0.75"), Decimal("0.8"), Decimal("0.667"), Decimal("1"))
            self.neu(
                "entgelte",
                angebot_id=angebot["angebot_id"],
                hbg=hbg,
                gueltig_ab=ab,
                gueltig_bis=bis,
                grundpauschale=grund,
                massnahmepauschale=massnahme,
                investitionsbetrag=invest,
                abwesenheit_faktor=faktor if angebot["reduziert"] or self.ja(0.5) else None,
                gesamt=grund + massnahme + invest if self.ja(0.4) else None,
                beschlossen_am=beschlossen,
            )

        monatlich = angebot["aggregat"] and self.ja(0.75)

        def wechseltag(von, bis):
            tag = self.tag(von, bis)
            return monatsanfang(tag, 1) if monatlich else tag

        def bekannt(tag):
            """A decision date around a day, but known at the Datenstand."""
            return min(self.tag(tag - 200 * EIN_TAG, tag + 120 * EIN_TAG), self.stand)

        vorher = self.tag(date(2019, 1, 1), date(2021, 12, 31))
        spaet = self.tag(date(self.jahr - 1, 9, 1), self.stand) if self.ja(0.2) else None
        if self.ja(0.5):  # one row for ever, from the start or decided so late that plans missed it
            satz(vorher, None, spaet or self.eins(None, vorher))
        else:  # a chain of rows without gap
            ab = vorher
            for _ in range(self.w.randint(1, 4)):
                fruehestens = max(ab, self.anfang) + 5 * EIN_TAG
                if fruehestens > date(self.jahr, 11, 30):
                    break
                naechster = wechseltag(fruehestens, date(self.jahr, 11, 30))
                satz(ab, naechster - EIN_TAG, spaet or bekannt(ab))
                ab = naechster
            satz(ab, None, max(spaet or date.min, bekannt(ab)))
        for _ in range(self.eins(0, 1, 2, 3, gewichte=(3, 3, 2, 1))):  # later, retroactive, ignored
            ab = wechseltag(self.anfang, date(self.jahr, 12, 20))
            laenge = self.w.randint(1, 400) * EIN_TAG
            bis = None if self.ja(0.4) else (wechseltag(ab, ab + laenge) - EIN_TAG)
            if bis is not None and bis < ab:
                bis = ab + laenge
            beschlossen = self.eins(
                None,
                ab - self.w.randint(1, 200) * EIN_TAG,
                ab + self.w.randint(1, 150) * EIN_TAG,
                self.stand + self.w.randint(1, 60) * EIN_TAG,
                self.stand,
                gewichte=(1, 3, 3, 2, 1),
            )
            satz(ab, bis, beschlossen)
            if self.ja(0.25):  # the same decision, overlapping: the later gueltig_ab holds
                satz(wechseltag(ab, ab + laenge), None, beschlossen)

    # ---- case rows

    def lebenslauf(self, person, angebote):
        """One or two itineraries of a person through the offers of a provider, never overlapping in one."""
        belegt = {}
        for _ in range(self.eins(1, 2, gewichte=(3, 2))):
            angebot = self.w.choice(angebote)
            beginn = self.eins(
                self.tag(self.anfang - 700 * EIN_TAG, self.anfang),
                self.tag(self.anfang, self.stand),
                self.tag(date(self.jahr, 1, 1), self.stand),
                gewichte=(3, 3, 2),
            )
            abstand, dauer = None, None
            for _ in range(self.w.randint(1, 5)):
                noch_ein_tag = (abstand, dauer) == (0, 1) and self.ja(0.5)
                dauer = (
                    1
                    if noch_ein_tag
                    else self.eins(
                        1,
                        2,
                        self.w.randint(3, 40),
                        self.w.randint(40, 500),
                        None,
                        gewichte=(2, 1, 4, 4, 3),
                    )
                )
                ende = None if dauer is None else beginn + (dauer - 1) * EIN_TAG
                if dauer is not None and dauer > 2 and self.ja(0.2):
                    ende = max(beginn, self.besonderer_tag())
                grenze = ende or date.max
                andere = belegt.setdefault(angebot["angebot_id"], [])
                if any(beginn <= bis and von <= grenze for von, bis in andere):
                    break
                andere.append((beginn, grenze))
                self.aufenthalt(person, angebot, beginn, ende)
                if ende is None or ende > self.stand + 60 * EIN_TAG:
                    break
                abstand = self.eins(0, 1, self.w.randint(2, 60), gewichte=(4, 3, 3))
                weitere = [a for a in angebote if a is not angebot]
                if weitere and (abstand == 0 or self.ja(0.7)):
                    angebot = self.w.choice(weitere)
                elif abstand == 0:
                    abstand = 1
                beginn = ende + abstand * EIN_TAG
        self.abwesenheiten(person, belegt)

    def besonderer_tag(self):
        """A day on which something often goes wrong."""
        quartal = monatsanfang(self.stand, -((self.stand.month - 1) % 3))
        return self.eins(
            date(self.jahr - 1, 12, 31),
            date(self.jahr, 1, 1),
            monatsanfang(date(self.jahr, 2, 1), 1) - EIN_TAG,
            quartal,
            quartal - EIN_TAG,
            self.stand,
            monatsanfang(quartal, 3) - EIN_TAG,
        )

    def aufenthalt(self, person, angebot, beginn, ende):
        """One stay as one to four rows, the next beginning the day after, with something changed."""
        merkmale = self.merkmale(angebot)
        schnitte = 0 if ende is not None and ende == beginn else self.eins(0, 1, 2, 3, gewichte=(5, 3, 1, 1))
        bis = ende or self.stand + 30 * EIN_TAG
        for _ in range(schnitte):
            if beginn >= bis:
                break
            letzter = self.tag(beginn, bis - EIN_TAG)
            self.neu(
                "faelle",
                person_id=person,
                angebot_id=angebot["angebot_id"],
                beginn=beginn,
                ende=letzter,
                **merkmale,
            )
            beginn = letzter + EIN_TAG
            anders = self.merkmale(angebot)
            if self.ja(0.6):  # only the need group or only the paying body changes
                behalten = self.eins(["kostentraeger"], ["hbg", "s", "hbg_ausgang"])
                if anders["hbg"] != angebot["nur_auswaertig"] != merkmale["hbg"]:
                    anders.update({spalte: merkmale[spalte] for spalte in behalten})
            merkmale = anders
        self.neu(
            "faelle",
            person_id=person,
            angebot_id=angebot["angebot_id"],
            beginn=beginn,
            ende=ende,
            **merkmale,
        )

    def merkmale(self, angebot):
        kostentraeger = self.w.choice(self.eigene) if self.ja(0.8) else self.w.choice(FREMDE)
        hbg = self.w.choice(angebot["gruppen"])
        if kostentraeger in FREMDE and angebot["nur_auswaertig"] and self.ja(0.5):
            hbg = angebot["nur_auswaertig"]
        return {
            "kostentraeger": kostentraeger,
            "hilfe_zur_pflege": self.eins(None, False, True),
            "kostenzusage": self.eins(None, True, False, gewichte=(6, 3, 1)),
            "besonderheit": "einzelfallsetting" if self.ja(0.08) else self.w.choice(BESONDERHEITEN),
            **self.s_merkmale(angebot, hbg),
        }

    def s_merkmale(self, angebot, hbg):
        vorher = [g for g in angebot["gruppen"] if g != hbg]
        if vorher and hbg in angebot["gruppen"] and self.ja(0.2):
            return {"hbg": hbg, "s": True, "hbg_ausgang": self.w.choice(vorher)}
        return {"hbg": hbg, "s": self.eins(None, False), "hbg_ausgang": None}

    def abwesenheiten(self, person, belegt):
        """Absences inside the stays of one person, apart or adjacent, never overlapping."""
        for angebot_id, zeitraeume in belegt.items():
            for von, bis in vereinigt(zeitraeume):
                letzter = min(bis, self.stand + 15 * EIN_TAG)
                tag = max(von, self.anfang - 60 * EIN_TAG)
                if self.ja(0.35):
                    continue
                for _ in range(self.w.randint(1, 5)):
                    jahreswechsel = date(self.eins(self.jahr - 1, self.jahr), 12, self.w.randint(15, 31))
                    if self.ja(0.3) and tag < jahreswechsel:
                        tag = jahreswechsel
                    else:
                        tag += self.w.randint(1, 120) * EIN_TAG
                    for _ in range(self.eins(1, 2, 3, gewichte=(6, 3, 1))):  # adjacent ones
                        dauer = self.eins(1, self.w.randint(2, 9), self.w.randint(5, 45))
                        ende = tag + (dauer - 1) * EIN_TAG
                        if ende > letzter and self.ja(0.5):
                            ende = letzter  # to the last day of the stay
                        if tag > letzter or ende > letzter:
                            break
                        self.neu(
                            "abwesenheiten",
                            person_id=person,
                            angebot_id=angebot_id,
                            beginn=tag,
                            ende=ende,
                            grund=self.eins(None, "Krankenhaus", "Urlaub"),
                        )
                        tag = ende + EIN_TAG
                    tag += EIN_TAG

    # ---- aggregates

    def fallzahlen(self, angebot):
        erster, letzter = date(self.jahr - 1, 1, 1), monatsanfang(self.stand)
        ohne = {spalte for spalte in ("abwesenheitstage", "stichtagszahl", "zugaenge") if self.ja(0.15)}
        for _ in range(self.w.randint(1, 6)):
            kostentraeger = self.w.choice(self.eigene) if self.ja(0.8) else self.w.choice(FREMDE)
            merkmale = self.s_merkmale(angebot, self.w.choice(angebot["gruppen"]))
            reihe = {"kostentraeger": kostentraeger, **merkmale}
            schluessel = (kostentraeger, merkmale["hbg"], bool(merkmale["s"]), merkmale["hbg_ausgang"])
            if schluessel in angebot.setdefault("reihen", set()):
                continue
            angebot["reihen"].add(schluessel)
            monat = erster
            while monat <= letzter:
                if self.ja(0.92):
                    self.fallzahl(angebot, reihe, monat, ohne)
                monat = monatsanfang(monat, 1)

    def fallzahl(self, angebot, reihe, monat, ohne):
        personen = self.w.randint(0, 8)
        abwesend = self.w.randint(0, 20) if angebot["reduziert"] and self.ja(0.7) else 0
        werte = {
            "belegungstage": self.w.randint(0, personen * monatslaenge(monat)),
            "abwesenheitstage": None if abwesend == 0 and self.ja(0.3) else abwesend,
            "stichtagszahl": personen,
            "zugaenge": self.w.randint(0, 2),
            "abgaenge": None if self.ja(0.03) else self.w.randint(0, 2),
        }
        werte.update(dict.fromkeys(ohne))
        self.neu("fallzahlen", angebot_id=angebot["angebot_id"], monat=f"{monat:%Y-%m}", **reihe, **werte)

    # ---- budgets

    def budgets(self, traeger_id, beginn, angebote):
        for jahr in (self.jahr - 1, self.jahr):
            if (beginn is not None and jahr < beginn.year) or self.ja(0.07):
                continue
            beschlossen = self.tag(date(jahr - 1, 10, 1), date(jahr, 2, 10))
            nummern = list(range(1, self.eins(1, 2, 3, 4, gewichte=(3, 3, 2, 1)) + 1))
            if self.ja(0.2):
                self.w.shuffle(nummern)  # a higher version decided earlier
            for version in nummern:
                self.budgetversion(traeger_id, jahr, version, beschlossen, angebote)
                beschlossen += self.w.randint(1, 240) * EIN_TAG
            for _ in range(self.eins(0, 1, 2, 3, gewichte=(4, 3, 2, 1))):
                betrag = self.euro(1, 30000) * self.eins(1, -1)
                wirksam = self.tag(date(jahr, 1, 1), date(jahr, 12, 31))
                self.neu(
                    "anpassungen",
                    traeger_id=traeger_id,
                    budgetjahr=jahr,
                    wirksam_ab=self.eins(wirksam, monatsanfang(wirksam)),
                    betrag_eur=betrag,
                    grund="Tarif",
                )

    def budgetversion(self, traeger_id, jahr, version, beschlossen, angebote):
        basisjahr = self.eins(None, jahr - 2, jahr - 1)
        kopf = {
            "traeger_id": traeger_id,
            "budgetjahr": jahr,
            "version": version,
            "beschlossen_am": beschlossen,
            "basisjahr": basisjahr,
        }
        zeilen = 0
        for angebot in angebote:
            if self.ja(0.1):
                continue  # an offer in the budget without any line
            for hbg in angebot["gruppen"]:
                if self.ja(0.7):
                    self.neu(
                        "budgets",
                        **kopf,
                        art="fallbezogen",
                        angebot_id=angebot["angebot_id"],
                        hbg=hbg,
                        plaetze_plan=self.plaetze(),
                    )
                    zeilen += 1
        pauschalen = self.eins(0, 1, 2)
        for nummer in range(pauschalen if zeilen else max(pauschalen, 1)):
            self.neu(
                "budgets",
                **kopf,
                art="pauschal",
                bezeichnung=f"Projekt {nummer + 1}",
                betrag_eur=self.euro(100, 60000),
            )

    def plaetze(self):
        return self.eins(
            Decimal(self.w.randint(0, 12)),
            Decimal(self.w.randint(1, 40)) / 2,
            Decimal(self.w.randint(1, 1200)).scaleb(-2),
            Decimal(self.w.randint(1, 120000)).scaleb(-4),
            Decimal("0"),
            gewichte=(4, 3, 3, 2, 1),
        )

    # ---- staff

    def personal(self, angebot):
        monat, letzter = date(self.jahr - 1, 1, 1), monatsanfang(self.stand)
        if self.ja(0.05):
            monat = date(self.jahr, 2, 1)  # nothing before
        qualifikationen = [q for q in ("fachkraft", "nicht_fachkraft", "leitung") if self.ja(0.85)] or [
            "fachkraft"
        ]
        while monat <= letzter:
            if self.ja(0.85):
                for qualifikation in qualifikationen:
                    if self.ja(0.95):
                        vk = Decimal(0) if self.ja(0.06) else self.euro(0, 8)
                        self.neu(
                            "personal",
                            angebot_id=angebot["angebot_id"],
                            monat=f"{monat:%Y-%m}",
                            qualifikation=qualifikation,
                            vk=vk,
                            kosten_eur=self.eins(None, self.euro(100, 40000)),
                        )
            monat = monatsanfang(monat, 1)

    def schluessel(self, angebot, lueckenlos):
        """Keys over time; the Leitung rule is uniform per offer and date, and changes on a first only."""
        leitung = self.eins(None, False, True)
        gruppen = [g for g in angebot["gruppen"] if lueckenlos or self.ja(0.8)]
        ab = date(2018, 1, 1)
        if not lueckenlos and self.ja(0.2):
            ab = self.tag(self.anfang, self.stand)
        for nummer in range(self.eins(1, 2, 3, gewichte=(4, 2, 1))):
            erneuert = gruppen
            if nummer:
                ab = self.tag(max(ab, self.anfang) + EIN_TAG, max(ab, self.stand) + 90 * EIN_TAG)
                if self.ja(0.4):
                    ab = monatsanfang(ab, 1)
                    leitung = self.eins(None, False, True)
                elif self.ja(0.5):
                    erneuert = self.w.sample(gruppen, self.w.randint(0, len(gruppen)))
            elif ab.day != 1:
                ab = monatsanfang(ab)
            for hbg in erneuert:
                self.neu(
                    "schluessel",
                    angebot_id=angebot["angebot_id"],
                    hbg=hbg,
                    gueltig_ab=ab,
                    personen_je_vk=self.eins(
                        Decimal(self.w.randint(2, 12)), Decimal(self.w.randint(100, 1500)).scaleb(-2)
                    ),
                    leitung_enthalten=leitung,
                )

    # ---- the rest

    def massnahmen(self, traeger_id):
        for nummer in range(self.eins(0, 1, 3, 6)):
            self.neu(
                "massnahmen",
                massnahme_id=f"{traeger_id}-M{nummer + 1}",
                traeger_id=traeger_id,
                perspektive="Finanzen",
                ziel="Ziel",
                massnahme="Massnahme",
                status=self.w.choice(STATUS),
                faellig=self.eins(None, self.stand, self.tag(self.anfang, self.stand + 200 * EIN_TAG)),
            )

    def rand(self):
        """Empty tables, and the rows nobody computes with here."""
        for tabelle in ("faelle", "personal", "schluessel", "budgets", "anpassungen", "massnahmen"):
            if self.ja(0.03):
                self.tabellen[tabelle].clear()
        if not self.tabellen["faelle"]:
            self.tabellen["abwesenheiten"].clear()
        for zeile in self.tabellen["traeger"]:
            if self.ja(0.3):
                self.neu(
                    "termine",
                    traeger_id=zeile["traeger_id"],
                    quartal=f"{self.jahr}Q{(self.stand.month - 1) // 3 + 1}",
                    termin=self.stand + 30 * EIN_TAG,
                )


def vereinigt(zeitraeume):
    """Periods of one offer, joined where one begins the day after another's end."""
    ergebnis = []
    for von, bis in sorted(zeitraeume):
        if ergebnis and von == ergebnis[-1][1] + EIN_TAG:
            ergebnis[-1] = (ergebnis[-1][0], bis)
        else:
            ergebnis.append((von, bis))
    return ergebnis
