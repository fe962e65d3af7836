#!/usr/bin/env python3
"""Checks the layers of include/hooked: a folder may include only from itself and from folders above
it in LAYERS, without circles, in one form, and every header guards itself. A header that names a
type includes the header that defines it, so that what it uses is what it says it uses; BASICS come
with whatever is included.

    check_layers.py [ROOT]         checks ROOT (default: the include folder of this repository)
    check_layers.py --self-test    feeds itself bad trees and expects each of them to be refused
"""

import pathlib
import re
import sys
import tempfile

LAYERS = ["core", "ops", "autograd", "hooks", "nn", "io", "train", "interp", "report", "testing"]
ORDER = ", ".join(LAYERS)
UMBRELLA = "hooked/hooked.hpp"
BASICS = {f"hooked/core/{name}.hpp" for name in ("error", "packets", "shape", "strides", "tensor", "view")}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]*)[>"]')


def layer(header):
    """The rank of a header such as hooked/core/shape.hpp, the umbrella's below all others."""
    return len(LAYERS) if header == UMBRELLA else LAYERS.index(header.split("/")[1])


def check(root):
    """Returns (number of headers, errors) of the tree in which hooked/ lies."""
    files = sorted(path for path in (root / "hooked").rglob("*") if path.is_file())
    headers = {path.relative_to(root).as_posix(): path for path in files}
    if not headers:
        return 0, [f"{root}/hooked: no headers found"]

    errors = []
    edges = {}  # header -> [(included header, line number)]
    for header, path in headers.items():
        parts = header.split("/")
        if header != UMBRELLA and (len(parts) != 3 or parts[1] not in LAYERS):
            errors.append(f"{path}:1: headers live in hooked/FOLDER/, FOLDER one of {ORDER}")
            continue
        text = path.read_text(encoding="utf-8")
        if not re.search(r"^#pragma once$", text, re.MULTILINE):
            errors.append(f"{path}:1: no #pragma once")
        edges[header] = []
        highest = -1
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = f"{path}:{number}"
            bracket, included = match.groups()
            ours = included.startswith("hooked/")
            if ours != (bracket == '"'):
                errors.append(f'{where}: {included} is written "hooked/FOLDER/NAME.hpp" when it is '
                              "ours, <NAME> when it is not")
            elif ours and included not in headers:
                errors.append(f"{where}: there is no {included}")
            elif ours and (included == UMBRELLA or included.split("/")[1] not in LAYERS):
                errors.append(f"{where}: a header of ours does not include {included}")
            elif ours:
                edges[header].append((included, number))
                if layer(included) > layer(header):
                    errors.append(f"{where}: {parts[1]} may not include {included}: the order is "
                                  f"{ORDER}")
                if header == UMBRELLA and layer(included) < highest:
                    errors.append(f"{where}: {included} is out of order, which is {ORDER}")
                highest = layer(included)
    texts = {header: headers[header].read_text(encoding="utf-8") for header in edges}
    return len(headers), errors + circles(headers, edges) + indirect_uses(headers, texts)


def code_of(text):
    """Without comments, texts and includes."""
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', re.sub(r"^\s*#\s*include.*$", "", text, flags=re.M))
    return re.sub(r"//.*", "", text)


def defined_types(code):
    """Types, concepts and aliases at the margin, as our layout has them in a namespace."""
    pattern = r"^(?:class|struct|enum class|concept|using) ([A-Z]\w+)\b(?!\s*;)|^using ([A-Z]\w+) ="
    return {a or b for a, b in re.findall(pattern, code, flags=re.M)}


def names_of_its_own(code):
    """Types that a header declares in any way: also inside of others, ahead, or as parameters."""
    return set(re.findall(r"\b(?:class|struct|typename|using|concept|Scalar|Batch) ([A-Z]\w+)\b", code))


def indirect_uses(headers, texts):
    """One error for every type that is used from a header which is not included."""
    codes = {header: code_of(text) for header, text in texts.items() if header != UMBRELLA}
    definers = {}
    for header, code in codes.items():
        for name in defined_types(code):
            definers.setdefault(name, set()).add(header)
    errors = []
    for header, code in codes.items():
        included = set(re.findall(r'#include "([^"]+)"', texts[header])) | BASICS | {header}
        for name in sorted(set(re.findall(r"\b[A-Z]\w+\b", code)) - names_of_its_own(code)):
            homes = definers.get(name, set())
            if len(homes) == 1 and not homes & included:
                errors.append(f"{headers[header]}:1: uses {name}, but does not include {min(homes)}")
    return errors


def circles(headers, edges):
    """One error for every include that closes a circle."""
    errors = []
    done, path = set(), []

    def walk(header):
        path.append(header)
        for included, number in edges.get(header, []):
            if included in path:
                circle = " -> ".join(path[path.index(included):] + [included])
                errors.append(f"{headers[header]}:{number}: includes go in a circle: {circle}")
            elif included not in done:
                walk(included)
        done.add(path.pop())

    for header in edges:
        if header not in done:
            walk(header)
    return errors


def self_test():
    """A good tree, and changes to it that must give an error with these words."""
    once = "#pragma once\n"
    core_a = '#include "hooked/core/a.hpp"\n'
    ops_b = '#include "hooked/ops/b.hpp"\n'
    good = {"hooked.hpp": once + core_a + "\n" + ops_b,
            "core/a.hpp": once + "#include <Eigen/Core>\n",
            "ops/b.hpp": once + core_a + '#include "hooked/ops/c.hpp"\n',
            "ops/c.hpp": once + '// A Fox is no type, "Fox" is a text.\n',
            "core/fox.hpp": once + "namespace hooked {\nstruct Fox {};\n}\n",
            "testing/t.hpp": once + ops_b}
    bad = {
        "hooked/core/a.hpp:2: core may not include hooked/ops/b.hpp": {"core/a.hpp": once + ops_b},
        "hooked/nn/n.hpp:2: nn may not include hooked/testing/t.hpp":
            {"nn/n.hpp": once + '#include "hooked/testing/t.hpp"\n'},
        "circle: hooked/ops/b.hpp -> hooked/ops/c.hpp -> hooked/ops/b.hpp":
            {"ops/c.hpp": once + ops_b},
        "circle: hooked/ops/c.hpp -> hooked/ops/c.hpp":
            {"ops/c.hpp": once + '#include "hooked/ops/c.hpp"\n'},
        "hooked/ops/c.hpp:2: hooked/core/a.hpp is written":
            {"ops/c.hpp": once + "#include <hooked/core/a.hpp>\n"},
        "hooked/ops/c.hpp:2: b.hpp is written": {"ops/c.hpp": once + '#include "b.hpp"\n'},
        "there is no hooked/core/x.hpp": {"ops/c.hpp": once + '#include "hooked/core/x.hpp"\n'},
        "does not include hooked/hooked.hpp":
            {"ops/c.hpp": once + ' # include "hooked/hooked.hpp"\n'},
        "hooked/core/a.hpp:1: no #pragma once": {"core/a.hpp": "// #pragma once\n"},
        "hooked/extra/x.hpp:1: headers live in": {"extra/x.hpp": once},
        "hooked/core/deep/x.hpp:1: headers live in": {"core/deep/x.hpp": once},
        "hooked/hooked.hpp:3: hooked/core/a.hpp is out of order":
            {"hooked.hpp": once + ops_b + core_a},
        "hooked/ops/c.hpp:1: uses Box, but does not include hooked/core/box.hpp":
            {"core/box.hpp": once + "namespace hooked {\nstruct Box {};\n}\n",
             "ops/c.hpp": once + "namespace hooked {\nBox box;  // of ours\n}\n"},
        "no headers found": None}

    def errors_of(tree):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in tree.items():
                path = pathlib.Path(folder, "hooked", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check(pathlib.Path(folder))[1]

    failures = [f"a good tree was refused: {error}" for error in errors_of(good)]
    for expected, change in bad.items():
        errors = errors_of({} if change is None else good | change)
        if not any(expected in error for error in errors):
            failures.append(f"expected '{expected}', got {errors}")
    return len(bad) + 1, failures


def main(arguments):
    if arguments == ["--self-test"]:
        count, errors = self_test()
        what = "trees"
    else:
        default = pathlib.Path(__file__).resolve().parent.parent / "include"
        count, errors = check(pathlib.Path(arguments[0]) if arguments else default)
        what = "headers"
    print("\n".join(errors) if errors else f"{count} {what}: all in order")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
