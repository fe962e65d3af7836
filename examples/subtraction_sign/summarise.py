#!/usr/bin/env python3
"""Sums up runs of build/examples/subtraction_sign in one page.

    summarise.py --machine TEXT [--date YYYY-MM-DD] RESULTS > docs/results/subtraction_sign.md

RESULTS holds PRESET-seedN/claims.json and PRESET-seedN/run.json, as --out wrote them. Every number
on the page comes from these files; a claim's row gives the median over seeds and [least, largest].
"""

import argparse
import collections
import datetime
import json
import pathlib
import statistics
import string
import sys

PAGE = string.Template("""\
# How a one-layer transformer decides the sign of a subtraction

The study is "How does a toy 2 digit subtraction transformer predict the sign of the output?"; the
program is [examples/subtraction_sign](../../examples/subtraction_sign). This page is written by
`examples/subtraction_sign/summarise.py` from the `claims.json` and `run.json` of each run beside it.

    build/examples/subtraction_sign --preset full --seed N --out DIR      # N = $full_seeds
    build/examples/subtraction_sign --preset quick --seed N --out DIR     # N = $quick_seeds

$date, $machine.

## What was chosen

- **The model reads five tokens** (`n_ctx` 5): `a - b = sign`. The sixth, |a-b|, is a label only.
  The loss is the mean over the sign, predicted at `=`, and the number, predicted at the sign.
- **Epochs.** The study does not say how long it trained. The table gives all 10,000 pairs' accuracy
  after training from scratch for that many epochs (seed 0, 30% of the pairs, everything else as in
  the study). Up to a few hundred epochs the model learns the training pairs by heart; the number
  generalises with about a thousand, and the sign keeps improving. `full` has $full_epochs.
- **quick** trains on 60% of the pairs for $quick_epochs epochs, all else being equal. It predicts the
  sign better than the study's model in a fraction of the steps, but weight decay has not yet cleaned
  up: both signs share a large common logit, so that its columns are not yet anti-aligned.
- **tau.** The threshold above which a neuron is important is lost in the study's text. Here
  198 tau = 1/4 (a - b spans 198): of the round values, the one whose median count over the seeds of
  `full` is next to the study's 270. `figures/importance.json` has the count for every threshold.
- **Seeds.** One seed draws the weights, the training pairs and their order.
- **Heads and neurons** go by role, as the definitions say: "only a" is the head that prefers a over b
  most, "only b" the opposite, "mostly" the two between; which operand is which is lost in the
  study's text.
- **Verdicts** follow from the numbers by the rule that closes each definition in `claims.json`. The
  verdict here is that of the median; a list is judged by its worst number.

$epochs_table

## `full`: $full_runs

$full_table

## What it comes to

$findings

## `quick`: $quick_runs

$quick_table

## Definitions

$definitions
""")


def runs_of(results, preset):
    """[(run facts, claims)] of a preset, by seed."""
    runs = []
    for path in sorted(results.glob(f"{preset}-seed*/claims.json")):
        facts = json.loads((path.parent / "run.json").read_text(encoding="utf-8"))
        runs.append((facts, json.loads(path.read_text(encoding="utf-8"))))
    return sorted(runs, key=lambda run: run[0]["seed"])


def number(x):
    return "none" if x is None else f"{x:.4g}"


def values(claim):
    """The measured numbers of a claim as a list."""
    measured = claim["measured"]
    return measured if isinstance(measured, list) else [measured]


def spread(numbers):
    """'median [least, largest]', or the number where there is one."""
    known = [x for x in numbers if x is not None]
    if not known:
        return "none"
    if len(known) == 1:
        return number(known[0])
    return f"{number(statistics.median(known))} [{number(min(known))}, {number(max(known))}]"


def study_says(claim):
    says = claim["study_says"]
    if says is None:
        return "–"
    if isinstance(says, list):
        return ", ".join(number(x) for x in says)
    return says if isinstance(says, str) else number(says)


def verdicts(claims):
    """How often each verdict came, the commonest first."""
    counts = collections.Counter(claim["verdict"] for claim in claims)
    if len(counts) == 1:
        return claims[0]["verdict"]
    return ", ".join(f"{verdict} {n}" for verdict, n in counts.most_common())


def table(runs):
    rows = ["| claim | unit | study says | measured | verdicts |", "|---|---|---|---|---|"]
    for claims in zip(*(claims for _, claims in runs)):
        one = claims[0]
        if len({claim["claim"] for claim in claims}) != 1:
            sys.exit(f"the runs have different claims at '{one['claim']}': analyse them again")
        measured = "; ".join(spread(x) for x in zip(*(values(claim) for claim in claims)))
        rows.append(f"| {escape(one['claim'])} | {one['unit']} | {escape(study_says(one))} | "
                    f"{measured} | {verdicts(claims)} |")
    return "\n".join(rows)


def escape(text):
    return text.replace("|", "\\|")


def find(claims, name):
    return next(claim for claim in claims if claim["claim"] == name)


def each(runs, name, place=0):
    return ", ".join(number(values(find(claims, name))[place]) for _, claims in runs)
