"""The documentation leads where it says: paths exist, links and their anchors too, and the index names every page."""

import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ARCHITECTURE = DOCS / "architecture.md"
INDEX = DOCS / "README.md"
ELSEWHERE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "local/README.md")
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ELSEWHERE)]
SUFFIXES = {".cfg", ".json", ".md", ".py", ".sh", ".svg", ".tf", ".toml", ".txt", ".yaml", ".yml"}

FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
LINK = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)(?:\s+\"[^\"]*\")?\)")
WALK = re.compile(r"^### Walk \d+: (?P<title>.+?)$(?P<body>.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^(?P<number>\d+)\. (?:`(?P<path>[^`]+)`: )?", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text())


def paths(text: str) -> Iterator[str]:
    """What stands in backticks and looks like a path of this repository: it has a slash, or a file's suffix."""
    for name in CODE.findall(text):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", name) and ("/" in name or Path(name).suffix in SUFFIXES):
            yield name


def walks() -> dict[str, str]:
    return {found["title"]: found["body"] for found in WALK.finditer(prose(ARCHITECTURE))}


def links(page: Path) -> list[str]:
    """The relative targets of a page; an example in backticks is not one."""
    found = [link["target"] for link in LINK.finditer(CODE.sub("code", prose(page)))]
    return [target for target in found if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings.

    https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
    """
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(prose(page)):
        words = LINK.sub(r"\g<text>", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def kept() -> set[Path]:
    """The files of this repository, and their folders: what a reader of a clone has."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    files = {ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    return files | {folder for file in files for folder in file.parents if folder.is_relative_to(ROOT)}


def test_every_path_in_the_architecture_exists() -> None:
    named, known = set(paths(prose(ARCHITECTURE))), kept()
    assert len(named) > 50, "hardly a path was found: is it still written in backticks?"
    assert sorted(name for name in named if ROOT / name not in known) == []


def test_every_step_of_a_walk_begins_with_a_file_and_they_are_numbered_from_one() -> None:
    assert len(walks()) == 3
    for title, body in walks().items():
        steps = list(STEP.finditer(body))
        assert [int(step["number"]) for step in steps] == list(range(1, len(steps) + 1)), title
        assert [step[0] for step in steps if not (step["path"] and (ROOT / step["path"]).is_file())] == [], title


def test_every_python_name_in_a_step_of_a_walk_stands_in_the_file_of_that_step() -> None:
    named, strange = 0, []
    for body in walks().values():
        for step in re.split(r"^(?=\d+\. )", body, flags=re.MULTILINE)[1:]:
            file, *names = CODE.findall(step)
            words = set(re.findall(r"\w+", (ROOT / file).read_text()))
            # Neither commands nor what AWS and the shell call by capitals.
            python = [name for name in names if re.fullmatch(r"[A-Za-z_][\w.]*", name) and not name.isupper()]
            named += len(python)
            strange += [f"{file}: {name}" for name in python if not words.issuperset(name.split(".")[-1:])]
    assert named > 30, "hardly a name was found: are they still written in backticks?"
    assert strange == []


def test_no_file_appears_twice_in_one_walk() -> None:
    for title, body in walks().items():
        named = Counter(paths(body))
        assert len(named) > 10, f"{title}: hardly a file was found"
        assert [name for name, times in named.items() if times > 1] == [], title


def test_the_architecture_names_every_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    page = " ".join(prose(ARCHITECTURE).split())
    assert [each["name"] for each in contracts if each["name"] not in page] == []


def test_the_index_names_every_page() -> None:
    named = {(DOCS / target.partition("#")[0]).resolve() for target in links(INDEX)}
    pages = set(DOCS.rglob("*.md")) - {INDEX}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - named) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    known, dead = kept(), []
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if file not in known or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            dead.append(target)
    assert dead == []


def test_links_and_anchors_are_found_at_all() -> None:
    assert {target for page in PAGES for target in links(page) if "#" in target}
    assert "operating.md#what-is-refused" in links(INDEX)
    assert "walk-2-a-changed-file-to-rolled-back-verdict" in anchors(ARCHITECTURE)
