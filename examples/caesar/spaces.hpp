// Hard mode: are spaces marks of where words begin? What becomes of the loss when they are others,
// how much each character of a word tells, and which characters heads look at.
#pragma once

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "hooked/core/random.hpp"
#include "ngrams.hpp"

namespace caesar {

/// The same sequences with some characters replaced; `replace` changes one of them.
template <class Replace>
Dataset edited(const Dataset& data, const Replace& replace) {
  Dataset changed = data;
  for (Index s = 0; s < data.tokens.size(0); ++s) {
    replace(std::span<Token>(&changed.tokens(s, 0), static_cast<std::size_t>(data.tokens.size(1))));
  }
  return changed;
}

/// Edits of sequences that say what spaces are for. Of what else parts words, a newline stands
/// where a word begins, an apostrophe within words and a comma before a space.
struct SpaceEdit {
  std::string name;
  Dataset data;
};
inline std::vector<SpaceEdit> space_edits(const Dataset& data) {
  const Alphabet alphabet = Alphabet::prose();
  const Token space = alphabet.token(' '), comma = alphabet.token(',');
  const auto to = [&](char c) {
    return [space, other = alphabet.token(c)](std::span<Token> text) {
      std::replace(text.begin(), text.end(), space, other);
    };
  };
  hooked::Random random({0}, "edits of spaces");
  const auto in_random_order = [&](std::size_t n) {
    std::vector<Index> order(n);
    random.permutation(order);
    return order;
  };
  const auto letters = [&](std::span<Token> text) {  // as many letters as there are spaces
    auto left = std::count(text.begin(), text.end(), space);
    for (const Index t : in_random_order(text.size())) {
      Token& token = text[static_cast<std::size_t>(t)];
      if (left > 0 && token < kLetters) token = comma, --left;
    }
  };
  const auto elsewhere = [&](std::span<Token> text) {  // all else stays in its order
    std::vector<Token> rest;
    std::copy_if(text.begin(), text.end(), std::back_inserter(rest),
                 [&](Token token) { return token != space; });
    const std::size_t spaces = text.size() - rest.size();
    std::vector<bool> is_space(text.size(), false);
    const std::vector<Index> order = in_random_order(text.size());
    for (std::size_t i = 0; i < spaces; ++i) is_space[static_cast<std::size_t>(order[i])] = true;
    auto next = rest.begin();
    for (std::size_t t = 0; t < text.size(); ++t) text[t] = is_space[t] ? space : *next++;
  };
  return {{"none", data},
          {"spaces to newlines", edited(data, to('\n'))},
          {"spaces to commas", edited(data, to(','))},
          {"spaces to apostrophes", edited(data, to('\''))},
          {"spaces elsewhere", edited(data, elsewhere)},
          {"as many letters to commas", edited(data, letters)}};
}

constexpr Index kEditedSequences = 400;
constexpr std::size_t kEditedOrders = 3;  // of the n-grams

inline void edits_of_spaces(const Reading& at, const std::vector<Ngrams>& models, Report& report) {
  const Index characters = Alphabet::prose().size();
  std::vector<std::string> names;
  std::vector<std::vector<double>> rise(kEditedOrders + 1);  // of the n-grams, then the network
  std::vector<double> before(rise.size());
  for (const auto& [name, data] : space_edits(first_of(at.data, kEditedSequences))) {
    if (name != "none") names.push_back(name);
    for (std::size_t i = 0; i < rise.size(); ++i) {
      const double loss =
          i < kEditedOrders
              ? quality(ngram_posteriors(models[i], data.tokens, characters), data).loss
              : evaluate(at.model, data, {}, {.threads = at.threads}).loss;
      if (name == "none") {
        before[i] = loss;
      } else {
        rise[i].push_back(loss - before[i]);
      }
    }
  }
  Figure figure = Figure::bars("What edits of spaces cost", "edit", "nats");
  figure.panel_with_groups("rise of the loss", names);
  for (std::size_t i = 0; i < rise.size(); ++i) {
    const std::string name =
        i < kEditedOrders ? "order " + std::to_string(models[i].order()) : "network";
    report.add(hooked::report(
        {.claim = "rise of the loss by edits of spaces: " + name,
         .unit = "nats",
         .definition =
             "all spaces become newlines, commas, apostrophes; spaces stand elsewhere, at "
             "random; as many letters as there are spaces become commas"},
        rise[i]));
    figure.series(name, Tensor<double>({static_cast<Index>(rise[i].size())}, rise[i]));
  }
  report.add("spaces",
             "Letters that are lost cost every model; another mark than the space costs those that "
             "know where words begin, a newline little.",
             std::move(figure));
  const std::vector<double>& network = rise.back();
  report.say("Spaces that become newlines, commas or apostrophes raise the loss by " +
             short_text(network[0], 2) + ", " + short_text(network[1], 2) + " and " +
             short_text(network[2], 2) + " nats, spaces at random places by " +
             short_text(network[3], 2) + ", as many letters that become commas by " +
             short_text(network[4], 2) + " (trigrams: " + short_text(rise[2][0], 2) + ", " +
             short_text(rise[2][1], 2) + ", " + short_text(rise[2][2], 2) + ", " +
             short_text(rise[2][3], 2) + ", " + short_text(rise[2][4], 2) + ").");
}

/// How much the log-probability of the right rotation rises with a character, by its place after
/// the last space (0: the space), less the mean rise at that position of the sequence: [place], for
/// places up to kPlaces - 1. NaN where no sequence has any.
constexpr Index kPlaces = 8;
template <hooked::TensorLike P>
Tensor<double> gains_by_place(const P& log_probs, const Dataset& data) {
  const Token space = Alphabet::prose().token(' ');
  const Index n = log_probs.size(0), length = log_probs.size(1);
  Tensor<double> gains({kPlaces}), count({kPlaces});
  for (Index t = 1; t < length; ++t) {
    const auto gain = [&](Index s) {
      return static_cast<double>(log_probs(s, t, data.labels(s, 0)) -
                                 log_probs(s, t - 1, data.labels(s, 0)));
    };
    double usual = 0.0;
    for (Index s = 0; s < n; ++s) usual += gain(s) / static_cast<double>(n);
    for (Index s = 0; s < n; ++s) {
      Index last = t;
      while (last >= 0 && data.tokens(s, last) != space) --last;
      if (last < 0 || t - last >= kPlaces) continue;
      gains(t - last) += gain(s) - usual, count(t - last) += 1.0;
    }
  }
  return gains / count;
}

inline void gains_within_words(const Reading& at, const std::vector<Ngrams>& models,
                               Report& report) {
  Tensor<double> place({kPlaces});
  for (Index i = 0; i < kPlaces; ++i) place(i) = static_cast<double>(i);
  Figure figure = Figure::lines("What characters tell by their place after a space", "place",
                                "nats beyond the mean");
  const auto add = [&](const std::string& name, const Tensor<double>& gains, bool dashed) {
    figure.line(name, place, gains, dashed);
    report.add(hooked::report(
        {.claim = "gain by place after a space: the space, first to fourth character: " + name,
         .unit = "nats",
         .definition = "rise of the right rotation's log-probability with the character, less the "
                       "mean rise at that position of the sequence"},
        std::vector<double>(gains.data(), gains.data() + 5)));
  };
  figure.panel("rise of the right rotation's log-probability");
  add("network", gains_by_place(at.log_probs, at.data), false);
  for (const std::size_t i : {0U, 1U, 2U}) {
    const Posteriors posterior =
        ngram_posteriors(models[i], at.data.tokens, Alphabet::prose().size());
    add("order " + std::to_string(models[i].order()), gains_by_place(posterior, at.data), true);
  }
  report.add("gains_by_place", "Letters that follow each other tell most where their order counts.",
             std::move(figure));
}

/// Attention of every head to spaces and to characters right after one, in units of what it would
/// be if it looked at all characters alike.
inline void attention_to_spaces(const Reading& at, Report& report) {
  const Token space = Alphabet::prose().token(' ');
  constexpr std::size_t kSpace = 0, kAfter = 1;
  const Index first = at.length() / 4;  // of the queries, which then have spaces to look at
  std::vector<double> to_spaces, to_after;
  for (Index layer = 0; layer < 2; ++layer) {
    const View<const float> pattern = at.site(hooked::text("blocks.", layer, ".attn.hook_pattern"));
    for (Index h = 0; h < at.heads(); ++h) {
      std::array<double, 2> seen{}, alike{};
      for (Index s = 0; s < at.size(); ++s) {
        for (Index k = 0; k < at.length(); ++k) {
          const bool is_space = at.data.tokens(s, k) == space;
          const bool is_after = !is_space && k > 0 && at.data.tokens(s, k - 1) == space;
          if (!is_space && !is_after) continue;
          for (Index q = std::max(k, first); q < at.length(); ++q) {
            seen[is_space ? kSpace : kAfter] += static_cast<double>(pattern(s, h, q, k));
            alike[is_space ? kSpace : kAfter] += 1.0 / static_cast<double>(q + 1);
          }
        }
      }
      to_spaces.push_back(seen[kSpace] / alike[kSpace]);
      to_after.push_back(seen[kAfter] / alike[kAfter]);
    }
  }
  const auto add = [&](const std::string& what, const std::vector<double>& times) {
    report.add(hooked::report(
        {.claim = "attention to " + what + ": heads 0.0, 0.1, 1.0, 1.1",
         .definition = "mean over sequences and queries past the first quarter, divided by that of "
                       "a head that looks at all characters alike"},
        times));
  };
  add("spaces", to_spaces);
  add("characters after a space", to_after);
  report.add("attention_to_spaces", "1 is a head that does not care where words begin.",
             Figure::bars("Attention to spaces, and to what comes after", "head", "times the mean")
                 .panel_with_groups("all sequences", {"0.0", "0.1", "1.0", "1.1"})
                 .series("spaces", Tensor<double>({4}, to_spaces))
                 .series("after a space", Tensor<double>({4}, to_after)));
}

/// Whether spaces mark where words begin.
inline void spaces(const Reading& at, const std::vector<Ngrams>& models, Report& report) {
  edits_of_spaces(at, models, report);
  gains_within_words(at, models, report);
  attention_to_spaces(at, report);
}

}  // namespace caesar
