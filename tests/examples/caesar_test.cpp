// Texts, words and Bayes' rule of the Caesar study; caesar.sh runs its program.
#include <fstream>

#include "../../examples/caesar/ablations.hpp"
#include "../../examples/caesar/attribution.hpp"
#include "../../examples/caesar/letters.hpp"
#include "../../examples/caesar/positions.hpp"
#include "catch.hpp"
#include "core/check.hpp"

using namespace caesar;

namespace {

/// What Bayes' rule leaves uncertain on average after each letter of the first word: no sampling.
std::vector<double> expected_losses(const std::string& mode) {
  const WordList words = study_words();
  const std::vector<double> shares = word_shares(words, mode);
  const Posteriors posterior = exact_posteriors(words, mode, rotated_words(words));
  std::vector<double> losses(kWordLength, 0.0);
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (Index slot = 0; slot < kWordLength; ++slot) {
      losses[static_cast<std::size_t>(slot)] -=
          shares[w] * posterior(kLetters * static_cast<Index>(w), slot, 0);
    }
  }
  return losses;
}

Index place_of(const WordList& words, const std::string& letters) {
  for (std::size_t w = 0; w < words.size(); ++w) {
    if (words[w].letters == letters) return static_cast<Index>(w);
  }
  return -1;
}

std::filesystem::path file_with(const std::string& name, const std::string& bytes) {
  const auto path = std::filesystem::temp_directory_path() / ("hooked_caesar_" + name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace

TEST_CASE("The study's list has its hundred words and their counts", "[caesar]") {
  const WordList words = study_words();
  REQUIRE(words.size() == 100);
  double sum = 0.0, first_four = 0.0, first_33 = 0.0;
  for (std::size_t w = 0; w < words.size(); ++w) {
    CHECK(words[w].letters.size() == 3);
    sum += words[w].count;
    first_four += w < 4 ? words[w].count : 0.0;
    first_33 += w < 33 ? words[w].count : 0.0;
    if (w > 0) CHECK(words[w].count <= words[w - 1].count);
  }
  CHECK(sum == 7084);
  CHECK(first_four / sum == Approx(0.544).margin(5e-4));
  CHECK(first_33 / sum == Approx(0.903).margin(5e-4));
  const Tensor<double> letters = letter_shares(words, "easy");
  CHECK(letters(0, 't' - 'a') == Approx(0.295).margin(5e-4));
  CHECK(letters(1, 'h' - 'a') == Approx(0.299).margin(5e-4));
  CHECK(letters(2, 'e' - 'a') == Approx(0.330).margin(5e-4));
}

TEST_CASE("Bayes' rule over the words has the study's numbers", "[caesar]") {
  const double easy[] = {2.2787, 0.4138, 0.0066}, medium[] = {2.8968, 1.1241, 0.0416};
  for (std::size_t slot = 0; slot < 3; ++slot) {
    CHECK(expected_losses("easy")[slot] == Approx(easy[slot]).margin(5e-5));
    CHECK(expected_losses("medium")[slot] == Approx(medium[slot]).margin(5e-5));
  }
  // "th" is "the", or "man" or "may" or "dry" in rotation.
  const WordList words = study_words();
  const Index the = place_of(words, "the");
  const auto th = [&](const std::string& mode) {
    return std::exp(exact_posteriors(words, mode, rotated_words(words))(kLetters * the, 1, 0));
  };
  CHECK(th("easy") == Approx(1985.0 / (1985 + 49 + 15 + 3)).epsilon(1e-12));
  CHECK(th("medium") == Approx(0.25).epsilon(1e-12));
}

TEST_CASE("Bayes' rule is that of all texts written out", "[caesar]") {
  const WordList words{{"abc", 3.0}, {"bcd", 1.0}, {"bca", 2.0}};
  // After "bcd bc": every rotation of every pair of words that begins so.
  Tensor<Token> tokens({1, 8}, {1, 2, 3, 26, 1, 2, 0, 26});
  const Posteriors posterior = exact_posteriors(words, "easy", tokens);
  for (Index read = 1; read <= 8; ++read) {
    std::vector<double> likelihood(kLetters, 0.0);
    for (Index r = 0; r < kLetters; ++r) {
      for (const Word& u : words) {
        for (const Word& v : words) {
          const std::string text = u.letters + ' ' + v.letters + ' ';
          bool fits = true;
          for (Index t = 0; t < read; ++t) {
            const Token letter = Alphabet::words().token(text[static_cast<std::size_t>(t)]);
            fits = fits && rotate(letter, r) == tokens(0, t);
          }
          likelihood[static_cast<std::size_t>(r)] += fits ? u.count * v.count : 0.0;
        }
      }
    }
    double sum = 0.0;
    for (const double x : likelihood) sum += x;
    for (Index r = 0; r < kLetters; ++r) {
      CAPTURE(read, r);
      CHECK(std::exp(posterior(0, read - 1, r)) ==
            Approx(likelihood[static_cast<std::size_t>(r)] / sum).margin(1e-12));
    }
  }
}

TEST_CASE("Additive evidence is that of the study's table", "[caesar]") {
  const WordList words = study_words();
  const Tensor<double> evidence = additive_evidence(words, "easy");
  const std::pair<const char*, std::array<double, 3>> rows[] = {
      {"the", {.30, .75, .98}}, {"and", {.18, .65, .81}}, {"was", {.09, .49, .72}},
      {"his", {.10, .21, .14}}, {"but", {.03, .04, .30}}, {"dry", {.01, .00, .00}}};
  for (const auto& [word, expected] : rows) {
    for (Index slot = 0; slot < 3; ++slot) {
      CAPTURE(word, slot);
      CHECK(evidence(place_of(words, word), slot) ==
            Approx(expected[static_cast<std::size_t>(slot)]).margin(0.006));
    }
  }
}

TEST_CASE("Texts become lower-case ASCII, words are counted by what spaces part", "[caesar]") {
  const std::string text =
      straightened("The cat \u2018saw\u2019 THE \u201Cend\u201D.\nThe dog caf\u00E9 the", "t");
  CHECK(text == "the cat 'saw' the \"end\".\nthe dog caf\u00E9 the");
  const WordList words = three_letter_words(text);
  REQUIRE(words.size() == 3);  // "'saw'" and "\"end\".\nthe" are no words of three letters
  CHECK(words[0].letters == "the");
  CHECK(words[0].count == 3);
  CHECK(words[1].letters == "cat");  // as often as "dog", but it comes first
  CHECK(words[2].letters == "dog");
  const Alphabet prose = Alphabet::prose();
  CHECK(prose.size() == 36);
  std::string kept;
  for (const Token token : prose_tokens("a-b\u00E9 c\n\"?\"")) kept += prose.character(token);
  CHECK(kept == "ab c\n\"?\"");
  CHECK(rotate(25, 3) == 2);
  CHECK(rotate(2, -3) == 25);
  CHECK(rotate(26, 5) == 26);
}

TEST_CASE("What is not UTF-8 is refused, and where", "[caesar]") {
  const std::pair<const char*, std::string> wrong[] = {{"a lone byte", "abc\xFF"},
                                                       {"a broken end", "abc\xE2\x80"},
                                                       {"an overlong one", "abc\xC0\xAF"},
                                                       {"a surrogate", "abc\xED\xA0\x80"},
                                                       {"past the last", "abc\xF4\x90\x80\x80"}};
  for (const auto& [name, bytes] : wrong) {
    CAPTURE(name);
    CHECK(error_of<hooked::FormatError>([&text = bytes] { straightened(text, "my.txt"); }) ==
          "my.txt: byte 3 is not UTF-8: convert the text");
  }
  CHECK(straightened("\xF0\x9F\x98\x80z", "emoji") == "\xF0\x9F\x98\x80z");
  const auto empty = file_with("empty.txt", "");
  CHECK(error_of<hooked::FormatError>([&] { read_corpus(empty); }) ==
        "the text " + empty.string() + " is empty");
  CHECK(error_of<hooked::FormatError>([] { read_corpus("no text.txt"); }) ==
        "cannot read the text no text.txt");
  const auto parted = file_with("parted.txt", "one\n%\ntwo\n%\n");
  CHECK(read_corpus(parted) == "one\n\ntwo\n\n");
}

TEST_CASE("Slices for validation share no character with those for training", "[caesar]") {
  std::vector<Token> prose(40 * kBlock);
  for (std::size_t i = 0; i < prose.size(); ++i) prose[i] = static_cast<Token>(i);  // where it is
  const ProseSource learnt(prose, false), tested(prose, true);
  CHECK(learnt.blocks().size() == 38);
  CHECK(tested.blocks().size() == 2);
  hooked::Random random({0}, "test");
  for (int i = 0; i < 2000; ++i) {
    for (const bool held_out : {false, true}) {
      const Text slice = (held_out ? tested : learnt)(random, 32);
      REQUIRE(slice.size() == 32);
      REQUIRE(slice.back() == slice.front() + 31);
      for (const Token place : {slice.front(), slice.back()}) {
        REQUIRE((place / kBlock % kHeldOutOf == kHeldOutOf - 1) == held_out);
      }
    }
  }
}

TEST_CASE("Words are drawn by their counts, and rotations are said everywhere", "[caesar]") {
  hooked::Random random({0}, "test");
  const WordSource source({{"abc", 9.0}, {"xyz", 1.0}}, true);
  const Dataset data = rotated(draw_texts(source, 2000, 8, random), random);
  double first = 0.0;
  std::vector<double> rotations(kLetters, 0.0);
  for (Index i = 0; i < data.size(); ++i) {
    const Token by = data.labels(i, 0);
    rotations[static_cast<std::size_t>(by)] += 1.0;
    for (Index t = 0; t < 8; ++t) REQUIRE(data.labels(i, t) == by);
    REQUIRE(data.tokens(i, 3) == 26);
    const Token letter = rotate(data.tokens(i, 0), -by);
    REQUIRE((letter == 0 || letter == 23));
    first += letter == 0 ? 1.0 : 0.0;
  }
  CHECK(first / 2000 == Approx(0.9).margin(0.03));
  for (const double count : rotations) CHECK(count == Approx(2000.0 / 26).margin(45));
  const auto always_a = [](hooked::Random&, Index length) {
    return Text(static_cast<std::size_t>(length), 0);
  };
  CHECK(error_of<hooked::ConfigError>([&] { draw_texts(always_a, 3, 8, random, {Text(8, 0)}); }) ==
        "the text repeats itself: of 300 slices for training only 0 are no validation sequences");
}

TEST_CASE("Attention is summed by slot and by whose word it is", "[caesar]") {
  Tensor<double> pattern({1, 12, 12});
  pattern(0, 10, 10) = 0.5;  // word 2, C, to itself
  pattern(0, 10, 8) = 0.2;   // to its own A
  pattern(0, 10, 5) = 0.2;   // to B of the word before
  pattern(0, 10, 1) = 0.1;   // to B of the first
  const Tensor<double> by = attention_by_slot(pattern, 2, 2);
  CHECK(by(0, own_word, 2) == Approx(0.5));
  CHECK(by(0, own_word, 0) == Approx(0.2));
  CHECK(by(0, earlier_words, 1) == Approx(0.2));
  CHECK(by(0, first_word, 1) == Approx(0.1));
  CHECK(to_slot(by, 0, 1) == Approx(0.3));
  // All destinations of the last word: the other three attend to nothing here.
  CHECK(attention_by_slot(pattern, 2)(0, own_word, 2) == Approx(0.125));
}

TEST_CASE("Attributions add up to what the stream says of the right rotation", "[caesar]") {
  const study::Choices chosen =
      choices().with({{"words", 20}, {"length", 12}, {"sequences", 50}, {"batch_size", 50}});
  const study::Setup made = setup(chosen, {0});
  const Transformer<float> model(made.model, hooked::Seed{3});
  const Reading at({model, made, chosen, 1});
  const Tensor<double> added = attributions(at, {.third = 1, .second = 0});
  REQUIRE(added.shape() == hooked::Shape{5, at.size(), 12});
  // Positions and biases are the same in all sequences: of the stream less its mean, they are 0.
  const Tensor<double> resid = in_double(at.site("blocks.1.hook_resid_post"));
  const Tensor<double> centred = resid - mean(resid, 0, hooked::Keep::yes);
  const Tensor<double> W_U = in_double(at.model["unembed.W_U"]);
  const View<const float> scale = at.site("ln_final.hook_scale");
  for (const Index s : {0, 17, 999}) {
    for (const Index t : {0, 1, 11}) {
      double sum = 0.0, expected = 0.0;
      for (Index c = 0; c < 5; ++c) sum += added(c, s, t);
      for (Index d = 0; d < W_U.size(0); ++d) {
        expected += centred(s, t, d) * W_U(d, at.rotation(s)) / static_cast<double>(scale(s, t, 0));
      }
      CAPTURE(s, t);
      CHECK(sum == Approx(expected).margin(1e-4));
    }
  }
  // 1.0 is the head that the roles say.
  const Tensor<double> swapped = attributions(at, {.third = 0, .second = 1});
  CHECK(difference(added.select(0, 3), swapped.select(0, 4)) == "");
  CHECK(difference(added.select(0, 3), swapped.select(0, 3)) != "");
}

TEST_CASE("Words are confined to themselves, and get the next one's values", "[caesar]") {
  const Tensor<float> mask = within_words(8);
  CHECK(mask(5, 4) == 0.0f);
  CHECK(mask(5, 3) == -std::numeric_limits<float>::infinity());
  Tensor<float> values({1, 12, 1, 1});
  for (Index t = 0; t < 12; ++t) values(0, t, 0, 0) = static_cast<float>(t);
  const Tensor<float> moved = of_next_word(values);
  for (Index t = 0; t < 12; ++t) CHECK(moved(0, t, 0, 0) == static_cast<float>((t + 4) % 12));
}
