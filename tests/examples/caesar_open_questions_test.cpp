// What the Caesar study asks beyond its text: n-grams, spaces, terms of scores, rotations, the gap.
#include "../../examples/caesar/open_questions.hpp"

#include <map>

#include "catch.hpp"
#include "core/check.hpp"

using namespace caesar;

namespace {

/// Witten-Bell by its definition, from all runs of characters counted anew: P(c | h).
double by_definition(const std::vector<Text>& texts, const Text& h, Token c, Index characters) {
  std::map<Token, double> after;
  for (const Text& text : texts) {
    for (std::size_t i = 0; i + h.size() < text.size(); ++i) {
      const auto at = text.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::equal(h.begin(), h.end(), at)) after[text[i + h.size()]] += 1.0;
    }
  }
  double seen = 0.0;
  for (const auto& [character, count] : after) seen += count;
  const double shorter = h.empty() ? 1.0 / static_cast<double>(characters)
                                   : by_definition(texts, {h.begin() + 1, h.end()}, c, characters);
  if (after.empty()) return shorter;
  const auto different = static_cast<double>(after.size());
  return (after[c] + different * shorter) / (seen + different);
}

std::vector<Text> some_texts() {
  hooked::Random random({3}, "texts");
  std::vector<Text> texts(3, Text(60));
  for (Text& text : texts) {
    for (Token& c : text) c = static_cast<Token>(random.below(4) * random.below(10));
  }
  return texts;
}

/// What a network says of 5 words that turns with each word exactly, or not at all: [130, 3, 26].
Tensor<float> said(bool turns) {
  const auto numbers = hooked::randn<float>({5 * kLetters, 3, kLetters}, hooked::Seed{1});
  Tensor<float> logits(numbers.shape());
  for (Index row = 0; row < logits.size(0); ++row) {
    const Index r = row % kLetters;
    for (Index slot = 0; slot < 3; ++slot) {
      for (Index c = 0; c < kLetters; ++c) {
        logits(row, slot, (c + r) % kLetters) = numbers(turns ? row - r : row, slot, c);
      }
    }
  }
  return hooked::log_softmax(logits);
}

study::Choices few() {
  return choices().with({{"words", 20}, {"length", 20}, {"sequences", 50}, {"batch_size", 50}});
}

}  // namespace

TEST_CASE("Witten-Bell by hand", "[caesar]") {
  const Ngrams ngrams({{0, 1, 0, 2}}, 2, 3);
  CHECK(std::exp(ngrams.log_prob(0, 1)) == Approx(3.0 / 7));  // (2 + 3 / 3) / (4 + 3)
  CHECK(std::exp(ngrams.log_prob(2, 1)) == Approx(2.0 / 7));
  CHECK(std::exp(ngrams.log_prob(0 * 3 + 1, 2)) == Approx(11.0 / 28));  // (1 + 2 * 2/7) / (2 + 2)
  CHECK(std::exp(ngrams.log_prob(0 * 3 + 0, 2)) == Approx(6.0 / 28));
  CHECK(std::exp(ngrams.log_prob(2 * 3 + 1, 2)) == Approx(2.0 / 7));  // nothing follows a 2
  // What is further away does not count.
  CHECK(ngrams.log_prob(2 * 9 + 0 * 3 + 1, 3) == ngrams.log_prob(0 * 3 + 1, 2));
  CHECK(error_of<hooked::ConfigError>([] {
          Ngrams({{0, 1}}, 5, 3);
        }) == "an n-gram model is of order 5, it must be from 1 to 4");
}

TEST_CASE("Posteriors of n-grams are Bayes' rule over all rotations", "[caesar]") {
  const std::vector<Text> texts = some_texts();
  const Index characters = Alphabet::prose().size();
  const Tensor<Token> tokens({2, 6}, {3, 27, 9, 0, 4, 6, 25, 1, 1, 30, 2, 12});
  for (const Index order : {1, 2, 3}) {
    const Posteriors posterior =
        ngram_posteriors(Ngrams(texts, order, characters), tokens, characters);
    for (Index s = 0; s < 2; ++s) {
      std::vector<double> likelihood(kLetters, 1.0);
      for (Index t = 0; t < 6; ++t) {
        double sum = 0.0;
        for (Index r = 0; r < kLetters; ++r) {
          Text h;
          for (Index k = std::max<Index>(0, t - order + 1); k < t; ++k) {
            h.push_back(rotate(tokens(s, k), -r));
          }
          likelihood[static_cast<std::size_t>(r)] *=
              by_definition(texts, h, rotate(tokens(s, t), -r), characters);
          sum += likelihood[static_cast<std::size_t>(r)];
        }
        for (Index r = 0; r < kLetters; ++r) {
          CAPTURE(order, s, t, r);
          REQUIRE(std::exp(posterior(s, t, r)) ==
                  Approx(likelihood[static_cast<std::size_t>(r)] / sum).epsilon(1e-9));
        }
      }
    }
  }
}

TEST_CASE("One layer that attends to all characters alike counts letters", "[caesar]") {
  const Index characters = Alphabet::prose().size();
  const Ngrams letters(some_texts(), 1, characters);
  // The stream holds the character in its first half and what the head found in its second.
  Transformer<double> model({.n_layers = 1,
                             .d_model = 2 * characters,
                             .n_ctx = 8,
                             .n_heads = 1,
                             .d_head = characters,
                             .d_vocab = characters,
                             .d_vocab_out = kLetters,
                             .normalization = hooked::Normalization::none,
                             .attn_only = true},
                            hooked::Seed{0});
  for (const std::string& name : model.parameters().names()) model[name].fill(0.0);
  for (Index c = 0; c < characters; ++c) {
    model["embed.W_E"](c, c) = 1.0;
    model["blocks.0.attn.W_V"](0, c, c) = 1.0;
    model["blocks.0.attn.W_O"](0, c, characters + c) = 1.0;
    for (Index r = 0; r < kLetters; ++r) {
      model["unembed.W_U"](characters + c, r) =
          letters.log_prob(rotate(static_cast<Token>(c), -r), 1);
    }
  }
  const Tensor<Token> tokens({1, 8}, {3, 27, 9, 0, 4, 6, 35, 12});
  const Posteriors posterior = ngram_posteriors(letters, tokens, characters);
  Tensor<double> logits = model(tokens);
  for (Index t = 0; t < 8; ++t) logits.select(1, t).matrix() *= static_cast<double>(t + 1);
  const Tensor<double> log_probs = hooked::log_softmax(logits);
  for (Index i = 0; i < log_probs.numel(); ++i) {
    REQUIRE(log_probs.data()[i] == Approx(posterior.data()[i]).margin(1e-10));
  }
}

TEST_CASE("Edits of spaces change what they say and nothing else", "[caesar]") {
  const Alphabet prose = Alphabet::prose();
  const std::string text = "it is, as we all know, a dog. ";
  Dataset data{Tensor<Token>({1, static_cast<Index>(text.size())}),
               Tensor<Token>({1, static_cast<Index>(text.size())})};
  for (std::size_t t = 0; t < text.size(); ++t) {
    data.tokens(0, static_cast<Index>(t)) = prose.token(text[t]);
  }
  std::map<std::string, std::string> edits;
  for (const SpaceEdit& edit : space_edits(data)) {
    for (Index t = 0; t < edit.data.tokens.size(1); ++t) {
      edits[edit.name] += prose.character(edit.data.tokens(0, t));
    }
  }
  CHECK(edits["none"] == text);
  CHECK(edits["spaces to newlines"] == "it\nis,\nas\nwe\nall\nknow,\na\ndog.\n");
  CHECK(edits["spaces to commas"] == "it,is,,as,we,all,know,,a,dog.,");
  CHECK(edits["spaces to apostrophes"] == "it'is,'as'we'all'know,'a'dog.'");
  const auto without_spaces = [](std::string s) {
    std::erase(s, ' ');
    return s;
  };
  CHECK(edits["spaces elsewhere"] != text);
  CHECK(edits["spaces elsewhere"].size() == text.size());
  CHECK(without_spaces(edits["spaces elsewhere"]) == without_spaces(text));
  const std::string lost = edits["as many letters to commas"];
  Index changed = 0;
  for (std::size_t t = 0; t < text.size(); ++t) {
    if (lost[t] == text[t]) continue;
    ++changed;
    CHECK(lost[t] == ',');
    CHECK((text[t] >= 'a' && text[t] <= 'z'));
  }
  CHECK(changed == 8);
}

TEST_CASE("Gains are counted from the last space, less what is usual at the position", "[caesar]") {
  const Token space = Alphabet::prose().token(' ');
  Dataset data{Tensor<Token>({2, 4}, {5, space, 7, 8, 5, 6, 7, 8}), Tensor<Token>({2, 4})};
  Tensor<double> log_probs({2, 4, kLetters});
  const double first[] = {-3.0, -3.0, -1.0, -1.0}, second[] = {-3.0, -2.0, -2.0, -1.0};
  for (Index t = 0; t < 4; ++t) log_probs(0, t, 0) = first[t], log_probs(1, t, 0) = second[t];
  const Tensor<double> gains = gains_by_place(log_probs, data);
  CHECK(gains(0) == Approx(-0.5));  // the space: 0, the mean of both is 0.5
  CHECK(gains(1) == Approx(1.0));   // 2, less 1
  CHECK(gains(2) == Approx(-0.5));  // 0, less 0.5
  CHECK(std::isnan(gains(3)));
}

TEST_CASE("What turns with the word has no equivariance error, anything else has 1", "[caesar]") {
  for (const Index first : {0, 1}) {
    for (Index slot = 0; slot < 3; ++slot) {
      CHECK(equivariance_error(said(true), slot, first) == Approx(0.0).margin(1e-10));
      CHECK(equivariance_error(said(false), slot, first) == Approx(1.0).margin(0.05));
    }
  }
  CHECK(equivariance_error(said(true), 1, 0, true) == Approx(1.0).margin(0.05));
}

TEST_CASE("Vectors on a circle have circulant inner products, others hardly", "[caesar]") {
  const auto noise = hooked::randn<double>({40, kLetters, 30}, hooked::Seed{2});
  Tensor<double> circle({1, kLetters, 2});
  for (Index r = 0; r < kLetters; ++r) {
    const double angle = 2.0 * std::numbers::pi * 3.0 * static_cast<double>(r) / kLetters;
    circle(0, r, 0) = 5.0 + std::cos(angle), circle(0, r, 1) = std::sin(angle);
  }
  CHECK(circulant_share(circle) == Approx(1.0));
  CHECK(circulant_share(noise) == Approx(12.0 / 324).margin(0.01));
  const Tensor<double> power = power_by_frequency(circle);
  CHECK(power(3) == Approx(1.0 / 26));  // the centre, 5, has 25 / 26
  CHECK(peak_of(power) == Approx(12.5));
  CHECK(peak_of(power_by_frequency(noise)) == Approx(1.0).margin(0.15));
}

TEST_CASE("In another circle each letter of a word becomes every other one once", "[caesar]") {
  const WordList words{{"the", 2.0}, {"and", 1.0}};
  hooked::Random random({0}, "test");
  const Tensor<Token> usual = rotated_words(words), other = words_in_another_circle(words, random);
  Index alike = 0;
  for (Index w = 0; w < 2; ++w) {
    for (Index slot = 0; slot < 3; ++slot) {
      CHECK(other(kLetters * w, slot) == usual(kLetters * w, slot));
      std::vector<bool> seen(kLetters, false);
      for (Index r = 0; r < kLetters; ++r) {
        seen[static_cast<std::size_t>(other(kLetters * w + r, slot))] = true;
        alike += other(kLetters * w + r, slot) == usual(kLetters * w + r, slot) ? 1 : 0;
      }
      CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
    }
  }
  CHECK(alike < 30);  // six of them are the words as they are
}

TEST_CASE("Terms of keys add up to the scores of the run", "[caesar]") {
  const study::Setup made = setup(few(), {0});
  Transformer<float> model(made.model, hooked::Seed{7});
  hooked::Random random({0}, "biases");
  for (const std::string& name : model.parameters().names()) {  // biases and norms take part
    if (name.find(".b") == name.npos) continue;
    hooked::copy(hooked::randn<float>(model[name].shape(), random), model[name]);
  }
  const study::Choices chosen = few();
  const Reading at({model, made, chosen, 1});
  const KeyTerms terms(at);
  const ScoreTerms scores(at, terms);
  CHECK(scores.error < 1e-4);
  double bias = 0.0;
  for (Index k = 0; k < scores.mean.size(2); ++k) {
    bias = std::max(bias, std::abs(scores.mean(0, kBias, k)));
  }
  CHECK(bias > 0.01);  // it is there to be left out
  // Keys without any term at C have scores of 0 there.
  Tensor<float> all(terms.keys[0].shape());
  for (const Tensor<float>& term : terms.keys) all += term;
  Tensor<double> cut = in_double(at.site("blocks.1.attn.hook_attn_scores"));
  for (Index q = 0; q < at.length(); ++q) {
    for (Index k = 2; k <= q; k += kSlots) cut.select(3, k).select(2, q).fill(0.0);
  }
  const auto by = attention_by_slot(mean(hooked::softmax(cut), 0), kLater);
  CHECK(without_term(at, first_of(at.data, at.size()), all, 0, false).share_of_C ==
        Approx(to_slot(by, 0, 2) / (to_slot(by, 0, 1) + to_slot(by, 0, 2))).epsilon(1e-4));
}

TEST_CASE("The gap of the exact posterior is none, of who knows nothing what is known",
          "[caesar]") {
  const WordList words = study_words();
  const Tensor<Token> tokens = rotated_words({{"the", 1.0}});
  const Posteriors exact = exact_posteriors(words, "medium", tokens);
  const auto itself = hooked::map(exact, [](double x) { return static_cast<float>(x); });
  const Tensor<float> nothing(exact.shape(), -std::log(26.0f));
  CHECK(divergence(exact, itself, 0, 1) == Approx(0.0).margin(1e-6));
  // "th" is one word without rotation, one with another, two with a third: 1.5 ln 2 are left.
  CHECK(divergence(exact, nothing, 0, 1) ==
        Approx(std::log(26.0) - 1.5 * std::log(2.0)).epsilon(1e-6));
  CHECK(mean_divergence(itself, exact) == Approx(0.0).margin(1e-6));

  Tensor<double> gaps({2, kLetters});
  gaps(0, 3) = 26.0, gaps(1, 3) = 2.0;
  std::vector<double> by_rotation;
  const double spread = spread_over_rotations(gaps, {0.5, 0.5}, &by_rotation);
  CHECK(by_rotation[3] == Approx(14.0));
  CHECK(spread == Approx(14.0 * 5.0 / 26));  // sqrt(p (1 - p)) with p = 1 / 26
  CHECK(spread_by_chance(gaps, {0.5, 0.5}) <= spread + 1e-12);
}

TEST_CASE("A slope is counted in the deviations of slopes by chance", "[caesar]") {
  const auto x = hooked::arange<double>(50);
  const SlopeTest line = slope_test(x, x * 3.0);
  CHECK(line.slope == Approx(3.0));
  CHECK(line.r2 == Approx(1.0));
  CHECK(line.deviations == Approx(7.0).margin(0.4));  // the correlation times sqrt(n - 1)
  CHECK(std::abs(slope_test(x, hooked::randn<double>({50}, hooked::Seed{5})).deviations) < 3.0);
  const ByWord left = without_line({1.0, 3.0, 8.0}, hooked::arange<double>(3));
  CHECK(left[0] == Approx(0.5));
  CHECK(left[1] == Approx(-1.0));
  CHECK(left[2] == Approx(0.5));
}
