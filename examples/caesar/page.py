#!/usr/bin/env python3
"""Sums up runs of build/examples/caesar in three modes in one page.

    page.py [--date YYYY-MM-DD] --machine TEXT RESULTS > docs/results/caesar.md

RESULTS holds easy, medium, hard and hard_with_mlps, each with full-seedN as --out wrote them, and
sweeps with a folder for each question: sweep.json and summary.csv.
"""

import pathlib
import string
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "common"))
from results import (  # noqa: E402
    choices_of, claims_over_seeds, counting, definitions, findings_of, holds, judged, number,
    one_run, other_measurements, page_parser, runs_of, settings_of, shown, spread, sweep_of,
    sweep_table, verdict_grid, where_it_differs)

MODES = {"easy": "Easy mode: words by their frequency", "medium": "Medium mode: words alike",
         "hard": "Hard mode: slices of prose",
         "hard_with_mlps": "Hard mode with MLPs: the same by a larger model"}
LOSS = "loss; mean and median probability of the right rotation"
BAYES = "Bayes' rule over the word list: loss, mean probability, accuracy"
NGRAMS = "loss: n-grams of order 1, 2, 3, 4; network"
LAYER_1 = "1.0 attends to C, 1.1 to B"
FIRST = "layer 1: attention to the first word, 1.0 and 1.1"
COMPOSED = "K-composition: 1.0 to what attended to 0A, 1.1 to what attended to 0B"
AT_ONE = "attribution at position 1: head 1.1 less head 1.0"
PAIRS = "first word: the model less additive evidence, second and third letter"
FIRST_LETTERS = "first letters: implied against listed frequencies"

# Why a claim does not hold, with the numbers that say so.
WHY = {
    FIRST: lambda run: "layer 1 spreads over all words, "
        f"{number(run.value(FIRST))} and {number(run.value(FIRST, 1))} for the first where .19 would "
        "be all alike (the study's own weights: .28 and .24)",
    COMPOSED: lambda run: "the bias to early words is as weak as their attention: "
        f"{number(run.value(FIRST))} and {number(run.value(FIRST, 1))} to the first word",
    LAYER_1: lambda run: f"1.0 gives {number(run.value(LAYER_1))} of its attention to C, 1.1 "
        f"{number(run.value(LAYER_1, 1))} to " + (
            "the lesser of B and C" if run.facts["choices"]["mode"] == "medium" else "B"),
    AT_ONE: lambda run: f"the difference is {number(run.value(AT_ONE))} logits: both heads read "
        "what two letters say",
    PAIRS: lambda run: f"the model gains {number(run.value(PAIRS))} and {number(run.value(PAIRS, 1))} "
        "over letters that speak for themselves",
    FIRST_LETTERS: lambda run: f"Pearson's r is {number(run.value(FIRST_LETTERS))}",
}

PAGE = string.Template("""\
# How a transformer without MLPs breaks the Caesar cipher

$findings

The study is the "monthly algorithmic problem" about the Caesar cipher (its page's title names
another month). The program is [examples/caesar](../../examples/caesar); this page is written by its
`page.py` from the files beside it, which these commands made:

$commands

$date, $machine.

## How claims are judged

- Every claim is measured on the trained model and, by the same analysis, on two that know nothing:
  an **untrained** one, and the trained one with **letters shuffled**: every letter has the embedding
  of another, every position that of another, so that heads look at other letters, which mean others
  to them. A rule that one of them passes with any seed does not discriminate, and counts for nothing.
- "Study says" quotes the study, or has its number. "match" and "same sign/shape" are two tolerances,
  written behind each [definition](#definitions); they are ours, set after short runs had been seen.
- Heads of layer 1 are named by what they do: the study's 1.0 is the one that looks more at third
  letters (and less at second ones), 1.1 the other. A, B, C are a word's letters, 0A is the first
  letter of the first word.

## The models

Two layers of attention with two heads of 24 dimensions, a residual stream of 48, layer norm before
both layers and before the unembedding, no MLPs. A sequence has $length characters, all letters
rotated by the same number, which the model says at every position. $sequences sequences, $epochs
epochs of batches of $batch_size by Adam, the learning rate falling from $lr to $last_lr, L2 of
$weight_decay; the weights of the epoch with the best validation loss are kept. Slices of hard mode are cut
from the texts of `fortune` (Debian's package `fortunes`); of every sixteen blocks of 1,000 characters
one is for validation.

For the mode that the study leaves open there is a larger model, too, with MLPs; the command above
says what else is different.

All analyses are of processed weights (norms folded, all that is written to the stream centred, value
biases folded), which compute the same: each run says by how much they differ.

$modes

## Does the log-probability turn with the word?

The error of equivariance over the 26 rotations of a word, where 1 is chance and 0 is a model that
treats all rotations alike, after short runs of medium mode. Words are the most frequent of three
letters in `fortune`'s texts:

$by_words

and the study's list with other weight decay:

$by_weight_decay

## Definitions

$definitions
""")


def mode_section(results, mode, runs):
    run = shown(runs)
    parts = [f"## {MODES[mode]}",
             f"Seed {run.seed}" + (", for which most of the claims that count hold:"
                                   if judged(runs) else ":"),
             "\n".join(f"- {line}" for line in findings_of(results / mode / f"full-seed{run.seed}"))]
    if judged(runs):
        parts += [one_run(run, runs), *filter(None, [where_it_differs(run, runs, WHY)]),
                  f"All {len(runs)} seeds (● match, ○ same sign or shape, · differs, ? not "
                  "measurable):", verdict_grid(runs),
                  "A number is the median, [least, largest]; \"holds\" counts match and same sign or "
                  "shape, with Wilson's 95% interval.", claims_over_seeds(runs, {"trained": runs})]
    parts += ["Measured, not judged (the study says nothing of them):" if judged(runs) else
              "The study leaves this mode open. Measured:",
              other_measurements(runs, {"trained": runs})]
    return "\n\n".join(parts)


def command(runs, usual):
    """What made runs of one kind; usual are the choices that have their preset's values."""
    choices = choices_of(runs)
    differing = "".join(f" --{name.replace('_', '-')} {number(value)}"
                        for name, value in choices.items() if name != "mode" and value != usual[name])
    seeds = ", ".join(str(run.seed) for run in runs)
    return (f"    build/examples/caesar --mode {choices['mode']}{differing} --seed N --out DIR"
            f"      # N = {seeds}")


def sweep_table_of(results, question):
    return sweep_table(sweep_of(results / "sweeps" / question / "summary.csv"), {
        "accuracy %": ("accuracy", 100), "loss": ("loss", 1),
        **{f"error at {letter}": (f"equivariance error {letter}", 1) for letter in "ABC"}})


def sweep_says(results, question, choice):
    """The third letter's error at both ends of a sweep."""
    by_value = settings_of(sweep_of(results / "sweeps" / question / "summary.csv"))
    ends = sorted(by_value, key=lambda setting: setting[0][1])
    error = lambda end: spread([row["equivariance error C"] for row in by_value[end]])
    return (f"{error(ends[0])} with {choice} {number(ends[0][0][1])}, {error(ends[-1])} with "
            f"{number(ends[-1][0][1])}")


def over_all(runs, order):
    """Whether all runs have a lower loss than n-grams of an order, from 0."""
    return all(run.value(NGRAMS, 4) < run.value(NGRAMS, order) for run in runs)


def findings(results, runs):
    lines = []
    for mode, of in runs.items():
        over = lambda name, place=0: spread([run.value(name, place) for run in of])
        line = (f"- {MODES[mode].split(':')[0]}: {over('accuracy')}% of the answers are right, with a "
                f"loss of {over(LOSS)} nats, over {len(of)} seed{'s' * (len(of) > 1)}")
        if BAYES in of[0].claims:
            line += (f"; the best possible are {number(of[0].value(BAYES, 2), 4)}% and "
                     f"{number(of[0].value(BAYES))} nats")
        if NGRAMS in of[0].claims:
            losses = ", ".join(number(of[0].value(NGRAMS, order)) for order in range(4))
            line += (f"; Bayes' rule with n-grams of order 1 to 4 has {losses}: the model is better than "
                     f"{sum(over_all(of, order) for order in range(4))} of these")
        names = counting(of) if judged(of) else []
        if names:
            held = [sum(holds(run, name) for name in names) for run in of]
            line += (f". Of the {len(judged(of))} claims that are judged {len(names)} discriminate, "
                     f"and {spread(held)} of these hold")
        lines.append(line + ".")
    lines.append("- Log-probabilities turn with a word's third letter up to an error (1 is chance) of "
                 f"{sweep_says(results, 'words', 'a list of words of length')}; of "
                 f"{sweep_says(results, 'weight_decay', 'weight decay')}.")
    return "\n".join(lines)


def main():
    options = page_parser(__doc__).parse_args()
    runs = {mode: runs_of(options.results / mode, "full") for mode in MODES}
    runs = {mode: of for mode, of in runs.items() if of}
    choices = choices_of(next(iter(runs.values())))
    commands = [command(of, choices) for of in runs.values()]
    commands += [f"    build/examples/sweep docs/results/caesar/sweeps/{question}/sweep.json --out DIR"
                 for question in ("words", "weight_decay")]
    print(PAGE.substitute(
        findings=findings(options.results, runs), commands="\n".join(commands), date=options.date,
        machine=options.machine, sequences=f"{choices['sequences']:,.0f}",
        **{name: number(choices[name]) for name in
           ("length", "epochs", "batch_size", "lr", "last_lr", "weight_decay")},
        by_words=sweep_table_of(options.results, "words"),
        by_weight_decay=sweep_table_of(options.results, "weight_decay"),
        modes="\n\n".join(mode_section(options.results, mode, of) for mode, of in runs.items()),
        definitions=definitions(types.SimpleNamespace(claims={
            name: claim for of in runs.values() for name, claim in of[0].claims.items()}))), end="")


if __name__ == "__main__":
    main()
