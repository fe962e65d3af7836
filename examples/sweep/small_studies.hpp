// A small task to sweep over: all its sequences, and where the answer is read.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../common/study.hpp"
#include "hooked/train/evaluate.hpp"

namespace sweep {

using hooked::Dataset;
using hooked::Index;
using hooked::Tensor;
using hooked::Token;

/// All sequences of `length` numbers below p and "=", which is token p; the answer is read there.
template <class Answer>
Dataset sequences(Index p, Index length, Answer answer) {
  constexpr Index kMost = 1'000'000;
  if (p < 2 || length < 1) {
    hooked::fail<hooked::ConfigError>("there are no sequences of ", length, " numbers below ", p);
  }
  Index count = 1;
  for (Index i = 0; i < length && count <= kMost; ++i) count = p > kMost ? p : count * p;
  if (count > kMost) {
    hooked::fail<hooked::ConfigError>("there would be more than ", kMost, " sequences");
  }
  Dataset all{Tensor<Token>({count, length + 1}, static_cast<Token>(p)),
              Tensor<Token>({count, 1}),
              {static_cast<Token>(length)}};
  for (Index i = 0; i < count; ++i) {
    Index rest = i;
    std::vector<Token> numbers(static_cast<std::size_t>(length));
    for (auto n = numbers.rbegin(); n != numbers.rend(); ++n, rest /= p) {
      *n = static_cast<Token>(rest % p);
    }
    std::copy(numbers.begin(), numbers.end(), &all.tokens(i, 0));
    all.labels(i, 0) = answer(numbers);
  }
  return all;
}

inline study::Choices small_choices() {
  return {{"p", 8, "numbers are 0 to p - 1"},
          {"length", 2, "how many numbers a sequence has"},
          {"training_fraction", 0.7, "of all sequences"},
          {"n_layers", 1, "blocks"},
          {"d_model", 32, "width of the residual stream"},
          {"n_heads", 2, "heads, of d_model / n_heads numbers each"},
          {"attn_only", 0, "1: blocks have no MLP"},
          {"steps", 200, "of training"},
          {"batch_size", 64, "examples a step"},
          {"lr", 0.003, "AdamW's"},
          {"weight_decay", 0.1, "AdamW's"},
          {"beta2", 0.98, "AdamW's"}};
}

inline study::Setup small_setup(const study::Choices& choose, Dataset all, hooked::Seed seed) {
  study::Setup s;
  const Index p = choose.count("p"), n_heads = choose.count("n_heads");
  if (n_heads < 1)
    hooked::fail<hooked::ConfigError>("n_heads is ", n_heads, ", it must be at least 1");
  s.model = {.n_layers = choose.count("n_layers"),
             .d_model = choose.count("d_model"),
             .n_ctx = all.tokens.size(1),
             .n_heads = n_heads,
             .d_head = choose.count("d_model") / n_heads,
             .d_vocab = p + 1,
             .act_fn = hooked::Activation::relu,
             .normalization = hooked::Normalization::none,
             .attn_only = choose.count("attn_only") != 0};
  s.all = std::move(all);
  const double fraction = choose["training_fraction"];
  const auto examples = static_cast<double>(s.all.size());
  const auto training = static_cast<Index>(std::llround(fraction * examples));
  if (!(fraction > 0 && fraction < 1) || training < 1 || training >= s.all.size()) {
    hooked::fail<hooked::ConfigError>("training_fraction is ", fraction, ": of the ", s.all.size(),
                                      " sequences some must be for training and some for testing");
  }
  s.part = hooked::split(s.all, training, seed);
  s.training = {.optimizer = hooked::AdamW{.lr = choose["lr"],
                                           .weight_decay = choose["weight_decay"],
                                           .betas = {0.9, choose["beta2"]}},
                .steps = choose.count("steps"),
                .batch_size = choose.count("batch_size")};
  return s;
}

inline study::Numbers losses(const study::Subject& subject, const study::Subject&) {
  return {{"train loss", evaluate(subject.model, subject.setup.part.train).loss},
          {"test loss", evaluate(subject.model, subject.setup.part.test).loss}};
}
inline hooked::Report no_claims(const study::Subject&) { return {}; }

/// The largest of the numbers.
inline study::Study maximum() {
  return {.name = "maximum",
          .question = "The largest of a few numbers.",
          .choices = small_choices(),
          .presets = {{"quick", "seconds", {{"length", 3}}}},
          .setup =
              [](const study::Choices& choose, hooked::Seed seed) {
                return small_setup(choose,
                                   sequences(choose.count("p"), choose.count("length"),
                                             [](const std::vector<Token>& numbers) {
                                               return *std::max_element(numbers.begin(),
                                                                        numbers.end());
                                             }),
                                   seed);
              },
          .analyse = no_claims,
          .track = losses,
          .snapshots = 0};
}

}  // namespace sweep
