#!/usr/bin/env python3
"""Sums up runs of build/examples/add_concat, of two sizes and several lambdas, in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/add_concat.md

RESULTS holds full, study, lambda_X, study_lambda_X and topk_K, with study-seedN or full-seedN as --out
wrote them. What is missing is left out; tables by tolerance need figures/ablation_of_*.json in the folder of the run that is
shown.
"""

import json
import pathlib
import re
import statistics
import string
import sys
import textwrap
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    counting, definitions, holds, judged, null_passes, number, page_parser, runs_of, says, shown, spread,
    spreads, table)

FOLDERS = {"full": "full", "study": "study"} | {  # presets
    "study_lambda_0.01": "study", "lambda_0": "full", "lambda_0.01": "full", "topk_2": "full",
    "topk_4": "full"}
TASKS = ("addition", "concatenation")
STUDY_REMOVES = 70  # percent at least, it says
AIM = 95  # percent of a task, for at most 2 of the other
UNTRAINED_SAE = "untrained autoencoder"
CHOICES = ("d_model", "d_sae", "epochs", "batch_size", "lr", "last_lr", "weight_decay")

EXACT, LOSS = "exact answers", "validation loss"
EACH = "exact answers: additions, concatenations"
DIGIT = "wrong answers that differ in one digit"
ON = "features that are on: one question, all validation items"
AT_ONCE = "features on at once; variance explained, in additions and concatenations; dead"
EXCLUSIVE = "tolerance 0: addition removed, its cost; concatenation removed, its cost"
PROBES = "removed for at most 15% of the other task, on probes: addition, concatenation"
ALL = PROBES.replace("probes", "all validation items")
SHARED = "features among the five most important of both tasks"
CHEAP = ": addition, concatenation removed for at most 2%"
MEMORY = "TopK of the memory"
UNTRAINED_MEMORY = f"untrained {MEMORY}"
BLIND, ATTENTION = "embedding of the one operation", "cross-attention to the operation"
FEATURES_FOR_CHEAP = ": features ablated for at most 2%"
WAYS = {"Removed for at most 2% of the other task": CHEAP,
        "Removed for at most 15% of the other task": CHEAP.replace("2%", "15%")}
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

## What is measured

One encoder and one decoder block with four heads read `B7+8E` or `B7C8E` and say `B15E` or `B78E`: B and E
are the beginning and the end, + and C the operation, and a number up to 198 is one token. Of the 20,000
questions 6,000 are learnt from and the other 14,000 are the *validation items*. A sparse autoencoder
of d_sae features copies h, the decoder's output, from which the logits come. It is trained *jointly*: the loss
is cross-entropy, the squared error of the copy, and lambda times the sum of the features, so that the model
learns an h that few features can say; "TopK, k" keeps the k largest features of a token instead.

- **Ablating** features takes their directions times their activations off h; nothing else changes.
- **Removed** is the share of a task's accuracy (whole answers that are exactly right) that an ablation takes,
  **cost** the share that the other task loses.
- **Importance** of a feature for a task is how much the cross-entropy grows without it. The study ablates the
  features that matter to the one task, if they matter less to the other, and there by less than a **tolerance**.
- **Probes** are the some 90 questions by which the study chooses features and on which it then counts. All
  validation items are asked here, too.
- **Null models** are measured by the same analysis: an *untrained* model, an *untrained autoencoder* of the
  trained model, and *random features*, as many as each tolerance takes. A claim whose rule one of them passes
  with any seed does not discriminate, and counts for nothing.

A number is the median over seeds, [least, largest]; "a; b" is addition; concatenation. "Match" and "same
sign or shape" are two widths of rules, written behind each [definition](#definitions); they are ours.

## The models

A seed draws the questions that are learnt from, the weights and the order; the model with the best validation
loss along training is kept.

$models

## Answers

The model does both tasks, as the study's does, so that there is something to untangle.

$answers

"Gap" is the widest between the shares of right tokens in training and in validation items at any time: the
study's model "did not grok". It asks how much runs differ: answers hardly do, ablations much.

$seeds

## Sparsity

"On" is the share of features above 0 for `B7+8E` and its answer, as the study counts, and for all
validation items; "at once" how many that are for one token; "dead" are those on for no token. Few features say
nearly all of h, and a larger lambda makes them fewer.

$sparsity

## The study's ablation

Removed for at most 15% of the other task, at the tolerance that removes most, in percent. The study says
"$tolerance_said".
An untrained autoencoder knows nothing of the tasks: what it takes on the probes is what features give that are
chosen by the questions on which they are judged, and a number that is no larger says nothing about learnt ones.

$ablation

At tolerance 0, on the probes, the study has "$exclusive_said":

$exclusive

All tolerances of one run, accuracy that is lost in percent:
$tolerances
## The most that can be removed

Ways to remove a task: features of the joint
autoencoder, by importance and tolerance, by a greedy search by attribution, or at random; and those of
autoencoders that learn after the fact, of the finished model. "Of the memory" is one of what the encoder hands
to the decoder, [question, prompt token, d_model], with one feature a token: all are ablated that are on in the
training questions of the one task, and in at most 0, 0.1 or 1% of those of the other. Four rivals need no
features: they take out the direction between the tasks' mean h, that between the embeddings of + and C, or the
attention to them, or read one of both as their mean. Features are chosen by training items, all is judged by the
validation items, and so is which of a way's points is best. 0 is also where no point of a way is so cheap.

$ways

## Hidden or gone

What a search finds in the joint autoencoder stays ablated while the whole model learns the removed task
again, 100 steps. An untrained model in the same steps is "from nothing": where much more returns, the ability
was hidden, not gone. Exact answers in percent.

$again

## What features depend on

Features are counted by what more than half of their variance over all 20,000 questions is due to, where the
answer's first token is said; "by operation" are numbers in one task alone. "First token" is the share of their
variance that this token explains, whatever the question: a feature of which it explains all can only go for
both tasks. The last column counts the features that are among the five most important of both.

$features

## Claims

Behind each number: of how many seeds the claim holds (match, or same sign or shape).

$claims

## Definitions

Of claims with the same definition the first is named.

$definitions
""")


def is_topk(runs):
    return runs[0].facts["choices"].get("architecture") == "topk"


def title_of(runs):
    choices = runs[0].facts["choices"]
    kind = f"TopK, {number(choices['k'])}" if is_topk(runs) else f"lambda {number(choices['lambda'])}"
    return f"`{runs[0].facts['preset']}`, {kind}"


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


def null(runs, name, model, place):
    """The spread over runs of a place of what a null model gives for a claim."""
    return spread([of["measured"][place] for run in runs for of in run.claims[name]["nulls"]
                   if of["model"] == model])


def tolerances(folder):
    """What each tolerance does, by the figures in the folder of a run."""
    parts = []
    for path in sorted(folder.glob("figures/ablation_of_*.json")):
        figure = json.loads(path.read_text(encoding="utf-8"))
        lines = {f"{panel['title']}: {line['label']}": line for panel in figure["panels"]
                 for line in panel["lines"]}
        rows = zip(next(iter(lines.values()))["x"], *(line["y"] for line in lines.values()))
        parts.append(f"\n{figure['title']} in {folder.parent.name}/{folder.name}:\n\n" + table(
            [figure["x"], *lines], [[number(x) for x in row] for row in rows]) + "\n")
    return "".join(parts)


def ways_of(runs):
    return [name.removesuffix(CHEAP) for name in runs[0].claims if name.endswith(CHEAP)]


def knowing_ways(runs):
    """Those by features that have learnt something: neither null models nor rivals."""
    return [way for way in ways_of(runs) if not re.search("random|untrained|operation", way)]


def best_way(runs, place):
    """Of these the one that removes most of a task for 2% of the other, by the median over runs."""
    return max(knowing_ways(runs), key=lambda way: statistics.median(
        run.value(way + CHEAP, place) or 0 for run in runs))


def tables(of):
    """The page's tables of {folder: runs}; the first of these are shown by seed, too."""
    groups = list(of.values())
    first = groups[0]
    choice = lambda name: lambda runs: number(runs[0].facts["choices"][name])
    at = lambda function, name: lambda runs, place: function(runs, name, place)
    null_of = lambda name, model: lambda runs, place: null(runs, name, model, place)
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
            "probes": at(over, PROBES), "by an untrained autoencoder": null_of(PROBES, UNTRAINED_SAE),
            "by random features": null_of(PROBES, "random features"), "all items": at(over, ALL),
            "all, by an untrained one": null_of(ALL, UNTRAINED_SAE),
            "all, by random features": null_of(ALL, "random features")}),
        "tolerances": tolerances(folder_of(next(iter(of)), shown(first))),
        "ways": "\n\n".join(f"{title}:\n\n" + table(["way", *map(title_of, groups)], [
            [way, *(over(runs, way + claim) for runs in groups)] for way in ways_of(first)])
            for title, claim in WAYS.items() if ways_of(first)[0] + claim in first[0].claims),
        "again": by_task(groups, {
            "before": again(0), "ablated": again(1), "after 100 steps": again(2),
            "the other task then": again(3), "from nothing": again(4)}),
        "features": by_group(groups, {
            **{title: (CLASSES, n) for n, title in enumerate(CLASSES.split(": ")[1].split(", "))},
            "first token, %": (ANSWER,), "shared of five": (SHARED,)})}


def filled(text):
    """A paragraph in lines of the page's width."""
    return textwrap.fill(" ".join(text.split()), 110)


def findings(groups):
    """What was asked, found and not found, and why, over all runs."""
    runs, first = [run for of in groups for run in of], groups[0]
    every = lambda name, place=0: spread([run.value(name, place) for run in runs])
    of_h = [way for way in ways_of(first) if re.search("joint|after the fact|in h$", way)]
    most = lambda place: max(
        ((run.value(way + CHEAP, place) or 0, way) for run in runs for way in of_h))
    (add, way), (concatenation, other_way) = most(0), most(1)
    cheap = lambda way, place: every(way + CHEAP, place)
    features = lambda way, place: every(way + FEATURES_FOR_CHEAP, place)
    by_chance = sum(of["measured"][place] >= (run.value(ALL, place) or 0) for run in runs for place in (0, 1)
                    for of in run.claims[ALL]["nulls"] if of["model"] == "random features")
    aimed = [run for run in runs if all((run.value(MEMORY + CHEAP, place) or 0) >= AIM for place in (0, 1))]
    by_operation = sum(run.value(CLASSES) for run in runs)
    of_all = sum(sum(run.claims[CLASSES]["measured"]) for run in runs)
    back = lambda place, n: every(AGAIN.format(TASKS[place]), n)

    def of_runs(name, place):
        """In how many runs the study's figure is reached."""
        there = [run for run in runs if (run.value(name, place) or 0) >= STUDY_REMOVES]
        return f"{len(there)} of {len(runs)}"

    def reached(of):
        """The runs in which the study's figure is reached for both tasks on the probes."""
        return [run for run in of if all((run.value(PROBES, place) or 0) >= STUDY_REMOVES for place in (0, 1))]

    both = reached(runs)
    where = ", ".join(f"{len(reached(of))} of {len(of)} of {title_of(of)}" for of in groups if reached(of))

    overview = by_group(groups, {
        "seeds": lambda of: str(len(of)), "exact answers": (EXACT,), "features on": (ON, 1),
        "study's ablation, probes": (PROBES,), "all unseen questions": (ALL,),
        "best features for 2%": lambda of: "; ".join(
            over(of, best_way(of, place) + CHEAP, place) for place in range(2)),
        "claims that hold, of those that discriminate": lambda of: spread(
            [sum(holds(run, name) for name in counting(of)) for run in of]) + f" of {len(counting(of))}"})
    return "\n\n".join([filled(f"""
        **Asked.** The study trains one transformer to add and to concatenate, and says that features of a
        sparse autoencoder that is trained with it take one ability away and leave the other:
        "{said(first, PROBES)}". Does that hold for all questions that were not learnt from, and not for features
        that know nothing? Can any way take {AIM}% of one task for 2% of the other?"""), filled(f"""
        **Found.** The model learns both tasks, as the study's does, with few features on where lambda is above
        0 or only the largest are kept. In percent; "a; b" is addition removed for at most 15% of concatenation, and concatenation for at most
        15% of addition; the last column but one is for at most 2%, by the best of {len(knowing_ways(first))} ways to
        choose features (the median over seeds):"""), overview, filled(f"""
        In the *memory*, which the encoder hands to the decoder, each task can be taken by itself: {AIM}% or more of
        either, for at most 2% of the other, in {len(aimed)} of {len(runs)} runs. There a TopK autoencoder that has
        one feature a token is trained, and features are ablated that are on in hardly any training question of
        the other task, {features(MEMORY, 0)} for addition and {features(MEMORY, 1)} for concatenation: then
        {cheap(MEMORY, 0)}% and {cheap(MEMORY, 1)}% go. That they cost little follows from how they are chosen; that
        few of them are enough does not: of an untrained autoencoder {features(UNTRAINED_MEMORY, 0)} and
        {features(UNTRAINED_MEMORY, 1)} are chosen in the same way, and take {cheap(UNTRAINED_MEMORY, 0)}% and
        {cheap(UNTRAINED_MEMORY, 1)}%. What they take is what tells the tasks apart, rather than an ability: to read
        one operation as the mean of both takes {cheap(BLIND, 0)}% and {cheap(BLIND, 1)}%."""), filled(f"""
        **The study's ablation** takes {STUDY_REMOVES}% or more of *each* task on its probes in {len(both)} of
        {len(runs)} runs ({where}), where an *untrained* autoencoder's takes
        {null(both, PROBES, UNTRAINED_SAE, 0)}% of addition and {null(both, PROBES, UNTRAINED_SAE, 1)}% of
        concatenation; of addition alone in {of_runs(PROBES, 0)} runs, of concatenation in
        {of_runs(PROBES, 1)}. k = 4 was chosen by what its
        first seed gave, the other seeds were run once. **What did not hold:** on all unseen questions it takes
        as much in {of_runs(ALL, 0)} and {of_runs(ALL, 1)} runs, where as many random features take
        as much or more as it in {by_chance} of {2 * len(runs)} cases. Probes flatter: over all runs, features of
        an untrained autoencoder take {null(runs, PROBES, UNTRAINED_SAE, 0)}% of addition and
        {null(runs, PROBES, UNTRAINED_SAE, 1)}% of concatenation on them. For at most 2% of the other task the
        most that goes in h in any run is {number(add)}% of addition ("{way}") and {number(concatenation)}% of concatenation
        ("{other_way}"); to take the attention off the operation takes {cheap(ATTENTION, 0)}% and
        {cheap(ATTENTION, 1)}%."""), filled(f"""
        **Why.** Features say tokens rather than tasks: of {of_all:.0f} features that are on, summed over runs,
        {by_operation:.0f} have most of their variance from the operation, while the answer's first token alone
        explains {every(ANSWER)}% of a feature's. And what a search takes in h comes back fast: after 100 steps
        of training with the features still ablated, additions are back from {back(0, 1)}% to {back(0, 2)}%,
        concatenations from {back(1, 1)}% to {back(1, 2)}%; an untrained model learns {back(0, 4)}% and
        {back(1, 4)}% in these."""), filled("""
        **So.** One step before the logits, where the study's autoencoder stands, there is little left of the
        operation to ablate; in the memory a few features still tell the tasks apart. And what some 90 probes say needs all questions and a null model beside it.""")])


def claims_table(groups):
    """A row for each claim that is judged in any group of runs, a column for each group."""
    def cell(runs, name):
        if name not in judged(runs):
            return ""
        passes = null_passes(runs, name)
        return over(runs, name) + (f" (no: {', '.join(passes)} passes)" if passes else
                                   f" ({sum(holds(run, name) for run in runs)} of {len(runs)})")
    names = dict.fromkeys(name for runs in groups for name in judged(runs))
    return table(["claim", "unit", "study says", *map(title_of, groups)], [
        [name, groups[0][0].claims[name]["unit"],
         " or ".join(dict.fromkeys(said(runs, name) for runs in groups if said(runs, name))),
         *(cell(runs, name) for runs in groups)] for name in names])


def main():
    options = page_parser(__doc__).parse_args()
    of = {options.results / name: runs_of(options.results / name, preset)
          for name, preset in FOLDERS.items()}
    of = {folder: runs for folder, runs in of.items() if runs}
    if not of:
        raise SystemExit(f"{options.results}: no runs in {', '.join(FOLDERS)}")
    groups = list(of.values())
    topk = lambda runs: f"--architecture topk --k {number(runs[0].facts['choices']['k'])} " * is_topk(runs)
    commands = [f"    build/examples/add_concat --preset {runs[0].facts['preset']} {topk(runs)}--lambda "
                f"{number(runs[0].facts['choices']['lambda'])} --seed N --out DIR      # N = "
                + ", ".join(str(run.seed) for run in runs) for runs in groups]
    first = {}  # claims by their definitions
    for claim in (claim for runs in groups for claim in runs[0].claims.values()):
        first.setdefault(claim["definition"], claim)
    print(PAGE.substitute(
        tables(of), findings=findings(groups), commands="\n".join(commands), date=options.date,
        machine=options.machine, exclusive_said=said(groups[0], EXCLUSIVE),
        tolerance_said=said(groups[0], PROBES),
        claims=claims_table(groups),
        definitions=definitions(types.SimpleNamespace(claims={
            claim["claim"]: claim for definition, claim in first.items() if definition}))), end="")


if __name__ == "__main__":
    main()
