// The steps in their order, and what is said of them.
#include "hooked/interp/weight_processing.hpp"

#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "hooked/hooks/edits.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using Names = std::vector<std::string>;

TEST_CASE("Processing gives the published weights and logits") {
  const auto tokens = golden::tokens();
  const auto model = golden::model();
  const auto processed = process_weights(model).model;
  const auto check_begins = [](View<const double> x, const std::vector<double>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(x(static_cast<Index>(i)) == ten_digits(expected[i]));
    }
  };
  check_begins(processed["embed.W_E"].select(0, 0), {-0.1037976605, -0.3298431789, -0.06200875877});
  check_begins(processed["blocks.0.attn.W_O"].select(0, 0).select(0, 0),
               {-0.4214514775, -0.5776162235, 0.397115442});
  check_begins(processed["blocks.0.attn.b_O"], {0.03138242656, -0.3878698251, 0.151130197});
  check_begins(processed["blocks.1.mlp.b_out"], {-0.09959672722, 0.008756015776, 0.0444492958});
  check_begins(processed["unembed.W_U"].select(0, 0), {-0.6300080847, -0.6145222569, 0.6922296686});
  check_begins(processed["unembed.b_U"], {0.02954860007, -0.05778079455, 0.03204920804});
  const auto logits = processed(tokens);
  check_begins(logits.select(0, 0).select(0, -1), {-0.03633614819, 1.884572894, -0.0154985242});
  const auto shift = Tensor<double>((model(tokens) - logits).select(0, 0).select(0, -1));
  check_same(shift, Tensor<double>({10}, 0.2764064715), 1e-10);
  CHECK(std::abs(processed.loss(tokens) - model.loss(tokens)) < 2e-15);
  CHECK(max_norm(sum(logits, -1)).item() < 1e-13);

  const auto refactored = process_weights(model, {.refactor_factored_attn_matrices = true}).model;
  check_same(refactored(tokens), logits, 1e-12);
  check_begins(l2_norm(refactored["blocks.0.attn.W_V"].select(0, 0), 0),
               {1.869390589, 1.083339167, 0.7928811098, 0.5107340333});
}

TEST_CASE("The report says of each step what it changed and how exactly") {
  auto config = golden::config();
  config.n_layers = 1;
  config.attn_only = true;
  const auto report = process_weights(golden::model(config), {.tokens = golden::tokens()}).report;
  REQUIRE(report.steps.size() == 4);
  const auto& [fold, center, unembed, values] =
      std::tie(report.steps[0], report.steps[1], report.steps[2], report.steps[3]);
  CHECK(fold.name == "fold_layer_norm");
  CHECK(fold.changed == Names{"blocks.0.ln1.w", "blocks.0.ln1.b", "blocks.0.attn.W_Q",
                              "blocks.0.attn.b_Q", "blocks.0.attn.W_K", "blocks.0.attn.b_K",
                              "blocks.0.attn.W_V", "blocks.0.attn.b_V", "ln_final.w", "ln_final.b",
                              "unembed.W_U", "unembed.b_U"});
  CHECK(center.name == "center_writing_weights");
  CHECK(center.changed ==
        Names{"embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_O", "blocks.0.attn.b_O"});
  CHECK(unembed.name == "center_unembed");
  CHECK(unembed.changed == Names{"unembed.W_U", "unembed.b_U"});
  CHECK(values.name == "fold_value_biases");
  CHECK(values.changed == Names{"blocks.0.attn.b_V", "blocks.0.attn.b_O"});
  for (const ProcessingStep& step : report.steps) {
    CHECK((step.logits_error < 1e-13) == (step.name != "center_unembed"));
    CHECK(step.log_probs_error < 1e-13);
  }
  CHECK(report.log_probs_error < 1e-13);
  CHECK(unembed.logits_error > 0.1);

  std::ostringstream printed;
  printed << report;
  CHECK_THAT(printed.str(),
             ContainsSubstring("center_writing_weights: logits ") &&
                 ContainsSubstring("\n  embed.W_E pos_embed.W_pos blocks.*.attn.W_O"));
}

TEST_CASE("A report has the steps that were asked for, and one may have nothing to do") {
  auto config = golden::config();
  config.normalization = Normalization::LNPre;
  const auto model = golden::model(config);
  const auto [same, report] = process_weights(
      model,
      {.center_writing_weights = false, .center_unembed = false, .fold_value_biases = false});
  REQUIRE(report.steps.size() == 1);
  CHECK(report.steps[0].changed.empty());
  CHECK(report.log_probs_error == 0);
  std::ostringstream printed;
  printed << report;
  CHECK(printed.str() ==
        "fold_layer_norm: logits 0.0e+00, log-probs 0.0e+00\n  nothing to change\n");
}

TEST_CASE("The error of a report is that of the tokens given, and leaves room for a fault") {
  // An infinite weight is not kept by any step.
  auto model = golden::model();
  model["unembed.b_U"](3) = std::numeric_limits<double>::infinity();
  const auto report = process_weights(model, {.center_writing_weights = false}).report;
  CHECK_FALSE(report.log_probs_error < 1e-6);
}

TEST_CASE("Processing in double is exact to double, and in float to float") {  // D7
  CHECK(process_weights(golden::model()).report.log_probs_error < 1e-13);
  const float error =
      static_cast<float>(process_weights(golden::model<float>()).report.log_probs_error);
  CHECK((error > 0 && error < 1e-5f));
}

TEST_CASE("Processing refuses models that a step would change") {
  auto config = golden::config();
  config.final_rms = true;
  CHECK_THAT(refusal<ConfigError>([&] { return process_weights(golden::model(config)); }),
             ContainsSubstring(".center_writing_weights = false"));
  const auto [model, report] =
      process_weights(golden::model(config), {.center_writing_weights = false});
  CHECK(report.log_probs_error < 1e-13);
  CHECK((model.config().final_rms && model.config().normalization == Normalization::LNPre));

  auto hooked_model = golden::model();
  hooked_model.add_hook(zero("blocks.0.attn.hook_z"));
  CHECK_THAT(refusal([&] { return process_weights(hooked_model); }),
             ContainsSubstring("has hooks"));
  CHECK_THROWS_AS(process_weights(golden::model(), {.tokens = Tensor<Token>({1, 2}, 10)}),
                  ShapeError);
}

}  // namespace
}  // namespace hooked
