#!/usr/bin/env python3
"""Writes what documents repeat: docs/api.md, docs/ops.md and the code in other pages from the
sources, the tables in README.md and docs/performance.md from the last run of the benchmarks.

    docs/make_pages.py           writes them
    docs/make_pages.py --check   fails, and says which, where they are out of date

Either fails, too, where a public name has no docstring, or an example or a page uses one that is
not there.
"""

import json
import pathlib
import re
import sys
import textwrap

from api_page import api_page
from ops_page import ops_page

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = "bench/results/latest.json"  # bench/run.py says what stands there
PROFILE = "bench/results/profile.json"
COMPILE = "bench/results/compile.json"  # bench/compile.py says what stands there
BUILDS = "bench/results/builds.json"  # bench/builds.py says what stands there
# Pages with code from examples/ or figures in them.
WITH_EXAMPLES = ["README.md", "docs/start.md", "docs/own_model.md", "docs/performance.md"]
WITH_EXAMPLES += ["docs/cookbook.md", "docs/from_pytorch.md", "docs/coming_from_transformer_lens.md"]
COMPILED_PROGRAMS = {
    "quickstart": "`examples/quickstart.cpp`, headers only",
    "quickstart_compiled": "the same with `hooked::compiled`",
    "quickstart_unoptimised": "the same with headers only, `-O0`",
    "quickstart_checked": "the same with headers only, `-fsyntax-only`",
    "study_compiled": "the subtraction study with `hooked::compiled`, `-O1` as CMake builds it",
    "empty": "an empty `main` with `hooked/hooked.hpp`",
    "tensors": "ten lines with `einsum`",
    "svd": "ten lines with `svd`",
    "svd_compiled": "the same with `hooked::compiled`",
}
PEERS = {
    "transformer_lens": "TransformerLens",
    "torch": "PyTorch",
    "torch_compile": "torch.compile",
    "jax": "JAX",
}
DISTURBED = 0.1  # processors busy elsewhere, as in bench/run.py


def with_examples(page: str) -> str:
    """The page with the blocks behind `<!-- FILE -->` taken from examples/FILE, and those behind
    `<!-- FILE#PART -->` from a part of it; with tables behind `<!-- table FILE#PART: THERE -->`."""

    def block(match: re.Match) -> str:
        return f"{match['start']}\n{example(match['file'], match['part']).strip()}\n```"

    pattern = r"(?P<start><!-- (?P<file>[^\s#]+)(?:#(?P<part>\w+))? -->\n```\w+)\n.*?```"
    page = re.sub(pattern, block, page, flags=re.DOTALL)
    pattern = r"(?P<start><!-- table (?P<file>[^\s#]+)#(?P<part>\w+): (?P<there>.*?) -->)\n.*?<!-- end -->"
    return re.sub(pattern, phrases, page, flags=re.DOTALL)


def example(file: str, part: str | None) -> str:
    """examples/FILE, or what stands in it between the line `// [PART]` (in Python `# [PART]`) and
    the next such line."""
    source = (ROOT / "examples" / file).read_text()
    if not part:
        return source
    parts = re.split(r"^ *(?://|#) \[(\w+)\]\n", source, flags=re.MULTILINE)
    return textwrap.dedent(parts[parts.index(part) + 1])


def phrases(match: re.Match) -> str:
    """A table of what stands behind `// py: `, on one line or several, and the code below it."""
    source = example(match["file"], match["part"])
    pairs = re.split(r"^// py: (.*\n(?:// (?!py: ).*\n)*)", source, flags=re.MULTILINE)

    def cell(code: str) -> str:
        return "`" + " ".join(code.split()).replace("|", "\\|") + "`"

    rows = [[cell(there.replace("\n// ", " ")), cell(here)] for there, here in zip(pairs[1::2], pairs[2::2])]
    lines = [[match["there"], "hooked"], ["---", "---"], *rows]
    return "\n".join([match["start"], *("| " + " | ".join(line) + " |" for line in lines), "<!-- end -->"])


def number(x: float | None, unit: str = "") -> str:
    """Three digits, or all that stand before the point."""
    if x is None:
        return "-"
    return f"{x:.{0 if x >= 99.95 else 1 if x >= 9.995 else 2}f}{unit}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measured(results: dict) -> list[dict]:
    return [case for case in results["cases"] if "failed" not in case]


def fastest(case: dict, peers: list[str]) -> str | None:
    return min((p for p in peers if p in case["peers"]), key=case["peers"].get, default=None)


def ratio(case: dict, peer: str | None) -> str:
    return number(case["ratios"].get(peer), "x")


def summary_table(results: dict) -> str:
    rows = []
    for case in measured(results):
        other = fastest(case, [peer for peer in PEERS if peer != "transformer_lens"])
        rows.append(
            [f"`{case['case']}`", number(case["ours_ms"])]
            + [number(case["peers"].get("transformer_lens")), ratio(case, "transformer_lens")]
            + [f"{number(case['peers'][other])} ({PEERS[other]})" if other else "-"]
            + [ratio(case, other)]
        )
    heads = ["ms", "hooked", "TransformerLens", "over ours", "fastest other", "over ours"]
    return table(heads, rows)


def times_table(results: dict) -> str:
    def cell(case: dict, peer: str) -> str:
        disagrees = case["agrees"].get(peer) is False
        return "disagrees" if disagrees else number(case["peers"].get(peer))

    rows = [
        [f"`{case['case']}`", number(case["ours_ms"])]
        + [cell(case, peer) for peer in PEERS]
        + [ratio(case, "transformer_lens"), ratio(case, fastest(case, list(PEERS)))]
        for case in measured(results)
    ]
    heads = ["ms", "hooked", *PEERS.values(), "TransformerLens over ours", "best peer over ours"]
    return table(heads, rows)


def floor_table(results: dict) -> str:
    rows = []
    for case in measured(results):
        flops, rate, one = case["flops"], case["product_rate_gflops"], case["ours_one_thread_ms"]
        rows.append(
            [f"`{case['case']}`", f"{1e-9 * flops:.3g}", number(1e-6 * flops / rate)]
            + [number(case["ours_ms"]), f"{100 * case['share_of_product_rate']:.0f}%"]
            + [number(one), number(one and one / case["ours_ms"], "x")]
            + [number(case["ours_blas_ms"])]
        )
    heads = ["", "GFLOP", "floor, ms", "reached, ms", "share of product rate"]
    heads += ["one thread, ms", f"over {results['threads']} threads", "with OpenBLAS, ms"]
    return table(heads, rows)


def memory_table(results: dict) -> str:
    rows = [
        [f"`{case['case']}`"] + [number(case["peak_mb"].get(name)) for name in ("ours", *PEERS)]
        for case in measured(results)
    ]
    return table(["MB", "hooked", *PEERS.values()], rows)


def start_table(results: dict) -> str:
    rows = [
        [f"`{case['case']}`"]
        + [number(case["startup_ms"].get(name)) for name in ("ours", "ours_first_step", *PEERS)]
        for case in measured(results)
    ]
    return table(["ms", "hooked", "hooked's first step", *PEERS.values()], rows)


def profile_table(_: dict) -> str:
    path = ROOT / PROFILE
    if not path.exists():
        return f"There is no `{PROFILE}` yet: `./dev bench profile` makes it."
    cases = json.loads(path.read_text())["cases"]
    kinds = list(cases[0]["shares"])
    rows = [
        [f"`{case['case']}`"] + [f"{case['shares'][kind]:.0f}" for kind in kinds] for case in cases
    ]
    return table(["%", *kinds], rows)


def compile_table(_: dict) -> str:
    path = ROOT / COMPILE
    if not path.exists():
        return f"There is no `{COMPILE}` yet: `./dev bench compile` makes it."
    results = json.loads(path.read_text())

    def row(what: str, case: dict) -> list[str]:
        return [what] + [number(case[key]) for key in ("seconds", "cpu_seconds", "peak_mb")]

    cases = {case["case"]: case for case in results["cases"]}
    rows = [row(what, cases[name]) for name, what in COMPILED_PROGRAMS.items()]
    units = [case for name, case in cases.items() if name.startswith("compiled/")]
    whole = {key: sum(unit[key] for unit in units) for key in ("seconds", "cpu_seconds")}
    whole["peak_mb"] = max(unit["peak_mb"] for unit in units)
    rows.append(row(f"`hooked::compiled` itself, {len(units)} units one by one", whole))
    made = f"{results['compiler']}; {results['machine']['processor']}; {results['date'][:10]}"
    lines = [table(["", "seconds", "of a processor", "MB"], rows), "", f"{made}."]
    busy = max(case["busy_elsewhere"] for case in results["cases"])
    if busy > DISTURBED:
        lines.append(f"Up to {busy} processors were busy elsewhere: the second column is the one.")
    return "\n".join(lines)


def builds_table(_: dict) -> str:
    path = ROOT / BUILDS
    if not path.exists():
        return f"There is no `{BUILDS}` yet: `./dev bench builds` makes it."
    results = json.loads(path.read_text())
    ways = ["native", "portable", "unoptimised"]
    rows = [
        [f"`{case['case']}`", number(case["ms"]["ours"])]
        + [f"{case['ratios'][way]:.2f}x" for way in ways]
        for case in results["cases"]
    ]
    made = f"{results['machine']['processor']}, threads: {results['threads']}; {results['date'][:10]}"
    lines = [table(["", "ours, ms", *ways], rows), "", f"{made}."]
    busy = max(case["busy_elsewhere"] for case in results["cases"])
    if busy > DISTURBED:
        lines.append(f"Up to {busy} processors were busy elsewhere.")
    return "\n".join(lines)


def origin(results: dict) -> str:
    """What the figures were made with, and what to hold against them."""
    known = dict(results["versions"])
    commit = known.pop("commit", "")
    commit = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    said = [
        f"{results['machine']['processor']}, {results['machine']['system']}, threads: "
        f"{results['threads']}; {results['date'][:10]}; bare products reach "
        f"{number(results['product_rate_gflops'])} GFLOP/s; `{results['command']}`; "
        f"commit {commit}; "
        + ", ".join(f"{name} {version}" for name, version in known.items() if version)
    ]
    remarks: dict[str, list[str]] = {}
    for case in results["cases"]:
        here = []
        if "failed" in case:
            here.append(f"failed: {case['failed']}")
        if case.get("busy_elsewhere", 0) > DISTURBED:
            here.append(f"{case['busy_elsewhere']} processors were busy elsewhere")
        here += [f"{name} did not rest between its turns" for name in case.get("not_idle", [])]
        here += [f"{PEERS[p]} is missing, {why}" for p, why in case.get("missing", {}).items()]
        for remark in here:
            remarks.setdefault(remark, []).append(f"`{case['case']}`")
    said += [f"{', '.join(cases)}: {remark}" for remark, cases in remarks.items()]
    lines = ". ".join(said) + "."
    return textwrap.fill(lines, 110, break_long_words=False, break_on_hyphens=False)


def with_figures(page: str, results: dict | None) -> str:
    """The page with what stands between `<!-- bench: NAME -->` and `<!-- end -->` taken from the
    results; without any it says so there."""
    parts = {
        "summary": summary_table,
        "times": times_table,
        "floors": floor_table,
        "memory": memory_table,
        "start": start_table,
        "profile": profile_table,
        "compile": compile_table,
        "builds": builds_table,
        "origin": origin,
    }

    def part(match: re.Match) -> str:
        lines = f"There is no `{RESULTS}` yet: `./dev bench` makes it."
        if results is not None:
            lines = parts[match["name"]](results)
        return f"{match['start']}\n{lines}\n<!-- end -->"

    pattern = r"(?P<start><!-- bench: (?P<name>\w+) -->)\n.*?<!-- end -->"
    return re.sub(pattern, part, page, flags=re.DOTALL)


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    stale = 0
    results = json.loads((ROOT / RESULTS).read_text()) if (ROOT / RESULTS).exists() else None
    if results is None:
        print(f"{RESULTS} is missing, and so are the figures in README.md and docs/performance.md:")
        print("run ./dev bench, then ./dev docs")
        stale = 1
    api, faults = api_page(ROOT)
    print("\n".join(faults), end="\n" if faults else "")
    pages = {"docs/api.md": api, "docs/ops.md": ops_page(ROOT)}
    for name in WITH_EXAMPLES:
        pages[name] = with_figures(with_examples((ROOT / name).read_text()), results)
    for name, content in pages.items():
        path = ROOT / name
        if path.exists() and path.read_text() == content:
            continue
        if check:
            print(f"{name} is out of date: run ./dev docs")
            stale = 1
        else:
            path.write_text(content)
    return 1 if faults or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
