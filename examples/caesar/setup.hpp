// The model, the data, and how the one learns from the other.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "../common/study.hpp"
#include "corpus.hpp"
#include "task.hpp"

namespace caesar {

/// What the study says, and the public code that trained its models where it is silent.
inline study::Choices choices() {
  return {
      {"mode",
       "easy",
       "words by their frequency; words alike; slices of prose",
       {"easy", "medium", "hard"}},
      {"corpus", "",
       "text, a file or a folder of files: in hard mode what slices are cut from (else the texts "
       "of `fortune`), else what words are counted in (else the study's list)"},
      {"words", 100, "the most frequent words of three letters; not in hard mode"},
      {"length", 32, "characters in a sequence"},
      {"sequences", 150'000, "to learn from"},
      {"epochs", 100, "of training, each on all sequences"},
      {"batch_size", 512, "sequences a step"},
      {"lr", 1e-3, "Adam's, before the first epoch"},
      {"last_lr", 1e-4, "and in the last, on a straight line by epochs"},
      {"weight_decay", 1e-3, "Adam's: L2, part of the gradient"},
      {"d_model", 48, "width of the residual stream, of which each of two heads has half"},
      {"attn_only", 1, "0: blocks have an MLP of 4 d_model ReLU neurons"}};
}

/// Whether sequences are slices of prose, not words.
inline bool is_hard(const study::Choices& choose) { return choose.word("mode") == "hard"; }

inline Alphabet alphabet_of(const study::Choices& choose) {
  return is_hard(choose) ? Alphabet::prose() : Alphabet::words();
}

/// The words of easy and medium mode. Throws ConfigError where the text has too few.
inline WordList words_of(const study::Choices& choose) {
  const Index wanted = choose.count("words");
  if (wanted < 2 || wanted > 10'000) {
    hooked::fail<hooked::ConfigError>("words is ", wanted, ", it must be from 2 to 10000");
  }
  const std::string& corpus = choose.word("corpus");
  WordList list = corpus.empty() ? study_words() : three_letter_words(read_corpus(corpus));
  if (static_cast<Index>(list.size()) < wanted) {
    hooked::fail<hooked::ConfigError>(
        corpus.empty() ? "the study's list" : corpus, " has ", list.size(),
        " words of three letters, wanted are ", wanted,
        ": ask for fewer (--words), or give a longer text (--corpus)");
  }
  list.resize(static_cast<std::size_t>(wanted));
  return list;
}

/// The prose of hard mode, as tokens. Throws ConfigError where there is none, or not enough.
inline std::vector<Token> prose_of(const study::Choices& choose) {
  if (choose.count("words") != choices().count("words")) {
    hooked::fail<hooked::ConfigError>("words is ", choose.count("words"),
                                      ", but hard mode has slices of prose, not words");
  }
  std::filesystem::path corpus = choose.word("corpus");
  if (corpus.empty()) corpus = system_texts();
  if (corpus.empty()) {
    hooked::fail<hooked::ConfigError>(
        "hard mode needs prose: install the texts of `fortune` (Debian's package fortunes), or "
        "give a text of yours (--corpus)");
  }
  std::vector<Token> prose = prose_tokens(read_corpus(corpus));
  const Index least = kHeldOutOf * kBlock;
  if (static_cast<Index>(prose.size()) < least) {
    hooked::fail<hooked::ConfigError>(corpus.string(), " has ", prose.size(),
                                      " characters of prose, hard mode needs at least ", least,
                                      ": give a longer text (--corpus)");
  }
  return prose;
}

constexpr Index kValidation = 10'000;  // sequences

/// Validation sequences are the same for all seeds. No slice of prose is in both; of words, the
/// most frequent sequences are.
inline void draw_data(const study::Choices& choose, hooked::Seed seed, study::Setup& s) {
  const Index length = choose.count("length"), sequences = choose.count("sequences");
  hooked::Random tested({0}, "validation sequences"), learnt(seed, "training sequences");
  std::vector<Text> validation, training;
  if (is_hard(choose)) {
    const std::vector<Token> prose = prose_of(choose);
    validation = draw_texts(ProseSource(prose, true), kValidation, length, tested);
    training = draw_texts(ProseSource(prose, false), sequences, length, learnt,
                          std::set<Text>(validation.begin(), validation.end()));
  } else {
    const WordSource source(words_of(choose), choose.word("mode") == "easy");
    validation = draw_texts(source, kValidation, length, tested);
    training = draw_texts(source, sequences, length, learnt);
  }
  s.all = rotated(validation, tested);
  s.part = {rotated(training, learnt), s.all};
}

/// Two layers of two heads, layer norm, all biases; the study's are 48 wide and have no MLPs.
/// Throws ConfigError for what cannot be.
inline study::Setup setup(const study::Choices& choose, hooked::Seed seed) {
  const Index length = choose.count("length"), sequences = choose.count("sequences");
  const Index epochs = choose.count("epochs"), batch_size = choose.count("batch_size");
  const double lr = choose["lr"], last_lr = choose["last_lr"];
  if (length < 2 * kSlots || length > 256 || length % kSlots != 0) {
    hooked::fail<hooked::ConfigError>("length is ", length,
                                      ", it must be a multiple of 4 from 8 to 256");
  }
  if (sequences < 1 || sequences > 10'000'000) {
    hooked::fail<hooked::ConfigError>("sequences is ", sequences,
                                      ", it must be from 1 to 10000000");
  }
  if (epochs < 1 || epochs > 10'000) {
    hooked::fail<hooked::ConfigError>("epochs is ", epochs, ", it must be from 1 to 10000");
  }
  if (batch_size < 1 || batch_size > sequences) {
    hooked::fail<hooked::ConfigError>("batch_size is ", batch_size,
                                      ", it must be from 1 to the number of sequences, ",
                                      sequences);
  }
  if (!(lr > 0 && last_lr > 0)) {
    hooked::fail<hooked::ConfigError>("lr is ", lr, " and last_lr is ", last_lr,
                                      ", both must be above 0");
  }
  const Index d_model = choose.count("d_model");
  if (d_model < 2 || d_model % 2 != 0) {
    hooked::fail<hooked::ConfigError>("d_model is ", d_model,
                                      ", it must be even: there are two heads");
  }
  study::Setup s;
  s.model = {.n_layers = 2,
             .d_model = d_model,
             .n_ctx = length,
             .n_heads = 2,
             .d_head = d_model / 2,
             .d_vocab = alphabet_of(choose).size(),
             .d_vocab_out = kLetters,
             .act_fn = hooked::Activation::relu,
             .attn_only = choose.yes("attn_only")};
  draw_data(choose, seed, s);
  const Index steps = (sequences + batch_size - 1) / batch_size;
  hooked::Schedule schedule;
  for (Index epoch = 0; epoch < epochs; ++epoch) {
    const double t = static_cast<double>(epoch + 1) / static_cast<double>(epochs);
    schedule = schedule.then(hooked::Schedule::constant(steps, 1.0 + (last_lr / lr - 1.0) * t));
  }
  s.training = {.optimizer = hooked::Adam{.lr = lr, .weight_decay = choose["weight_decay"]},
                .schedule = schedule,
                .epochs = epochs,
                .batch_size = batch_size,
                .evaluate_every = steps,
                .keep_best = true};
  return s;
}

}  // namespace caesar
