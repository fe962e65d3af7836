#!/usr/bin/env python3
"""Times the compiler on what users of hooked write, and writes down what it saw.

Each case is one compilation of one file, never two at a time; a case counts the median of its runs.
A whole run leaves bench/results/compile.json, in which
  seconds        is how long the compiler took;
  cpu_seconds    is what it took of a processor (user time), which other programs disturb less;
  peak_mb        is the most memory that it ever held;
  busy_elsewhere is how many processors other programs took meanwhile.
The cases that need hooked::compiled compile against it; the library itself is a case for each of
its units.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import ROOT, busy_ticks, processor  # noqa: E402

RESULT = ROOT / "bench" / "results" / "compile.json"
SOURCES = {
    "empty": "#include <hooked/hooked.hpp>\nint main() {}\n",
    "tensors": """#include <hooked/core/einsum.hpp>
#include <hooked/core/print.hpp>
#include <iostream>

int main() {
  const hooked::Tensor<float> x({2, 2}, {1, 2, 3, 4});
  std::cout << hooked::einsum("ij,jk->ik", x, x) << "\\n";
}
""",
    "svd": """#include <hooked/core/print.hpp>
#include <hooked/core/svd.hpp>
#include <iostream>

int main() {
  const hooked::Tensor<float> A({2, 2}, {3, 0, 4, 5});
  const auto [U, S, V] = hooked::svd(A);
  std::cout << S << "\\n";
}
""",
}
COMPILED = "-DHOOKED_COMPILED"
CASES = {  # what is said of it, a source or a file, flags
    "quickstart": ("examples/quickstart.cpp", []),
    "quickstart_compiled": ("examples/quickstart.cpp", [COMPILED]),
    "quickstart_unoptimised": ("examples/quickstart.cpp", ["-O0"]),
    "quickstart_checked": ("examples/quickstart.cpp", ["-fsyntax-only"]),
    "study_compiled": ("examples/subtraction_sign/subtraction_sign.cpp", [COMPILED, "-O1"]),
    "empty": ("empty", []),
    "tensors": ("tensors", []),
    "svd": ("svd", []),
    "svd_compiled": ("svd", [COMPILED]),
}


def flags() -> list[str]:
    """A consumer's, and what the target hooked::hooked adds."""
    said = subprocess.run(
        ["pkg-config", "--cflags", "eigen3", "nlohmann_json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [
        *["-std=c++20", "-O3", "-DNDEBUG", "-march=native"],
        *["-DEIGEN_DONT_PARALLELIZE", "-DEIGEN_STACK_ALLOCATION_LIMIT=2097152"],
        *[f"-I{ROOT / 'include'}", *said],
    ]


def compile_once(command: list[str]) -> dict:
    """Throws RuntimeError with the compiler's words if it refuses."""
    with tempfile.TemporaryFile("w+") as said:
        started, ticks = time.perf_counter(), busy_ticks()
        process = subprocess.Popen(command, stderr=said)
        _, status, used = os.wait4(process.pid, 0)  # of the compiler's own children, too
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)}\n{said.read()[:2000]}")
    ours = used.ru_utime + used.ru_stime
    elsewhere = (busy_ticks() - ticks) / os.sysconf("SC_CLK_TCK") - ours
    kib = used.ru_maxrss / (1024 if platform.system() == "Darwin" else 1)
    return {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime,
        "peak_mb": kib / 1024,
        "busy_elsewhere": max(0.0, elsewhere) / seconds,
    }


def measure(file: Path, extra: list[str], compiler: str, runs: int, folder: str) -> dict:
    command = [compiler, *flags(), *extra, "-c", str(file), "-o", f"{folder}/out.o"]
    seen = [compile_once(command) for _ in range(runs)]
    return {key: round(statistics.median(run[key] for run in seen), 2) for key in seen[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description="Times the compiler on what users write.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cases", help="some of: " + ",".join([*CASES, "library"]))
    parser.add_argument("--compiler", default=os.environ.get("CXX", "c++"))
    options = parser.parse_args()
    known = [*CASES, "library"]
    names = options.cases.split(",") if options.cases else known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"{unknown[0]} is none of: {', '.join(known)}")

    cases = []
    with tempfile.TemporaryDirectory() as folder:
        todo = {}
        for name in names:
            if name == "library":
                units = sorted((ROOT / "compiled").glob("*.cpp"))
                todo |= {f"compiled/{unit.name}": (unit, []) for unit in units}
                continue
            what, extra = CASES[name]
            file = ROOT / what
            if what in SOURCES:
                file = Path(folder, f"{what}.cpp")
                file.write_text(SOURCES[what])
            todo[name] = (file, extra)
        for name, (file, extra) in todo.items():
            case = {"case": name} | measure(file, extra, options.compiler, options.runs, folder)
            cases.append(case)
            print(
                f"{name:24} {case['seconds']:6.1f} s {case['cpu_seconds']:6.1f} s CPU "
                f"{case['peak_mb']:6.0f} MB",
                flush=True,
            )

    if not options.cases:
        version = subprocess.run([options.compiler, "--version"], capture_output=True, text=True)
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
        )
        result = {
            "machine": {"processor": processor(), "system": platform.system()},
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "compiler": version.stdout.split("\n")[0],
            "commit": commit.stdout.strip(),
            "runs": options.runs,
            "cases": cases,
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
