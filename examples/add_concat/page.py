#!/usr/bin/env python3
"""Sums up runs of build/examples/add_concat, of two sizes and three lambdas, in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/add_concat.md

RESULTS holds full, study, lambda_0 and lambda_0.01, with study-seedN or full-seedN as --out wrote
them. What is missing is left out; tables by tolerance need figures/ablation_of_*.json in the folder of
the run that is shown.
"""

import json
import pathlib
import statistics
import string
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    claims_over_seeds, counting, definitions, findings_of, frequency, holds, judged, number,
    one_run, page_parser, runs_of, says, shown, spread, spreads, table, verdict_grid)

FOLDERS = {"full": "full", "study": "study", "lambda_0": "full", "lambda_0.01": "full"}  # presets
TASKS = ("addition", "concatenation")
CHOICES = ("d_model", "d_sae", "epochs", "batch_size", "lr", "last_lr", "weight_decay")

EXACT, LOSS = "exact answers", "validation loss"
EACH = "exact answers: additions, concatenations"
DIGIT = "wrong answers that differ in one digit"
ON = "features that are on: one question, all validation items"
AT_ONCE = "features on at once; variance explained, in additions and concatenations; dead"
EXCLUSIVE = "tolerance 0: addition removed, its cost; concatenation removed, its cost"
PROBES = "removed for at most 15% of the other task, on probes: addition, concatenation"
ALL = PROBES.replace("probes", "all validation items")
IN_TURN = "features ablated in turn: answers that change, removing addition, concatenation"
SHARED = "features among the five most important of both tasks"
CHEAP = ": addition, concatenation removed for at most 2%"
WAYS = {"Removed for at most 2% of the other task": CHEAP,
        "Removed for at most 15% of the other task": CHEAP.replace("2%", "15%"),
        "Cost of removing 95%, \"none\" where it cannot be had": ": cost of removing 95%"}
AGAIN = "{0} again: before, ablated, after 100 steps; the other task then; {0} from nothing"
CLASSES = ("features by what they depend on: operation, first, second, both numbers, numbers by "
           "operation, mixed")
ANSWER = "variance of features that the answer's first token explains"

PAGE = string.Template("""\
# Addition and concatenation in one transformer, untangled by a sparse autoencoder

$findings

The program is [examples/add_concat](../../examples/add_concat); this page is written by its `page.py` from
the files beside it, which these commands made:

$commands

$date, $machine.

## How claims are judged

- Every claim is measured on the trained model and, by the same analysis, on an **untrained** one; those about
  features also on an **untrained autoencoder** of the trained model, and what tolerances remove with as many
  **random features**. A rule that one of these passes with any seed does not discriminate, and counts for
  nothing.
- "Study says" quotes the study, or has its number. "match" and "same sign/shape" are two tolerances,
  written behind each [definition](#definitions); they are ours.
- "Removed" is the share of a task's accuracy that an ablation takes, "cost" what the other task loses. The
  study counts on some 50 probes, which its features are also chosen by; here all 14,000 validation items
  are asked, too.
- A number is the median over seeds, [least, largest].

## The models

One encoder and one decoder block with four heads read `B7+8E` or `B7C8E` and say `B15E` or `B78E`; an
autoencoder copies what the decoder gives and is trained with it. The loss is cross-entropy, the squared
error of the copy, and lambda times the sum of the features. A seed draws the 6,000 of the 20,000 items that
are learnt from, the weights and the order; the model with the best validation loss along training is kept.

$models

## Answers

$answers

"Gap" is the widest between the shares of right tokens in training and in validation items at any time: the
study's model "did not grok". It asks how much runs differ; ours, each with its own split:

$seeds

## Sparsity

"On" is the share of features above 0 for `B7+8E` and its answer, as the study counts, and for all
validation items.

$sparsity

## The study's ablation

Features are ablated that matter to one task, and to the other less than that and less than a tolerance. At
tolerance 0, on the probes, the study has "$exclusive_said":

$exclusive

The most that any tolerance removes for at most 15% of the other task, of which the study says
"$tolerance_said", and by how much probes flatter. "In turn" are the probes that are answered right in one
way only, at the largest tolerance, if each feature reads what the one before has left:

$ablation
$tolerances
## How much can be removed

Features are chosen by training items and judged by all validation items: those of the joint autoencoder, by
importance and tolerance or by a search, or at random; and those of autoencoders that learn after the fact,
of the finished model. Three rivals need no features. Addition; concatenation, in percent.

$ways

## Hidden or gone

What the search finds stays ablated while the model learns the removed task again for 100 steps. "From
nothing" is what an untrained model learns in these. Exact answers in percent.

$again

## What features depend on

Features by that to which more than half of their variance over all items is due, where the answer's first
token is said; how much of it this token explains; and how many of the five features that matter most are
the same for both tasks.

$features

$claims

## Definitions

Of claims with the same definition the first is named.

$definitions
""")


def title_of(runs):
    return f"`{runs[0].facts['preset']}`, lambda {number(runs[0].facts['choices']['lambda'])}"


def folder_of(folder, run):
    return folder / f"{run.facts['preset']}-seed{run.seed}"


def said(runs, name):
    return says(runs[0].claims[name])


def over(runs, name, *places):
    """The spreads over runs of a claim's places, of all of them where none is given."""
    measured = [run.claims[name]["measured"] for run in runs]
    return "; ".join(spread([m[n] for m in measured]) for n in places) if places else spreads(measured)


def by_group(groups, columns, title=title_of):
    """A row for each group of runs; columns {title: (claim, *places), or a function of the runs}."""
    return table(["model", *columns], [[title(runs), *(
        column(runs) if callable(column) else over(runs, *column) for column in columns.values())]
        for runs in groups])


def by_task(groups, columns):
    """A row for each group and each task that is removed; columns {title: f(runs, task's place)}."""
    return table(["model", "removed", *columns], [
        [title_of(runs), task, *(column(runs, place) for column in columns.values())]
        for runs in groups for place, task in enumerate(TASKS)])


def gap(run):
    pairs = zip(run.trajectory["train accuracy"], run.trajectory["test accuracy"])
    return max(100 * (train - test) for train, test in pairs)


def random_features(runs, name, place):
    return spread([null["measured"][place] for run in runs for null in run.claims[name]["nulls"]
                   if null["model"] == "random features"])


def flattery(run, place):
    probes, everything = run.value(PROBES, place), run.value(ALL, place)
    return None if probes is None or everything is None else probes - everything


def tolerances(folder):
    """What each tolerance does, by the figures in the folder of a run."""
    parts = []
    for path in sorted(folder.glob("figures/ablation_of_*.json")):
        figure = json.loads(path.read_text(encoding="utf-8"))
        lines = {f"{panel['title']}: {line['label']}": line for panel in figure["panels"]
                 for line in panel["lines"]}
        rows = zip(next(iter(lines.values()))["x"], *(line["y"] for line in lines.values()))
        parts.append(f"\n{figure['title']} in {folder.parent.name}/{folder.name}, {figure['y']}:\n\n" + table(
            [figure["x"], *lines], [[number(x) for x in row] for row in rows]) + "\n")
    return "".join(parts)


def ways_of(runs):
    return [name.removesuffix(CHEAP) for name in runs[0].claims if name.endswith(CHEAP)]


def best_way(runs, place):
    """The way that removes most of a task for 2% of the other, by the median over runs."""
    return max(ways_of(runs), key=lambda way: statistics.median(
        run.value(way + CHEAP, place) or 0 for run in runs))


def tables(of):
    """The page's tables of {folder: runs}; the first of these are shown by seed, too."""
    groups = list(of.values())
    first = groups[0]
    choice = lambda name: lambda runs: number(runs[0].facts["choices"][name])
    at = lambda function, name: lambda runs, place: function(runs, name, place)
    again = lambda n: lambda runs, place: over(runs, AGAIN.format(TASKS[place]), n)
    return {
        "models": by_group(groups, {name: choice(name) for name in CHOICES} | {
            "seeds": lambda runs: str(len(runs)), "steps": lambda runs: number(runs[0].facts["steps"]),
            "minutes of training": lambda runs: spread([run.facts["seconds"] / 60 for run in runs])}),
        "answers": by_group(groups, {
            f"exact, % (the study {said(first, EXACT)})": (EXACT,), "additions; concatenations, %": (EACH,),
            f"loss, nats (the study {said(first, LOSS)})": (LOSS,), "wrong in one digit, %": (DIGIT,),
            "gap, %": lambda runs: spread([gap(run) for run in runs])}),
        "seeds": by_group([[run] for run in first], {
            "exact, %": (EXACT,), "loss, nats": (LOSS,), "on, all items, %": (ON, 1),
            "removed, probes, %": (PROBES,), "all items, %": (ALL,),
            "by search for at most 2%": ("joint, by search" + CHEAP,)}, lambda runs: f"seed {runs[0].seed}"),
        "sparsity": by_group(groups, {
            "study says, %": lambda runs: said(runs, ON).split(";")[0], "on, one question, %": (ON, 0),
            "on, all items, %": (ON, 1), "on at once: addition; concatenation": (AT_ONCE, 0, 1),
            "variance explained, %": (AT_ONCE, 2, 3), "dead": (AT_ONCE, 4)}),
        "exclusive": by_group(groups, {
            "addition removed; its cost, %": (EXCLUSIVE, 0, 1),
            "concatenation removed; its cost, %": (EXCLUSIVE, 2, 3)}),
        "ablation": by_task(groups, {
            "probes, %": at(over, PROBES), "random features, %": at(random_features, PROBES),
            "all items, %": at(over, ALL), "random features of all items, %": at(random_features, ALL),
            "probes flatter by": lambda runs, place: spread([flattery(run, place) for run in runs]),
            "in turn, %": at(over, IN_TURN)}),
        "tolerances": "".join(tolerances(folder_of(folder, shown(runs))) for folder, runs in of.items()),
        "ways": "\n\n".join(f"{title}:\n\n" + table(["way", *map(title_of, groups)], [
            [way, *(over(runs, way + claim) for runs in groups)] for way in ways_of(first)])
            for title, claim in WAYS.items() if ways_of(first)[0] + claim in first[0].claims),
        "again": by_task(groups, {
            "before": again(0), "ablated": again(1), "after 100 steps": again(2),
            "the other task then": again(3), "from nothing": again(4)}),
        "features": by_group(groups, {
            **{title: (CLASSES, n) for n, title in enumerate(CLASSES.split(": ")[1].split(", "))},
            "first token, %": (ANSWER,), "shared of five": (SHARED,)})}


def claims_section(folder, runs):
    run = shown(runs)
    parts = [f"## Claims: {title_of(runs)}",
             f"Seed {run.seed}{', for which most of the claims that count hold' * (len(runs) > 1)}:",
             "\n".join(f"- {line}" for line in findings_of(folder_of(folder, run))), one_run(run, runs)]
    if len(runs) > 1:
        parts += [f"All {len(runs)} seeds (● match, ○ same sign or shape, · differs, ? not "
                  "measurable):", verdict_grid(runs), "\"holds\" counts match and same sign or shape, "
                  "with Wilson's 95% interval.", claims_over_seeds(runs, {"trained": runs})]
    return "\n\n".join(parts)


def findings(groups):
    lines, first = [], groups[0]
    for runs in groups:
        names = counting(runs)
        held = spread([sum(holds(run, name) for name in names) for run in runs])
        lines.append(f"- {title_of(runs)}: {over(runs, EXACT)}% exact answers (the study: "
                     f"{said(runs, EXACT)}%) and a loss of {over(runs, LOSS)} nats "
                     f"({said(runs, LOSS)}) over {len(runs)} seed{'s' * (len(runs) > 1)}; of the study's "
                     f"question {over(runs, ON, 0)}% of the features are on. Of {len(judged(runs))} claims "
                     f"that are judged {len(names)} discriminate, and {held} of these hold.")
    for place, task in enumerate(TASKS):
        other, again, way = TASKS[1 - place], AGAIN.format(task), best_way(first, place)
        reached = sum((run.value(way + CHEAP, place) or 0) >= 95 for run in first)
        lines.append(f"- {task.capitalize()} ({title_of(first)}): for at most 15% of {other} the study's "
                     f"ablation removes {over(first, PROBES, place)}% of it on the probes and "
                     f"{over(first, ALL, place)}% on all validation items, random features "
                     f"{random_features(first, ALL, place)}%. For at most 2% \"{way}\" removes most, "
                     f"{over(first, way + CHEAP, place)}%; it reaches 95% with "
                     f"{frequency(reached, len(first))} seeds. With what the search finds ablated, 100 "
                     f"steps of training bring it from {over(first, again, 1)}% to "
                     f"{over(first, again, 2)}%; a new model learns {over(first, again, 4)}% in these.")
    return "\n".join(lines)


def main():
    options = page_parser(__doc__).parse_args()
    of = {options.results / name: runs_of(options.results / name, preset)
          for name, preset in FOLDERS.items()}
    of = {folder: runs for folder, runs in of.items() if runs}
    if not of:
        raise SystemExit(f"{options.results}: no runs in {', '.join(FOLDERS)}")
    groups = list(of.values())
    commands = [f"    build/examples/add_concat --preset {runs[0].facts['preset']} --lambda "
                f"{number(runs[0].facts['choices']['lambda'])} --seed N --out DIR      # N = "
                + ", ".join(str(run.seed) for run in runs) for runs in groups]
    first = {}  # claims by their definitions
    for claim in (claim for runs in groups for claim in runs[0].claims.values()):
        first.setdefault(claim["definition"], claim)
    print(PAGE.substitute(
        tables(of), findings=findings(groups), commands="\n".join(commands), date=options.date,
        machine=options.machine, exclusive_said=said(groups[0], EXCLUSIVE),
        tolerance_said=said(groups[0], PROBES),
        claims="\n\n".join(claims_section(*group) for group in of.items()),
        definitions=definitions(types.SimpleNamespace(claims={
            claim["claim"]: claim for definition, claim in first.items() if definition}))), end="")


if __name__ == "__main__":
    main()
