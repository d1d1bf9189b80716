"""The release provider as the engine starts it: `python infra/release/provider ENGINE`, which prints its port."""

import importlib.util
import sys
import types
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])  # the repository, in place of this folder

# Of the SDK a provider needs only the generated protocol. Its packages are entered without running their __init__,
# which would load the whole SDK: half a second of every `pulumi up`.
for name in ("pulumi", "pulumi.runtime"):
    spec = importlib.util.find_spec(name)
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations or []) if spec else []
    sys.modules[name] = package

from infra.release.provider.server import serve  # noqa: E402

serve()
