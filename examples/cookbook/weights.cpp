// Recipes that read weights. `./dev docs` copies what stands between marks to docs/cookbook.md.
#include <hooked/hooked.hpp>
#include <hooked/interp/circuits.hpp>
#include <hooked/interp/composition.hpp>
#include <hooked/interp/factored_matrix.hpp>
#include <hooked/interp/weight_processing.hpp>
#include <hooked/interp/weight_steps.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

void circuits_as_factors(const hooked::Transformer<float>& model) {
  // [factors]
  // W_V W_O of head 1.0, [d_model, d_model], without multiplying it out.
  // (hooked/interp/circuits.hpp)
  const hooked::FactoredMatrix<float> OV = hooked::OV(model, 1, 0);
  const auto [U, S, V] = OV.svd();  // S: d_head singular values
  std::cout << "singular values " << S << "\n";
  // From token to logits, W_E W_V W_O W_U of every head: which heads copy? [layer, head]
  const auto copying = hooked::copying_score(hooked::full_OV(hooked::fold_layer_norm(model)));
  std::cout << "copying scores " << copying << "\n";
  // The tokens that head 1.0 writes most, along its first two directions (signs are arbitrary).
  const auto logits = hooked::OV_singular_logits(model, 1, 0, 2);  // [d_vocab_out, 2]
  std::cout << hooked::topk(logits, 3, 0).indices << "\n";
  // [end]
  check(S.numel() == 16 && OV.shape() == hooked::Shape{64, 64}, "rank 16 of 64");
  check(hooked::max(copying.select(0, 1)).item() > 0.9, "a head of block 1 copies");
}

void where_heads_look(const hooked::Transformer<float>& model) {
  // [look]
  // How much a query's position looks at a key's in block 0, W_pos W_Q W_K^T W_pos^T, and a query's
  // token at a key's in block 1: [head, query, key]. (hooked/interp/circuits.hpp)
  const auto folded = hooked::fold_layer_norm(model);
  const auto by_position = hooked::positional_QK(folded).select(0, 0).AB();
  const auto by_token = hooked::full_QK(folded).select(0, 1).AB();
  // The position that suits a query best among its own and those before it.
  const auto nearest = hooked::argmax(by_position.select(1, 12).slice(1, 0, 13), -1);  // [head]
  std::cout << "position 12 looks at " << nearest << "\n";
  // [end]
  const auto back = hooked::map(nearest, [](hooked::Index p) { return p == 11; });
  check(hooked::any(back), "a head of block 0 looks one position back");
  check(by_token.shape() == hooked::Shape{4, 24, 24}, "[head, token, token]");
}

void process(const hooked::Transformer<float>& model, const hooked::Tensor<hooked::Token>& tokens) {
  // [process]
  // Norms folded into the weights, everything centred, b_V in b_O: the same probabilities.
  // (hooked/interp/weight_processing.hpp)
  const auto [processed, report] = hooked::process_weights(model, {.tokens = tokens});
  std::cout << report;
  // [end]
  check(report.steps.size() == 4 && report.log_probs_error < 1e-3, "the same probabilities");
  check(!processed.parameters().has("*ln*"), "the norms have no weights");
}

void step_by_step(const hooked::Transformer<float>& model,
                  const hooked::Tensor<hooked::Token>& tokens) {
  // [steps]
  // The same steps one by one, each from a model to a model, and the one that process_weights
  // leaves out if nothing is said. (hooked/interp/weight_steps.hpp)
  const auto folded = hooked::fold_layer_norm(model);                // LN becomes LNPre
  const auto centered = hooked::center_writing_weights(folded);      // the stream's mean is 0
  const auto same_probabilities = hooked::center_unembed(centered);  // the logits' mean is 0
  const auto without_b_V = hooked::fold_value_biases(same_probabilities);
  const auto factors = hooked::refactor_factored_attn_matrices(without_b_V);  // singular vectors
  // [end]
  const auto error = hooked::log_softmax(factors(tokens)) - hooked::log_softmax(model(tokens));
  check(hooked::max_norm(error).item() < 1e-3f, "the same probabilities");
}

void compose(const hooked::Transformer<float>& model) {
  // [compose]
  // How much the keys of block 1's heads read of what block 0's heads write, and how much a head
  // would read of one that it has nothing to do with. (hooked/interp/composition.hpp)
  const auto scores = hooked::composition_scores(model, hooked::Composition::K);
  const auto keys = scores.select(0, 0).select(1, 1);  // [head of block 0, head of block 1]
  const auto chance = hooked::random_composition_scores(64, 16);  // d_model, d_head
  std::cout << keys << "\nby chance " << hooked::mean(chance).item() << ", at most "
            << hooked::max(chance).item() << "\n";
  // [end]
  check(static_cast<double>(hooked::max(keys).item()) > hooked::max(chance).item(),
        "an induction head reads what a previous-token head writes");
}

}  // namespace

void read_weights() {
  circuits_as_factors(repeater());
  where_heads_look(repeater());
  const auto twice = hooked::repeated_tokens(repeater(), {.batch = 4});
  process(repeater(), twice);
  step_by_step(repeater(), twice);
  compose(repeater());
}
