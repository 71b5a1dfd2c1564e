"""zuordnung.toml: a provider's own names and values are read as ours or reported; a proposal is printed, never applied."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path

import pytest
from test_reading import GUT, alle_fehler, gleich, schreibe, schreibe_mappe

from traeger_lib.inputs import mapping, reading

EIGENE = {"Pseudonym": "person_id", "Einrichtung": "angebot_id", "Zahler": "kostentraeger", "Hilfebedarf": "hbg", "Einzug": "beginn",
          "Auszug": "ende"}
ZUORDNUNG = """
[tabellen]
"Klienten" = "faelle"
[spalten.faelle]
"Pseudonym" = "person_id"
"Einrichtung" = "angebot_id"
"Zahler" = "kostentraeger"
"Hilfebedarf" = "hbg"
"Einzug" = "beginn"
"Auszug" = "ende"
[werte.faelle.hbg]
"HBG 1" = "1"
"HBG 2 + S" = {hbg = "1", s = "ja", hbg_ausgang = 2}
[werte.faelle.kostenzusage]
"liegt vor" = true
[werte.personal.vk]
"halb" = 0.5
"""


def fremd(ohne_s: bool = False) -> dict:
    """GUT as another program names it."""
    t = copy.deepcopy(GUT)
    for z, hbg in zip(t["faelle"], ("HBG 1", "hbg  2 + s", "1", "2"), strict=True):
        z.update(hbg=hbg, kostenzusage="liegt vor", s="")
        for alt in ("s", "hbg_ausgang") if ohne_s else ():
            del z[alt]
    t["personal"][0]["vk"] = "halb"
    t["Klienten"] = [{{v: k for k, v in EIGENE.items()}.get(s, s): w for s, w in z.items()} for z in t.pop("faelle")]
    return t


@pytest.fixture(scope="module")
def gemeint(tmp_path_factory):
    t = copy.deepcopy(GUT)
    t["faelle"][1].update(s="ja", hbg_ausgang="2")
    for z in t["faelle"]:
        z["s"] = z["s"] if z["s"] == "ja" else ""
    t["personal"][0]["vk"] = "0,5"
    return reading.load(schreibe(tmp_path_factory.mktemp("gemeint"), t))


@pytest.mark.parametrize("schreiben", [schreibe, schreibe_mappe])
@pytest.mark.parametrize("ohne_s", [False, True])
def test_foreign_names_and_values_are_read_as_meant(tmp_path, gemeint, schreiben, ohne_s):
    schreiben(tmp_path, fremd(ohne_s))
    (tmp_path / mapping.DATEI).write_text(ZUORDNUNG, encoding="utf-8")
    bestand = reading.load(tmp_path)
    gleich(bestand, gemeint)
    assert any("Spalte hbg: 2 Werte nach zuordnung.toml" in text for _, text in bestand.hinweise)


def test_our_own_names_need_no_mapping_beside_it(tmp_path):
    schreibe(tmp_path / "a", GUT)
    (schreibe(tmp_path / "b", GUT) / mapping.DATEI).write_text(ZUORDNUNG, encoding="utf-8")
    gleich(reading.load(tmp_path / "a"), reading.load(tmp_path / "b"))


def test_a_changed_mapping_is_read_anew_also_beside_a_workbook(tmp_path):
    mappe = schreibe_mappe(tmp_path, fremd()) / "bestand.xlsx"
    assert alle_fehler(mappe)
    (tmp_path / mapping.DATEI).write_text(ZUORDNUNG, encoding="utf-8")
    assert not alle_fehler(mappe)


def test_a_cell_that_contradicts_the_mapping_is_a_fault_at_its_place(tmp_path):
    t = fremd()
    t["Klienten"][1]["s"] = "nein"
    schreibe(tmp_path, t)
    (tmp_path / mapping.DATEI).write_text(ZUORDNUNG, encoding="utf-8")
    (f,) = alle_fehler(tmp_path)
    assert (f.ort, f.zeile, f.spalte, f.art, f.traeger_id) == ("Klienten.csv", 3, "s", "zuordnung", "T01")
    t["Klienten"][1]["s"] = "Ja"
    assert not alle_fehler(schreibe(tmp_path, t))


def test_two_columns_for_one_and_two_files_for_one_table(tmp_path):
    t = fremd()
    for z in t["Klienten"]:
        z["person_id"] = z["Pseudonym"]
    schreibe(tmp_path, t)
    (tmp_path / mapping.DATEI).write_text(ZUORDNUNG, encoding="utf-8")
    assert {(f.ort, f.spalte, f.art) for f in alle_fehler(tmp_path)} == {("Klienten.csv", "person_id", "spalte_doppelt")}
    schreibe(tmp_path, GUT)
    assert "tabelle_doppelt" in {f.art for f in alle_fehler(tmp_path)}


FALSCH = {  # entry → section and words of the fault
    '[tabellen]\n"Klienten" = "klienten"': ("tabellen", "„Klienten“: Das Ziel „klienten“ gibt es nicht"),
    '[tabellen]\n"faelle" = "abwesenheiten"': ("tabellen", "bedeutet schon „faelle“"),
    '[tabellen]\n"Kli enten" = "faelle"\n"Klienten.csv" = "personal"': ("tabellen", "bedeutet schon „faelle“"),
    '[tabellen]\n"Klienten" = 1': ("tabellen", "„1“ gibt es nicht"),
    '[tabellen]\n"" = "faelle"': ("tabellen", "gibt es nicht"),
    '[tabelle]\n"a" = "faelle"': ("", "„tabelle“: Diesen Abschnitt gibt es nicht"),
    'tabellen = "faelle"': ("", "Diesen Abschnitt gibt es nicht"),
    '[spalten.klienten]\n"a" = "hbg"': ("spalten", "„klienten“: Diesen Abschnitt"),
    '[spalten.faelle]\n"Ende" = "beginn"': ("spalten.faelle", "bedeutet schon „ende“"),
    '[spalten.faelle]\n"a" = "monat"': ("spalten.faelle", "„monat“ gibt es nicht"),
    '[werte.faelle.name]\n"a" = "b"': ("werte.faelle", "„name“: Diesen Abschnitt"),
    '[werte.faelle.person_id]\n"geheim-1" = "b"': ("werte.faelle", "Diesen Abschnitt"),
    '[werte.faelle.s]\n"x" = "vielleicht"': ("werte.faelle.s", "„x“: Ziel s: Dieser Wert ist hier nicht vorgesehen"),
    '[werte.faelle.s]\n"Ja" = "nein"': ("werte.faelle.s", "andere Bedeutung"),
    '[werte.faelle.s]\n"x" = "ja"\n"X " = "nein"': ("werte.faelle.s", "andere Bedeutung"),
    '[werte.faelle.s]\n"x" = ["ja"]': ("werte.faelle.s", "kein einzelner Wert"),
    '[werte.faelle.hbg]\n"2 + S" = {s = "ja"}': ("werte.faelle.hbg", "Ziel fehlt"),
    '[werte.faelle.hbg]\n"2 + S" = {hbg = "2", sozialraum = "ja"}': ("werte.faelle.hbg", "„sozialraum“ gibt es nicht"),
    '[werte.faelle.hbg]\n"2 + S" = {hbg = "2", person_id = "geheim-1"}': ("werte.faelle.hbg", "vertraulich"),
    '[werte.personal.vk]\n"halb" = "1.234"': ("werte.personal.vk", "Dezimal- oder Tausendertrennzeichen"),
    '[tabellen]\n"a" = "faelle"\n"a" = "personal"\n': ("", "zweimal vor (Zeile 3)"),
    "[tabellen": ("", "kein TOML"),
    "ä".encode("cp1252"): ("", "kein TOML in UTF-8"),
}


@pytest.mark.parametrize("text", FALSCH)
def test_unknown_and_contradictory_entries_are_faults_with_place(tmp_path, text):
    schreibe(tmp_path, GUT)
    (tmp_path / mapping.DATEI).write_bytes(text if isinstance(text, bytes) else text.encode())
    abschnitt, worte = FALSCH[text]
    (f,) = alle_fehler(tmp_path)
    assert f.ort == mapping.DATEI + (f", Abschnitt [{abschnitt}]" if abschnitt else "") and worte in str(f) and not f.traeger_id, str(f)
    assert "geheim" not in str(f)


def ohne_zuordnung(tmp_path: Path) -> Path:
    t = fremd()
    (z,) = t.pop("termine")
    t["Liste 1"] = [{"Trägernummer": z["traeger_id"], "Quartal": z["quartal"], "Termin": z["termin"], "Raum": "1"}]
    t["Sonstiges"] = [{"x": "1", "y": "2"}]
    return schreibe(tmp_path, t)


def test_check_proposes_a_mapping_and_never_applies_it(tmp_path, traeger):
    text = reading.vorschlag(ohne_zuordnung(tmp_path))
    assert tomllib.loads(text) == {"tabellen": {"Klienten": "faelle", "Liste 1": "termine"},
                                   "spalten": {"faelle": EIGENE, "termine": {"Trägernummer": "traeger_id"}}}
    ausgabe = traeger("check", tmp_path).output
    assert text in ausgabe and "nicht angewandt" in ausgabe and not (tmp_path / mapping.DATEI).exists()
    assert "personal.csv" in ausgabe and "abwesenheiten.csv" not in ausgabe  # the absences without a stay only follow
    assert ausgabe.splitlines()[0].endswith("Die Tabelle faelle fehlt, wird aber für abwesenheiten gebraucht. Als faelle.csv oder "
                                            "faelle.parquet mit Zeilen liefern; nicht erkannt: Klienten, Liste 1, Sonstiges.")
    (tmp_path / mapping.DATEI).write_text(text + '\n[werte.faelle.hbg]\n"HBG 1" = "1"\n', encoding="utf-8")
    assert len(reading.lies(tmp_path)[0]["termine"]) == 1 and "Pseudonym" not in reading.vorschlag(tmp_path)


def test_nothing_is_proposed_where_all_is_known(tmp_path, traeger):
    assert reading.vorschlag(schreibe(tmp_path, GUT)) == ""
    assert "zuordnung.toml" not in traeger("check", tmp_path).output
