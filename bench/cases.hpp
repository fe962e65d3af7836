// The cases that hooked and its peers are timed on: models, data, and the products they must do.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hooked/nn/config.hpp"
#include "hooked/nn/encoder_decoder_config.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/options.hpp"
#include "hooked/train/sequence_pairs.hpp"

namespace bench {

using hooked::Index;
using hooked::Tensor;
using hooked::Token;

/// What one measured unit of work is.
enum class Work {
  train,     // forward, backward and AdamW on the whole batch
  forward,   // logits of the whole batch
  cache,     // run_with_cache, every site kept
  patching,  // the second sequence is patched with the residual stream of the first, at every
             // layer and position in turn
  prefill,   // a prompt is read into a cache of keys and values, for the logits after it
  generate,  // the likeliest token again and again after the first wanted position, with a cache
};

struct Case {
  std::string name;
  Work work;
  hooked::TransformerConfig config;
  hooked::Dataset data;  // the batch; probes have no labels
  hooked::AdamW optimizer = {.lr = 1e-3, .weight_decay = 1.0, .betas = {0.9, 0.98}};
};

/// The same of an encoder-decoder, which is trained.
struct PairsCase {
  std::string name;
  hooked::EncoderDecoderConfig config;
  hooked::SequencePairs data;
  hooked::AdamW optimizer = {.lr = 1e-3, .weight_decay = 1.0};
};

/// The same of a sparse autoencoder, on rows of activations: ReLU and L1, or TopK.
struct RowsCase {
  std::string name;
  hooked::SparseAutoencoderOptions sae;
  Tensor<float> rows;
  double sparsity;
  hooked::AdamW optimizer = {.lr = 1e-3, .weight_decay = 0.0};
};

/// Every (a, b) drawn from p x p, "a b =", to be answered by (a + b) mod p at "=".
inline hooked::Dataset modular_addition(Index p, Index examples) {
  hooked::Dataset data{Tensor<Token>({examples, 3}), Tensor<Token>({examples, 1}), {2}};
  std::vector<Index> pairs(static_cast<std::size_t>(p * p));
  for (Index i = 0; i < p * p; ++i) pairs[static_cast<std::size_t>(i)] = i;
  hooked::Random(hooked::Seed{0}, "pairs").permutation(pairs);
  for (Index i = 0; i < examples; ++i) {
    const Index a = pairs[static_cast<std::size_t>(i)] / p,
                b = pairs[static_cast<std::size_t>(i)] % p;
    data.tokens(i, 0) = static_cast<Token>(a);
    data.tokens(i, 1) = static_cast<Token>(b);
    data.tokens(i, 2) = static_cast<Token>(p);
    data.labels(i, 0) = static_cast<Token>((a + b) % p);
  }
  return data;
}

/// "a - b = sign |a-b|" with numbers below 100: the sign at position 3, the number at position 4.
inline hooked::Dataset subtraction(Index examples) {
  hooked::Dataset data{Tensor<Token>({examples, 5}), Tensor<Token>({examples, 2}), {3, 4}};
  hooked::Random random(hooked::Seed{0}, "subtraction");
  for (Index i = 0; i < examples; ++i) {
    const Index a = random.below(100), b = random.below(100);
    const Token sign = a >= b ? 100 : 101;
    const std::array<Token, 5> sequence{static_cast<Token>(a), 101, static_cast<Token>(b), 102,
                                        sign};
    for (Index p = 0; p < 5; ++p) data.tokens(i, p) = sequence[static_cast<std::size_t>(p)];
    data.labels(i, 0) = sign;
    data.labels(i, 1) = static_cast<Token>(a >= b ? a - b : b - a);
  }
  return data;
}

/// Five numbers below 100 and "=", where the largest is to be given.
inline hooked::Dataset maximum(Index examples) {
  hooked::Dataset data{Tensor<Token>({examples, 6}, 100), Tensor<Token>({examples, 1}, 0), {5}};
  hooked::Random random(hooked::Seed{0}, "maximum");
  for (Index i = 0; i < examples; ++i) {
    for (Index p = 0; p < 5; ++p) {
      data.tokens(i, p) = static_cast<Token>(random.below(100));
      data.labels(i, 0) = std::max(data.labels(i, 0), data.tokens(i, p));
    }
  }
  return data;
}

/// Eight words of three letters out of 100, each with a space after it, all turned by one rotation;
/// the rotation is to be given at every position.
inline hooked::Dataset caesar(Index examples) {
  hooked::Dataset data{Tensor<Token>({examples, 32}), Tensor<Token>({examples, 32})};
  hooked::Random random(hooked::Seed{0}, "caesar");
  Tensor<Token> words({100, 3});
  hooked::for_each_element(
      words.view(), [&](Index, Token& letter) { letter = static_cast<Token>(random.below(26)); });
  for (Index i = 0; i < examples; ++i) {
    const auto rotation = static_cast<Token>(random.below(26));
    for (Index p = 0; p < 32; p += 4) {
      const Index word = random.below(100);
      for (Index l = 0; l < 3; ++l) data.tokens(i, p + l) = (words(word, l) + rotation) % 26;
      data.tokens(i, p + 3) = 26;
    }
    for (Index p = 0; p < 32; ++p) data.labels(i, p) = rotation;
  }
  return data;
}

/// Random tokens; the label of each is the one after it.
inline hooked::Dataset text(Index examples, Index length, Index vocabulary) {
  hooked::Random random(hooked::Seed{0}, "text");
  hooked::Dataset data{Tensor<Token>({examples, length}), Tensor<Token>({examples, length})};
  for (Index i = 0; i < examples; ++i) {
    for (Index p = 0; p < length; ++p) {
      data.tokens(i, p) = static_cast<Token>(random.below(vocabulary));
      if (p > 0) data.labels(i, p - 1) = data.tokens(i, p);
    }
    data.labels(i, length - 1) = static_cast<Token>(random.below(vocabulary));
  }
  return data;
}

/// One sequence whose tokens from `first` on, but the last, are read for logits.
inline hooked::Dataset prompt(Index length, Index first, Index vocabulary) {
  hooked::Dataset data = text(1, length, vocabulary);
  for (Index p = first; p + 1 < length; ++p) data.positions.push_back(static_cast<Token>(p));
  data.labels = Tensor<Token>(data.labels.view().slice(1, first, length - 1));
  return data;
}

/// Rows of activations: eight of 512 random directions add up to each.
inline Tensor<float> sparse_rows(Index rows, Index width) {
  hooked::Random random(hooked::Seed{0}, "sparse_rows");
  Tensor<float> directions({512, width}), x({rows, width});
  hooked::for_each_element(directions.view(), [&](Index, float& number) {
    number = static_cast<float>(random.normal() / std::sqrt(static_cast<double>(width)));
  });
  for (Index r = 0; r < rows; ++r) {
    for (int i = 0; i < 8; ++i) {
      x.select(0, r).array() += directions.select(0, random.below(512)).array();
    }
  }
  return x;
}

inline std::vector<RowsCase> rows_cases() {
  const hooked::Tensor<float> rows = sparse_rows(4096, 256);
  return {{"sparse_autoencoder", {.d_in = 256, .d_sae = 1024}, rows, 1e-4},
          {"topk_autoencoder",
           {.d_in = 256, .d_sae = 1024, .architecture = hooked::SaeArchitecture::topk, .k = 32},
           rows,
           0.0}};
}

/// "B a + b E" and "B a C b E" with numbers below 100, to be answered by "B a+b E" and "B ab E":
/// sums and concatenations. Numbers up to 198 are tokens; digits are cut from the left, as long as
/// there is a token. Padded to 8 tokens.
inline hooked::SequencePairs sums_and_concatenations(Index examples) {
  constexpr Token kPadding = 0, kBegin = 1, kEnd = 2, kConcatenate = 3, kPlus = 4, kZero = 5;
  Tensor<Token> source({examples, 8}, kPadding), text({examples, 9}, kPadding);
  hooked::Random random(hooked::Seed{0}, "sums and concatenations");
  for (Index i = 0; i < examples; ++i) {
    const Index a = random.below(100), b = random.below(100);
    const bool adds = random.below(2) == 0;
    const Token words[] = {kBegin, static_cast<Token>(kZero + a), adds ? kPlus : kConcatenate,
                           static_cast<Token>(kZero + b), kEnd};
    std::copy(words, words + 5, &source(i, 0));
    const std::string digits = adds ? std::to_string(a + b) : std::to_string(a) + std::to_string(b);
    Index end = 0;
    text(i, end++) = kBegin;
    for (std::size_t at = 0; at < digits.size();) {
      std::size_t length = digits[at] == '0' ? 1 : std::min<std::size_t>(3, digits.size() - at);
      while (std::stoi(digits.substr(at, length)) > 198) --length;
      text(i, end++) = static_cast<Token>(kZero + std::stoi(digits.substr(at, length)));
      at += length;
    }
    text(i, end) = kEnd;
  }
  return hooked::sequence_pairs(source, text, kPadding);
}

inline std::vector<PairsCase> pairs_cases() {
  return {{"encoder_decoder",
           {.d_model = 256, .n_heads = 4, .d_mlp = 1024, .d_vocab = 204, .n_ctx = 8},
           sums_and_concatenations(512)}};
}

inline std::vector<Case> cases() {
  using hooked::Activation;
  using hooked::Normalization;
  const auto task = [](Index n_ctx, Index vocabulary, Index answers) {
    return hooked::TransformerConfig{.n_layers = 1,
                                     .d_model = 128,
                                     .n_ctx = n_ctx,
                                     .n_heads = 4,
                                     .d_head = 32,
                                     .d_mlp = 512,
                                     .d_vocab = vocabulary,
                                     .d_vocab_out = answers,
                                     .act_fn = Activation::relu,
                                     .normalization = Normalization::none};
  };
  const hooked::TransformerConfig caesar_model{.n_layers = 2,
                                               .d_model = 48,
                                               .n_ctx = 32,
                                               .n_heads = 2,
                                               .d_head = 24,
                                               .d_vocab = 27,
                                               .d_vocab_out = 26,
                                               .normalization = Normalization::LN,
                                               .attn_only = true};
  const hooked::TransformerConfig small{.n_layers = 2,
                                        .d_model = 64,
                                        .n_ctx = 32,
                                        .n_heads = 4,
                                        .d_head = 16,
                                        .d_mlp = 256,
                                        .d_vocab = 100,
                                        .act_fn = Activation::gelu};
  const hooked::TransformerConfig medium{.n_layers = 4,
                                         .d_model = 128,
                                         .n_ctx = 64,
                                         .n_heads = 4,
                                         .d_head = 32,
                                         .d_mlp = 512,
                                         .d_vocab = 1000,
                                         .act_fn = Activation::gelu};
  const hooked::TransformerConfig attention_only{.n_layers = 4,
                                                 .d_model = 256,
                                                 .n_ctx = 128,
                                                 .n_heads = 8,
                                                 .d_head = 32,
                                                 .d_vocab = 1000,
                                                 .attn_only = true};
  return {
      {"modular_addition", Work::train, task(3, 114, 113), modular_addition(113, 3830)},
      {"subtraction", Work::train, task(5, 103, 103), subtraction(256)},
      {"maximum", Work::train, task(6, 101, 101), maximum(512)},
      {"caesar", Work::train, caesar_model, caesar(512)},
      {"small_forward", Work::forward, small, text(1, 32, 100)},
      {"small_cache", Work::cache, small, text(1, 32, 100)},
      {"small_patching", Work::patching, small, text(2, 32, 100)},
      {"medium_forward", Work::forward, medium, text(16, 64, 1000)},
      {"medium_cache", Work::cache, medium, text(16, 64, 1000)},
      {"medium_train", Work::train, medium, text(16, 64, 1000)},
      {"medium_prefill", Work::prefill, medium, prompt(64, 62, 1000)},
      {"medium_generate", Work::generate, medium, prompt(64, 15, 1000)},
      {"attention_only_train", Work::train, attention_only, text(16, 128, 1000)},
  };
}

/// Distinct (token, position) pairs.
inline Index distinct_rows(const Tensor<Token>& tokens) {
  std::set<std::pair<Index, Token>> seen;
  for (Index i = 0; i < tokens.size(0); ++i) {
    for (Index p = 0; p < tokens.size(1); ++p) seen.emplace(p, tokens(i, p));
  }
  return static_cast<Index>(seen.size());
}

/// Floating-point operations of the matrix products that a case cannot do without: each row once,
/// in the last block only the wanted positions but for keys and values, in attention only what the
/// mask lets through, and in a patched run only what lies behind the patch. Training takes three
/// times the forward run's.
inline double flops(const Case& c) {
  const auto& m = c.config;
  const Index length = c.data.tokens.size(1);
  const Index batch = c.work == Work::patching ? 1 : c.data.tokens.size(0);
  const Index d_attn = m.n_heads * m.d_head, d_mlp = m.attn_only ? 0 : m.d_mlp;
  const Index d_out = m.d_vocab_out == 0 ? m.d_vocab : m.d_vocab_out;
  const auto wanted_in = [&](Index position) {
    const std::vector<Token>& read = c.data.positions;
    return read.empty() || std::find(read.begin(), read.end(), position) != read.end();
  };
  // Multiplications of a run from block `start` on that leaves out positions before `first`.
  const auto run = [&](Index start, Index first) {
    const Index rows = batch * (length - first);
    Index wanted = 0, pairs = 0, wanted_pairs = 0;  // rows, and pairs of query and key
    for (Index p = first; p < length; ++p) {
      pairs += batch * (p + 1);
      if (!wanted_in(p)) continue;
      wanted += batch;
      wanted_pairs += batch * (p + 1);
    }
    Index sum = wanted * m.d_model * d_out;  // W_U
    for (Index l = start; l < m.n_layers; ++l) {
      const bool last = l + 1 == m.n_layers;
      const Index in = l == 0 && first == 0 ? distinct_rows(c.data.tokens) : rows;
      const Index out = last ? wanted : rows;
      sum += (2 * in + std::min(in, out)) * m.d_model * d_attn;  // W_K, W_V, W_Q
      sum += 2 * (last ? wanted_pairs : pairs) * d_attn;         // scores, z
      sum += out * m.d_model * (d_attn + 2 * d_mlp);             // W_O, W_in, W_out
    }
    return 2.0 * static_cast<double>(sum);
  };
  if (c.work != Work::patching) return (c.work == Work::train ? 3 : 1) * run(0, 0);
  double sum = 0.0;
  for (Index l = 0; l < m.n_layers; ++l) {
    for (Index p = 0; p < length; ++p) sum += run(l, p);
  }
  return sum;
}

/// The same of a sparse autoencoder: two products forward, three back, for rows have no slope; all
/// but the first are of k features a row where there is a k.
inline double flops(const RowsCase& c) {
  const Index features = c.sae.d_sae + 4 * c.sae.k.value_or(c.sae.d_sae);
  return 2.0 * static_cast<double>(c.rows.size(0) * c.sae.d_in * features);
}

/// The same of an encoder-decoder of one layer each: padding is left out, too.
inline double flops(const PairsCase& c) {
  const auto m = c.config.resolved();
  const auto count = [](const Tensor<std::uint8_t>& mask) {
    return static_cast<Index>(std::count(mask.data(), mask.data() + mask.numel(), 1));
  };
  const Index from = count(c.data.source_mask), to = count(c.data.target_mask);
  const Index d_attn = m.n_heads * m.d_head, projection = m.d_model * d_attn;
  Index pairs = 0, across = 0;  // of query and key: encoder and decoder with themselves, both
  for (Index b = 0; b < c.data.size(); ++b) {
    const auto tokens = [&](const Tensor<std::uint8_t>& mask) {
      return static_cast<Index>(std::count(&mask(b, 0), &mask(b, 0) + mask.size(1), 1));
    };
    const Index keys = tokens(c.data.source_mask), queries = tokens(c.data.target_mask);
    pairs += keys * keys + queries * (queries + 1) / 2;
    across += queries * keys;
  }
  const Index mlp = 2 * m.d_model * m.d_mlp;
  const Index encoder =
      3 * projection * std::min(from, distinct_rows(c.data.source)) + from * (projection + mlp);
  const Index decoder = 3 * projection * std::min(to, distinct_rows(c.data.target)) +
                        to * (3 * projection + mlp + m.d_model * m.d_vocab_target) +
                        2 * from * projection;
  return 6.0 * static_cast<double>(encoder + decoder + 2 * (pairs + across) * d_attn);
}

}  // namespace bench
