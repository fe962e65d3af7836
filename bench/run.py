#!/usr/bin/env python3
"""Times hooked and its peers side by side, and writes down what it saw.

Every case is run by all participants at once, but never two at the same time: they are processes
on the same processors that wait for their turn (bench/steps.cpp has the protocol), and in each
round everyone has one. Before that all must agree on the values of the case, the first three
losses where it is training; the time of a peer that disagrees is not counted.

A whole run leaves bench/results/DATE-MACHINE.json and latest.json; a run of some cases or some
peers writes only where --out says. In them
  ms             is the median of all repetitions in all rounds;
  ratios         are a peer's time over ours;
  share_of_product_rate
                 is the rate of the products that the case cannot do without (bench/cases.hpp) over
                 the rate of bare products in the same rounds;
  startup_ms     is from the start of the process to its values, for training the end of the third
                 step, with nothing compiled kept from earlier runs; for `ours`, which is quick, the
                 median of three starts. `ours_first_step` is two steps less;
  busy_elsewhere is how many processors other programs took meanwhile. Rounds in which that is more
                 than a little are done again, for a product on two threads that must share one
                 processor with a compiler can take ten times as long; above 0.1, nobody's time is
                 to be relied on.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build-bench" / "bench"
SCRATCH = BUILD / "cases"
CASES = (
    "modular_addition",
    "subtraction",
    "maximum",
    "caesar",
    "small_forward",
    "small_cache",
    "small_patching",
    "medium_forward",
    "medium_cache",
    "medium_train",
    "medium_prefill",
    "medium_generate",
    "attention_only_train",
    "sparse_autoencoder",
    "topk_autoencoder",
    "encoder_decoder",
)
PEERS = {
    "transformer_lens": ["transformer_lens_peer.py"],
    "torch": ["torch_peer.py"],
    "torch_compile": ["torch_peer.py", "--compile"],
    "jax": ["jax_peer.py"],
}
PACKAGES = ("torch", "transformer-lens", "jax", "optax", "numpy")
TOLERANCE = 1e-4  # between values, relative to the largest
TURN = 0.3  # seconds that a participant has in a round
DISTURBED = 0.1  # processors busy elsewhere
START_LIMIT, TURN_LIMIT = 300, 120  # seconds after which it is given up


class Failed(Exception):
    """A participant that cannot go on, and why."""


class Participant:
    """A process that does one case on command."""

    def __init__(self, name: str, command: list[str], case: str, env: dict[str, str]) -> None:
        self.name = name
        self.log = SCRATCH / case / f"{name}.log"
        self.rounds: list[list[float]] = []  # of milliseconds
        self.repetitions = 1
        started = time.perf_counter()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        answer = self.answer(START_LIMIT)
        self.startup_ms = 1e3 * (time.perf_counter() - started)
        self.supported = "unsupported" not in answer
        self.values: list[float] = answer.get("values", [])

    def answer(self, limit: float) -> dict:
        """The next line that the process prints."""
        timer = threading.Timer(limit, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            status = self.process.wait()
            said = self.log.read_text().strip().splitlines()
            raise Failed(said[-1][:200] if said else f"ended without an answer, status {status}")
        return json.loads(line)

    def run(self, repetitions: int) -> list[float]:
        try:
            print("run", repetitions, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # answer() knows more
        return self.answer(TURN_LIMIT)["ms"]

    def warm_up(self) -> None:
        """Also finds how often the work fits into a turn."""
        for _ in range(2):
            ms = statistics.median(self.run(self.repetitions))
            self.repetitions = max(1, round(1e3 * TURN / ms))

    def turn(self) -> None:
        self.rounds.append(self.run(self.repetitions))

    def keep(self, rounds: list[int]) -> None:
        self.rounds = [self.rounds[i] for i in rounds]

    def median(self) -> float:
        return statistics.median(ms for times in self.rounds for ms in times)

    def of_proc(self, file: str) -> str:
        try:
            return Path(f"/proc/{self.process.pid}/{file}").read_text()
        except OSError:
            return ""  # not Linux

    def peak_mb(self) -> float | None:
        found = re.search(r"VmHWM:\s*(\d+) kB", self.of_proc("status"))
        return round(int(found[1]) / 1024, 1) if found else None

    def cpu_ticks(self) -> int:
        fields = self.of_proc("stat").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12]) if fields else 0

    def end(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def busy_ticks() -> int:
    """Of all processors and all programs, and what other virtual machines take away."""
    try:
        user, nice, system, _, _, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
        )
    except OSError:
        return 0  # not Linux
    return user + nice + system + irq + softirq + steal


def agree(values: list[float], ours: list[float]) -> bool:
    largest = max(map(abs, ours))
    return len(values) == len(ours) and all(
        abs(a - b) <= TOLERANCE * largest for a, b in zip(values, ours)
    )


class Driver:
    """What all cases have in common."""

    def __init__(self, threads: int, rounds: int, python: Path, peers: list[str]) -> None:
        self.threads, self.rounds, self.python, self.peers = threads, rounds, python, peers
        self.env = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "OPENBLAS_NUM_THREADS": "1",  # of ours_blas: our lanes are the threads
            "TORCHINDUCTOR_CACHE_DIR": str(SCRATCH / "torch"),
        }

    def steps(self, case: str, name: str) -> Participant:
        program = "steps_blas" if name == "ours_blas" else "steps"
        threads = 1 if name == "ours_one_thread" else self.threads
        what = "products" if name == "products" else case
        command = [str(BUILD / program), "--case", what, "--threads", str(threads)]
        return Participant(name, command, case, self.env)

    def peer(self, case: str, name: str) -> Participant:
        if not self.python.exists():
            raise Failed("there is no Python environment for the peers")
        script, *options = PEERS[name]
        command = [str(self.python), str(ROOT / "bench" / "peers" / script), "--case", case]
        command += ["--threads", str(self.threads), "--data", str(SCRATCH / case), *options]
        return Participant(name, command, case, self.env)

    def measure(self, case: str) -> dict:
        """Throws Failed if ours fails."""
        shutil.rmtree(SCRATCH / case, ignore_errors=True)
        shutil.rmtree(SCRATCH / "torch", ignore_errors=True)
        (SCRATCH / case).mkdir(parents=True)
        write = [str(BUILD / "steps"), "--case", case, "--write", str(SCRATCH / case)]
        if subprocess.run(write, check=False).returncode != 0:
            raise Failed("steps --write failed")
        facts = json.loads((SCRATCH / case / "case.json").read_text())
        present: dict[str, Participant] = {}
        try:
            return self.measure_with(case, facts, present)
        finally:
            for participant in present.values():
                participant.end()

    def measure_with(self, case: str, facts: dict, present: dict[str, Participant]) -> dict:
        starts = []
        for _ in range(3):
            if "ours" in present:
                present["ours"].end()
            ours = present["ours"] = self.steps(case, "ours")
            starts.append(ours.startup_ms)
        ours.startup_ms = statistics.median(starts)
        present["products"] = self.steps(case, "products")
        if facts["work"].startswith("train") and self.threads > 1:
            present["ours_one_thread"] = self.steps(case, "ours_one_thread")
        if (BUILD / "steps_blas").exists():
            present["ours_blas"] = self.steps(case, "ours_blas")
        missing, unsupported = {}, []
        for name in self.peers:
            try:
                peer = self.peer(case, name)
            except Failed as why:
                missing[name] = str(why)
                continue
            if peer.supported:
                present[name] = peer
            else:
                unsupported.append(name)
                peer.end()

        agrees = {}
        for name, participant in list(present.items()):
            if name in ("ours", "products"):
                continue
            agrees[name] = agree(participant.values, ours.values)
            if not agrees[name]:
                print(f"{case}: {name} found {participant.values[:4]}, ours {ours.values[:4]}")
                present.pop(name).end()

        def one_after_the_other(action: str) -> None:
            for name, participant in list(present.items()):
                try:
                    getattr(participant, action)()
                except Failed as why:
                    if name not in self.peers:
                        raise
                    missing[name] = str(why)
                    present.pop(name).end()
                time.sleep(0.02)  # its threads go to sleep

        one_after_the_other("warm_up")
        not_idle = self.not_idle(present)

        def elsewhere() -> float:
            """Processor seconds that others have taken so far."""
            ticks = busy_ticks() - sum(p.cpu_ticks() for p in present.values())
            return ticks / os.sysconf("SC_CLK_TCK")

        busy: list[float] = []
        while sum(b <= DISTURBED for b in busy) < self.rounds and len(busy) < 3 * self.rounds:
            started, taken = time.perf_counter(), elsewhere()
            one_after_the_other("turn")
            busy.append((elsewhere() - taken) / (time.perf_counter() - started))
        quietest = sorted(range(len(busy)), key=busy.__getitem__)[: self.rounds]
        for participant in present.values():
            participant.keep(quietest)

        def ms(name: str) -> float | None:
            return round(present[name].median(), 4) if name in present else None

        peers = {name: ms(name) for name in self.peers if name in present}
        rate = present["products"].values[0] / (1e-3 * present["products"].median())
        startup = {n: round(p.startup_ms, 1) for n, p in present.items() if n != "products"}
        if facts["work"].startswith("train"):
            startup["ours_first_step"] = round(ours.startup_ms - 2 * ours.median(), 1)
        return {
            "case": case,
            "ours_ms": ms("ours"),
            "peers": peers,
            "ratios": {name: round(t / ours.median(), 2) for name, t in peers.items()},
            "loss_agrees": all(agrees.values()),
            "agrees": agrees,
            "missing": missing,
            "unsupported": unsupported,
            "not_idle": not_idle,
            "busy_elsewhere": round(statistics.mean(busy[i] for i in quietest), 2),
            "flops": facts["flops"],
            "product_rate_gflops": round(1e-9 * rate, 1),
            "share_of_product_rate": round(facts["flops"] / (1e-3 * ours.median()) / rate, 3),
            "ours_one_thread_ms": ms("ours_one_thread"),
            "ours_blas_ms": ms("ours_blas"),
            "peak_mb": {n: p.peak_mb() for n, p in present.items() if n != "products"},
            "startup_ms": startup,
        }

    def not_idle(self, present: dict[str, Participant]) -> list[str]:
        """Who takes more than a tenth of a processor while all wait, and so slows down the rest."""
        pause = 0.3
        before = {name: p.cpu_ticks() for name, p in present.items()}
        time.sleep(pause)
        limit = 0.1 * pause * os.sysconf("SC_CLK_TCK")
        return [name for name, p in present.items() if p.cpu_ticks() - before[name] > limit]


def processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def versions(python: Path) -> dict[str, str]:
    def said_by(*command: str | Path) -> str:
        try:
            return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        except OSError:
            return ""

    result = json.loads((BUILD / "versions.json").read_text())
    changed = said_by("git", "status", "--porcelain", "-uno", ":!bench/results")
    result["commit"] = said_by("git", "rev-parse", "HEAD") + ("-dirty" if changed else "")
    ask = (
        "import json, platform, sys\n"
        "from importlib import metadata\n"
        "found = {'python': platform.python_version()}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = metadata.version(name)\n"
        "    except metadata.PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    return result | json.loads(said_by(python, "-c", ask, *PACKAGES) or "{}")


def table(cases: list[dict], peers: list[str]) -> str:
    def cell(case: dict, peer: str) -> str:
        if peer in case["peers"]:
            return f"{case['peers'][peer]:.2f} ({case['ratios'][peer]:.1f}x)"
        if case["agrees"].get(peer) is False:
            return "disagrees"
        return "-" if peer in case["unsupported"] else "missing"

    rows = [["ms", "ours", *peers, "1 thread", "BLAS", "of products"]]
    for case in cases:
        if "failed" in case:
            rows.append([case["case"], f"failed: {case['failed']}"])
            continue
        extra = [case["ours_one_thread_ms"], case["ours_blas_ms"]]
        rows.append(
            [case["case"], f"{case['ours_ms']:.2f}"]
            + [cell(case, peer) for peer in peers]
            + [f"{ms:.2f}" if ms else "-" for ms in extra]
            + [f"{100 * case['share_of_product_rate']:.0f}%"]
        )
    widths = [max(len(r[i]) for r in rows if len(r) == len(rows[0])) for i in range(len(rows[0]))]
    lines = ["  ".join(text.rjust(w) for text, w in zip(row, widths)) for row in rows]
    remarks = {
        f"missing: {peer}: {why}"
        for case in cases
        for peer, why in case.get("missing", {}).items()
    }
    for case in cases:
        if case.get("busy_elsewhere", 0) > DISTURBED:
            busy = f"{case['busy_elsewhere']} processors were busy elsewhere"
            remarks.add(f"while {case['case']} was timed, {busy}")
        for name in case.get("not_idle", []):
            remarks.add(f"{name} did not rest between its turns in {case['case']}")
    return "\n".join(lines + sorted(remarks))


def main() -> int:
    every_core = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    parser = argparse.ArgumentParser(description="Times hooked and its peers side by side.")
    parser.add_argument("--threads", type=int, default=len(every_core) or os.cpu_count())
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--cases", help="some of: " + ",".join(CASES))
    parser.add_argument("--peers", help="some of: " + ",".join(PEERS))
    parser.add_argument("--only-ours", action="store_true", help="without any peer")
    parser.add_argument("--out", type=Path, help="a folder")
    parser.add_argument(
        "--python",
        type=Path,
        default=os.environ.get("HOOKED_BENCH_PYTHON", ROOT / "build-bench/peers-venv/bin/python"),
        help="one that has bench/requirements.txt; default: HOOKED_BENCH_PYTHON or ./dev's own",
    )
    options = parser.parse_args()
    names = options.cases.split(",") if options.cases else list(CASES)
    peers = options.peers.split(",") if options.peers else list(PEERS)
    if options.only_ours:
        peers = []
    for given, known in ((names, CASES), (peers, PEERS)):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"{unknown[0]} is none of: {', '.join(known)}")

    if every_core:
        os.sched_setaffinity(0, every_core[: options.threads])  # the participants inherit it
    driver = Driver(options.threads, options.rounds, options.python, peers)
    cases = []
    for name in names:
        print(f"{name} ...", flush=True)
        try:
            cases.append(driver.measure(name))
        except Failed as why:
            cases.append({"case": name, "failed": str(why)})

    whole = (len(names), len(peers)) == (len(CASES), len(PEERS))
    if out := options.out or (ROOT / "bench" / "results" if whole else None):
        now = datetime.now(timezone.utc)
        cpu = processor()
        rates = [case["product_rate_gflops"] for case in cases if "failed" not in case]
        command = f"bench/run.py --threads {options.threads} --rounds {options.rounds}"
        if not whole:
            command += f" --cases {','.join(names)}"
            command += f" --peers {','.join(peers)}" if peers else " --only-ours"
        result = {
            "machine": {"processor": cpu, "cores": options.threads, "system": platform.system()},
            "threads": options.threads,
            "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "command": command,
            "versions": versions(options.python),
            "product_rate_gflops": statistics.median(rates) if rates else None,
            "cases": cases,
        }
        slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(\w+\)", "", cpu.lower())).strip("-")
        out.mkdir(parents=True, exist_ok=True)
        for name in (f"{now:%Y-%m-%d}-{slug}-{options.threads}-cores", "latest"):
            (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")

    print(table(cases, peers))
    return 0 if all(case.get("loss_agrees") for case in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
