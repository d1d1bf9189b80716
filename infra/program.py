"""What each Pulumi program of this repository does before it declares anything."""

import atexit
import gc
from collections.abc import Mapping

import pulumi

OBJECTS = 50_000  # made since the last collection and not freed, before there is another one; Python's own is 700


def begin(environment: Mapping[str, str]) -> None:
    """Prepare Pulumi's SDK; nothing is declared. `environment` may hold STRATA_SDK_DEBUG."""
    _without_debug_messages(environment)
    _keep_outputs()
    _collect_seldom()


def _without_debug_messages(environment: Mapping[str, str]) -> None:
    """Let Pulumi's SDK send the engine no debug messages, unless STRATA_SDK_DEBUG is set.

    Each is a call that the program waits for, some forty for each service, of which only `pulumi --debug` shows any.
    """
    if not environment.get("STRATA_SDK_DEBUG"):
        pulumi.log.debug = lambda *_, **__: None


def _keep_outputs() -> None:
    """Let an update that fails keep the stack's outputs, and show them as they are.

    A failed program ends before it gives its outputs, and the CLI then prints each as deleted. The engine adds what was
    given, here nothing, to the last outputs of an update that fails; those of one that succeeds come later, and count.
    https://github.com/pulumi/pulumi/blob/v3.259.0/pkg/resource/deploy/step_executor.go executeRegisterResourceOutputs
    """
    if isinstance(root := pulumi.runtime.get_root_resource(), pulumi.ComponentResource):
        root.register_outputs({})


def _collect_seldom() -> None:
    """Let Python look for cycles seldom, and never among the imported modules.

    A program's outputs live to its end, so it finds next to none, nor does the last collection as Python exits: an
    eighth of a preview of fifty services went into them. https://docs.python.org/3.11/library/gc.html#gc.freeze
    """
    gc.freeze()
    gc.set_threshold(OBJECTS)
    atexit.register(gc.freeze)
