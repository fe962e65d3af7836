"""Writes docs/ops.md from include/hooked/ops: every op of HOOKED_OPS with a call, what goes in and
comes out, its settings, and what stands at the head of its file. make_pages.py calls it."""

import pathlib
import re

SHAPE_RULE = re.compile(
    r"((?:^ *///[^\n]*\n)+) *static Shape shape\(const Args&(?: args)?((?:,\s*const Shape&(?: \w+)?)*)\)",
    re.MULTILINE,
)
FIELD = re.compile(r"^ +(?!using|static)[\w:<>*& ,]+? ((?:\w+, )*\w+)(?:( = [^;]+)|\{\})?;(?: *//+<? (.*))?$")


def inputs_of(source: str) -> tuple[str, list[str]]:
    """What the shape rule says, and the names of the inputs."""
    doc, parameters = SHAPE_RULE.search(source).groups()
    said = " ".join(line.strip().removeprefix("///").strip() for line in doc.splitlines())
    return said, [name or "x" for name in re.findall(r"const Shape&(?: (\w+))?", parameters)]


def settings_of(source: str) -> list[tuple[str, str, str]]:
    """(name, default, comment) of every field of Args."""
    block = re.search(r"struct Args \{\n(.*?)^ *\};", source, re.MULTILINE | re.DOTALL)
    found = []
    for line in block[1].splitlines() if block else []:
        field = FIELD.match(line)
        if field:
            found += [(name, field[2] or "", field[3] or "") for name in field[1].split(", ")]
    return found


def section(name: str, arguments: list[str], folder: pathlib.Path, path: pathlib.Path) -> list[str]:
    source = path.read_text()
    head = source.split("#pragma once")[0]
    text = "\n".join(line.removeprefix("//").removeprefix(" ") for line in head.splitlines())
    frame = re.search(rf"^using {name} = (\w+)<", source, re.MULTILINE)
    rules = (folder / f"{frame[1].lower()}.hpp").read_text() if frame else source
    said, inputs = inputs_of(rules)
    settings = settings_of(source) or settings_of(rules)
    args = ", ".join(f".{field}{default or ' = ' + field}" for field, default, _ in settings)
    lines = [f"## {path.stem}", ""]
    for argument in arguments or [""]:
        op = f"{name}<{argument}>" if argument else name
        lines.append(f"- `record<{op}>({{{args}}}, {', '.join(inputs)})`")
    lines.append(f"- {said}")
    lines += [f"- `{field}`: {comment}" for field, _, comment in settings if comment]
    return lines + ["", "```text", text.strip(), "```", ""]


def ops_page(root: pathlib.Path) -> str:
    folder = root / "include/hooked/ops"
    ops: dict[str, list[str]] = {}  # and what stands in <> of a template
    for name, argument in re.findall(r"each\((\w+)(?:<(\w+)>)?\)", (folder / "ops.hpp").read_text()):
        if name != "Op":
            ops.setdefault(name, [])
            ops[name] += [argument] if argument else []
    page = [
        "# All operations",
        "",
        "Each has a call with the defaults of its settings, what goes in and comes out, and what stands "
        "at the head of its file in `include/hooked/ops`. Inputs are Variables. Of many there is a "
        "function, too: [api.md](api.md#autograd). `./dev docs` writes this page.",
        "",
    ]
    files = {path: path.read_text() for path in sorted(folder.glob("*.hpp"))}
    for path, source in files.items():
        for name, arguments in ops.items():
            if arguments is not None and re.search(rf"^(?:struct {name} \{{|using {name} =)", source, re.MULTILINE):
                page += section(name, arguments, folder, path)
                ops[name] = None
    missing = [name for name, arguments in ops.items() if arguments is not None]
    if missing:
        raise ValueError(f"ops.hpp lists {missing}, but no file of include/hooked/ops defines them")
    return "\n".join(page)
