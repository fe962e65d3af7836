#!/usr/bin/env python3
"""Sums up runs of build/examples/subtraction_sign, and a sweep over its choices, in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/subtraction_sign.md

RESULTS holds full-seedN and quick-seedN with claims.json, run.json and trajectory.json, as --out
wrote them, and sweep/ with sweep.json and summary.csv. `page.py --demo-seed RESULTS` prints the seed
of the run that ./dev demo shows.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import string
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    claims_over_seeds, counting, definitions, fisher, frequency, holds, judged, null_passes, number, one_run,
    other_measurements, runs_of, spread, sweep_of, table, verdict_grid)

ALGORITHMS = ("default +", "two-sided", "default -")  # the study's first
FLAT = 0.35  # a side counts as flat where it is at most so many times as steep as the other
ONE_SIDED = "one-sided: ratio, accuracy of the hinge"
STUDY = ("The study is Evan Anders' \"How does a toy 2 digit subtraction transformer predict the sign of the "
         "output?\" (2023); it trained one model.")

PAGE = string.Template("""\
# How a one-layer transformer decides the sign of a subtraction

$findings

$study The program is [examples/subtraction_sign](../../examples/subtraction_sign); this page is
written by its `page.py` from the files beside it, which these commands made:

    build/examples/subtraction_sign --preset full --seed N --out DIR      # N = $full_seeds
    build/examples/subtraction_sign --preset quick --seed N --out DIR     # N = $quick_seeds
    build/examples/sweep docs/results/subtraction_sign/sweep/sweep.json --out DIR --threads 1

(under `mpirun -n 2`, built with `HOOKED_WITH_MPI`: one run a core)

$date, $machine.

## How claims are judged

- Every claim is measured on the trained model and, by the same analysis, on models that cannot have
  what it is about: **untrained**, and trained on the same pairs with **dealt labels**, given to them
  at random, which it knows by heart. A rule that one of them passes with any seed does not
  discriminate, and counts for nothing; it may still fail with the seed at hand.
- A run's own stage of memorising would be a third null model (a snapshot that knows the signs of its
  training pairs, and 20 points fewer of the others); $memorising have one. See
  [below](#when-the-algorithm-forms-and-whether-it-stays) for what they know at that stage.
- "Study says" quotes the study, or gives its numbers, some as a ratio or difference of two of them:
  zeroed neurons raise its loss from 0.068 to 3.79, 55.7 times. What it shows of one neuron is asked of all 270 that it calls
  important: those of largest |m|, since its threshold is lost in its text.
- The **ratio** of sides is the slope of logit_- - logit_+ over b-a on the pairs a >= b, divided by
  that on the pairs a < b, both by least squares with a constant: 0 is the study's hinge, 1 a straight
  line. Where its size is at most $flat, the model has **default +**, the study's algorithm; where it
  is at least 1/$flat, **default -**, its mirror image; else it is **two-sided**. A model that predicts
  less than 95% of the signs has none. There would be $other_flats.
- The **gain** is causal: m_i d is added to the preactivations of the 270 neurons, with d = 10 and
  d = -10, and the gain is by how much of d the boundary between + and - moves. The boundary is -99.5
  plus, summed over all b-a, the share of its pairs for which logit_+ is the larger; 0.5 is right. 1 says
  that shifting what is linear in a-b shifts the decision, not that nothing else matters.
- "match" and "same sign/shape" are two tolerances for the same number, written behind each
  [definition](#definitions). They are round numbers of ours, chosen after models of other seeds and
  null models had been seen; a row that the two-sided models pass, too, says nothing about which
  algorithm a model has.

## The model

A transformer of one layer with four heads, 512 ReLU neurons, no layer norm and 103 tokens (0 to 99, +,
-, =) reads `a - b = sign` at five positions. It predicts the sign at `=` and |a-b| at the sign, learns
from 3,000 of the 10,000 pairs, and is measured on all of them. It is trained for $epochs epochs of
batches of 256 pairs by AdamW (weight decay $weight_decay, betas 0.9 and $beta2), with a learning rate that rises
to 5e-3 in the first 20th of the steps and then falls along half a cosine; the loss is the mean over
the sign and the number. Of this the study says that there is one layer, four heads and 512 neurons;
the fraction, the optimiser and its schedule are those of its author's post before it; the epochs and
the betas are ours. `hook_pre` and `hook_post` are the
neurons before and after ReLU, `W_logit` = `W_out W_U` is what a neuron does to the logits, and m_i the
slope of neuron i over a-b. Of the heads, "only a" attends to a more than to b by the most, "only b" by
the least, and "mostly a" and "mostly b" are the two between. Training and test accuracy are means over
both labels.

## One model, end to end: seed $shown

It is the run, of those with the study's algorithm at the end$shown_rule. `./dev demo` trains it.
That "$chosen_by" holds follows from how it was chosen.

$shown_findings

$shown_table

Along training:

$shown_trajectory

## How often: $n seeds

$seeds_table

Which claims hold, by seed (● match, ○ same sign or shape, · differs):

$grid

A number is the median, [least, largest], (for how many of the group the claim holds); "holds" counts match and same sign or shape, with Wilson's
95% interval.

$claims_table

Measured, not judged:

$others_table

## When the algorithm forms, and whether it stays

$formation

## Whether a free choice decides it: a sweep

The usual choices are $usual; all settings have seeds $sweep_seeds. A run that knows the sign is
one-sided if it has default + or default -. Each choice, moved either way, in all settings with that;
p is Fisher's exact test, two-sided, of how many runs are one-sided there and elsewhere:

$directions

The runs of one seed share its pairs and their order in all settings, so they are not as independent as
the test takes them to be. The setting "epochs 2000" is that of the twenty seeds, of which it has the
first five.

Setting by setting, named by what differs from the usual:

$sweep

## `quick`

$quick

## Definitions

$definitions
""")


def algorithm_at(trajectory, i):
    """As algorithm_of in algorithm.hpp."""
    ratio = trajectory["ratio"][i]
    if trajectory["sign accuracy"][i] < 0.95 or ratio is None:
        return "none"
    if abs(ratio) <= FLAT:
        return ALGORITHMS[0]
    return ALGORITHMS[2] if abs(ratio) >= 1 / FLAT else ALGORITHMS[1]


def algorithm(run):
    return run.value("algorithm")


def last(run, name):
    return run.trajectory[name][-1]


def shown(runs):
    """The run that is shown end to end."""
    own = [run for run in runs if algorithm(run) == ALGORITHMS[0]]
    if not own:
        sys.exit("no run has the study's algorithm: there is none to show")
    names = counting(runs)
    return max(own, key=lambda run: (sum(holds(run, name) for name in names), last(run, "gain"),
                                     -run.seed))


def seeds_table(runs):
    rows = []
    for run in runs:
        rows.append([str(run.seed), algorithm(run), number(last(run, "ratio")),
                     number(last(run, "gain")), number(last(run, "angle")),
                     number(100 * last(run, "sign accuracy"), 4),
                     number(run.value("accuracy of the sign and of the number, all pairs", 1), 4)])
    return table(["seed", "algorithm", "ratio", "gain", "angle of + and -, degrees",
                  "sign accuracy %", "number accuracy %"], rows)


def trajectory_table(run):
    t = run.trajectory
    rows = []
    for i, step in enumerate(t["step"]):
        if i % 2 == 1 and i + 1 < len(t["step"]):
            continue
        rows.append([str(step), number(100 * t["train accuracy"][i], 4),
                     number(100 * t["test accuracy"][i], 4),
                     number(100 * t["sign accuracy"][i], 4), number(t["angle"][i]),
                     number(t["ratio"][i]), number(t["gain"][i])])
    return table(["step", "training accuracy %", "test accuracy %", "sign accuracy %",
                  "angle, degrees", "ratio", "gain"], rows)


def known(run):
    """The snapshots that predict the sign: only these have an algorithm for it."""
    return [i for i, accuracy in enumerate(run.trajectory["sign accuracy"]) if accuracy >= 0.95]


def own_snapshots(run):
    return [i for i in known(run) if algorithm_at(run.trajectory, i) == ALGORITHMS[0]]


def ever_own(run):
    return bool(own_snapshots(run))


def by_heart(run):
    """The snapshot at which a run knew its training pairs and least of the others."""
    t = run.trajectory
    known = [i for i in range(len(t["step"])) if t["train accuracy"][i] >= 0.99]
    return max(known, key=lambda i: t["train accuracy"][i] - t["test accuracy"][i])


def formation(runs):
    rows = []
    for run in runs:
        steps = run.trajectory["step"]
        at, own = known(run), own_snapshots(run)
        rows.append([str(run.seed), str(steps[at[0]]) if at else "never",
                     str(steps[own[0]]) if own else "never", f"{len(own)} of {len(at)}",
                     algorithm(run)])
    early = lambda name, factor=1: spread([factor * run.trajectory[name][by_heart(run)]
                                           for run in runs])
    ever = [run for run in runs if ever_own(run)]
    stays = sum(algorithm(run) == ALGORITHMS[0] for run in ever)
    text = (f"Of {len(runs)} runs, {len(ever)} had the study's algorithm at one of their snapshots that "
            f"predict the sign of 95% of pairs or more, and {stays} of these {len(ever)} have it at the "
            "end.\n\nAt the snapshot at which a run knew its training pairs "
            f"and least of the others (step {early('step')}; {early('test accuracy', 100)}% of the "
            f"other labels), it predicts the sign of {early('sign accuracy', 100)}% of all pairs, "
            f"with ratio {early('ratio')}, gain {early('gain')} and an angle of {early('angle')} "
            "degrees.\n\n")
    return text + table(["seed", "first snapshot that predicts the sign, step", "first with default +, step",
                         "of the snapshots that predict the sign, default +", "at the end"], rows)


def quantiles(rows, key):
    return spread([row[key] for row in rows if isinstance(row[key], float)])


def knows_sign(row):
    return row["sign accuracy"] >= 0.95 and row["ratio"] is not None


def with_default(rows, sign):
    """How many of a sweep's rows have default + or default -."""
    is_flat = lambda ratio: abs(ratio) <= FLAT if sign == "+" else abs(ratio) >= 1 / FLAT
    return sum(knows_sign(row) and is_flat(row["ratio"]) for row in rows)


def one_sided(rows):
    return with_default(rows, "+") + with_default(rows, "-")


class Sweep:
    """A sweep's runs by their settings: a setting is ((choice, value), ...) of all that differs from
    the usual, which is what most of the runs have."""

    def __init__(self, path):
        self.rows = sweep_of(path / "summary.csv")
        keys = list(self.rows[0])
        keys = keys[1:keys.index("seed")]
        self.usual = {key: statistics.mode(row[key] for row in self.rows) for key in keys}
        self.by_setting = {}
        for row in self.rows:
            setting = tuple((key, row[key]) for key in keys if row[key] != self.usual[key])
            self.by_setting.setdefault(setting, []).append(row)

    def settings(self):
        """The usual one first, then single choices, then those that change several."""
        return sorted(self.by_setting, key=lambda setting: (len(setting), [
            (list(self.usual).index(key), value) for key, value in setting]))

    def name(self, setting):
        return ", ".join(f"{key} {number(value)}" for key, value in setting) or "the usual"

    def table(self):
        lines = []
        for setting in self.settings():
            rows = self.by_setting[setting]
            lines.append([self.name(setting), frequency(one_sided(rows), len(rows)),
                          f"{with_default(rows, '+')}, {with_default(rows, '-')}",
                          f"{sum(map(knows_sign, rows))} of {len(rows)}",
                          quantiles(rows, "ratio"), quantiles(rows, "gain"),
                          spread([100 * row["sign accuracy"] for row in rows]),
                          spread([100 * row["test accuracy"] for row in rows])])
        return table(["setting", "one-sided", "default +, default -", "knows the sign", "ratio", "gain",
                      "sign accuracy %", "accuracy on test pairs %"], lines)

    def directions(self):
        """{"initial_scale above 1": (the runs with that, all others)}, for every choice."""
        found = {}
        for key, usual in self.usual.items():
            for word, there in (("below", lambda value: value < usual),
                                ("above", lambda value: value > usual)):
                inside = [row for row in self.rows if there(row[key])]
                rest = [row for row in self.rows if not there(row[key])]
                if inside:
                    found[f"{key} {word} {number(usual)}"] = (inside, rest)
        return found

    def p_values(self):
        """Fisher's exact test for each direction: one-sided or not, there against everywhere else."""
        return {name: fisher(one_sided(inside), len(inside), one_sided(rest), len(rest))
                for name, (inside, rest) in self.directions().items()}

    def directions_table(self):
        p = self.p_values()
        return table(["choice", "one-sided there", "one-sided elsewhere", "p", "gain there",
                      "gain elsewhere"],
                     [[name, frequency(one_sided(inside), len(inside)),
                       frequency(one_sided(rest), len(rest)), number(p[name], 2),
                       quantiles(inside, "gain"), quantiles(rest, "gain")]
                      for name, (inside, rest) in self.directions().items()])

    def decides(self):
        """In words: the direction with the smallest p."""
        p = self.p_values()
        first = min(p, key=p.get)
        inside, rest = self.directions()[first]
        corrected = min(1.0, p[first] * len(p))
        of = lambda count, rows: f"{count} of {len(rows)}"
        own, others = with_default(inside, "+"), with_default(rest, "+")
        own_p = fisher(own, len(inside), others, len(rest))
        return (f"Of {len(self.rows)} runs of a sweep over the free choices, "
                f"{one_sided(self.rows)} are one-sided: default + or default -. "
                + ("That goes most with" if corrected < 0.05 else
                   "No choice decides that clearly; it goes most with")
                + f" {first}: {of(one_sided(inside), inside)} against {of(one_sided(rest), rest)} "
                f"elsewhere (Fisher's exact p = {number(p[first], 2)}, or {number(corrected, 2)} for "
                f"{len(p)} directions tried). Default + alone: {of(own, inside)} against "
                f"{of(others, rest)} (p = {number(own_p, 2)}).")


def findings(runs, run, sweep):
    n = len(runs)
    of = lambda name: sum(algorithm(r) == name for r in runs)
    names = counting(runs)
    often = [name for name in names if sum(holds(r, name) for r in runs) >= 0.9 * n]
    never = [name for name in names if not any(holds(r, name) for r in runs)]
    quoted = lambda claims: ", ".join(f"*{claim}*" for claim in claims)
    listed = lambda claims: f" ({quoted(claims)})" if claims else ""
    own = [r for r in runs if algorithm(r) == ALGORITHMS[0]]
    rest = [r for r in runs if algorithm(r) != ALGORITHMS[0]]
    return "\n".join([
        f"- The study's algorithm, + by default and only a < b moves the logits, is that of "
        f"**{frequency(of(ALGORITHMS[0]), n)}** models trained as the study's, as far as that is known; "
        f"{of(ALGORITHMS[2])} have its mirror image, {of(ALGORITHMS[1])} look at both sides, "
        f"{of('none')} predict less than 95% of the signs. "
        f"{sum(ever_own(r) for r in runs)} had it at some snapshot, "
        f"{sum(ever_own(r) and algorithm(r) == ALGORITHMS[0] for r in runs)} of these at the end: it comes "
        "and goes, and depends on when training stops.",
        f"- Sign accuracy over all {n}: {spread([100 * last(r, 'sign accuracy') for r in runs])}% "
        "(the study: 98.55%).",
        f"- Causal gain of the linear fits (1: shifting what is linear in a-b by d shifts the decision by d): "
        f"{spread([last(r, 'gain') for r in own])} with the study's algorithm, "
        f"{spread([last(r, 'gain') for r in rest])} with another; 0.5 or more in "
        f"{frequency(sum(last(r, 'gain') >= 0.5 for r in runs), n)}. Neither it nor the angle tells "
        "algorithms apart.",
        f"- Angle of + and -: {spread([last(r, 'angle') for r in own])} degrees with the study's "
        f"algorithm, {spread([last(r, 'angle') for r in rest])} with another.",
        f"- Of the {len(judged(runs))} claims that are judged, {len(names)} discriminate. "
        f"{len(often)} of these hold with nine of ten seeds or more{listed(often)}, and {len(never)} "
        f"with none{listed(never)}.",
        f"- Seed {run.seed}, the one shown below of those with default +: {algorithm(run)}, ratio {number(last(run, 'ratio'))}, gain "
        f"{number(last(run, 'gain'))}; {sum(holds(run, name) for name in names)} of the {len(names)} "
        "claims hold for it.",
        f"- {sweep.decides()} [All settings](#whether-a-free-choice-decides-it-a-sweep).",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--machine", default="")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--demo-seed", action="store_true")
    options = parser.parse_args()
    full = runs_of(options.results, "full")
    if not full:
        sys.exit(f"{options.results}: there is no full-seedN")
    run = shown(full)
    if options.demo_seed:
        print(run.seed)
        return
    quick = runs_of(options.results, "quick")
    if not quick or not options.machine:
        sys.exit("a quick-seedN in RESULTS and --machine are needed")
    groups = {f"{name} ({sum(algorithm(r) == name for r in full)} seeds)":
              [r for r in full if algorithm(r) == name] for name in ALGORITHMS}
    sweep = Sweep(options.results / "sweep")
    seeds = lambda runs: ", ".join(str(r.seed) for r in runs)
    print(PAGE.substitute(
        findings=findings(full, run, sweep), study=STUDY, date=options.date,
        machine=options.machine, memorising=frequency(sum(
            any(null["model"] == "memorising" for null in next(iter(r.claims.values()))["nulls"])
            for r in full), len(full)) + " of these runs", full_seeds=seeds(full), quick_seeds=seeds(quick), flat=FLAT,
        shown=run.seed, chosen_by=ONE_SIDED, other_flats=" or ".join(
            f"{sum(abs(last(r, 'ratio')) <= flat for r in full)} of {len(full)} with default + for {flat}"
            for flat in (0.3, 0.4)), **{name: number(full[0].facts["choices"][name]) for name in (
                "epochs", "weight_decay", "beta2")}, shown_rule=", for which most of the claims that count hold, and of these the "
        "one with the largest gain", n=len(full),
        shown_findings="\n".join(json.loads((options.results / f"full-seed{run.seed}" /
                                             "findings.json").read_text(encoding="utf-8"))),
        shown_table=one_run(run, full), shown_trajectory=trajectory_table(run),
        seeds_table=seeds_table(full), grid=verdict_grid(full),
        claims_table=claims_over_seeds(full, groups),
        others_table=other_measurements(full, {k: v for k, v in groups.items()}),
        formation=formation(full), sweep=sweep.table(), directions=sweep.directions_table(), usual=", ".join(
            f"{key} {number(value)}" for key, value in sweep.usual.items()), sweep_seeds=", ".join(
            number(seed) for seed in sorted({row["seed"] for row in sweep.rows})), quick=seeds_table(quick),
        definitions=definitions(run)), end="")


if __name__ == "__main__":
    main()
