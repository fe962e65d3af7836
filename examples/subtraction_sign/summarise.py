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
  `full` is next to the study's 270. Weight decay makes slopes so small that at 198 tau = 1, which
  would look natural, neurons that the sign needs are left out. `figures/importance.json` has the count
  for every threshold.
- **Seeds.** One seed draws the weights, the training pairs and their order.
- **Heads and neurons** go by role, as the definitions say: "only a" is the head that prefers a over b
  most, "only b" the opposite, "mostly" the two between; which operand is which is lost in the
  study's text.
- **Verdicts** follow from each run's numbers by the rule that closes the definition; a list is judged
  by its worst number. A number behind a verdict says for how many seeds it came.

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


def describe(runs):
    """'2000 epochs, seeds 0, 1, 2, 24000 steps in 31 [30, 34] min'"""
    facts = [facts for facts, _ in runs]
    minutes = spread([run["seconds"] / 60 for run in facts])
    seeds = ", ".join(str(run["seed"]) for run in facts)
    plural = "s" if len(runs) > 1 else ""
    return (f"{facts[0]['epochs']} epochs, seed{plural} {seeds}, {facts[0]['steps']} steps in "
            f"{minutes} minutes")


def epochs_table(results, full):
    """How accuracy develops with the length of the training, from full-epochsN-seed0 and full."""
    names = ["sign accuracy", "number accuracy, all pairs", "angle between the + and - columns"]
    runs = runs_of(results, "full-epochs*") + [run for run in full if run[0]["seed"] == 0]
    rows = ["| epochs | " + " | ".join(names) + " |", "|---|---|---|---|"]
    for facts, claims in sorted(runs, key=lambda run: run[0]["epochs"]):
        cells = [f"{number(find(claims, n)['measured'])} {find(claims, n)['unit']}" for n in names]
        rows.append(f"| {facts['epochs']} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def findings(runs):
    """Which claims hold with every seed, with some and with none."""
    groups = {"every": [], "some": [], "none": []}
    for claims in zip(*(claims for _, claims in runs)):
        if all(claim["verdict"] == "not measurable" for claim in claims):
            continue
        held = sum(claim["verdict"] in ("match", "same sign/shape") for claim in claims)
        group = "every" if held == len(claims) else "some" if held else "none"
        groups[group].append(f"{claims[0]['claim']} ({held} of {len(claims)})" if group == "some"
                             else claims[0]["claim"])
    judged = sum(len(group) for group in groups.values())
    lines = [
        f"- The models predict the sign of {each(runs, 'sign accuracy')}% of all pairs (the study's: "
        f"{study_says(find(runs[0][1], 'sign accuracy'))}%) and the number of "
        f"{each(runs, 'number accuracy, all pairs')}%.",
        f"- Of {judged} claims that can be judged, {len(groups['every'])} hold (match, or same sign "
        "or shape) with every seed: " + "; ".join(groups["every"]) + ".",
        f"- {len(groups['some'])} hold with some seeds: " + "; ".join(groups["some"]) + ".",
        f"- {len(groups['none'])} hold with none: " + "; ".join(groups["none"]) + ".",
        "- What the embeddings of a and b leave when they are taken away, the default of the biases, "
        "favours + over - by "
        f"{each(runs, 'biases alone: logit of + over that of -')} logits (the study's: "
        f"{study_says(find(runs[0][1], 'biases alone: logit of + over that of -'))}).",
    ]
    return "\n".join(escape(line) for line in lines)


def definitions(claims):
    return "\n".join(f"- **{claim['claim']}**: {claim['definition']}" for claim in claims)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    full, quick = runs_of(options.results, "full"), runs_of(options.results, "quick")
    if not full or not quick:
        sys.exit(f"{options.results}: a full-seedN and a quick-seedN are needed")
    seeds = lambda runs: ", ".join(str(facts["seed"]) for facts, _ in runs)
    print(PAGE.substitute(
        date=options.date, machine=options.machine, full_seeds=seeds(full), quick_seeds=seeds(quick),
        full_epochs=full[0][0]["epochs"], quick_epochs=quick[0][0]["epochs"],
        full_runs=describe(full), quick_runs=describe(quick),
        epochs_table=epochs_table(options.results, full), full_table=table(full),
        quick_table=table(quick), findings=findings(full), definitions=definitions(full[0][1])),
        end="")


if __name__ == "__main__":
    main()
