"""A second, independent implementation of the arithmetic of the contract, for tests only.

Plain day-by-day Python: `datetime`, `Decimal`, `Fraction`, dicts and loops. It shares no line with
`traeger_lib`, reads no file, validates nothing (the Bestand is taken to be free of faults) and does not
try to be fast. `kennzahlen()` returns the dict of `kennzahlen.json` without `trend`, `hinweise` and
`schema_version`; `vergleiche()` lists where another dict of that shape differs.

Types in the result: counts and days `int`, Euro `Decimal` with two places, every other figure an exact
`Fraction`, what cannot be given `None`.

AMBIGUITIES of the contract, and the reading taken here (+ = given by the brief of this file):

Days
 1. + `verfahren` holds day by day: an absence day is full when its 1-based position in its merged absence
    is <= the `volle_tage` of the rule valid that day; the exit-day rule is that of the exit day; the cap is
    that of the rule valid that day, against the reduced days of the calendar year already paid. A day that
    is dropped (exit day, move) keeps its position in the absence but uses nothing of the cap.
 2. A day before the first `gueltig_ab`, or a provider without `verfahren`: the usual rule (first and last
    day count, every absence day full, no cap).
 3. + One-day presences of a person in two offers on one day: the alphabetically greater angebot_id
    receives the day. Otherwise the receiver of a move is the offer whose *presence* begins on the day the
    other presence ends; a row that only continues a presence receives nothing. If the receiving presence
    is paid by another body the day still goes there.
 4. A presence for the counting of days joins rows of all paying bodies; "one day" is judged on the whole
    presence, before any move takes its day. A presence that lost its last day to a move loses no second one.
 5. + Open stays give days to min(quarter end, Datenstand); closed stays are not cut by the Datenstand.
    Soll, calendar days of averages and instalments always take the whole period, also a provisional one.
 6. `im_budget` treats its offers as the whole provider for *persons* only (the sentence stands under
    Persons). Days are assigned once, over all offers: on a same-day move from an offer in the budget to one
    outside it the day is in neither `im_budget` nor the deviation.
 7. Absences may cross HBG rows of one presence. Overlapping absences are merged like adjacent ones.
 8. The cap counts reduced days of a person in an offer whoever pays.

Aggregates
 9. + N days on the D calendar days of a month: day i (0-based) gets floor((i+1)N/D) - floor(iN/D), full and
    reduced days separately, row by row; missing abwesenheitstage = 0; not cut by the Datenstand.
10. + Stichtagszahl of an aggregate offer: sum of the own rows of the period's last month (None: no own row
    there, or a value missing); Zugaenge, Abgaenge: sums over the own rows of the period (None: no own row in
    the period, a value missing, or a month of the period, from the offer's first month on, without any row of it).
11. + A set of offers with an aggregate offer in it: Stichtagszahl, Zugaenge, Abgaenge (and Wechsel = 0) only
    if it is the only offer of the set; otherwise these and Wechsel are None. faelle_im_zeitraum is None.
    An aggregate offer is one with a row in `fallzahlen`, whatever month and paying body. An offer with
    neither case rows nor aggregates is a case-row offer with zeros.
12. Aggregate rows are `regelfall` with kostenzusage.

Persons
13. + An open stay has no end for persons, whatever the Datenstand; rows beginning after the Datenstand
    count like any other.
14. Own presences are built from rows of own paying bodies only (a change between two own bodies is none).
15. Wechsel: one per unordered pair of own presences of a person in two offers of the set of which one ends on
    the day, or the day before, the other begins; leaving two offers into one is two pairs. Two one-day
    presences on the same day are one pair. Dated by the entry (the begin of the entered presence).

Rates
16. + Equal decision date and overlapping validity: the later gueltig_ab wins. Empty beschlossen_am comes
    before every date.
17. Plan rate of a day on which no row decided by the version's beschlossen_am is valid (group decided only
    later, or earlier rows have run out): of the rows valid that day the one decided first (equal: later
    gueltig_ab); if none is valid that day, the group's first later decided row (equal: earlier gueltig_ab).
18. Decisions after the Datenstand are ignored for plan rates too. For budget versions the contract names
    the quarter's end only: a version decided after the Datenstand, by the quarter's end, counts.
19. The full rate is the sum of the components rounded half up to the cent; half away from zero everywhere.

Budget
20. + Days of a rate period = maximal run of days on which the same `entgelte` row is the plan rate.
21. Instalments: fallbezogen + pauschal are split once, together; each adjustment by itself over the
    instalment months not before the month of wirksam_ab (budget_beginn still bounds them). All adjustments
    of the year count in anpassungen_eur, also those effective after the quarter. The case-based part of
    the instalments (puffer) is fallbezogen_eur split by itself, without adjustments.
22. No version decided: budgetjahr is given, raten is [], all else None (adjustments too). No budget_beginn:
    the whole year. basisjahr: the one common to all fallbezogen lines, else None.
23. A version whose lines differ in beschlossen_am is decided on the latest of them.

Deviation, hbg
24. "From budget_beginn on" cuts everything in the paragraph, so the mean plan rate of a month is over the
    month's days from budget_beginn on (only so the effects sum exactly).
25. je_angebot of `abweichung` and `klassische_abrechnung` lists the offers in the budget only; `hbg`,
    `fallzahlen`, `personal` list all. No budget version: ist_eur and klassische_abrechnung are given, the
    other deviation figures None.
26. einzelfall_eur: classical value of einzelfallsetting cases *with* kostenzusage, in total and per offer.
27. mixindex sums numerators and denominators over the months with the p0 of each month; None where there are
    no actual or no plan days, or the offer is not in the budget.
28. mittlere_hbg_budget is weighted by plaetze_plan of the version and so needs no days: it is given also for
    a period before budget_beginn. Each mean is given where all groups *it averages* (with days, with
    places > 0) are numeric (ASCII digits).
29. anteile holds the groups with at least one own Entgelttag; no day: {}. Ratios without denominator: None.
30. A period in which the offer has neither plan nor days: zeros (0,00), not None.

Staffing
31. The Leitung rule of a month is that of the key valid on its first day (latest gueltig_ab of the offer, any
    group); no key: without Leitung. A month is given when it has any row, also of Leitung alone.
32. vk_soll follows the key day by day; None if an own Entgelttag has no key; without own days 0.
33. eigener_anteil of `gesamt` is formed from all days, distinct persons and Euro of the provider, not as
    vk_anteilig / vk. A person with own and external rows in the period is in numerator and denominator.
    By Euro: None if any day, own or external, has no rate. All cases, from the period's begin
    (no budget_beginn, no exclusion of single-case settings).
34. + A sum over offers is None if an offer with days (of any payer) or staff rows in the period is
    unknown; offers with neither contribute nothing. No contributing offer at all: vk, fachkraftquote and
    vk_anteilig None, vk_soll 0. fachkraftquote of `gesamt`: sums of the offers' monthly means.
35. vk_je_100_plaetze = 100 * vk_anteilig / own places, so 0 where vk_anteilig is 0 (personen_je_vk is None).

Measures
36. + Status is counted literally; ueberfaellig: faellig < min(quarter end, Datenstand), status not one of
    ERLEDIGT. All measures of the provider, whenever agreed.
"""

from collections import namedtuple
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

EIN_TAG = timedelta(days=1)
BESCHLOSSEN_VON_ANFANG_AN = date.min
ANTEILE = ("tage", "personen", "euro")
ERLEDIGT = {"abgeschlossen", "erledigt", "beendet", "zurueckgestellt", "verworfen"}

# `anzahl` days of one kind on one calendar day; 1 for case rows, any number for aggregates.
Tag = namedtuple("Tag", "datum angebot eigen hbg s hbg_vor_s einzelfall kostenzusage voll anzahl")
Zeitraum = namedtuple("Zeitraum", "von bis")
Anwesenheit = namedtuple("Anwesenheit", "beginn ende angebot")  # ende None = open
# One row of `entgelte`; the full and the reduced rate in whole cents per person and day.
Entgelt = namedtuple("Entgelt", "gueltig_ab gueltig_bis beschlossen voll_cent reduziert_cent")


# --------------------------------------------------------------------------------------------- calendar


def tage_von_bis(von, bis):
    """Every calendar day from `von` to `bis`, both included; nothing if `bis` is before `von`."""
    tag = von
    while tag <= bis:
        yield tag
        tag += EIN_TAG


def quartalsgrenzen(quartal):
    """'2026Q1' -> (01.01.2026, 31.03.2026)."""
    jahr, nummer = int(quartal[:4]), int(quartal[5])
    letzter_monat = 3 * nummer
    von = date(jahr, letzter_monat - 2, 1)
    return Zeitraum(von, monatsende(jahr, letzter_monat))


def monatsende(jahr, monat):
    naechster = date(jahr + 1, 1, 1) if monat == 12 else date(jahr, monat + 1, 1)
    return naechster - EIN_TAG


def monat_text(tag):
    return f"{tag.year:04d}-{tag.month:02d}"


def monate(zeitraum):
    """The months of a period of whole months as 'JJJJ-MM', in order."""
    return [monat_text(tag) for tag in tage_von_bis(*zeitraum) if tag.day == 1]


def kalendertage(zeitraum):
    return (zeitraum.bis - zeitraum.von).days + 1


def im(zeitraum, tag):
    return tag is not None and zeitraum.von <= tag <= zeitraum.bis


# ---------------------------------------------------------------------------------------------- numbers


def cent(wert):
    """Exact value in Euro -> Decimal with two places, rounded half up (away from zero)."""
    wert = Fraction(wert)
    betrag = (abs(wert) * 100 + Fraction(1, 2)).__floor__()
    if wert < 0:
        betrag = -betrag
    return Decimal(betrag).scaleb(-2)


def anteil(zaehler, nenner):
    """zaehler / nenner as a Fraction; None where one is unknown or the denominator is 0."""
    if zaehler is None or nenner is None or nenner == 0:
        return None
    return Fraction(zaehler) / Fraction(nenner)


def summe_oder_none(werte):
    werte = list(werte)
    if not werte or any(wert is None for wert in werte):
        return None
    return sum(werte)


# ------------------------------------------------------------------------------------------------- days


def anwesenheiten(zeilen):
    """Presences in one offer: rows of one person, each beginning the day after another's end, joined."""
    ergebnis = []
    for zeile in sorted(zeilen, key=lambda z: z["beginn"]):
        if ergebnis:
            letzte = ergebnis[-1]
            if letzte.ende is None or zeile["beginn"] <= letzte.ende:
                raise ValueError("overlapping stays of one person in one offer: a fault")
            if zeile["beginn"] == letzte.ende + EIN_TAG:
                ergebnis[-1] = letzte._replace(ende=zeile["ende"])
                continue
        ergebnis.append(Anwesenheit(zeile["beginn"], zeile["ende"], zeile["angebot_id"]))
    return ergebnis


def zusammengefasste_abwesenheiten(zeilen):
    """Absences of one person in one offer as (beginn, ende); adjacent ones are one."""
    ergebnis = []
    for zeile in sorted(zeilen, key=lambda z: z["beginn"]):
        if ergebnis and zeile["beginn"] <= ergebnis[-1][1] + EIN_TAG:
            ergebnis[-1] = (ergebnis[-1][0], max(ergebnis[-1][1], zeile["ende"]))
        else:
            ergebnis.append((zeile["beginn"], zeile["ende"]))
    return ergebnis


class Verfahren:
    """The counting rules of one provider, by the day."""

    def __init__(self, zeilen):
        self.zeilen = sorted(zeilen, key=lambda z: z["gueltig_ab"])

    def am(self, tag):
        gueltig = None
        for zeile in self.zeilen:
            if zeile["gueltig_ab"] <= tag:
                gueltig = zeile
        return gueltig

    def austrittstag_zaehlt(self, tag):
        regel = self.am(tag)
        return True if regel is None else regel["austrittstag_zaehlt"]

    def volle_tage(self, tag):
        regel = self.am(tag)
        return None if regel is None else regel["abwesenheit_volle_tage"]

    def hoechstens_im_jahr(self, tag):
        regel = self.am(tag)
        return None if regel is None else regel["abwesenheit_max_tage_jahr"]


def geht_an_anderes_angebot(anwesenheit, alle_der_person):
    """Whether the last day of a presence counts at another offer, to which the person moves that day."""
    tag = anwesenheit.ende
    for andere in alle_der_person:
        if andere.angebot == anwesenheit.angebot or andere.beginn != tag:
            continue
        beide_eintaegig = anwesenheit.beginn == tag and andere.ende == tag
        if not beide_eintaegig or andere.angebot > anwesenheit.angebot:
            return True
    return False


def tage_aus_faellen(faelle, abwesenheiten, verfahren, eigene, zeitraum, datenstand):
    """The paid days of all case rows of a provider inside `zeitraum`, which begins on 1 January."""
    zeilen_je = {}
    for zeile in faelle:
        zeilen_je.setdefault(zeile["person_id"], {}).setdefault(zeile["angebot_id"], []).append(zeile)
    abwesend_je = {}
    for zeile in abwesenheiten:
        abwesend_je.setdefault((zeile["person_id"], zeile["angebot_id"]), []).append(zeile)

    tage = []
    for person, je_angebot in zeilen_je.items():
        je_angebot_anwesend = {a: anwesenheiten(zeilen) for a, zeilen in je_angebot.items()}
        alle = [eine for liste in je_angebot_anwesend.values() for eine in liste]
        for angebot, zeilen in je_angebot.items():
            abwesend = zusammengefasste_abwesenheiten(abwesend_je.get((person, angebot), []))
            reduziert_im_jahr = 0
            for zeile in sorted(zeilen, key=lambda z: z["beginn"]):
                ende = zeile["ende"]
                if ende is None:
                    ende = datenstand
                for tag in tage_von_bis(max(zeile["beginn"], zeitraum.von), min(ende, zeitraum.bis)):
                    if not tag_zaehlt(tag, je_angebot_anwesend[angebot], alle, verfahren):
                        continue
                    voll = True
                    position = position_in_abwesenheit(tag, abwesend)
                    volle_tage = verfahren.volle_tage(tag)
                    if position is not None and volle_tage is not None and position > volle_tage:
                        voll = False
                        grenze = verfahren.hoechstens_im_jahr(tag)
                        if grenze is not None and reduziert_im_jahr >= grenze:
                            continue  # paid by nobody and in no figure
                        reduziert_im_jahr += 1
                    tage.append(
                        Tag(
                            datum=tag,
                            angebot=angebot,
                            eigen=zeile["kostentraeger"] in eigene,
                            hbg=zeile["hbg"],
                            s=bool(zeile["s"]),
                            hbg_vor_s=zeile["hbg_ausgang"] if zeile["s"] else zeile["hbg"],
                            einzelfall=zeile["besonderheit"] == "einzelfallsetting",
                            kostenzusage=zeile["kostenzusage"] is not False,
                            voll=voll,
                            anzahl=1,
                        )
                    )
    return tage


def tag_zaehlt(tag, im_angebot, alle_der_person, verfahren):
    """Whether a day of a stay counts in this offer: moves first, then the exit-day rule."""
    for anwesenheit in im_angebot:
        if anwesenheit.ende != tag:
            continue
        if geht_an_anderes_angebot(anwesenheit, alle_der_person):
            return False
        if anwesenheit.beginn == tag:
            return True
        return verfahren.austrittstag_zaehlt(tag)
    return True


def position_in_abwesenheit(tag, abwesend):
    """1 for the first day of an absence, and so on; None for a day of presence."""
    for beginn, ende in abwesend:
        if beginn <= tag <= ende:
            return (tag - beginn).days + 1
    return None


def tage_aus_fallzahlen(fallzahlen, eigene, zeitraum):
    """Monthly aggregates, spread over the calendar days of their month as evenly as whole days allow."""
    tage = []
    for zeile in fallzahlen:
        jahr, monat = int(zeile["monat"][:4]), int(zeile["monat"][5:])
        erster, letzter = date(jahr, monat, 1), monatsende(jahr, monat)
        laenge = letzter.day
        for voll, anzahl in ((True, zeile["belegungstage"]), (False, zeile["abwesenheitstage"] or 0)):
            for i, tag in enumerate(tage_von_bis(erster, letzter)):
                heute = (i + 1) * anzahl // laenge - i * anzahl // laenge
                if heute and im(zeitraum, tag):
                    tage.append(
                        Tag(
                            datum=tag,
                            angebot=zeile["angebot_id"],
                            eigen=zeile["kostentraeger"] in eigene,
                            hbg=zeile["hbg"],
                            s=bool(zeile["s"]),
                            hbg_vor_s=zeile["hbg_ausgang"] if zeile["s"] else zeile["hbg"],
                            einzelfall=False,
                            kostenzusage=True,
                            voll=voll,
                            anzahl=heute,
                        )
                    )
    return tage


def anzahl(tage):
    return sum(tag.anzahl for tag in tage)


# ---------------------------------------------------------------------------------------------- persons


def vereinigt(liste):
    """Union of presences over offers: what overlaps, touches or follows the next day is joined."""
    ergebnis = []
    for beginn, ende, _ in sorted(liste, key=lambda a: a.beginn):
        if ergebnis:
            letzter_beginn, letztes_ende = ergebnis[-1]
            if letztes_ende is None:
                continue
            if beginn <= letztes_ende + EIN_TAG:
                ergebnis[-1] = (letzter_beginn, None if ende is None else max(ende, letztes_ende))
                continue
        ergebnis.append((beginn, ende))
    return ergebnis


def personenzahlen(faelle, angebote, zeitraum):
    """Census, period count, admissions, exits and moves for a set of offers, from the rows given."""
    zeilen_je = {}
    for zeile in faelle:
        if zeile["angebot_id"] in angebote:
            zeilen_je.setdefault(zeile["person_id"], {}).setdefault(zeile["angebot_id"], []).append(zeile)
    zahlen = {"stichtagszahl": 0, "faelle_im_zeitraum": 0, "zugaenge": 0, "abgaenge": 0, "wechsel": 0}
    for je_angebot in zeilen_je.values():
        alle = [eine for zeilen in je_angebot.values() for eine in anwesenheiten(zeilen)]
        im_zeitraum = bleibt = False
        for beginn, ende in vereinigt(alle):
            if beginn <= zeitraum.bis and (ende is None or ende >= zeitraum.von):
                im_zeitraum = True
            if beginn <= zeitraum.bis and (ende is None or ende > zeitraum.bis):
                bleibt = True
            zahlen["zugaenge"] += im(zeitraum, beginn)
            zahlen["abgaenge"] += im(zeitraum, ende)
        zahlen["faelle_im_zeitraum"] += im_zeitraum
        zahlen["stichtagszahl"] += bleibt
        zahlen["wechsel"] += anzahl_wechsel(alle, zeitraum)
    return zahlen


def anzahl_wechsel(alle, zeitraum):
    paare = 0
    for i, eine in enumerate(alle):
        for andere in alle[i + 1 :]:
            if eine.angebot == andere.angebot:
                continue
            eintritte = []
            for verlassen, betreten in ((eine, andere), (andere, eine)):
                if verlassen.ende is None:
                    continue
                if betreten.beginn in (verlassen.ende, verlassen.ende + EIN_TAG):
                    eintritte.append(betreten.beginn)
            if eintritte and im(zeitraum, eintritte[0]):
                paare += 1
    return paare


# ------------------------------------------------------------------------------------------------ rates


class Entgelte:
    """Rates known at the Datenstand: actual and plan rate of a day, as rows of `entgelte`."""

    def __init__(self, zeilen, datenstand):
        self.je = {}
        self.gemerkt = {}
        for zeile in zeilen:
            satz = Entgelt(
                zeile["gueltig_ab"],
                zeile["gueltig_bis"] or date.max,
                zeile["beschlossen_am"] or BESCHLOSSEN_VON_ANFANG_AN,
                voller_satz_cent(zeile),
                reduzierter_satz_cent(zeile),
            )
            if satz.beschlossen <= datenstand:
                self.je.setdefault((zeile["angebot_id"], zeile["hbg"]), []).append(satz)

    def ist(self, angebot, hbg, tag):
        """The row valid that day, the latest decision; None if there is none."""
        return self.am(angebot, hbg, tag, None)

    def plan(self, angebot, hbg, tag, stand):
        """The plan rate of a day for a budget version decided on `stand`; a missing one is a fault."""
        satz = self.am(angebot, hbg, tag, stand)
        if satz is None:
            raise ValueError(f"no plan rate: {angebot} {hbg} {tag}")
        return satz

    def am(self, angebot, hbg, tag, stand):
        schluessel = (angebot, hbg, tag, stand)
        if schluessel not in self.gemerkt:
            self.gemerkt[schluessel] = self.suche(angebot, hbg, tag, stand)
        return self.gemerkt[schluessel]

    def suche(self, angebot, hbg, tag, stand):
        saetze = self.je.get((angebot, hbg), [])
        gueltig = [satz for satz in saetze if satz.gueltig_ab <= tag <= satz.gueltig_bis]
        rechtzeitig = [satz for satz in gueltig if stand is None or satz.beschlossen <= stand]
        if rechtzeitig:
            return max(rechtzeitig, key=lambda satz: (satz.beschlossen, satz.gueltig_ab))
        if stand is None:
            return None
        if gueltig:  # decided only later: the first of the later decisions
            erste = min(satz.beschlossen for satz in gueltig)
            return max((z for z in gueltig if z.beschlossen == erste), key=lambda z: z.gueltig_ab)
        spaeter = [satz for satz in saetze if satz.beschlossen > stand]
        if spaeter:
            return min(spaeter, key=lambda satz: (satz.beschlossen, satz.gueltig_ab))
        return None


def voller_satz_cent(zeile):
    """Grundpauschale + Massnahmepauschale + Investitionsbetrag, rounded to the cent."""
    satz = cent(zeile["grundpauschale"] + zeile["massnahmepauschale"] + zeile["investitionsbetrag"])
    return int(satz * 100)


def reduzierter_satz_cent(zeile):
    """Factor x (Grundpauschale + Massnahmepauschale) + Investitionsbetrag, rounded to the cent."""
    if zeile["abwesenheit_faktor"] is None:
        return None
    pauschalen = zeile["grundpauschale"] + zeile["massnahmepauschale"]
    return int(cent(zeile["abwesenheit_faktor"] * pauschalen + zeile["investitionsbetrag"]) * 100)


# -------------------------------------------------------------------------------------------- the blocks


class Rechnung:
    """Everything of one provider and one quarter; the blocks of `kennzahlen.json` are its methods."""

    def __init__(self, tabellen, bestand, traeger_id, quartal):
        self.traeger_id, self.quartal = traeger_id, quartal
        self.datenstand = bestand["datenstand"]
        self.eigene = set(bestand["eigene_kostentraeger"])
        self.q = quartalsgrenzen(quartal)
        self.jahr = self.q.von.year
        self.ganzes_jahr = Zeitraum(date(self.jahr, 1, 1), date(self.jahr, 12, 31))
        self.zeitraeume = {"quartal": self.q, "kumuliert": Zeitraum(date(self.jahr, 1, 1), self.q.bis)}

        (self.traeger,) = [z for z in tabellen["traeger"] if z["traeger_id"] == traeger_id]
        angebote = [z for z in tabellen["angebote"] if z["traeger_id"] == traeger_id]
        self.angebote = sorted(z["angebot_id"] for z in angebote)
        self.im_budget = sorted(z["angebot_id"] for z in angebote if z["im_budget"])
        self.budget_beginn = self.traeger["budget_beginn"] or date.min

        def des_traegers(name):
            return [z for z in tabellen.get(name, []) if z["traeger_id"] == traeger_id]

        def der_angebote(name):
            return [z for z in tabellen.get(name, []) if z["angebot_id"] in self.angebote]

        self.faelle = der_angebote("faelle")
        self.eigene_faelle = [z for z in self.faelle if z["kostentraeger"] in self.eigene]
        self.fallzahlen_zeilen = der_angebote("fallzahlen")
        self.mit_aggregaten = {z["angebot_id"] for z in self.fallzahlen_zeilen}
        self.personal_zeilen = der_angebote("personal")
        self.schluessel = der_angebote("schluessel")
        self.anpassungen = [z for z in des_traegers("anpassungen") if z["budgetjahr"] == self.jahr]
        self.massnahmen_zeilen = des_traegers("massnahmen")
        self.entgelte = Entgelte(der_angebote("entgelte"), self.datenstand)
        self.waehle_version(des_traegers("budgets"))
        self.gemerkte_monatsteile, self.gemerkte_auswahl = {}, {}
        self.tage = tage_aus_faellen(
            self.faelle,
            der_angebote("abwesenheiten"),
            Verfahren(des_traegers("verfahren")),
            self.eigene,
            self.zeitraeume["kumuliert"],
            self.datenstand,
        ) + tage_aus_fallzahlen(self.fallzahlen_zeilen, self.eigene, self.zeitraeume["kumuliert"])

    def waehle_version(self, budgets):
        """The highest version of the year decided by the quarter's end."""
        je_version = {}
        for zeile in budgets:
            if zeile["budgetjahr"] == self.jahr:
                je_version.setdefault(zeile["version"], []).append(zeile)
        beschlossen = {v: max(z["beschlossen_am"] for z in zeilen) for v, zeilen in je_version.items()}
        rechtzeitig = [v for v in je_version if beschlossen[v] <= self.q.bis]
        self.version = max(rechtzeitig) if rechtzeitig else None
        self.version_vom = beschlossen.get(self.version)
        zeilen = je_version.get(self.version, [])
        self.fallbezogen = [z for z in zeilen if z["art"] == "fallbezogen"]
        self.pauschal = [z for z in zeilen if z["art"] == "pauschal"]

    def alles(self):
        return {
            "traeger_id": self.traeger_id,
            "quartal": self.quartal,
            "datenstand": self.datenstand,
            "fallzahlen": {name: self.fallzahlen(z) for name, z in self.zeitraeume.items()},
            "hbg": {name: self.hbg(z) for name, z in self.zeitraeume.items()},
            "abweichung": {name: self.abweichung(z) for name, z in self.zeitraeume.items()},
            "klassische_abrechnung": {name: self.klassisch(z) for name, z in self.zeitraeume.items()},
            "personal": {name: self.personal(z) for name, z in self.zeitraeume.items()},
            "budget": self.budget(),
            "massnahmen": self.massnahmen(),
        }

    def auswahl(self, zeitraum, angebote, *, nur_eigene):
        """The paid days of some offers in a period."""
        schluessel = (zeitraum, tuple(angebote), nur_eigene)
        if schluessel not in self.gemerkte_auswahl:
            self.gemerkte_auswahl[schluessel] = [
                tag
                for tag in self.tage
                if tag.angebot in angebote and im(zeitraum, tag.datum) and (tag.eigen or not nur_eigene)
            ]
        return self.gemerkte_auswahl[schluessel]

    # ---- fallzahlen

    def fallzahlen(self, zeitraum):
        block = self.fallzahlen_von(zeitraum, self.angebote)
        block["je_angebot"] = [
            {"angebot_id": a, **self.fallzahlen_von(zeitraum, [a]), "wechsel": 0} for a in self.angebote
        ]
        block["im_budget"] = self.fallzahlen_von(zeitraum, self.im_budget)
        return block

    def fallzahlen_von(self, zeitraum, angebote):
        alle = self.auswahl(zeitraum, angebote, nur_eigene=False)
        eigen = [tag for tag in alle if tag.eigen]
        auswaertig = [tag for tag in alle if not tag.eigen]
        return {
            "belegungstage": anzahl(t for t in eigen if t.voll),
            "abwesenheitstage": anzahl(t for t in eigen if not t.voll),
            "durchschnittlich_belegte_plaetze": Fraction(anzahl(eigen), kalendertage(zeitraum)),
            **self.personen_von(zeitraum, angebote),
            "anteil_auswaertige": anteil(anzahl(auswaertig), anzahl(alle)),
        }

    def personen_von(self, zeitraum, angebote):
        if not any(a in self.mit_aggregaten for a in angebote):
            return personenzahlen(self.eigene_faelle, angebote, zeitraum)
        zahlen = dict.fromkeys(("stichtagszahl", "faelle_im_zeitraum", "zugaenge", "abgaenge", "wechsel"))
        if len(angebote) == 1:
            eigene = [
                z
                for z in self.fallzahlen_zeilen
                if z["angebot_id"] in angebote
                and z["kostentraeger"] in self.eigene
                and z["monat"] in monate(zeitraum)
            ]
            letzter = [z for z in eigene if z["monat"] == monat_text(zeitraum.bis)]
            zahlen["stichtagszahl"] = summe_oder_none(z["stichtagszahl"] for z in letzter)
            gemeldet = {z["monat"] for z in self.fallzahlen_zeilen if z["angebot_id"] in angebote}
            if all(m in gemeldet for m in monate(zeitraum) if m >= min(gemeldet)):
                zahlen["zugaenge"] = summe_oder_none(z["zugaenge"] for z in eigene)
                zahlen["abgaenge"] = summe_oder_none(z["abgaenge"] for z in eigene)
            zahlen["wechsel"] = 0
        return zahlen

    # ---- hbg

    def hbg(self, zeitraum):
        return {"je_angebot": [{"angebot_id": a, **self.hbg_von(zeitraum, a)} for a in self.angebote]}

    def hbg_von(self, zeitraum, angebot):
        tage = self.auswahl(zeitraum, [angebot], nur_eigene=True)
        bewilligt, vor_s = tage_je_gruppe(tage)
        plan = {}
        for zeile in self.fallbezogen:
            if zeile["angebot_id"] == angebot:
                plan[zeile["hbg"]] = plan.get(zeile["hbg"], 0) + Fraction(zeile["plaetze_plan"])
        mix, mix_ausgang = self.mixindex(zeitraum, angebot)
        return {
            "anteile": {g: Fraction(n, anzahl(tage)) for g, n in bewilligt.items()},
            "mittlere_hbg": mittlere_gruppe(bewilligt),
            "mittlere_hbg_ausgang": mittlere_gruppe(vor_s),
            "mittlere_hbg_budget": mittlere_gruppe(plan),
            "anteil_s": anteil(anzahl(t for t in tage if t.s), anzahl(tage)),
            "mixindex": mix,
            "mixindex_ausgang": mix_ausgang,
        }

    def mixindex(self, zeitraum, angebot):
        if angebot not in self.im_budget or self.version is None:
            return None, None
        teile = [self.monatsteile(monat, angebot) for monat in monate(zeitraum)]
        summe = {name: sum(teil[name] for teil in teile) for name in teile[0]}
        plan = anteil(summe["plan_eur"], summe["plantage"])
        return (
            anteil(anteil(summe["bewilligt_eur"], summe["tage"]), plan),
            anteil(anteil(summe["vor_s_eur"], summe["tage"]), plan),
        )

    # ---- abweichung

    def abrechenbare_tage(self, zeitraum, angebot):
        """Own days from budget_beginn on with a kostenzusage, single-case settings among them."""
        return [
            tag
            for tag in self.auswahl(zeitraum, [angebot], nur_eigene=True)
            if tag.datum >= self.budget_beginn and tag.kostenzusage
        ]

    def ist_satz(self, tag):
        satz = self.entgelte.ist(tag.angebot, tag.hbg, tag.datum)
        if satz is None:
            raise ValueError(f"no rate: {tag.angebot} {tag.hbg} {tag.datum}")
        return satz

    def ist_eur(self, zeitraum, angebot):
        ist_cent = sum(
            tag.anzahl * self.ist_satz(tag).voll_cent
            for tag in self.abrechenbare_tage(zeitraum, angebot)
            if not tag.einzelfall
        )
        return Fraction(ist_cent, 100)

    def monatsteile(self, monat, angebot):
        """The sums of one offer and month of which effects and mix indices are made, unrounded."""
        if (monat, angebot) not in self.gemerkte_monatsteile:
            self.gemerkte_monatsteile[monat, angebot] = self.berechne_monatsteile(monat, angebot)
        return self.gemerkte_monatsteile[monat, angebot]

    def berechne_monatsteile(self, monat, angebot):
        jahr, nummer = int(monat[:4]), int(monat[5:])
        zeitraum = Zeitraum(date(jahr, nummer, 1), monatsende(jahr, nummer))
        kalender = [t for t in tage_von_bis(*zeitraum) if t >= self.budget_beginn]
        tage = [t for t in self.abrechenbare_tage(zeitraum, angebot) if not t.einzelfall]

        def p0(hbg):
            saetze = [self.entgelte.plan(angebot, hbg, t, self.version_vom).voll_cent for t in kalender]
            return Fraction(sum(saetze), 100 * len(saetze))

        plan = {}
        for zeile in self.fallbezogen:
            if zeile["angebot_id"] == angebot and kalender:
                plantage = Fraction(zeile["plaetze_plan"]) * len(kalender)
                plan[zeile["hbg"]] = plan.get(zeile["hbg"], 0) + plantage
        bewilligt, vor_s = tage_je_gruppe(tage)
        satz = {gruppe: p0(gruppe) for gruppe in {*plan, *bewilligt, *vor_s}}
        return {
            "plantage": sum(plan.values()),
            "plan_eur": sum(n * satz[g] for g, n in plan.items()),
            "tage": anzahl(tage),
            "bewilligt_eur": sum(n * satz[g] for g, n in bewilligt.items()),
            "vor_s_eur": sum(n * satz[g] for g, n in vor_s.items()),
        }

    def effekte(self, monat, angebot):
        """The exact effects of one offer and month: menge, mix, s (the price effect is what is left)."""
        teil = self.monatsteile(monat, angebot)
        if teil["plantage"] == 0:
            menge, mix = teil["vor_s_eur"], 0
        else:
            mittlerer_satz = teil["plan_eur"] / teil["plantage"]
            menge = (teil["tage"] - teil["plantage"]) * mittlerer_satz
            mix = teil["vor_s_eur"] - teil["tage"] * mittlerer_satz
        return {
            "soll": teil["plan_eur"],
            "bewilligt": teil["bewilligt_eur"],
            "menge": menge,
            "mix": mix,
            "s": teil["bewilligt_eur"] - teil["vor_s_eur"],
        }

    def abweichung_von(self, zeitraum, angebot):
        ist = self.ist_eur(zeitraum, angebot)
        if self.version is None:
            namen = ("soll_eur", "abweichung_eur", "mengeneffekt_eur", "mixeffekt_eur", "s_effekt_eur")
            namen += ("preiseffekt_eur", "abweichung_s_neutral_eur")
            return {"ist_eur": cent(ist), **dict.fromkeys(namen)}
        je_monat = [self.effekte(monat, angebot) for monat in monate(zeitraum)]
        exakt = {name: sum(m[name] for m in je_monat) for name in je_monat[0]}
        preis_exakt = ist - exakt["bewilligt"]
        assert exakt["menge"] + exakt["mix"] + exakt["s"] + preis_exakt == ist - exakt["soll"]
        soll, mix, s, preis = (cent(x) for x in (exakt["soll"], exakt["mix"], exakt["s"], preis_exakt))
        abweichung = cent(ist) - soll
        return {
            "soll_eur": soll,
            "ist_eur": cent(ist),
            "abweichung_eur": abweichung,
            "mengeneffekt_eur": abweichung - mix - s - preis,  # the cent left over goes to volume
            "mixeffekt_eur": mix,
            "s_effekt_eur": s,
            "preiseffekt_eur": preis,
            "abweichung_s_neutral_eur": abweichung - s,
        }

    def abweichung(self, zeitraum):
        je_angebot = [{"angebot_id": a, **self.abweichung_von(zeitraum, a)} for a in self.im_budget]
        ohne_version = self.version is None
        block = {"ist_eur": cent(sum(z["ist_eur"] for z in je_angebot))}
        for name in ("soll", "abweichung", "mengeneffekt", "mixeffekt", "s_effekt", "preiseffekt"):
            name += "_eur"
            block[name] = None if ohne_version else cent(sum(z[name] for z in je_angebot))
        block["abweichung_s_neutral_eur"] = (
            None if ohne_version else block["abweichung_eur"] - block["s_effekt_eur"]
        )
        block["je_angebot"] = je_angebot
        return block

    # ---- klassische_abrechnung

    def klassisch_von(self, zeitraum, angebot):
        regel_cent = einzelfall_cent = 0
        for tag in self.abrechenbare_tage(zeitraum, angebot):
            satz = self.ist_satz(tag)
            je_tag_cent = satz.voll_cent if tag.voll else satz.reduziert_cent
            if je_tag_cent is None:
                raise ValueError(f"no abwesenheit_faktor: {tag.angebot} {tag.hbg} {tag.datum}")
            if tag.einzelfall:
                einzelfall_cent += tag.anzahl * je_tag_cent
            else:
                regel_cent += tag.anzahl * je_tag_cent
        return {
            "betrag_eur": cent(Fraction(regel_cent, 100)),
            "einzelfall_eur": cent(Fraction(einzelfall_cent, 100)),
        }

    def klassisch(self, zeitraum):
        je_angebot = [{"angebot_id": a, **self.klassisch_von(zeitraum, a)} for a in self.im_budget]
        return {
            "betrag_eur": cent(sum(z["betrag_eur"] for z in je_angebot)),
            "einzelfall_eur": cent(sum(z["einzelfall_eur"] for z in je_angebot)),
            "je_angebot": je_angebot,
        }

    # ---- personal

    def leitung_zaehlt(self, angebot, tag):
        """Whether the key valid that day includes the Leitung; without a key it is not counted."""
        gueltig = [z for z in self.schluessel if z["angebot_id"] == angebot and z["gueltig_ab"] <= tag]
        if not gueltig:
            return False
        return bool(max(gueltig, key=lambda z: z["gueltig_ab"])["leitung_enthalten"])

    def personen_je_vk(self, angebot, hbg, tag):
        """The key valid that day; None if there is none."""
        gueltig = [
            z
            for z in self.schluessel
            if z["angebot_id"] == angebot and z["hbg"] == hbg and z["gueltig_ab"] <= tag
        ]
        return max(gueltig, key=lambda z: z["gueltig_ab"])["personen_je_vk"] if gueltig else None

    def vk_von(self, zeitraum, angebot):
        """Means over the months given: (vk, fachkraft, nicht_fachkraft); all None if none is given."""
        vk, fach, nicht = [], [], []
        for monat in monate(zeitraum):
            zeilen = [z for z in self.personal_zeilen if z["angebot_id"] == angebot and z["monat"] == monat]
            if not zeilen:
                continue
            je = {"fachkraft": Fraction(0), "nicht_fachkraft": Fraction(0), "leitung": Fraction(0)}
            for zeile in zeilen:
                je[zeile["qualifikation"]] += Fraction(zeile["vk"])
            erster = date(int(monat[:4]), int(monat[5:]), 1)
            leitung = je["leitung"] if self.leitung_zaehlt(angebot, erster) else 0
            vk.append(je["fachkraft"] + je["nicht_fachkraft"] + leitung)
            fach.append(je["fachkraft"])
            nicht.append(je["nicht_fachkraft"])
        if not vk:
            return None, None, None
        return tuple(sum(werte) / len(werte) for werte in (vk, fach, nicht))

    def vk_soll_von(self, zeitraum, angebot):
        tage_je_schluessel = {}
        for tag in self.auswahl(zeitraum, [angebot], nur_eigene=True):
            je_vk = self.personen_je_vk(angebot, tag.hbg, tag.datum)
            if je_vk is None:
                return None
            tage_je_schluessel[je_vk] = tage_je_schluessel.get(je_vk, 0) + tag.anzahl
        vk_tage = sum(tage / Fraction(je_vk) for je_vk, tage in tage_je_schluessel.items())
        return Fraction(vk_tage) / kalendertage(zeitraum)

    def eigener_anteil(self, zeitraum, angebote):
        alle = self.auswahl(zeitraum, angebote, nur_eigene=False)
        return {
            "tage": anteil(anzahl(t for t in alle if t.eigen), anzahl(alle)),
            "personen": self.anteil_personen(zeitraum, angebote),
            "euro": self.anteil_euro(alle),
        }

    def anteil_personen(self, zeitraum, angebote):
        if any(a in self.mit_aggregaten for a in angebote):
            return None
        eigene = personenzahlen(self.eigene_faelle, angebote, zeitraum)["faelle_im_zeitraum"]
        alle = set()
        for zeile in self.faelle:
            beruehrt = zeile["beginn"] <= zeitraum.bis and (
                zeile["ende"] is None or zeile["ende"] >= zeitraum.von
            )
            if zeile["angebot_id"] in angebote and beruehrt:
                alle.add(zeile["person_id"])
        return anteil(eigene, len(alle))

    def anteil_euro(self, alle):
        eigen = gesamt = 0
        for tag in alle:
            satz = self.entgelte.ist(tag.angebot, tag.hbg, tag.datum)
            if satz is None:
                return None
            gesamt += tag.anzahl * satz.voll_cent
            if tag.eigen:
                eigen += tag.anzahl * satz.voll_cent
        return anteil(eigen, gesamt)

    def personal(self, zeitraum):
        je_angebot, fach_je, nicht_je, beteiligt = [], [], [], []
        for angebot in self.angebote:
            vk, fach, nicht = self.vk_von(zeitraum, angebot)
            eigener = self.eigener_anteil(zeitraum, [angebot])
            anteilig = {
                art: None if vk is None or eigener[art] is None else vk * eigener[art] for art in ANTEILE
            }
            zeile = {
                "angebot_id": angebot,
                "vk": vk,
                "vk_soll": self.vk_soll_von(zeitraum, angebot),
                "fachkraftquote": None if vk is None else anteil(fach, fach + nicht),
                "eigener_anteil": eigener,
                "vk_anteilig": anteilig,
            }
            zeile.update(self.verhaeltnisse(zeile, zeitraum, [angebot]))
            je_angebot.append(zeile)
            if vk is not None or self.auswahl(zeitraum, [angebot], nur_eigene=False):
                beteiligt.append(zeile)
                fach_je.append(fach)
                nicht_je.append(nicht)
        fach, nicht = summe_oder_none(fach_je), summe_oder_none(nicht_je)
        gesamt = {
            "vk": summe_oder_none(z["vk"] for z in beteiligt),
            "vk_soll": summe_oder_none(z["vk_soll"] for z in beteiligt) if beteiligt else Fraction(0),
            "fachkraftquote": None if fach is None else anteil(fach, fach + nicht),
            "eigener_anteil": self.eigener_anteil(zeitraum, self.angebote),
            "vk_anteilig": {
                art: summe_oder_none(z["vk_anteilig"][art] for z in beteiligt) for art in ANTEILE
            },
        }
        gesamt.update(self.verhaeltnisse(gesamt, zeitraum, self.angebote))
        return {"gesamt": gesamt, "je_angebot": je_angebot}

    def verhaeltnisse(self, zeile, zeitraum, angebote):
        """erfuellung, personen_je_vk and vk_je_100_plaetze, each by the three shares."""
        eigene = anzahl(self.auswahl(zeitraum, angebote, nur_eigene=True))
        plaetze = Fraction(eigene, kalendertage(zeitraum))
        anteilig = zeile["vk_anteilig"]
        je_platz = {art: anteil(anteilig[art], plaetze) for art in ANTEILE}
        return {
            "erfuellung": {art: anteil(anteilig[art], zeile["vk_soll"]) for art in ANTEILE},
            "personen_je_vk": {art: anteil(plaetze, anteilig[art]) for art in ANTEILE},
            "vk_je_100_plaetze": {
                art: None if je_platz[art] is None else je_platz[art] * 100 for art in ANTEILE
            },
        }

    # ---- budget

    def budget(self):
        if self.version is None:
            namen = ("version", "basisjahr", "fallbezogen_eur", "pauschal_eur", "anpassungen_eur")
            namen += ("gesamt_eur", "gezahlt_bis_quartalsende_eur", "puffer_eur")
            return {"budgetjahr": self.jahr, "raten": [], **dict.fromkeys(namen)}
        fallbezogen = cent(sum(sum(self.herleitung(zeile)) for zeile in self.fallbezogen))
        pauschal = cent(sum(zeile["betrag_eur"] for zeile in self.pauschal))
        anpassungen = cent(sum(zeile["betrag_eur"] for zeile in self.anpassungen))
        zahlmonate = [m for m in monate(self.ganzes_jahr) if m >= monat_text(self.budget_beginn)]
        raten = gleiche_raten(fallbezogen + pauschal, zahlmonate)
        for zeile in self.anpassungen:
            ab = monat_text(zeile["wirksam_ab"])
            for monat, betrag in gleiche_raten(
                cent(zeile["betrag_eur"]), [m for m in zahlmonate if m >= ab]
            ).items():
                raten[monat] += betrag

        def bisher(je_monat):
            return cent(sum(b for monat, b in je_monat.items() if monat <= monat_text(self.q.bis)))

        basisjahre = {zeile["basisjahr"] for zeile in self.fallbezogen}
        klassisch = self.klassisch(self.zeitraeume["kumuliert"])["betrag_eur"]
        return {
            "budgetjahr": self.jahr,
            "version": self.version,
            "basisjahr": basisjahre.pop() if len(basisjahre) == 1 else None,
            "fallbezogen_eur": fallbezogen,
            "pauschal_eur": pauschal,
            "anpassungen_eur": anpassungen,
            "gesamt_eur": fallbezogen + pauschal + anpassungen,
            "raten": [{"monat": monat, "betrag_eur": betrag} for monat, betrag in raten.items()],
            "gezahlt_bis_quartalsende_eur": bisher(raten),
            "puffer_eur": bisher(gleiche_raten(fallbezogen, zahlmonate)) - klassisch,
        }

    def herleitung(self, zeile):
        """The rounded Euro lines of one budget line, one per rate period of the year from budget_beginn."""
        laeufe = []  # [row of entgelte, days]
        for tag in tage_von_bis(*self.ganzes_jahr):
            if tag < self.budget_beginn:
                continue
            satz = self.entgelte.plan(zeile["angebot_id"], zeile["hbg"], tag, self.version_vom)
            if laeufe and laeufe[-1][0] is satz:
                laeufe[-1][1] += 1
            else:
                laeufe.append([satz, 1])
        plaetze = Fraction(zeile["plaetze_plan"])
        return [cent(plaetze * tage * Fraction(satz.voll_cent, 100)) for satz, tage in laeufe]

    # ---- massnahmen

    def massnahmen(self):
        status = {}
        ueberfaellig = 0
        for zeile in self.massnahmen_zeilen:
            status[zeile["status"]] = status.get(zeile["status"], 0) + 1
            faellig = zeile["faellig"]
            if faellig is not None and faellig < min(self.q.bis, self.datenstand):
                ueberfaellig += zeile["status"] not in ERLEDIGT
        return {"status": status, "ueberfaellig": ueberfaellig}


def tage_je_gruppe(tage):
    """Days by granted group and by group before S."""
    bewilligt, vor_s = {}, {}
    for tag in tage:
        bewilligt[tag.hbg] = bewilligt.get(tag.hbg, 0) + tag.anzahl
        vor_s[tag.hbg_vor_s] = vor_s.get(tag.hbg_vor_s, 0) + tag.anzahl
    return bewilligt, vor_s


def mittlere_gruppe(gewichte):
    """Weighted mean of the need groups; None without weight, or if a group with weight is no number."""
    gewichte = {gruppe: gewicht for gruppe, gewicht in gewichte.items() if gewicht}
    if not all(gruppe.isascii() and gruppe.isdigit() for gruppe in gewichte):
        return None
    return anteil(sum(int(g) * n for g, n in gewichte.items()), sum(gewichte.values()))


def gleiche_raten(betrag, zahlmonate):
    """An amount split over months, equal to a cent, the larger ones first; nothing without months."""
    if not zahlmonate:
        return {}
    rate, uebrig = divmod(int(betrag.scaleb(2)), len(zahlmonate))
    return {monat: Decimal(rate + 1 if i < uebrig else rate).scaleb(-2) for i, monat in enumerate(zahlmonate)}


def kennzahlen(tabellen, bestand, traeger_id, quartal):
    """All figures of one provider and quarter but `trend` and `hinweise`; see the module docstring."""
    return Rechnung(tabellen, bestand, traeger_id, quartal).alles()


# ------------------------------------------------------------------------------------------- comparing


def vergleiche(erwartet, gerechnet, pfad=""):
    """Readable differences between `kennzahlen()` and a dict like kennzahlen.json; [] if there are none.

    Counts and days exactly, Euro to the cent, other figures to 2e-6, None against null strictly. Lists
    of offers are matched by angebot_id. Keys in `gerechnet` that nobody expects are ignored.
    """
    hier = pfad or "."
    if isinstance(erwartet, dict):
        if not isinstance(gerechnet, dict):
            return [f"{hier}: erwartet ein Objekt, gerechnet {gerechnet!r}"]
        unterschiede = []
        for name, wert in erwartet.items():
            darunter = f"{pfad}.{name}" if pfad else str(name)
            if name not in gerechnet:
                unterschiede.append(f"{darunter}: fehlt, erwartet {kurz(wert)}")
            else:
                unterschiede += vergleiche(wert, gerechnet[name], darunter)
        if pfad.endswith((".anteile", "massnahmen.status")):  # here the keys themselves are figures
            for name in gerechnet.keys() - erwartet.keys():
                unterschiede.append(f"{hier}.{name}: nicht erwartet, gerechnet {gerechnet[name]!r}")
        return unterschiede
    if isinstance(erwartet, list):
        if not isinstance(gerechnet, list):
            return [f"{hier}: erwartet eine Liste, gerechnet {gerechnet!r}"]
        return vergleiche_listen(erwartet, gerechnet, hier)
    if erwartet is None or gerechnet is None:
        return (
            [] if erwartet is gerechnet else [f"{hier}: erwartet {kurz(erwartet)}, gerechnet {gerechnet!r}"]
        )
    if isinstance(erwartet, date):
        gleich = str(gerechnet) == erwartet.isoformat()
    elif isinstance(erwartet, str):
        gleich = gerechnet == erwartet
    elif isinstance(gerechnet, (bool, str, dict, list)) or gerechnet != gerechnet:
        gleich = False
    elif isinstance(erwartet, int):
        gleich = gerechnet == erwartet
    elif isinstance(erwartet, Decimal):
        gleich = abs(Fraction(gerechnet) - Fraction(erwartet)) < Fraction(1, 10_000)
    else:
        gleich = abs(Fraction(gerechnet) - erwartet) <= Fraction(2, 1_000_000)
    return [] if gleich else [f"{hier}: erwartet {kurz(erwartet)}, gerechnet {gerechnet!r}"]


def vergleiche_listen(erwartet, gerechnet, hier):
    ids = [z.get("angebot_id") if isinstance(z, dict) else None for z in erwartet + gerechnet]
    if not ids or any(eine is None for eine in ids):
        if len(erwartet) != len(gerechnet):
            return [f"{hier}: erwartet {len(erwartet)} Eintraege, gerechnet {len(gerechnet)}"]
        paare = enumerate(zip(erwartet, gerechnet, strict=True))
        return [u for i, (a, b) in paare for u in vergleiche(a, b, f"{hier}[{i}]")]
    reihenfolge = [z["angebot_id"] for z in gerechnet]
    if reihenfolge != [z["angebot_id"] for z in erwartet]:
        return [f"{hier}: erwartet Angebote {[z['angebot_id'] for z in erwartet]}, gerechnet {reihenfolge}"]
    paare = zip(erwartet, gerechnet, strict=True)
    return [u for a, b in paare for u in vergleiche(a, b, f"{hier}[{a['angebot_id']}]")]


def kurz(wert):
    """A figure as it would be published, for the text of a difference."""
    if isinstance(wert, Fraction):
        return f"{float(wert):.6f}"
    return str(wert)
