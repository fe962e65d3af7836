// A sparse autoencoder on the hidden layer of a frozen model, spliced in: how much of the loss is
// recovered?
#include <hooked/hooked.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

// f = relu(x W_enc + b_enc); x' = f W_dec + b_dec.
struct Autoencoder {
  ParameterId W_enc, b_enc, W_dec, b_dec;
  SiteId hook_features;
  explicit Autoencoder(const Builder& b)
      : W_enc(b.parameter("W_enc", {64, 256})),
        b_enc(b.parameter("b_enc", {256})),
        W_dec(b.parameter("W_dec", {256, 64})),
        b_dec(b.parameter("b_dec", {64})),
        hook_features(b.site("hook_features", {Axis::batch, Axis{"feature"}})) {}
  Variable<float> operator()(Pass<float>& pass, Variable<float> x) const {
    const auto pre = record<hooked::Linear>({}, x, pass[W_enc], pass[b_enc]);
    const auto features = pass.at(hook_features, record<Relu>({}, pre));
    return record<hooked::Linear>({}, features, pass[W_dec], pass[b_dec]);
  }
};

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  const TrainOptions options = options_of(argc, argv, ranks);
  const Dataset data = largest_digit();
  Transformer<float> model(kSmallModel, Seed{0});
  TrainOptions of_model = options;
  of_model.directory /= "model";
  train(model, data, of_model);

  const std::string site = "blocks.0.mlp.hook_post";
  const Tensor<float> rows = activations(model, site, data.tokens);  // [4000, 64]
  Model<Autoencoder> sae(Seed{0});
  const auto objective = [&](Pass<float>& pass, const Tensor<float>& x) {
    const auto error = record<SquaredError>({}, sae.forward(pass, x), pass.tape().constant(x));
    return sum(error) + 4e-3 * sum(record<L1Norm>({}, pass.activation("hook_features")));
  };
  TrainOptions of_sae = options;
  of_sae.directory /= "sae";
  of_sae.activations = {"hook_features"};
  train(sae, rows, objective, of_sae);

  const double clean = evaluate(model, data).loss;
  const double spliced = evaluate(model, data, {splice(site, sae)}).loss;
  const double ablated = evaluate(model, data, {zero(site)}).loss;
  const double recovered = (ablated - spliced) / (ablated - clean);
  const auto features = sae.run_with_cache(rows).cache["hook_features"].array();
  std::cout << "loss " << clean << ", spliced " << spliced << ", ablated " << ablated
            << ": recovered " << recovered << "; features on "
            << static_cast<double>((features > 0).count()) / 4000 << " of 256\n";
  return recovered > 0.9 ? 0 : 1;
}
