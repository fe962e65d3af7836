"""What the results pages of all studies need: runs, verdicts over seeds, tables.

A page's script is in the study's folder; every number on a page comes from the files that runs
wrote: claims.json, run.json, trajectory.json and, of a sweep, summary.csv.
"""

import argparse
import csv
import datetime
import json
import math
import pathlib
import statistics

HOLDS = ("match", "same sign/shape")
MARKS = {"match": "●", "same sign/shape": "○", "differs": "·", "not measurable": "?"}


def page_parser(page):
    """The command line of a page's script, whose text is `page`: results, --machine and --date."""
    parser = argparse.ArgumentParser(description=page.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    return parser


class Run:
    """One run's folder: facts (run.json), claims (by their names, in order) and trajectory."""

    def __init__(self, folder):
        read = lambda name: json.loads((folder / name).read_text(encoding="utf-8"))
        self.facts = read("run.json")
        self.claims = {claim["claim"]: claim for claim in read("claims.json")}
        self.trajectory = read("trajectory.json")

    @property
    def seed(self):
        return self.facts["seed"]

    def value(self, name, place=0):
        measured = self.claims[name]["measured"]
        return measured[place] if isinstance(measured, list) else measured


def choices_of(runs):
    """The choices of runs that are alike; None where they are not. A choice that the program did not
    have yet when a run was made is no difference."""
    known = {}
    for run in runs:
        for name, value in run.facts["choices"].items():
            if known.setdefault(name, value) != value:
                return None
    return known


def runs_of(results, preset):
    """The runs in RESULTS/PRESET-seedN, by seed. Exits where they have different choices or claims.
    """
    runs = [Run(path.parent) for path in results.glob(f"{preset}-seed*/claims.json")]
    if choices_of(runs) is None or any(list(run.claims) != list(runs[0].claims) for run in runs):
        raise SystemExit(f"{results}: the runs of {preset} have different choices or claims: "
                         "do them again")
    return sorted(runs, key=lambda run: run.seed)


def sweep_of(path):
    """The rows of a sweep's summary.csv that are done, with numbers where there are numbers."""
    def number(text):
        try:
            return None if text == "null" else float(text)
        except ValueError:
            return text
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return [row for row in rows if row["status"] == "done"]


def settings_of(rows):
    """{((choice, value), ...): rows} for the choices that differ between a sweep's rows."""
    keys = list(rows[0])
    keys = [key for key in keys[1:keys.index("seed")] if len({row[key] for row in rows}) > 1]
    found = {}
    for row in rows:
        found.setdefault(tuple((key, row[key]) for key in keys), []).append(row)
    return found


def number(x, digits=3):
    if x is None:
        return "none"
    if isinstance(x, str):
        return x
    return f"{x:.0f}" if 1000 <= abs(x) < 1e9 else f"{x:.{digits}g}"


def spread(numbers):
    """'median [least, largest]', or the number where there is one."""
    known = [x for x in numbers if x is not None]
    if not known:
        return "none"
    if isinstance(known[0], str):
        return ", ".join(sorted(set(known)))
    if len(known) == 1:
        return number(known[0])
    return f"{number(statistics.median(known))} [{number(min(known))}, {number(max(known))}]"


def spreads(measured):
    """The same for each place of measurements that are lists."""
    places = zip(*(m if isinstance(m, list) else [m] for m in measured))
    return "; ".join(spread(place) for place in places)


def wilson(k, n, z=1.96):
    """Wilson's 95% interval for a frequency of k among n."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = k / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def frequency(k, n):
    """'7 of 20 (18 to 57%)'"""
    low, high = wilson(k, n)
    return f"{k} of {n} ({100 * low:.0f} to {100 * high:.0f}%)"


def fisher(k, n, others_k, others_n):
    """Fisher's exact test, two-sided: how likely a table at least as uneven as k of n beside others_k
    of others_n is when both have one frequency."""
    hits, all_n = k + others_k, n + others_n
    ways = lambda i: math.comb(n, i) * math.comb(others_n, hits - i)
    possible = range(max(0, hits - others_n), min(n, hits) + 1)
    return sum(ways(i) for i in possible if ways(i) <= ways(k)) / math.comb(all_n, hits)


def holds(run, name):
    return run.claims[name]["verdict"] in HOLDS


def null_passes(runs, name):
    """{null model: on how many runs it passes the claim's rule}, without those that never do."""
    passes = {}
    for run in runs:
        for null in run.claims[name]["nulls"]:
            if null["verdict"] in HOLDS:
                passes[null["model"]] = passes.get(null["model"], 0) + 1
    return passes


def runs_with(runs, name, model):
    """Of how many runs there is that null model."""
    return sum(any(null["model"] == model for null in run.claims[name]["nulls"]) for run in runs)


def judged(runs):
    return [name for name, claim in runs[0].claims.items() if claim["verdict"] != "not judged"]


def counting(runs):
    """The claims that discriminate: no null model of any run passes their rule."""
    return [name for name in judged(runs) if not null_passes(runs, name)]


def shown(runs):
    """The run that a page shows end to end: most of the claims that count hold, the first of these."""
    names = counting(runs)
    return max(runs, key=lambda run: (sum(holds(run, name) for name in names), -run.seed))


def findings_of(folder):
    return json.loads((folder / "findings.json").read_text(encoding="utf-8"))


def escape(text):
    return text.replace("|", "\\|")


def sweep_table(rows, columns):
    """A row for each setting, over its seeds; columns {title: (name, factor)}."""
    lines = []
    for setting, of in settings_of(rows).items():
        lines.append([*(number(value) for _, value in setting), str(len(of)),
                      *(spread([factor * row[name] for row in of])
                        for name, factor in columns.values())])
    names = [key for key, _ in next(iter(settings_of(rows)))]
    return table([*names, "runs", *columns], lines)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def says(claim):
    says = claim["study_says"]
    if says is None:
        return ""
    return "; ".join(number(x, 4) for x in says) if isinstance(says, list) else number(says, 4)


def claims_over_seeds(runs, groups):
    """A row for each claim that is judged; columns: what the study says, the spread within each
    group {title: runs} (and for how many of it the claim holds, where there are several), the null
    models over all runs, and for how many runs it holds."""
    nulls = [null["model"] for null in max(runs, key=lambda run: len(
        next(iter(run.claims.values()))["nulls"])).claims[judged(runs)[0]]["nulls"]]
    rows = []
    for name in judged(runs):
        claim, passes = runs[0].claims[name], null_passes(runs, name)
        cells = [escape(name), claim["unit"], escape(says(claim))]
        cells += [spreads([run.claims[name]["measured"] for run in group])
                  + (f" ({sum(holds(run, name) for run in group)} of {len(group)})"
                     if len(groups) > 1 else "") if group else "–" for group in groups.values()]
        for model in nulls:
            cells.append(spreads([null["measured"] for run in runs
                                  for null in run.claims[name]["nulls"] if null["model"] == model]))
        if passes:
            cells.append("not discriminating: " + ", ".join(
                f"{model} passes with {n} of {runs_with(runs, name, model)}"
                for model, n in passes.items()))
        else:
            cells.append(frequency(sum(holds(run, name) for run in runs), len(runs)))
        rows.append(cells)
    return table(["claim", "unit", "study says", *groups, *nulls, "holds"], rows)


def verdict_grid(runs):
    """A row for each claim that counts, a column for each seed: ● match, ○ same sign or shape,
    · differs, ? not measurable."""
    rows = [[escape(name)] + [MARKS[run.claims[name]["verdict"]] for run in runs]
            for name in counting(runs)]
    sums = [str(sum(holds(run, name) for name in counting(runs))) for run in runs]
    return table(["claim"] + [str(run.seed) for run in runs], rows + [["claims that hold"] + sums])


def one_run(run, all_runs):
    """The judged claims of one run, with their null models' measurements."""
    rows = []
    for name in judged(all_runs):
        claim, passes = run.claims[name], null_passes(all_runs, name)
        show = lambda m: "; ".join(number(x) for x in (m if isinstance(m, list) else [m]))
        nulls = ", ".join(f"{null['model']} {show(null['measured'])}" for null in claim["nulls"])
        verdict = claim["verdict"] if not passes else f"not discriminating ({claim['verdict']})"
        rows.append([escape(name), claim["unit"], escape(says(claim)), show(claim["measured"]), nulls,
                     verdict])
    return table(["claim", "unit", "study says", "measured", "models that know nothing", "verdict"],
                 rows)


def where_it_differs(run, runs, why):
    """'Where it differs: ...': a sentence for each claim of `why`, {name: function of a run}, that does
    not hold with this run. None where there is none."""
    lines = [f"- *{escape(name)}*: {why[name](run)}." for name in judged(runs)
             if not holds(run, name) and name in why]
    return "Where it differs:\n\n" + "\n".join(lines) if lines else None


def other_measurements(runs, groups):
    rows = [[escape(name), claim["unit"], escape(says(claim))] +
            [spreads([run.claims[name]["measured"] for run in group]) if group else "–"
             for group in groups.values()]
            for name, claim in runs[0].claims.items() if claim["verdict"] == "not judged"]
    return table(["measurement", "unit", "study says", *groups], rows)


def definitions(run):
    return "\n".join(f"- **{escape(name)}**: {claim['definition']}"
                     for name, claim in run.claims.items())
