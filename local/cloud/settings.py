"""The settings that may change while the cloud runs, by the command line or the control plane, as one document."""

from collections.abc import Mapping
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics import store
from local.cloud.sources.delivery import DELIVERY


class SettingsError(ValueError):
    """A change of the settings has mistakes; the message has one a line."""


class Switches:
    """The settings that are on or off."""

    executed_version_always = False
    """Publish ExecutedVersion for an alias without weights too: AWS does not document if it does."""
    enforce = False
    """Enforce IAM's policies on each call."""
    root = True
    """While they are enforced: True if the bare account id is still the administrator's access key."""


SWITCHES = Switches()


def read() -> dict[str, Any]:
    """Return the settings in JSON's form."""
    return {
        "factor": CLOCK.factor,
        "lateness_minutes": store.SETTINGS.lateness_minutes,
        "duplicates": DELIVERY.duplicates,
        "executed_version_always": SWITCHES.executed_version_always,
        "enforce": SWITCHES.enforce,
        "root": SWITCHES.root,
    }


def change(wanted: Mapping[str, Any]) -> None:
    """Change the settings named in `wanted`, all or none. Raises SettingsError with every mistake."""
    before = read()
    mistakes = [f"unknown setting {name!r}: use {', '.join(before)}" for name in wanted if name not in before]
    for name in (name for name in before if name in wanted):
        try:
            _set(name, wanted[name])
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        for name, value in before.items():
            _set(name, value)
        raise SettingsError("\n".join(mistakes))


def _set(name: str, value: Any) -> None:
    switch = hasattr(SWITCHES, name)
    if isinstance(value, bool) != switch or not isinstance(value, int | float):
        raise ValueError(f"{name} is {value!r}: it must be {'true or false' if switch else 'a number'}")
    if name == "factor":
        CLOCK.factor = value
    elif name == "lateness_minutes":
        store.SETTINGS.lateness_minutes = value
    elif name == "duplicates":
        DELIVERY.duplicates = value
    else:
        setattr(SWITCHES, name, value)
