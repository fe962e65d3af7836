// Sparse autoencoders: activations x as sums of few features, x' = f W_dec + b_dec.
//
//   pre = (x - b_dec) W_enc + b_enc        (x itself unless apply_b_dec_to_input)
//   standard   f = relu(pre)                                     Bricken et al., 2023
//   topk       f = relu of the k largest pre of a row            Gao et al., 2024
//   batchtopk  f = relu of the k * rows largest pre of a batch; after training f = pre where it is
//              above one threshold                               Bussmann et al., 2024
//   gated      f = relu(pre_mag) where pre_gate > 0; pre_gate = (x - b_dec) W_enc + b_gate,
//              pre_mag = exp(r_mag) (x - b_dec) W_enc + b_mag    Rajamanoharan et al., 2024a
//   jumprelu   f = pre where it is above theta = exp(log_threshold), one for each feature
//                                                                Rajamanoharan et al., 2024b
//
// Names are SAELens's. The papers' d_j, the direction of feature j, is row j of W_dec.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/autograd/functions.hpp"
#include "hooked/autograd/products.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/random.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/add_bias.hpp"
#include "hooked/ops/jump_relu.hpp"
#include "hooked/ops/keep_top_k.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/scale.hpp"
#include "hooked/ops/scale_columns.hpp"
#include "hooked/ops/sparse_linear.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// How a sparse autoencoder makes few features of many; the head of this file has the formulas.
enum class SaeArchitecture { standard, topk, batchtopk, gated, jumprelu };

/// What a sparse autoencoder is made of.
struct SparseAutoencoderOptions {
  Index d_in = 0;                                            ///< width of the activations
  Index d_sae = 0;                                           ///< features
  SaeArchitecture architecture = SaeArchitecture::standard;  ///< how features are made few
  std::optional<Index> k = {};        ///< features of a row; topk and batchtopk need it
  bool apply_b_dec_to_input = false;  ///< the encoder sees x - b_dec
  /// jumprelu: where thresholds begin, and how near to one a number must be to move it. By default
  /// 0.001, the paper's, for rows whose numbers have a mean square of about 1.
  std::optional<double> threshold = {}, bandwidth = {};
};

/// What the encoder gives for rows of x.
template <Scalar T>
struct SparseCode {
  Variable<T> pre;   ///< [..., d_sae] before the nonlinearity; of gated, pre_mag
  Variable<T> gate;  ///< [..., d_sae] pre_gate; of gated alone
  Variable<T> acts;  ///< [..., d_sae] f
};

/// The network of SparseAutoencoder: rows [..., d_in] to their reconstructions [..., d_in].
template <Scalar T>
class SparseAutoencoderNetwork {
 public:
  /// Throws ConfigError for sizes below 1, k outside 1..d_sae, thresholds and bandwidths that are
  /// not above 0, and options that the architecture does not have.
  SparseAutoencoderNetwork(const Builder& b, const SparseAutoencoderOptions& options);

  /// As it was made.
  const SparseAutoencoderOptions& options() const { return options_; }

  /// x'. Throws what encode throws.
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    return decode(pass, encode(pass, x));
  }
  /// Fires hook_sae_input, hook_sae_acts_pre and hook_sae_acts_post, of gated hook_sae_gate_pre
  /// too. Throws ShapeError for rows that are not d_in long, ConfigError for a batchtopk that is
  /// not trained in this pass and has no threshold yet (estimate_threshold).
  SparseCode<T> encode(Pass<T>& pass, Variable<T> x) const;
  /// f [..., d_sae] to f W_dec + b_dec, [..., d_in]. Fires hook_sae_recons.
  Variable<T> decode(Pass<T>& pass, Variable<T> acts) const { return decode(pass, acts, false); }
  /// The same of what encode gave. Of features that are off no gradient is computed, for encode has
  /// no use for it, unless somebody looks at them; but of jumprelu, whose thresholds have.
  Variable<T> decode(Pass<T>& pass, const SparseCode<T>& code) const {
    return decode(pass, code.acts,
                  !is(SaeArchitecture::jumprelu) && !pass.looks_at(hook_sae_acts_post));
  }
  /// pre of rows x, but of gated; fires hook_sae_input and hook_sae_acts_pre. Throws ShapeError.
  Variable<T> pre(Pass<T>& pass, Variable<T> x) const;
  /// f of a batchtopk in training: of all rows together the k * rows largest of pre, if above 0.
  Variable<T> keep_of_batch(Variable<T> pre) const {
    pre = dense(pre);
    const Shape shape = pre.shape();
    const Index rows = shape.numel() / options_.d_sae;
    const auto all = pre.tape().reshape(pre, {1, shape.numel()});
    const auto kept = record<Relu>({}, record<KeepTopK>({*options_.k * rows}, all));
    return pre.tape().reshape(kept, shape);
  }
  /// theta [d_sae] of a jumprelu.
  Variable<T> thresholds(Pass<T>& pass) const { return exp(pass[threshold]); }

  ParameterId W_enc;         ///< [d_in, d_sae]
  ParameterId b_enc;         ///< [d_sae]; of gated, b_gate
  ParameterId r_mag, b_mag;  ///< [d_sae]; of gated alone
  ParameterId threshold;     ///< batchtopk: [1], "threshold"; jumprelu: [d_sae], "log_threshold"
  ParameterId W_dec;         ///< [d_sae, d_in]
  ParameterId b_dec;         ///< [d_in]
  SiteId hook_sae_input;     ///< [..., d_in] x
  SiteId hook_sae_gate_pre;  ///< [..., d_sae] pre_gate; of gated alone
  SiteId hook_sae_acts_pre, hook_sae_acts_post;  ///< [..., d_sae] pre (or pre_mag), f
  SiteId hook_sae_recons;                        ///< [..., d_in] x'
  SiteId hook_sae_error;  ///< [..., d_in] x - x'; fires where it is added (splice)

 private:
  bool is(SaeArchitecture architecture) const { return options_.architecture == architecture; }
  void check_options() const;
  Variable<T> input(Pass<T>& pass, Variable<T> x) const;  // what is multiplied by W_enc
  Variable<T> decode(Pass<T>& pass, Variable<T> acts, bool where_on) const {
    const auto recons = record<SparseLinear>({where_on}, acts, pass[W_dec], pass[b_dec]);
    return pass.at(hook_sae_recons, recons);
  }
  Variable<T> above_threshold(Pass<T>& pass, Variable<T> pre) const;
  Variable<T> where_open(Variable<T> gate, Variable<T> magnitude) const;

  SparseAutoencoderOptions options_;
};

template <Scalar T>
SparseAutoencoderNetwork<T>::SparseAutoencoderNetwork(const Builder& b,
                                                      const SparseAutoencoderOptions& options)
    : options_(options) {
  check_options();
  const Index d_in = options.d_in, d_sae = options.d_sae;
  const bool gated = is(SaeArchitecture::gated);
  W_enc = b.parameter("W_enc", {d_in, d_sae});
  b_enc = b.parameter(gated ? "b_gate" : "b_enc", {d_sae});
  if (gated) {
    r_mag = b.parameter("r_mag", {d_sae});
    b_mag = b.parameter("b_mag", {d_sae});
  }
  if (is(SaeArchitecture::batchtopk)) threshold = b.parameter("threshold", {1});
  if (is(SaeArchitecture::jumprelu)) threshold = b.parameter("log_threshold", {d_sae});
  W_dec = b.parameter("W_dec", {d_sae, d_in});
  b_dec = b.parameter("b_dec", {d_in});
  const std::vector<SiteAxis> in{Axis::batch, {Axis{"d_in"}, d_in}};
  const std::vector<SiteAxis> features{Axis::batch, {Axis{"feature"}, d_sae}};
  hook_sae_input = b.site("hook_sae_input", in);
  if (gated) hook_sae_gate_pre = b.site("hook_sae_gate_pre", features);
  hook_sae_acts_pre = b.site("hook_sae_acts_pre", features);
  hook_sae_acts_post = b.site("hook_sae_acts_post", features);
  hook_sae_recons = b.site("hook_sae_recons", in);
  hook_sae_error = b.optional_site("hook_sae_error", in);
}

template <Scalar T>
void SparseAutoencoderNetwork<T>::check_options() const {
  const Index d_in = options_.d_in, d_sae = options_.d_sae;
  const std::optional<Index>& k = options_.k;
  if (d_in < 1 || d_sae < 1) {
    fail<ConfigError>("a sparse autoencoder has d_in ", d_in, " and d_sae ", d_sae,
                      ": both must be at least 1");
  }
  const bool counts = is(SaeArchitecture::topk) || is(SaeArchitecture::batchtopk);
  if (counts && !k) fail<ConfigError>("a topk or batchtopk autoencoder needs k");
  if (!counts && k) fail<ConfigError>("k is ", *k, ", but only topk and batchtopk have a k");
  if (k && (*k < 1 || *k > d_sae)) {
    fail<ConfigError>("k is ", *k, ", it must be from 1 to d_sae, which is ", d_sae);
  }
  const auto check = [&](const char* name, const std::optional<double>& value) {
    if (!value) return;
    if (!is(SaeArchitecture::jumprelu)) {
      fail<ConfigError>(name, " is ", *value, ", but only jumprelu has one to choose");
    }
    if (!(*value > 0) || !std::isfinite(*value)) {
      fail<ConfigError>(name, " is ", *value, ", it must be above 0");
    }
  };
  check("threshold", options_.threshold);
  check("bandwidth", options_.bandwidth);
}

template <Scalar T>
Variable<T> SparseAutoencoderNetwork<T>::input(Pass<T>& pass, Variable<T> x) const {
  if (x.shape().rank() < 2 || x.size(-1) != options_.d_in) {
    const std::string_view place = pass.tape().place;
    fail<ShapeError>("a sparse autoencoder of d_in ", options_.d_in, " is given ", x.shape(),
                     ": it takes rows [..., ", options_.d_in, "]", place.empty() ? "" : "; at ",
                     place);
  }
  x = pass.at(hook_sae_input, x);
  if (!options_.apply_b_dec_to_input) return x;
  return record<AddBias>({}, x, record<Scale>({-1.0}, pass[b_dec]));
}

template <Scalar T>
Variable<T> SparseAutoencoderNetwork<T>::pre(Pass<T>& pass, Variable<T> x) const {
  return pass.at(hook_sae_acts_pre,
                 record<SparseLinear>({}, input(pass, x), pass[W_enc], pass[b_enc]));
}

template <Scalar T>
SparseCode<T> SparseAutoencoderNetwork<T>::encode(Pass<T>& pass, Variable<T> x) const {
  SparseCode<T> code;
  if (is(SaeArchitecture::gated)) {
    const Variable<T> product = matmul(input(pass, x), pass[W_enc]);
    code.gate = pass.at(hook_sae_gate_pre, record<AddBias>({}, product, pass[b_enc]));
    const auto scaled = record<ScaleColumns>({}, product, exp(pass[r_mag]));
    code.pre = pass.at(hook_sae_acts_pre, record<AddBias>({}, scaled, pass[b_mag]));
  } else {
    code.pre = pre(pass, x);
  }
  switch (options_.architecture) {
    case SaeArchitecture::standard:
      code.acts = record<Relu>({}, code.pre);
      break;
    case SaeArchitecture::topk:
      code.acts = record<Relu>({}, record<KeepTopK>({*options_.k}, code.pre));
      break;
    case SaeArchitecture::batchtopk:
      code.acts =
          pass[W_enc].wants_gradient() ? keep_of_batch(code.pre) : above_threshold(pass, code.pre);
      break;
    case SaeArchitecture::gated:
      code.acts = where_open(code.gate, record<Relu>({}, code.pre));
      break;
    case SaeArchitecture::jumprelu:
      code.acts = record<JumpRelu>({options_.bandwidth.value_or(1e-3)}, code.pre, thresholds(pass));
      break;
  }
  code.acts = pass.at(hook_sae_acts_post, code.acts);
  return code;
}

template <Scalar T>
Variable<T> SparseAutoencoderNetwork<T>::above_threshold(Pass<T>& pass, Variable<T> pre) const {
  const T theta = pass[threshold].value().data()[0];
  if (!(theta > T(0))) {
    fail<ConfigError>("this batchtopk autoencoder has no threshold yet, and outside its training ",
                      "features must not depend on the other rows of a batch: call ",
                      "estimate_threshold(sae, rows) first");
  }
  const View<T> all = pass.tape().numbers({options_.d_sae});
  all.fill(theta);
  return record<JumpRelu>({}, pre, pass.tape().constant(View<const T>(all)));
}

// Nothing flows back through the gate itself: it learns from the loss's auxiliary part.
template <Scalar T>
Variable<T> SparseAutoencoderNetwork<T>::where_open(Variable<T> gate, Variable<T> magnitude) const {
  gate = dense(gate);
  magnitude = dense(magnitude);
  Tape<T>& tape = gate.tape();
  const View<const T> g = gate.value();
  auto* open = tape.arena().template allocate<std::uint8_t>(static_cast<std::size_t>(g.numel()));
  for (Index i = 0; i < g.numel(); ++i) open[i] = g.data()[i] > T(0) ? 1 : 0;
  return record<Where>({open}, tape.zeros(g.shape()), magnitude);
}

/// A sparse autoencoder: a Model, so everything that takes a model takes it (train, run_with_cache,
/// splice, save_safetensors, ...). A value.
template <Scalar T>
class SparseAutoencoder : public Model<SparseAutoencoderNetwork<T>> {
 public:
  /// Rows of W_dec are drawn with length 1, W_enc begins as W_dec's transpose, biases as 0 (Gao et
  /// al., 2024). Throws ConfigError.
  explicit SparseAutoencoder(const SparseAutoencoderOptions& options, Seed seed = {});

  /// As it was made.
  const SparseAutoencoderOptions& options() const { return this->network().options(); }
  /// The features f [..., d_sae] of rows [..., d_in]. Throws what a run throws.
  Tensor<T> encode(View<const T> x) const {
    return this->run_with_cache(x, {.names = {"hook_sae_acts_post"}}).cache["hook_sae_acts_post"];
  }
};

/// Makes the direction of every feature, a row of W_dec, 1 long; a row of zeros stays.
template <Scalar T>
void normalize_decoder(Model<SparseAutoencoderNetwork<T>>& sae) {
  const View<T> W = sae.parameters()[sae.network().W_dec];
  for (Index j = 0; j < W.size(0); ++j) {
    auto row = W.select(0, j).array();
    const double length = std::sqrt(row.template cast<double>().square().sum());
    if (length > 0) row *= static_cast<T>(1.0 / length);
  }
}

template <Scalar T>
SparseAutoencoder<T>::SparseAutoencoder(const SparseAutoencoderOptions& options, Seed seed)
    : Model<SparseAutoencoderNetwork<T>>(seed, options) {
  normalize_decoder(*this);
  const auto& network = this->network();
  copy(std::as_const(*this).parameters()[network.W_dec].transpose(),
       this->parameters()[network.W_enc]);
  if (options.architecture != SaeArchitecture::jumprelu) return;
  this->parameters()[network.threshold].fill(
      static_cast<T>(std::log(options.threshold.value_or(1e-3))));
}

}  // namespace hooked
