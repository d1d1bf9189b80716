"""The commands that the Makefile runs before anything is installed.

python3 -m local.toolchain venvs             fill the virtual environments from their locks
python3 -m local.toolchain packages          fill each node_modules from the lock beside it
python3 -m local.toolchain lock [--upgrade]  resolve each requirements.in and package.json into its lock
python3 -m local.toolchain pulumi            find or build the Pulumi CLI; print the folder to put in front of PATH
python3 -m local.toolchain chromium          find or unpack a Chromium; print the folder to put in front of PATH
python3 -m local.toolchain uv                find or install uv; print the folder to put in front of PATH
python3 -m local.toolchain hcl FOLDER        check that every .tf file is well formed and formatted
python3 -m local.toolchain workflows FOLDER  check GitHub's workflows in FOLDER
python3 -m local.toolchain node check        check the services in TypeScript, by tsc and ESLint
python3 -m local.toolchain node test         run the tests of the services in TypeScript
"""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from local.toolchain import chromium, environments, golang, hcl, node, pulumi_cli, workflows

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKS = {"hcl": hcl.check, "workflows": workflows.check}
FOLDERS: Mapping[str, Callable[[], Path | None]] = {
    "pulumi": pulumi_cli.folder,
    "chromium": chromium.folder,
    "uv": lambda: environments.uv().parent,
}
NODE = {"check": node.check, "test": node.test}


def main(arguments: list[str]) -> int:
    """Run a command; return 0, 1 with a reason on standard error, or 2 for an unknown command."""
    try:
        match arguments:
            case ["venvs"]:
                environments.sync_all(REPOSITORY)
            case ["packages"]:
                node.sync_all(REPOSITORY)
            case ["lock", *options] if set(options) <= {"--upgrade"}:
                environments.lock_all(REPOSITORY, upgrade="--upgrade" in options)
                node.lock_all(REPOSITORY, upgrade="--upgrade" in options)
            case ["pulumi" | "chromium" | "uv" as tool]:
                print(FOLDERS[tool]() or "")
            case ["hcl" | "workflows" as language, folder]:
                return 0 if CHECKS[language](Path(folder)) else 1
            case ["node", "check" | "test" as command]:
                return 0 if NODE[command](REPOSITORY) else 1
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except golang.ToolchainError as problem:
        print(f"toolchain: {problem}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as problem:
        print(
            f"toolchain: `{' '.join(map(str, problem.cmd))}` failed with exit code {problem.returncode}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
