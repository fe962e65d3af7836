// How well the model answers, and what it says instead where it does not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "hooked/nn/generate.hpp"
#include "reading.hpp"

namespace add_concat {

/// A wrong answer: the question, and what it says.
struct WrongAnswer {
  Item item;
  std::string said;  // without "B" and "E"
};

/// The first of the validation items that are answered wrongly, by greedy decoding.
inline std::vector<WrongAnswer> wrong_answers(const Reading& at, Index most) {
  Items wrong;
  for (const Task task : kTasks) {
    const DecoderOutputs& of = at.validation[task];
    for (std::size_t n = 0; n < of.items().size(); ++n) {
      if (!of.clean().right[n] && static_cast<Index>(wrong.size()) < most) {
        wrong.push_back(of.items()[n]);
      }
    }
  }
  if (wrong.empty()) return {};
  const Tensor<Token> sources = pairs_of(wrong).source;
  const Tensor<Token> said =
      hooked::generate(at.body, sources.view(), Tensor<Token>({sources.size(0), 1}, kBegin).view(),
                       {.max_new_tokens = kAnswerTokens - 1, .do_sample = false});
  std::vector<WrongAnswer> answers;
  for (std::size_t n = 0; n < wrong.size(); ++n) {
    std::string text;
    for (Index p = 1; p < said.size(1); ++p) {
      const Token token = said(static_cast<Index>(n), p);
      if (token == kEnd) break;
      text += piece(token);
    }
    answers.push_back({wrong[n], text});
  }
  return answers;
}

/// Whether two texts are as long and differ in one character.
inline bool differ_in_one(const std::string& a, const std::string& b) {
  if (a.size() != b.size()) return false;
  std::size_t differing = 0;
  for (std::size_t k = 0; k < a.size(); ++k) differing += a[k] != b[k] ? 1u : 0u;
  return differing == 1;
}

inline void performance(const Reading& at, Report& report) {
  double right = 0.0, items = 0.0, loss = 0.0, tokens = 0.0;
  for (const Task task : kTasks) {
    const DecoderOutputs& of = at.validation[task];
    right += of.clean().accuracy() * static_cast<double>(of.size());
    items += static_cast<double>(of.size());
    loss += of.loss();
    tokens += static_cast<double>(of.rows());
  }
  report.add(judge({.claim = "exact answers",
                    .study_says = 98.1,
                    .unit = "%",
                    .definition = "greedy decoding of all validation items"},
                   percent(right / items), {{97.6, 100.0}, {95.0, 100.0}}));
  report.add(
      hooked::report({.claim = "exact answers: additions, concatenations", .unit = "%"},
                     std::vector<double>{percent(at.validation.add.clean().accuracy()),
                                         percent(at.validation.concatenate.clean().accuracy())}));
  report.add(judge({.claim = "validation loss",
                    .study_says = "~0.1",
                    .unit = "nats",
                    .definition = "mean cross-entropy of all tokens of all validation items"},
                   loss / tokens, {{0.0, 0.15}, {0.0, 0.5}}));
  const std::vector<WrongAnswer> wrong = wrong_answers(at, 200);
  double near = 0.0;
  std::string list;
  for (std::size_t n = 0; n < wrong.size(); ++n) {
    const auto& [item, said] = wrong[n];
    const std::string whole = answer(item.task, item.i, item.j);
    const std::string wanted = whole.substr(1, whole.size() - 2);
    near += differ_in_one(said, wanted) ? 1.0 : 0.0;
    if (n < 10) {
      list += (list.empty() ? "" : ", ") + prompt(item.task, item.i, item.j) + " " + said +
              " for " + wanted;
    }
  }
  report.add(judge({.claim = "wrong answers that differ in one digit",
                    .study_says = "almost always off by only a single digit",
                    .unit = "%",
                    .definition = "of the first 200 wrong ones: as long as the right answer, and "
                                  "all digits but one as there"},
                   percent(near / static_cast<double>(wrong.size())),
                   {{80.0, 100.0}, {50.0, 100.0}}));
  Claim examples{.claim = "wrong answers, the first of them"};
  examples.measured = list;
  report.add(std::move(examples));
  report.say("It answers " + hooked::short_text(percent(right / items), 4) +
             "% of the questions that it has not seen exactly.");
}

}  // namespace add_concat
