"""Schedule expressions, as EventBridge takes them for a rule. Pure.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_RATE = re.compile(r"rate\(([1-9]\d{0,5}) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")


@dataclass(frozen=True)
class _Field:
    """A field of a cron expression: its bounds, the names of its values, the first of `least`, and a pattern of what
    else it may be."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    other: str = r"(?!)"

    def takes(self, text: str) -> bool:
        """Return True if the field may be `text`: values, ranges and steps, separated by commas."""
        return all(self._takes_part(part) for part in text.split(","))

    def _takes_part(self, part: str) -> bool:
        if re.fullmatch(self.other, part):
            return True
        span, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and int(step)):
            return False
        return span == "*" or all(self._takes_value(each) for each in span.split("-", 1))

    def _takes_value(self, text: str) -> bool:
        return text in self.names or (text.isdecimal() and self.least <= int(text) <= self.most)


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of the month", 1, 31, other=r"\?|L|LW|(3[01]|[12]\d|[1-9])W"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 1, 7, _DAYS, other=rf"\?|L|([1-7]|{'|'.join(_DAYS)})(L|#[1-5])"),
    _Field("year", 1970, 2199),
)


def mistake(text: str) -> str:
    """Return the reason for which EventBridge would refuse a schedule expression; empty if it would not."""
    if rate := _RATE.fullmatch(text):
        if (int(rate[1]) == 1) == (rate[3] == "s"):
            return f"and EventBridge wants the {'singular' if int(rate[1]) == 1 else 'plural'} for {rate[1]}"
        return ""
    cron = _CRON.fullmatch(text)
    if cron is None:
        return "neither a rate nor the six fields of a cron expression"
    return next(_mistakes(cron.groups()), "")


def _mistakes(given: tuple[str, ...]) -> Iterator[str]:
    if (given[2] == "?") == (given[4] == "?"):
        yield "and of its days, of the month and of the week, exactly one must be ?"
    for field, text in zip(_FIELDS, given, strict=True):
        if not field.takes(text):
            names = f" or {field.names[0]} - {field.names[-1]}" if field.names else ""
            yield f"and its {field.name} {text} is outside {field.least} - {field.most}{names}"
