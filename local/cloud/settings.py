"""What may be set while the cloud runs, from the command line or the control plane, read and changed as one."""

from collections.abc import Mapping
from typing import Any

from local.cloud.clock import CLOCK
from local.cloud.metrics import store


class SettingsError(ValueError):
    """Every mistake in a change of the settings, one a line."""


class Switches:
    """What is on or off."""

    executed_version_always = False
    """Publish ExecutedVersion for an alias without weights too: AWS does not document either way."""
    enforce = False
    """Ask the policies of IAM before each call."""
    root = True
    """While they are asked: whether the bare account id is still an access key, the administrator's."""


SWITCHES = Switches()


def read() -> dict[str, Any]:
    """The settings as JSON shows them."""
    return {
        "factor": CLOCK.factor,
        "lateness_minutes": store.SETTINGS.lateness_minutes,
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
    else:
        setattr(SWITCHES, name, value)
