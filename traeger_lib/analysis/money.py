"""Exact money: commercial rounding and splitting. Amounts are Decimal Euro or whole cents, never binary floats."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import lcm

CENT = Decimal("0.01")


def round_half_up(x: Fraction) -> int:
    """Nearest whole number, halves away from zero.

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(-5, 2))
    (3, -3)
    """
    betrag = (abs(x.numerator) * 2 // x.denominator + 1) // 2
    return betrag if x >= 0 else -betrag


def runde_cent(betrag: Decimal | Fraction | int) -> Decimal:
    """Round an amount in Euro half up (away from zero) to the cent.

    >>> runde_cent(Decimal("21.845")), runde_cent(Fraction(-1, 200))
    (Decimal('21.85'), Decimal('-0.01'))
    """
    if isinstance(betrag, Fraction):
        return Decimal(round_half_up(betrag * 100)) * CENT
    return Decimal(betrag).quantize(CENT, ROUND_HALF_UP) + 0


def aus_cent(cent: int | Fraction) -> Decimal:
    """Euro from (possibly fractional) cents, rounded half up to the cent.

    >>> aus_cent(2886)
    Decimal('28.86')
    """
    return runde_cent(Fraction(cent) / 100)


def summe_brueche(werte: Iterable[Fraction | int]) -> Fraction:
    """Exact sum over one common denominator: as `sum`, but reduced once and not at every step.

    >>> summe_brueche([Fraction(1, 6), Fraction(1, 3), 1])
    Fraction(3, 2)
    """
    return summe_produkte((w, 1) for w in werte)


def summe_produkte(paare: Iterable[tuple[Fraction | int, Fraction | int]]) -> Fraction:
    """Exact sum of products over one common denominator.

    >>> summe_produkte([(3, Fraction(1, 6)), (Fraction(1, 2), Fraction(1, 3))])
    Fraction(2, 3)
    """
    je_nenner: dict[int, int] = {}
    for a, b in paare:
        n = a.denominator * b.denominator
        je_nenner[n] = je_nenner.get(n, 0) + a.numerator * b.numerator
    nenner = lcm(*je_nenner)
    return Fraction(sum(z * (nenner // n) for n, z in je_nenner.items()), nenner)


def in_cent(betrag: Decimal) -> int:
    """Whole cents of an amount that has at most two decimals."""
    return int(betrag.scaleb(2).to_integral_exact())


def gleiche_teile(betrag: Decimal, n: int) -> list[Decimal]:
    """Split an amount into n parts that sum to it exactly and differ by at most one cent, the larger ones first.

    >>> [str(x) for x in gleiche_teile(Decimal("154401.00"), 7)][3:5]
    ['22057.29', '22057.28']
    """
    klein, mehr = divmod(in_cent(betrag), n)
    return [Decimal(klein + (i < mehr)) * CENT for i in range(n)]
