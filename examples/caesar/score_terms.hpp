// Why does one head of layer 1 choose C and the other one B? Its scores, as a sum over what a key
// holds, and what becomes of attention without each.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "attention.hpp"
#include "bayes.hpp"
#include "hooked/core/einsum.hpp"
#include "hooked/interp/head_results.hpp"

namespace caesar {

/// What stands in the stream that layer 1's keys are made of, the embedding of the position first.
constexpr std::array<const char*, 5> kKeyTerms{"position", "token", "0.0", "0.1", "bias"};
constexpr Index kTerms = kKeyTerms.size();
constexpr Index kBias = 4;  // b_O of layer 0 and b_K of layer 1

/// A layer-1 key is a sum: with the stream x_j = W_pos[j] + W_E[token] + sum_h z_h W_O^h + b_O of
/// layer 0, which the processed weights keep centred,
///   k_j = sum over terms (term_j / scale_j) W_K + b_K
/// so that scores q_i k_j / sqrt(d_head) are sums over terms, too.
struct KeyTerms {
  std::array<Tensor<float>, kKeyTerms.size()> keys;  // each [sequence, pos, head, d_head]

  explicit KeyTerms(const Reading& at) {
    const Index n = at.size(), length = at.length(), width = at.model.config().d_model;
    const View<const float> W_E = at.model["embed.W_E"], W_pos = at.model["pos_embed.W_pos"];
    const View<const float> W_K = at.model["blocks.1.attn.W_K"];
    const View<const float> b_K = at.model["blocks.1.attn.b_K"];
    const View<const float> b_O = at.model["blocks.0.attn.b_O"];
    const View<const float> scale = at.site("blocks.1.ln1.hook_scale");
    const Tensor<float> heads = head_results(at.model, at.run.cache, 0);  // [s, pos, head, d_model]
    for (std::size_t term = 0; term < keys.size(); ++term) {
      Tensor<float> part({n, length, width});
      for (Index s = 0; s < n; ++s) {
        for (Index t = 0; t < length; ++t) {
          const auto from = [&](View<const float> row) {
            part.select(0, s).select(0, t).matrix() = row.matrix() / scale(s, t, 0);
          };
          switch (term) {
            case 0:
              from(W_pos.select(0, t));
              break;
            case 1:
              from(W_E.select(0, at.data.tokens(s, t)));
              break;
            case kBias:
              from(b_O);
              break;
            default:
              from(heads.select(0, s).select(0, t).select(0, static_cast<Index>(term) - 2));
          }
        }
      }
      keys[term] = hooked::einsum("std,hde->sthe", part, W_K);
    }
    for (Index s = 0; s < n; ++s) {
      for (Index t = 0; t < length; ++t)
        keys[kBias].select(0, s).select(0, t).matrix() += b_K.matrix();
    }
  }
};

/// Scores of keys in the first words by term, mean over sequences and over all queries in words
/// kLater and later: [head, term, key].
struct ScoreTerms {
  Tensor<double> mean;
  double error = 0.0;  // the most that a sequence's terms together differ from its score

  ScoreTerms(const Reading& at, const KeyTerms& terms)
      : mean({at.heads(), kTerms, kLater * kSlots}) {
    const View<const float> q = at.site("blocks.1.attn.hook_q");  // [s, pos, head, d_head]
    const View<const float> scores = at.site("blocks.1.attn.hook_attn_scores");
    const Index first = kLater * kSlots;
    const double queries = static_cast<double>(at.length() - first);
    const double divisor = at.model.config().attention_divisor(1);
    for (Index s = 0; s < at.size(); ++s) {
      for (Index h = 0; h < at.heads(); ++h) {
        Eigen::RowVectorXd query = Eigen::RowVectorXd::Zero(q.size(3));
        for (Index i = first; i < at.length(); ++i) {
          query += q.select(0, s).select(0, i).select(0, h).matrix().row(0).cast<double>();
        }
        query /= queries * divisor;
        for (Index k = 0; k < first; ++k) {
          double sum = 0.0, score = 0.0;
          for (std::size_t term = 0; term < kKeyTerms.size(); ++term) {
            const auto key = terms.keys[term].select(0, s).select(0, k).select(0, h).matrix();
            const double part = query.dot(key.row(0).cast<double>());
            mean(h, static_cast<Index>(term), k) += part / static_cast<double>(at.size());
            sum += part;
          }
          for (Index i = first; i < at.length(); ++i) {
            score += static_cast<double>(scores(s, h, i, k)) / queries;
          }
          error = std::max(error, std::abs(sum - score));
        }
      }
    }
  }

  /// How much higher a term makes the scores of C than those of B, in the first word or in those
  /// after it.
  double C_over_B(Index head, Index term, bool in_first_word) const {
    double sum = 0.0;
    const Index from = in_first_word ? 0 : 1, to = in_first_word ? 1 : kLater;
    for (Index word = from; word < to; ++word) {
      sum += mean(head, term, word * kSlots + 2) - mean(head, term, word * kSlots + 1);
    }
    return sum / static_cast<double>(to - from);
  }
};

/// What becomes of a head of layer 1: of its attention to B and C, seen from words kLater and
/// later, the share of C; and of the loss.
struct Choice {
  double share_of_C, loss;
};
inline Choice choice(const Tensor<double>& pattern, Index head, double loss) {
  const auto by = attention_by_slot(pattern, kLater);
  const double B = to_slot(by, head, 1), C = to_slot(by, head, 2);
  return {C / (B + C), loss};
}

constexpr Index kRerunSequences = 400;

/// The same in a run in which the keys of `head` at C lack something in every word: a term whole,
/// or (`as_at_B`) no more than its mean over sequences at C less that at B of the same word.
inline Choice without_term(const Reading& at, const Dataset& data, const Tensor<float>& term,
                           Index head, bool as_at_B) {
  constexpr Index kB = 1, kC = 2;
  const std::string site = "blocks.1.attn.hook_pattern";
  const Tensor<float> usual = mean(term, 0);  // [pos, head, d_head]
  const Hook<float> take_out("blocks.1.attn.hook_k", [&](View<float> k, const hooked::HookPoint&) {
    for (Index s = 0; s < k.size(0); ++s) {
      for (Index word = 0; word < k.size(1); word += kSlots) {
        auto key = k.select(0, s).select(0, word + kC).select(0, head).matrix();
        if (as_at_B) {
          key -= usual.select(0, word + kC).select(0, head).matrix() -
                 usual.select(0, word + kB).select(0, head).matrix();
        } else {
          key -= term.select(0, s).select(0, word + kC).select(0, head).matrix();
        }
      }
    }
  });
  const auto run = at.model.run_with_cache(data.tokens, {.names = {site}, .hooks = {take_out}});
  return choice(in_double(mean(run.cache[site], 0)), head,
                quality(hooked::log_softmax(run.logits), data).loss);
}

inline void terms_of_head(const Reading& at, const KeyTerms& terms, const ScoreTerms& scores,
                          const std::string& name, Index head, Report& report) {
  const Dataset data = first_of(at.data, kRerunSequences);
  const View<const float> pattern = at.site("blocks.1.attn.hook_pattern");
  const Choice whole = choice(in_double(mean(pattern.slice(0, 0, data.size()), 0)), head,
                              quality(at.log_probs.slice(0, 0, data.size()), data).loss);
  std::vector<double> first, later;
  std::vector<double> shares[2]{{whole.share_of_C}, {whole.share_of_C}};
  std::vector<double> losses[2]{{whole.loss}, {whole.loss}};
  for (std::size_t term = 0; term < kKeyTerms.size(); ++term) {
    first.push_back(scores.C_over_B(head, static_cast<Index>(term), true));
    later.push_back(scores.C_over_B(head, static_cast<Index>(term), false));
    for (const bool as_at_B : {true, false}) {
      const Choice without = without_term(at, data, terms.keys[term], head, as_at_B);
      shares[as_at_B ? 0 : 1].push_back(without.share_of_C);
      losses[as_at_B ? 0 : 1].push_back(without.loss);
    }
  }
  const std::string in_order = "position, token, 0.0, 0.1, bias";
  report.add(hooked::report(
      {.claim = name + ", scores of C over B in the first word: " + in_order,
       .definition = "mean over sequences and queries in the fourth word and later of each term's "
                     "part of the score at 0C, less that at 0B"},
      first));
  report.add(hooked::report({.claim = name + ", scores of C over B in words 2 and 3: " + in_order,
                             .definition = "as above"},
                            later));
  const auto add = [&](const std::string& what, const std::string& how, std::size_t i) {
    report.add(hooked::report(
        {.claim = name + ", share of C, " + what + ": as it is; " + in_order,
         .definition = "of the head's attention to all B and C, from the fourth word on, in a run "
                       "in which the head's keys at C (hook_k) " +
                       how},
        shares[i]));
    report.add(hooked::report({.claim = name + ", loss, " + what + ": as it is; " + in_order,
                               .unit = "nats",
                               .definition = "in the same runs"},
                              losses[i]));
  };
  add("a term at C as at B", "have their term moved by its mean at B less that at C", 0);
  add("without a term at C", "lack the term", 1);
  // The term that the choice hangs on: with it at C as at B, C's share changes most.
  const auto change = [&](double share) { return std::abs(share - whole.share_of_C); };
  const auto most = std::max_element(shares[0].begin(), shares[0].end(),
                                     [&](double a, double b) { return change(a) < change(b); });
  const auto term = static_cast<std::size_t>(most - shares[0].begin()) - 1;
  report.say("Head " + name + " scores 0C over 0B by " +
             short_text(std::accumulate(first.begin(), first.end(), 0.0), 2) + " (position " +
             short_text(first[0], 2) + ", token " + short_text(first[1], 2) +
             ", heads 0.0 and 0.1 " + short_text(first[2], 2) + " and " + short_text(first[3], 2) +
             "); it hangs most on " + kKeyTerms[term] +
             ": with that at C as it is at B, C's share of its attention to both goes from " +
             short_text(whole.share_of_C, 2) + " to " + short_text(*most, 2) + ".");
}

/// Which term makes each head of layer 1 choose between B and C; nothing where sequences are too
/// short.
inline void score_terms(const Reading& at, const Roles& roles, Report& report) {
  if (at.length() <= kLater * kSlots) return;
  const KeyTerms terms(at);
  const ScoreTerms scores(at, terms);
  report.add(
      hooked::report({.claim = "scores of layer 1 by term: largest error of the sum",
                      .definition = "position, token, heads 0.0 and 0.1 and biases, as "
                                    "layer 1's keys hold them, each read by the head's W_K "
                                    "and met by the run's queries, against hook_attn_scores"},
                     scores.error));
  terms_of_head(at, terms, scores, "1.0", roles.third, report);
  terms_of_head(at, terms, scores, "1.1", roles.second, report);
  report.add("score_terms",
             "Keys are 0A, 0B, 0C, space, 1A, ...; rows from below are position, token, 0.0, 0.1, "
             "bias: the row whose colour changes from 0B to 0C makes the choice.",
             Figure::heatmap("Scores of layer 1 by what the key holds", "key", "term", "score",
                             Figure::Colors::diverging)
                 .panel("1.0", scores.mean.select(0, roles.third))
                 .panel("1.1", scores.mean.select(0, roles.second)));
}

}  // namespace caesar
