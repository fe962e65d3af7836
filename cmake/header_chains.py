#!/usr/bin/env python3
"""Writes few translation units that show that every header compiles alone. A unit is a chain of
headers, each of which includes those before it: behind what it includes anyway a header compiles if
and only if it compiles alone. As few chains as cover all headers are a matching (Dilworth): each
header stands before at most one that includes it, the largest ones being placed first.

    header_chains.py ROOT FOLDER   writes FOLDER/N.cpp for the headers in ROOT/hooked, names the files;
                                   eigen_N.cpp where already the first of them includes <Eigen/Core>
    header_chains.py --self-test   sees that chains cover all headers and hide nothing
"""

import pathlib
import re
import sys


def includes(text):
    """Headers of ours that a text includes, whatever is defined."""
    depth, found = 0, []
    for line in text.splitlines():
        depth += bool(re.match(r"\s*#\s*if", line)) - bool(re.match(r"\s*#\s*endif", line))
        if depth == 0:
            found += re.findall(r'^#include "(hooked/[^"]+)"', line)
    return found


def closures(direct):
    """header -> all headers that it includes, itself or through others."""
    known = {}

    def closure(header):
        if header not in known:
            known[header] = set(direct[header]).union(*(closure(h) for h in direct[header]))
        return known[header]

    for header in direct:
        closure(header)
    return known


def chains(direct):
    """Lists of headers; each header is in one, behind nothing but headers that it includes."""
    included = closures(direct)
    includers = {h: sorted(g for g in direct if h in included[g]) for h in direct}
    before = {}  # header -> the one right before it

    def place(header, tried):
        for includer in includers[header]:
            if includer in tried:
                continue
            tried.add(includer)
            if includer not in before or place(before[includer], tried):
                before[includer] = header
                return True
        return False

    for header in sorted(direct, key=lambda h: (-len(included[h]), h)):
        place(header, set())
    found = []
    for last in sorted(set(direct) - set(before.values())):
        chain = [last]
        while chain[-1] in before:
            chain.append(before[chain[-1]])
        found.append(chain[::-1])
    return found


def with_eigen(texts, included):
    """Headers that include <Eigen/Core>, themselves or through others."""
    directly = {h for h, text in texts.items() if re.search(r"^#include <Eigen/Core>", text, re.M)}
    return {h for h in texts if directly & {h, *included[h]}}


def write(root, folder):
    """The files, written where they are not what they should be."""
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
             for path in sorted(root.glob("hooked/**/*.hpp"))}
    direct = {header: includes(text) for header, text in texts.items()}
    eigen = with_eigen(texts, closures(direct))
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, chain in enumerate(chains(direct)):
        file = folder / f"{'eigen_' if chain[0] in eigen else ''}{number}.cpp"
        text = "".join(f'#include "{h}"\n' for h in chain)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
        files.append(file.as_posix())
    return files


def self_test():
    text = '#include "hooked/a.hpp"\n#ifdef B\n#if C\n#endif\n#include "hooked/b.hpp"\n#endif\n'
    assert includes(text) == ["hooked/a.hpp"], includes(text)
    direct = {"a": [], "b": ["a"], "c": ["a"], "d": ["b"], "e": ["c", "d"], "f": []}
    found = chains(direct)
    included = closures(direct)
    assert included["e"] == {"a", "b", "c", "d"}, included
    assert sorted(sum(found, [])) == sorted(direct), found
    assert all(set(chain[:i]) <= included[h] for chain in found for i, h in enumerate(chain)), found
    assert len(found) == 3, found  # of c, d and f none includes another
    texts = dict.fromkeys(direct, "// #include <Eigen/Core>\n") | {"b": "#include <Eigen/Core>\n"}
    assert with_eigen(texts, included) == {"b", "d", "e"}, with_eigen(texts, included)
    print("chains cover all headers and hide nothing")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        print(";".join(write(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))))
