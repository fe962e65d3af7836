#!/usr/bin/env python3
"""Writes what documents repeat from the sources: docs/ops.md, and the code blocks of README.md.

    docs/make_pages.py           writes them
    docs/make_pages.py --check   fails, and says which, where they are out of date
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def ops_page() -> str:
    """Every op's file header: formula, derivation of the backward, source."""
    page = [
        "# All operations",
        "",
        "One file each in `include/hooked/ops`; this page repeats what stands at the head of it "
        "(`./dev docs` writes it).",
        "",
    ]
    for path in sorted((ROOT / "include/hooked/ops").glob("*.hpp")):
        if path.name in ("op.hpp", "ops.hpp"):
            continue
        head = path.read_text().split("#pragma once")[0]
        text = "\n".join(line.removeprefix("//").removeprefix(" ") for line in head.splitlines())
        page += [f"## {path.stem}", "", "```text", text.strip(), "```", ""]
    return "\n".join(page)


def readme() -> str:
    """README.md with the blocks behind `<!-- NAME -->` taken from examples/NAME."""

    def block(match: re.Match) -> str:
        source = (ROOT / "examples" / match["name"]).read_text().rstrip()
        return f"{match['start']}\n{source}\n```"

    pattern = r"(?P<start><!-- (?P<name>\S+) -->\n```\w+)\n.*?```"
    return re.sub(pattern, block, (ROOT / "README.md").read_text(), flags=re.DOTALL)


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = 0
    for name, content in {"docs/ops.md": ops_page(), "README.md": readme()}.items():
        path = ROOT / name
        if path.exists() and path.read_text() == content:
            continue
        if check:
            print(f"{name} is out of date: run ./dev docs")
            stale = 1
        else:
            path.write_text(content)
    return stale


if __name__ == "__main__":
    sys.exit(main())
