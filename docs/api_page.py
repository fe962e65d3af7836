#!/usr/bin/env python3
"""Writes docs/api.md: every public name of include/hooked with its header and the first sentence of
its docstring, room by room; header_names.py says what is read. make_pages.py calls it. It also says
which names `hooked::NAME` of our examples and pages it lacks.

    api_page.py --self-test    feeds itself small trees and expects names, or errors, from each
"""

import pathlib
import re
import sys
import tempfile

from header_names import CUSTOMARY, Entry, entries_of, first_sentence

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = {
    "core": "What numbers live in: tensors and views, arithmetic, linear algebra, random numbers, "
    "threads, errors.",
    "autograd": "The tape and its variables.",
    "ops": "Differentiable operations, one a file; [ops.md](ops.md) has their formulas.",
    "nn": "Parameters, modules, models, and the Transformer with its config.",
    "hooks": "Hook points, edits of activations, the activation cache.",
    "train": "Data, objectives, optimisers, training, evaluation.",
    "interp": "Analyses: patching, sweeps, activations of a data set, fits.",
    "io": "Models and tensors as files.",
    "report": "Tables and figures of a study.",
    "testing": "What checks operations, our own and a user's.",
}
def listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


TARGETS = {"hooked", "compiled", "native"}  # of CMake


def page(entries: list[Entry]) -> str:
    lines = [
        "# All public names",
        "",
        "Every name of namespace `hooked`, with its header in `include/hooked` and the first "
        "sentence of its docstring.",
        "What shapes, errors and sources there are stands in the header. `./dev docs` writes this "
        "page.",
        "",
        "Rooms: " + ", ".join(f"[{room}](#{room})" for room in ROOMS) + ".",
    ]
    for room, what in ROOMS.items():
        here = [entry for entry in entries if entry.header.startswith(room + "/")]
        if not here:
            continue
        lines += ["", f"## {room}", "", what, ""]
        for entry in here:
            name = entry.name + ("()" if entry.is_function and "operator" not in entry.name else "")
            several = f", {entry.count} overloads" if entry.count > 1 else ""
            values = f" {listed(entry.values)}." if entry.values else ""
            lines.append(f"- `{name}` ({entry.header}{several}): {first_sentence(entry.doc)}{values}")
    return "\n".join(lines) + "\n"


def unknown_names(folder: pathlib.Path, entries: list[Entry]) -> list[str]:
    """An error for every `hooked::NAME` in the sources and pages of a folder that has no entry."""
    known = {entry.name for entry in entries} | TARGETS
    known |= {f"{entry.name}::{value}" for entry in entries for value in entry.values}
    types = {entry.name for entry in entries if entry.is_type}
    errors = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".cpp", ".hpp", ".md")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line if path.suffix == ".md" else line.split("//")[0]
            for name in re.findall(r"\bhooked::(\w+(?:::\w+)*)", code):
                first, _, last = name.partition("::")
                if name in known or (first in types and last in CUSTOMARY):
                    continue
                errors.append(f"{path}:{number}: hooked::{name} is not in docs/api.md")
    return errors


def api_page(root: pathlib.Path = ROOT) -> tuple[str, list[str]]:
    """The page, and what is wrong with the headers and with the examples' names."""
    entries, errors = entries_of(root / "include/hooked")
    rooms = {entry.header.split("/")[0] for entry in entries}
    errors += [f"include/hooked/{room}: api_page.py has no such room" for room in rooms - set(ROOMS)]
    for folder in ("examples", "docs"):
        errors += unknown_names(root / folder, entries)
    return page(entries), errors


GOOD = """// a: things to read.
#pragma once
#define A_MACRO(x) struct x \\
  { int hidden; };
namespace hooked {
namespace detail {
struct Hidden { int x; };
}  // namespace detail

/// A box. Of any size; `first` is where it begins.
template <class T, class U = Other<T>>
class HOOKED_OWNER Box : public Base<T> {
 public:
  using value_type = T;
  Box() = default;
  explicit Box(int n) : a_{n}, b_(n) {}
  /// Its size, e.g. [2, 3],
  /// in all cases. More.
  int size() const { return a_ < b_ ? a_ : b_; }
  int first = 0;
  Pair<int, int> last{0, 1}, other = {};  ///< not an end
  /// One element.
  template <std::convertible_to<Index>... I>
  requires(sizeof...(I) > 0) T& operator()(I... indices) const requires(!std::is_const_v<T>) {
    return *this;
  }
  T& operator()(int i) { return a_; }
  operator View<T>() const { return {}; }
  Box(const Box&) = delete;
  friend bool operator==(const Box&, const Box&) = default;
  ~Box() { close(); }

 private:
  struct Inside { int x; };
  int a_, b_;
};

/// What to do.
enum class Mode { slow, fast = 3 };

/// Sums to 2: a sum.
template <Scalar T>
T sum(const std::function<T(int)>& f, int n = (1 < 2 ? 3 : 4)) {
  const char* text = "}";
  return f('{') + n;
}
template <class X>
requires requires { typename X::value_type; }
/// By name.
auto Box<X>::size() const -> int { return 1; }

/// Two things.
template <class X>
concept Thing = std::same_as<X, int> && requires(X x) { x.y; };
/// The most: 25.
inline constexpr int kMost = 25'000;
/// Adds.
Box operator+(const Box& a, const Box& b);
struct Ahead;
extern template class Box<int>;
#ifdef HOOKED_COMPILED
extern template int sum(const std::function<int(int)>&, int);
#endif
}  // namespace hooked
"""
EXPECTED = {
    "Box": "A box.",
    "Box::size": "Its size, e.g. [2, 3], in all cases.",
    "Box::first": "`first` is where it begins.",
    "Box::last": "not an end.",
    "Box::other": "not an end.",
    "Box::operator()": "One element.",
    "Mode": "What to do.",
    "sum": "Sums to 2: a sum.",
    "Thing": "Two things.",
    "kMost": "The most: 25.",
    "operator+": "Adds.",
}
OP = """// relu: max(x, 0). Backward: by sign.
#pragma once
namespace hooked {
struct Relu {
  static constexpr std::string_view name = "relu";
  struct Args {
    double slope = 0.0;  // of the other half
  };
  static Shape shape(const Args&, const Shape& x) { return x; }
  static std::vector<Sample<Args>> samples() { return {}; }
};
}
"""
# A fault planted in GOOD, and what must be said of it.
FAULTS = {
    "/// A box. Of any size; `first` is where it begins.\n": "core/a.hpp:10: Box has no docstring",
    "  /// Its size, e.g. [2, 3],\n  /// in all cases. More.\n":
        "core/a.hpp:17: Box::size has no docstring",
    "  ///< not an end": "core/a.hpp:21: Box::other has no docstring",
    "  /// One element.\n": "core/a.hpp:22: Box::operator() has no docstring",
    "/// What to do.\n": "core/a.hpp:38: Mode has no docstring",
    "/// Sums to 2: a sum.\n": "core/a.hpp:41: sum has no docstring",
    "/// Two things.\n": "core/a.hpp:52: Thing has no docstring",
    "/// The most: 25.\n": "core/a.hpp:55: kMost has no docstring",
    "/// Adds.\n": "core/a.hpp:57: operator+ has no docstring",
    "  int a_, b_;\n};\n": "core/a.hpp: cannot be read",
}


def self_test() -> tuple[int, list[str]]:
    """Every name of GOOD and OP with its sentence; every fault; a name that an example made up."""

    def read(tree: dict[str, str]) -> tuple[list[Entry], list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in tree.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            entries, errors = entries_of(pathlib.Path(folder))
            return entries, errors + unknown_names(pathlib.Path(folder, "examples"), entries)

    failures = []

    def expect(what: str, found: object, expected: object) -> None:
        if found != expected:
            failures.append(f"{what}: expected {expected}, got {found}")

    entries, errors = read({"core/a.hpp": GOOD})
    expect("a good header", errors, [])
    expect("its names", {e.name: first_sentence(e.doc) for e in entries}, EXPECTED)
    expect("its overloads", [e.count for e in entries if e.name == "Box::operator()"], [2])
    expect("its enum", [e.values for e in entries if e.name == "Mode"], [["slow", "fast"]])
    entries, errors = read({"ops/relu.hpp": OP})
    expect("an op", errors, [])
    expect("its names", {e.name: first_sentence(e.doc) for e in entries},
           {"Relu": "relu: max(x, 0).", "Relu::Args::slope": "of the other half."})
    for fault, words in FAULTS.items():
        errors = read({"core/a.hpp": GOOD.replace(fault, "")})[1]
        if GOOD.count(fault) != 1 or not any(words in error for error in errors):
            failures.append(f"expected '{words}', got {errors}")
    program = "int main() { hooked::Box box; hooked::sum(box, hooked::Mode::fast); }  // hooked::x\n"
    expect("a program", read({"core/a.hpp": GOOD, "examples/p.cpp": program})[1], [])
    page_text = "`hooked::compiled` has `hooked::sun`.\n"
    errors = read({"core/a.hpp": GOOD, "examples/p.md": page_text})[1]
    expect("a page", [error.split(": ")[1] for error in errors], ["hooked::sun is not in docs/api.md"])
    for made_up in ("sun", "Mode::faster", "detail::Hidden", "Box::length"):
        errors = read({"core/a.hpp": GOOD, "examples/p.cpp": f"auto x = hooked::{made_up}();\n"})[1]
        if not any(f"p.cpp:1: hooked::{made_up} is not in docs/api.md" in e for e in errors):
            failures.append(f"hooked::{made_up} was not noticed: {errors}")
    return len(FAULTS) + 12, failures


def main(arguments: list[str]) -> int:
    if arguments != ["--self-test"]:
        print(__doc__)
        return 1
    count, failures = self_test()
    print("\n".join(failures) if failures else f"{count} cases: all as expected")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
