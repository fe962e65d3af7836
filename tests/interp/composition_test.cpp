// How much heads read of what earlier heads write.
#include "hooked/interp/composition.hpp"

#include "catch.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

TEST_CASE("The golden model's heads compose as published") {
  const auto scores = composition_scores(golden::model(), Composition::Q);
  CHECK(scores.shape() == Shape{2, 2, 2, 2});
  CHECK(scores(0, 0, 1, 0) == ten_digits(0.2945517183));
  CHECK(scores(0, 0, 1, 1) == ten_digits(0.2950469031));
  CHECK(scores(0, 1, 1, 0) == ten_digits(0.3055187097));
  CHECK(scores(0, 1, 1, 1) == ten_digits(0.3970019864));
}

TEST_CASE("A composition score is the norm of a product over the product of norms") {
  auto config = golden::config();
  config.n_layers = 3;
  const auto model = golden::model(config);
  const auto norm = [](const Tensor<double>& x) { return l2_norm(x).item(); };
  for (const Composition mode : {Composition::Q, Composition::K, Composition::V}) {
    const auto scores = composition_scores(model, mode);
    for (Index l1 = 0; l1 < 3; ++l1) {
      for (Index h1 = 0; h1 < 2; ++h1) {
        for (Index l2 = 0; l2 < 3; ++l2) {
          for (Index h2 = 0; h2 < 2; ++h2) {
            CAPTURE(static_cast<int>(mode), l1, h1, l2, h2);
            if (l1 >= l2) {
              CHECK(scores(l1, h1, l2, h2) == 0);
              continue;
            }
            const Tensor<double> left = OV(model, l1, h1).AB();
            const Tensor<double> QK_2 = QK(model, l2, h2).AB();
            const Tensor<double> right = mode == Composition::Q   ? QK_2
                                         : mode == Composition::K ? Tensor<double>(QK_2.transpose())
                                                                  : OV(model, l2, h2).AB();
            const double expected = norm(matmul(left, right)) / (norm(left) * norm(right));
            CHECK(scores(l1, h1, l2, h2) == Approx(expected).epsilon(1e-12));
          }
        }
      }
    }
  }
}

TEST_CASE("Heads that read another's directions compose wholly, and others not at all") {
  TransformerConfig config{.n_layers = 2, .d_model = 4, .n_ctx = 2, .d_head = 1, .d_vocab = 3};
  config.attn_only = true;
  Transformer<double> model(config);
  for (const auto& name : model.parameters().names()) model[name].fill(0);
  for (Index h = 0; h < 4; ++h) {  // head h of block 0 writes along axis h, of block 1 reads it
    model["blocks.0.attn.W_V"](h, 0, 0) = 2;
    model["blocks.0.attn.W_O"](h, 0, h) = 3;
    model["blocks.1.attn.W_Q"](h, h, 0) = 5;
    model["blocks.1.attn.W_K"](h, 3, 0) = 7;
  }
  const auto queries = composition_scores(model, Composition::Q);
  const auto keys = composition_scores(model, Composition::K);
  for (Index h1 = 0; h1 < 4; ++h1) {
    for (Index h2 = 0; h2 < 4; ++h2) {
      CHECK(queries(0, h1, 1, h2) == Approx(h1 == h2 ? 1 : 0));
      CHECK(keys(0, h1, 1, h2) == Approx(h1 == 3 ? 1 : 0));
    }
  }
  // Block 1 writes nothing.
  CHECK(std::isnan(composition_scores(model, Composition::V)(0, 0, 1, 0)));
}

TEST_CASE("By chance heads compose as the root of 1 / d_model, whatever d_head is") {
  for (const Index d_head : {1, 4, 12}) {
    const Index pairs = d_head == 1 ? 2000 : 500;  // one number varies more than the norm of many
    const auto scores = random_composition_scores(8, d_head, pairs, Seed{1});
    CHECK(scores.shape() == Shape{pairs});
    CAPTURE(d_head);
    CHECK(mean(scores * scores).item() == Approx(1.0 / 8).epsilon(0.1));
  }
  const auto once = random_composition_scores(8, 4), again = random_composition_scores(8, 4);
  CHECK(once.shape() == Shape{100});
  CHECK(to_vector(once) == to_vector(again));
  CHECK(to_vector(once) != to_vector(random_composition_scores(8, 4, 100, Seed{1})));
  CHECK_THROWS_AS(random_composition_scores(8, 0), ShapeError);
  CHECK_THROWS_AS(random_composition_scores(8, 4, 0), ShapeError);
}

}  // namespace
}  // namespace hooked
