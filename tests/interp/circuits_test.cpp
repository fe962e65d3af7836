// Circuits of heads, from weights alone.
#include "hooked/interp/circuits.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "hooked/core/creation.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("The golden model's OV circuit has the published singular values and eigenvalues") {
  const auto first = OV(golden::model(), 0, 0);
  const auto S = first.svd().S;
  const double expected[] = {1.928944825, 1.21457689, 1.042323046, 0.5098980298};
  for (Index i = 0; i < 4; ++i) CHECK(S(i) == ten_digits(expected[i]));
  CHECK(first.norm().item() == ten_digits(2.557822999));
  const auto lambda = first.eigenvalues();  // by modulus: 0.5589, 0.4686
  CHECK(lambda.shape() == Shape{4});
  const auto nine_digits = [](double x) { return Approx(x).epsilon(0).margin(5.001e-10); };
  for (Index i = 0; i < 4; ++i) {
    CHECK(lambda(i).real() == nine_digits(i < 2 ? 0.546831119 : -0.215668389));
    CHECK(std::abs(lambda(i).imag()) == nine_digits(i < 2 ? 0.115412296 : 0.416046991));
  }
}

TEST_CASE("Circuits are products of the weights, for all heads or one") {
  const auto model = golden::model();
  const auto W_E = model["embed.W_E"], W_U = model["unembed.W_U"], W_pos = model["pos_embed.W_pos"];
  for (Index l = 0; l < 2; ++l) {
    for (Index h = 0; h < 2; ++h) {
      const auto of = [&](const char* name) {
        return model[text("blocks.", l, ".attn.", name)].select(0, h);
      };
      const auto W_QK = einsum("me,ne->mn", of("W_Q"), of("W_K"));
      const auto W_OV = matmul(of("W_V"), of("W_O"));
      check_same(QK(model, l, h).AB(), W_QK);
      check_same(OV(model, l, h).AB(), W_OV);
      const auto head = [&](const FactoredMatrix<double>& all) {
        return all.select(0, l).select(0, h).AB();
      };
      check_same(head(QK(model)), W_QK);
      check_same(head(OV(model)), W_OV);
      check_same(head(full_QK(model)), einsum("qm,mn,kn->qk", W_E, W_QK, W_E));
      check_same(head(full_OV(model)), einsum("vm,mn,nu->vu", W_E, W_OV, W_U));
      check_same(head(positional_QK(model)), einsum("qm,mn,kn->qk", W_pos, W_QK, W_pos));
    }
  }
  CHECK(full_OV(model).mdim() == 4);
  check_same(QK(model, -1, -2).AB(), QK(model, 1, 0).AB());
}

TEST_CASE("A head that writes what it reads copies, and one that writes its opposite does not") {
  const auto identity = [](double diagonal) { return eye<double>(3) * diagonal; };
  const FactoredMatrix heads(stack({identity(2), identity(-1)}), identity(1));
  const auto score = copying_score(heads);
  CHECK(score(0) == Approx(1));
  CHECK(score(1) == Approx(-1));
  // A quarter turn: eigenvalues i and -i.
  const FactoredMatrix turn(Tensor<double>({2, 2}, {0, -1, 1, 0}), eye<double>(2));
  CHECK(copying_score(turn).item() == Approx(0).margin(1e-15));
  CHECK(std::isnan(copying_score(FactoredMatrix(identity(0), identity(1))).item()));

  const auto model = golden::model();
  const auto scores = copying_score(full_OV(model));
  CHECK(scores.shape() == Shape{2, 2});
  const auto lambda = eig(full_OV(model).select(0, 1).select(0, 0).AB()).values;
  double real = 0, size = 0;
  for (Index i = 0; i < lambda.numel(); ++i) {
    real += lambda(i).real(), size += std::abs(lambda(i));
  }
  CHECK(scores(1, 0) == Approx(real / size).epsilon(1e-10));
}

TEST_CASE("Singular vectors are read through the unembedding") {
  const auto model = golden::model();
  const auto W_U = model["unembed.W_U"];
  // Signs are arbitrary: compare squares.
  const auto check_logits = [&](const Tensor<double>& logits, const Tensor<double>& M,
                                Index count) {
    const auto expected = matmul(W_U.transpose(), svd(M).V.slice(1, 0, count));
    check_same(logits * logits, expected * expected);
  };
  check_logits(OV_singular_logits(model, 1, 0, 3), OV(model, 1, 0).AB(), 3);
  const auto W_in = model["blocks.0.mlp.W_in"];
  const auto w = model["blocks.0.ln2.w"];
  check_logits(W_in_singular_logits(model, 0, 8), einsum("dn,d->nd", W_in, w), 8);
  check_logits(W_out_singular_logits(model, -1, 1), Tensor<double>(model["blocks.1.mlp.W_out"]), 1);
  auto config = golden::config();
  config.normalization = Normalization::LNPre;
  const auto pre = golden::model(config);
  const auto found = W_in_singular_logits(pre, 0, 2);
  CHECK(found.shape() == Shape{10, 2});
  check_same(found * found, [&] {
    const auto y = matmul(pre["unembed.W_U"].transpose(), svd(pre["blocks.0.mlp.W_in"]).U);
    return Tensor<double>((y * y).slice(1, 0, 2));
  }());
}

TEST_CASE("Heads that share keys each have a copy, and without a W_U it is W_E^T") {
  ParameterLayout layout;
  layout.add("W_Q", {4, 3, 2});
  layout.add("_W_K", {2, 3, 2});
  Parameters<double> parameters(layout);
  parameters.set("_W_K", randn<double>({2, 3, 2}, Seed{1}));
  const auto W_K = detail::of_each_head(parameters, "", "W_K");
  for (Index h = 0; h < 4; ++h) check_same(W_K.select(0, h), parameters["_W_K"].select(0, h / 2));
  check_same(unembedding(golden::model()), golden::model()["unembed.W_U"]);
}

TEST_CASE("There are no circuits of heads that there are not") {
  const auto model = golden::model();
  const auto refused = [](auto f) { return refusal(f); };
  CHECK(refused([&] { return QK(model, 2, 0); }) == "QK: there is no block 2, the model has 2");
  CHECK(refused([&] { return OV(model, -3, 0); }) == "OV: there is no block -3, the model has 2");
  CHECK_THAT(refused([&] { return OV(model, 0, 2); }),
             ContainsSubstring("index 2 is outside axis 0"));
  CHECK(refused([&] { return OV_singular_logits(model, 0, 0, 5); }) ==
        "there are 4 singular vectors, 5 were asked for");
  CHECK(refused([&] { return W_out_singular_logits(model, 0, 0); }) ==
        "there are 8 singular vectors, 0 were asked for");
  auto config = golden::config();
  config.attn_only = true;
  CHECK_THAT(refused([&] { return W_in_singular_logits(golden::model(config), 0); }),
             ContainsSubstring("no parameter \"blocks.0.mlp.W_in\""));
  config.positional_embedding = PositionalEmbedding::none;
  CHECK_THAT(refused([&] { return positional_QK(golden::model(config)); }),
             ContainsSubstring("no parameter \"pos_embed.W_pos\""));
  config.d_vocab_out = 5;
  CHECK(refused([&] { return copying_score(full_OV(golden::model(config))); }) ==
        "eigenvalues of a matrix [2, 2, 10, 5]: it must be square");
  config.n_layers = 0;
  CHECK(refused([&] { return QK(Transformer<double>(config)); }) ==
        "there is no W_Q: the model has no blocks");
}

}  // namespace
}  // namespace hooked
