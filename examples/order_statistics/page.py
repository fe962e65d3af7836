#!/usr/bin/env python3
"""Sums up runs of build/examples/order_statistics, and sweeps over its choices, in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/order_statistics.md

RESULTS holds max, median, sort and proof, each with full-seedN (proof: proof-seedN) as --out wrote
them, and sweeps with a folder for each question: sweep.json and summary.csv.
"""

import pathlib
import string
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    claims_over_seeds, counting, definitions, findings_of, frequency, holds, judged, number,
    one_run, other_measurements, page_parser, runs_of, shown, spread, sweep_of, sweep_table, table,
    verdict_grid, where_it_differs)

ACCURACY = "accuracy: plain, small, augmented test tuples"
LOSS = "loss, plain test tuples"
REPLACED = "circuits replaced: none, scores, copy, both"
PROVED = "accuracy: proved for all inputs, measured"
NEXT = "after an overwritten answer: by place, next larger, other"
TASKS = {"max": "The maximum", "median": "The median", "sort": "Sorting"}

QUERIES = "queries and keys over numbers: R2 of lines, opposite slopes"
PLACES = "scores of '=': spread over places against over numbers"
ATTENTION = {"max": "attention of each head to the largest number",
             "median": "attention of each head to the median",
             "sort": "attention to the number that comes next, to earlier answers"}


def task_of(run):
    return run.facts["choices"]["task"]


def attention_of(run):
    return number(run.value(ATTENTION[task_of(run)]))


# Why a claim does not hold, with the numbers that say so.
WHY = {
    "position embeddings: cosine in the tuple, to '='": lambda run:
        f"places hardly reach the scores, their spread is {number(run.value(PLACES))} of that of "
        "numbers: nothing makes their embeddings alike",
    QUERIES: lambda run:
        f"keys of numbers are straight to {number(run.value(QUERIES, 1))}%, queries to "
        f"{number(run.value(QUERIES))}%; "
        + ("a sorted number is a query only at its own place" if task_of(run) == "sort" else
           "a number is never the query of an answer, '=' is"),
    "scores of '=': slope for small numbers over that for others": lambda run:
        "small numbers are learnt, too: a tenth of the tuples has nothing else, and "
        f"{number(run.value(ACCURACY, 1), 4)}% of them are answered right",
    "a number that all heads look at comes out: large, small numbers": lambda run:
        f"a head gives the answer {attention_of(run)} of its attention, and the MLP "
        "has learnt to read mixtures, not one number alone" if task_of(run) != "max" else
        "small numbers are learnt, too, from the added tuples",
    "share of another number that copying tolerates": lambda run:
        f"heads give the answer {attention_of(run)} of their attention: what is read "
        "are mixtures" if task_of(run) != "max" else
        f"attention to the largest number is {attention_of(run)} or more: little is "
        "ever mixed in",
    NEXT: lambda run:
        f"both decide: {number(run.value(NEXT))}% by place and {number(run.value(NEXT, 1))}% by size",
}

PAGE = string.Template("""\
# How a one-layer transformer finds the maximum or the median of five numbers, and sorts them

$findings

The study is "Circuit engineering"; it trained one model for each task. The program is
[examples/order_statistics](../../examples/order_statistics); this page is written by its `page.py`
from the files beside it, which these commands made:

$commands

$date, $machine.

## How claims are judged

- Every claim is measured on the trained model and, by the same analysis, on an **untrained** one. A
  rule that the untrained model passes with any seed does not discriminate, and counts for nothing.
  There is no model that only memorised: from $examples tuples these tasks are learnt without such a
  stage.
- "Study says" quotes the study, or has its number. It shows one head or one tuple; here all heads
  and thousands of tuples are asked.
- "match" and "same sign/shape" are two tolerances for the same number, written behind each
  [definition](#definitions). They are round numbers of ours, set after models of `quick` had been
  seen.

## The models

A transformer of one layer with four heads of 32 dimensions and 512 ReLU neurons, without layer norm
and biases, reads `x1 x2 x3 x4 x5 =` with numbers from 0 to 99 and predicts the answer at `=`; for
sorting it goes on, `= y1 y2 y3 y4`, and predicts the next number at each of these. It learns from
$examples tuples, and from a tenth as many more of numbers below 20, for $steps steps of
$batch_size tuples by AdamW (lr $lr, weight decay $weight_decay). "Plain" test tuples are 10,000 of any numbers, "small" ones 1,000 of
numbers below 20. W_E and W_pos are the embeddings of numbers and positions.

$tasks

## Rare small outputs: tuples, weights, or nothing

The maximum, learnt from plain tuples alone, with more tuples of small numbers, or with each answer
weighed by one over its frequency. Accuracy in percent, over the seeds.

$rare

## The width

$width

## The median: what the architecture decides

$architectures

## Sorting: by place or by value

An answer that the model reads is overwritten, so that the number that belongs in the next place and
the next larger number differ; the shares of what it then says.

$values

## Sorting and the median on the same tuples

$same_tuples

## A maximum whose accuracy is proved

One head, no MLP, four numbers from 0 to 63, `--preset proof`: the weights prove, in
`examples/order_statistics/proved.hpp`, that a share of all $all_tuples tuples is answered right.

$proved

## Definitions

$definitions
""")


def task_section(results, task, runs):
    run = shown(runs)
    return "\n\n".join([
        f"## {TASKS[task]}",
        f"Seed {run.seed}, for which most of the claims that count hold: "
        + "\n".join(findings_of(results / task / f"full-seed{run.seed}")),
        one_run(run, runs),
        *filter(None, [where_it_differs(run, runs, WHY)]),
        f"All {len(runs)} seeds (● match, ○ same sign or shape, · differs, ? not measurable):",
        verdict_grid(runs),
        "A number is the median, [least, largest]; \"holds\" counts match and same sign or shape, with "
        "Wilson's 95% interval.",
        claims_over_seeds(runs, {"trained": runs}),
        "Measured, not judged:",
        other_measurements(runs, {"trained": runs})])


def same_tuples_table(median, sort):
    """Of the seeds that both have: a seed draws the same tuples for every task."""
    by_seed = {run.seed: run for run in sort}
    rows = []
    for run in median:
        other = by_seed.get(run.seed)
        if other is None:
            continue
        rows.append([str(run.seed), number(run.value(ACCURACY), 4), number(other.value(ACCURACY), 4),
                     number(run.value(LOSS)), number(other.value(LOSS)),
                     number(run.value(LOSS) / other.value(LOSS))])
    return table(["seed", "median: accuracy %", "sort: accuracy per number %", "median: loss",
                  "sort: loss", "loss ratio"], rows)


def best_hypothesis(runs):
    """The hypothesis about the median whose explained part is most accurate, and that accuracy."""
    names = [name for name in runs[0].claims if name.startswith("neurons by ")]
    middle = lambda name: sorted(run.value(name, 1) for run in runs)[len(runs) // 2]
    best = max(names, key=middle)
    null = lambda place: spread([run.claims[best]["nulls"][0]["measured"][place] for run in runs])
    return (best.removeprefix("neurons by ").split(":")[0], spread([run.value(best, 1) for run in runs]),
            spread([run.value(best, 0) for run in runs]), null(0), null(1))


def findings(runs, proofs, sweeps):
    over = lambda task, name, place=0: spread([run.value(name, place) for run in runs[task]])
    lines = []
    for task, title in TASKS.items():
        names = counting(runs[task])
        held = [sum(holds(run, name) for name in names) for run in runs[task]]
        lines.append(f"- {title}: {over(task, ACCURACY)}% of the answers are right over "
                     f"{len(runs[task])} seeds; of the {len(judged(runs[task]))} claims that are judged "
                     f"{len(names)} discriminate, and {spread(held)} of these hold.")
    lines.append(f"- The story of the maximum is proved in the running model: with each head's scores "
                 f"on one straight line it is right in {over('max', REPLACED, 1)}%, with perfect "
                 f"copies in place of everything after attention in {over('max', REPLACED, 2)}%, with "
                 f"both in {over('max', REPLACED, 3)}%.")
    lines.append(f"- With one head and no MLP, {spread([run.value(PROVED) for run in proofs])}% of all "
                 "inputs are proved right from the weights.")
    name, accuracy, r2, null_r2, null_accuracy = best_hypothesis(runs["median"])
    best = max((row["plain accuracy"] for row in sweeps["architectures"]))
    lines.append(f"- The median: of six hypotheses about the neurons, \"{name}\" explains most, R2 "
                 f"{r2}%; with that part alone the model is right in {accuracy}%. (Untrained: R2 {null_r2}%, "
                 f"right in {null_accuracy}%: the second says it, not the first.) The best "
                 f"architecture that was tried has {number(100 * best, 4)}%.")
    lines.append(f"- Sorting: after an overwritten answer the model says the number of that place in "
                 f"{over('sort', NEXT, 0)}%, the next larger in {over('sort', NEXT, 1)}%.")
    return "\n".join(lines)


def main():
    options = page_parser(__doc__).parse_args()
    results = options.results
    runs = {task: runs_of(results / task, "full") for task in TASKS}
    proofs = runs_of(results / "proof", "proof")
    questions = ("rare", "width", "architectures", "values")
    sweeps = {name: sweep_of(results / "sweeps" / name / "summary.csv") for name in questions}
    seeds = lambda of: ", ".join(str(run.seed) for run in of)
    program = "build/examples/order_statistics"
    commands = [f"    {program} --task {task} --seed N --out DIR      # N = {seeds(of)}"
                for task, of in runs.items()]
    commands.append(f"    {program} --preset proof --seed N --out DIR      # N = {seeds(proofs)}")
    commands += [f"    build/examples/sweep docs/results/order_statistics/sweeps/{name}/sweep.json "
                 "--out DIR" for name in questions]
    percent = {"accuracy, plain %": ("plain accuracy", 100), "small %": ("small accuracy", 100)}
    choices = runs["max"][0].facts["choices"]
    print(PAGE.substitute(
        findings=findings(runs, proofs, sweeps), commands="\n".join(commands), date=options.date,
        machine=options.machine, **{name: number(choices[name]) for name in
                                    ("batch_size", "lr", "weight_decay")},
        examples=f"{choices['examples']:,.0f}", steps=f"{choices['steps']:,.0f}",
        tasks="\n\n".join(task_section(results, task, of) for task, of in runs.items()),
        rare=sweep_table(sweeps["rare"], percent | {"augmented %": ("augmented accuracy", 100)}),
        width=sweep_table(sweeps["width"], percent | {"loss, plain": ("plain loss", 1)}),
        architectures=sweep_table(sweeps["architectures"], percent | {"loss, plain": ("plain loss", 1)}),
        values=sweep_table(sweeps["values"], percent | {
            "by place %": ("by place", 100), "next larger %": ("next larger", 100)}),
        same_tuples=same_tuples_table(runs["median"], runs["sort"]), all_tuples=f"{64 ** 4:,}",
        proved=table(["seed", "proved %", "measured %"], [
            [str(run.seed), number(run.value(PROVED), 6), number(run.value(PROVED, 1), 6)]
            for run in proofs]),
        definitions=definitions(types.SimpleNamespace(claims={
            name: claim for of in (*runs.values(), proofs) for name, claim in of[0].claims.items()}))),
        end="")


if __name__ == "__main__":
    main()
