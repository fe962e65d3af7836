#!/usr/bin/env python3
"""Writes what documents repeat from the sources: docs/ops.md, and the code in README.md and docs/start.md.

    docs/make_pages.py           writes them
    docs/make_pages.py --check   fails, and says which, where they are out of date
"""

import pathlib
import re
import sys
import textwrap

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


def with_examples(name: str) -> str:
    """A page with the blocks behind `<!-- FILE -->` taken from examples/FILE, and those behind
    `<!-- FILE#PART -->` from between the lines `// [PART]` and the next such line in it."""

    def block(match: re.Match) -> str:
        source = (ROOT / "examples" / match["file"]).read_text()
        if match["part"]:
            source = re.split(r"^ *// \[(\w+)\]\n", source, flags=re.MULTILINE)
            source = textwrap.dedent(source[source.index(match["part"][1:]) + 1])
        return f"{match['start']}\n{source.strip()}\n```"

    pattern = r"(?P<start><!-- (?P<file>[^\s#]+)(?P<part>#\w+)? -->\n```\w+)\n.*?```"
    return re.sub(pattern, block, (ROOT / name).read_text(), flags=re.DOTALL)


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = 0
    pages = {"docs/ops.md": ops_page()}
    for name in ("README.md", "docs/start.md"):
        pages[name] = with_examples(name)
    for name, content in pages.items():
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
