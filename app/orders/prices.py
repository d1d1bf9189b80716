"""The prices of all articles: whole minor units (cents) by SKU and currency.

A caller gives SKUs and quantities; the service gives the prices. An order keeps the prices at which it was placed, so a
change here affects new orders only.
"""

from collections.abc import Mapping
from types import MappingProxyType

CURRENCIES = ("CHF", "EUR", "GBP", "USD")  # all have two decimals, so that "cents" is right


def _in_each(*cents: int) -> Mapping[str, int]:
    return MappingProxyType(dict(zip(CURRENCIES, cents, strict=True)))


PRICES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "FILTER-PAPER": _in_each(490, 450, 395, 499),
        "KETTLE": _in_each(6900, 6490, 5690, 6999),
        "MUG-BLACK": _in_each(1350, 1250, 1095, 1399),
        "MUG-WHITE": _in_each(1350, 1250, 1095, 1399),
        "POT-GLASS": _in_each(3900, 3690, 3190, 3999),
        "TEA.BLACK": _in_each(850, 799, 690, 849),
        "TEA.GREEN": _in_each(850, 799, 690, 849),
        "TEA.OOLONG": _in_each(1290, 1190, 1050, 1299),
        "TEA.WHITE": _in_each(1590, 1490, 1290, 1599),
    }
)
