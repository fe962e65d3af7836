#!/usr/bin/env python3
"""Sums up runs of build/examples/modular_addition in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/modular_addition.md

RESULTS holds full-seedN and quick-seedN with claims.json, findings.json, run.json and
trajectory.json, as --out wrote them.
"""

import json
import pathlib
import string
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    claims_over_seeds, counting, definitions, frequency, holds, judged, number, one_run,
    other_measurements, page_parser, runs_of, spread, table, verdict_grid, where_it_differs)

BASE = "loss, accuracy"
KEY = "key frequencies"
NEURONS = "neurons of one frequency; loss with these as polynomials"
COSINES = "logits by the key cosines: variance explained, loss ratio"
RESTRICTED = "restricted loss; divided by the loss"
EXCLUDED = "excluded loss, and the loss of the same pairs"
TURNED = "x's key frequencies turned by d: answer of x + d; as many others turned: answer of x"
ONE_LESS = "without one frequency, loss ratio: key ones, least; others, largest"
GROKKING = "grokking: begins, ends"
PHASES = "phases: memorised, circuit formed"
EARLIER = "restricted loss falls before the test loss"

ATTENTION = "attention of '=' to x: least and largest of the heads; to itself"
PERIODIC = "heads: one frequency in the attention to x, least and largest"
FALL = "sum of squares of weights: its fall in grokking against before"

# Why a claim does not hold, with the numbers that say so.
WHY = {
    GROKKING: lambda run:
        f"the test loss never exceeds {number(max(run.trajectory['test loss']))} nats; in the log of "
        "Nanda's public demo it rises to 34.1",
    ATTENTION: lambda run:
        f"one head gives itself {number(run.value(ATTENTION, 2))} of its attention, and x and y equal "
        "shares of the rest",
    PERIODIC: lambda run:
        f"one head mixes frequencies: its strongest has {number(run.value(PERIODIC))}%",
    FALL: lambda run:
        f"of {number(max(run.trajectory['sum of squares']))} that the weights have at most, "
        f"{number(at_step(run, 'sum of squares', run.value(GROKKING)))} are left when grokking begins: "
        "most of the fall comes before",
}

STUDY = ("The study is \"Circuit engineering\", whose part on addition replicates Nanda et al., "
         "\"Progress measures for grokking via mechanistic interpretability\" (2023).")

PAGE = string.Template("""\
# How a one-layer transformer adds modulo $p

$findings

$study The program is [examples/modular_addition](../../examples/modular_addition); this page is
written by its `page.py` from the files beside it, which these commands made:

    build/examples/modular_addition --preset full --seed N --out DIR      # N = $full_seeds
    build/examples/modular_addition --preset quick --seed N --out DIR     # N = $quick_seeds

$date, $machine.

## How claims are judged

- Every claim is measured on the trained model and, by the same analysis, on models that cannot have
  what it is about: **untrained**; trained on the same pairs with **dealt labels**, given to them at
  random, which it knows by heart; and **memorising**, the run's own snapshot that knows its training
  pairs and the others least. A rule that one of them passes with any seed does not discriminate, and
  counts for nothing.
- What is measured along training (grokking, phases, what comes before what) has no null model: those
  have no run.
- "Study says" has the study's numbers for position embeddings, for neurons of exchanged operands,
  for the attention to x, for the important frequencies of W_E and for when it groks. All others, and
  the words, are those of Nanda et al., of their run of 40,000 steps.
- "match" and "same sign/shape" are two tolerances for the same number, written behind each
  [definition](#definitions). They are round numbers of ours, chosen after models modulo 53 had been seen and before
  any modulo 113 was trained.
- Where key waves are taken out of a model or turned, as many others are, too, or as many random
  directions of neurons: the rows called control, and the second numbers of their claims.

## The model

A transformer of one layer, width $d_model, four heads and $d_mlp ReLU neurons, without layer norm
and biases, reads `x y =` and predicts the answer at `=`. It learns from $percent% of the $pairs pairs, all in
every step, by AdamW with a weight decay of $weight_decay, for $steps steps. W_E is the embedding of the numbers, W_L =
W_U W_out what each neuron adds to each logit. The **key frequencies** are those with more than a
quarter of the norm of the strongest in W_L, w_k = 2 pi k / p. The **restricted loss** is that of
logits with nothing but their waves cos and sin of w_k (x + y) and each output's mean; the **excluded
loss** that of training pairs without these waves. Along training, both are by the key frequencies
that the model has in the end. "key cosines" is the share of the variance of the logits that the
waves cos(w_k (x + y - z)) explain, z being the output, and "without key cosines" the loss of training
pairs without these. "test / restricted loss" is of the test pairs alone, and "key waves of neurons" the
share of the neurons' variance after ReLU that has a key frequency in x, y or both.

## One model, end to end: seed $shown

It is the run for which most of the claims that count hold.

$shown_findings

$shown_table

$where_it_differs

Along training:

$shown_trajectory

## All seeds

$seeds_table

Which claims hold, by seed (● match, ○ same sign or shape, · differs, ? not measurable):

$grid

A number is the median, [least, largest]; "holds" counts match and same sign or shape, with Wilson's
95% interval.

$claims_table

Measured, not judged:

$others_table

## `quick`

Modulo $quick_p, from $quick_percent% of the pairs, for $quick_steps steps: it is there to see that all works. Steps and
phases are not the study's.

$quick_table

$quick_grid

## Definitions

$definitions
""")


def at_step(run, name, step):
    """What is tracked under that name, at a snapshot."""
    return run.trajectory[name][run.trajectory["step"].index(step)]


def places(run, name):
    return [number(x) for x in run.claims[name]["measured"]]


def shown(runs):
    """The run that is shown end to end."""
    names = counting(runs)
    return max(runs, key=lambda run: (sum(holds(run, name) for name in names), -run.seed))


def seeds_table(runs):
    rows = []
    for run in runs:
        rows.append([str(run.seed), number(run.value(BASE, 1), 4), number(run.value(BASE), 2),
                     run.value(KEY), number(run.value(NEURONS)), number(run.value(COSINES)),
                     number(run.value(EXCLUDED)), number(run.value(RESTRICTED), 2),
                     *places(run, PHASES), *places(run, GROKKING),
                     number(run.facts["seconds"])])
    return table(["seed", "accuracy %", "loss", "key frequencies", "neurons of one frequency %",
                  "key cosines %", "excluded loss", "restricted loss", "memorised, step",
                  "circuit formed, step", "grokking begins, step", "ends, step", "seconds of training"],
                 rows)


def trajectory_table(run, rows_wanted=26):
    t = run.trajectory
    columns = ["train loss", "test loss", "restricted loss", "excluded loss", "without key cosines",
               "test / restricted loss", "key cosines", "key waves of neurons", "sum of squares",
               "Gini W_E", "Gini W_L", "important frequencies"]
    every = max(1, (len(t["step"]) - 1) // (rows_wanted - 1))
    rows = [[str(t["step"][i])] + [number(t[name][i]) for name in columns]
            for i in range(0, len(t["step"]), every)]
    return table(["step"] + columns, rows)


def findings(runs, run):
    n = len(runs)
    of = lambda name, place=0: spread([r.value(name, place) for r in runs])
    names = counting(runs)
    always = [name for name in names if all(holds(r, name) for r in runs)]
    never = [name for name in names if not any(holds(r, name) for r in runs)]
    listed = lambda claims: f" ({'; '.join(claims)})" if claims else ""
    right = sum(r.value(BASE, 1) >= 99.9 for r in runs)
    return "\n".join([
        f"- **{frequency(right, n)}** models add at least 99.9% of all pairs rightly; loss over all "
        f"pairs {of(BASE)} nats (Nanda et al.: 2.4e-7).",
        f"- They do it by a few frequencies: {'; '.join(r.value(KEY) for r in runs)} (seeds "
        f"{', '.join(str(r.seed) for r in runs)}). {of(NEURONS)}% of the neurons are of one frequency "
        f"(84.6%), and cosines of x + y - z of the key frequencies are {of(COSINES)}% of the variance "
        "of the logits (95%).",
        f"- That is what they use: with the key frequencies of x's embedding turned to those of x + d, "
        f"{of(TURNED)}% of all pairs get the answer of x + d, though all else is that of x; with as "
        f"many other frequencies turned, {of(TURNED, 1)}% keep the answer of x.",
        f"- Without the key waves the loss of training pairs is {of(EXCLUDED)} nats, with nothing else "
        f"that of all pairs {of(RESTRICTED)}, {of(RESTRICTED, 1)} times the model's (0.23). Without "
        f"any one key frequency the loss is at least {of(ONE_LESS)} times as large, without any other "
        f"at most {of(ONE_LESS, 1)} times.",
        f"- Grokking begins at step {of(GROKKING)} and ends at {of(GROKKING, 1)} (the study: 10,000 "
        f"and 15,000).",
        f"- By the excluded loss the pairs are memorised at step {of(PHASES)} (1,400) and the circuit "
        f"has formed at {of(PHASES, 1)} (9,400). The restricted loss is below 1 nat after "
        f"{of(EARLIER)} of the steps that the test loss takes.",
        f"- Of the {len(judged(runs))} claims that are judged, {len(names)} discriminate. "
        f"{len(always)} of these hold with all seeds, {len(never)} with none{listed(never)}.",
    ])


def main():
    options = page_parser(__doc__).parse_args()
    full, quick = (runs_of(options.results, preset) for preset in ("full", "quick"))
    if not full or not quick:
        sys.exit(f"{options.results}: a full-seedN and a quick-seedN are needed")
    run = shown(full)
    chosen, quick_chosen = run.facts["choices"], quick[0].facts["choices"]
    seeds = lambda runs: ", ".join(str(r.seed) for r in runs)
    whole = lambda x: f"{x:,.0f}"
    folder = options.results / f"full-seed{run.seed}"
    print(PAGE.substitute(
        p=whole(chosen["p"]), findings=findings(full, run), study=STUDY, date=options.date,
        machine=options.machine, full_seeds=seeds(full), quick_seeds=seeds(quick),
        d_model=whole(chosen["d_model"]), d_mlp=whole(4 * chosen["d_model"]),
        percent=number(100 * chosen["training_fraction"]), pairs=whole(chosen["p"] ** 2),
        weight_decay=number(chosen["weight_decay"]), steps=whole(chosen["steps"]), shown=run.seed,
        shown_findings="\n".join(json.loads((folder / "findings.json").read_text(encoding="utf-8"))),
        shown_table=one_run(run, full),
        where_it_differs="\n\n".join(f"Seed {r.seed}. " + why for r in full
                                     if (why := where_it_differs(r, full, WHY))), shown_trajectory=trajectory_table(run),
        seeds_table=seeds_table(full), grid=verdict_grid(full),
        claims_table=claims_over_seeds(full, {f"{len(full)} seeds": full}),
        others_table=other_measurements(full, {f"{len(full)} seeds": full}),
        quick_p=whole(quick_chosen["p"]), quick_percent=number(100 * quick_chosen["training_fraction"]),
        quick_steps=whole(quick_chosen["steps"]), quick_table=seeds_table(quick),
        quick_grid=verdict_grid(quick), definitions=definitions(run)), end="")


if __name__ == "__main__":
    main()
