// The objective of a sparse autoencoder, for each row x of activations:
//
//   standard   mse |x - x'|^2 / d_in + sparsity sum_j f_j
//   topk, batchtopk
//              mse |x - x'|^2 / d_in + dead |(x - x') - z W_dec|^2 / d_in, where z is relu of the
//              d_in / 2 largest pre among features that are off in all rows of the batch, and x -
//              x' is a constant (Gao et al., 2024, A.2, who count rows of many batches)
//   gated      mse |x - x'|^2 / d_in + sparsity sum_j g_j + mse |x - g W_dec - b_dec|^2 / d_in with
//              g = relu(pre_gate) and the last W_dec and b_dec constants (Rajamanoharan et al.,
//              2024a, eq. 8)
//   jumprelu   mse |x - x'|^2 / d_in + sparsity sum_j [pre_j > theta_j], with straight-through
//              gradients (Rajamanoharan et al., 2024b, eq. 9)
//
// The papers leave out the 1 / d_in: mse = d_in is theirs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/products.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/ops/keep_top_k.hpp"
#include "hooked/ops/l1_norm.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/sparse_linear.hpp"
#include "hooked/ops/squared_error.hpp"
#include "hooked/ops/step.hpp"
#include "hooked/ops/subtract.hpp"
#include "hooked/ops/sum.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// What a sparse autoencoder learns on rows of activations [row, d_in]:
/// `train(sae, rows, SparseAutoencoderLoss{.sparsity = 4e-3}, options)`. The head of this file has
/// the formulas.
struct SparseAutoencoderLoss {
  double mse = 1.0;       ///< alpha, of the reconstruction
  double sparsity = 0.0;  ///< lambda, of the features that are on; of standard, gated and jumprelu
  double dead = 0.0;      ///< of the features that are off in the whole batch; topk and batchtopk

  /// The loss of each row of x [..., d_in], without its last axis: [...]. For joint objectives: x
  /// may be an activation of another model of this pass, and gradients flow into it (x.detach():
  /// they do not). Throws ConfigError for coefficients that are negative or without effect.
  template <Scalar T>
  Variable<T> losses(const Model<SparseAutoencoderNetwork<T>>& sae, Pass<T>& pass,
                     Variable<T> x) const {
    return sae.run_within(pass, [&] { return losses(sae.network(), pass, x); });
  }
  /// The same of an autoencoder that is a part of the network that runs.
  template <Scalar T>
  Variable<T> losses(const SparseAutoencoderNetwork<T>& network, Pass<T>& pass,
                     Variable<T> x) const {
    check_coefficients(network.options().architecture);
    return of_rows(network, pass, dense(x));
  }

  /// The sum over rows of x [row, d_in].
  template <Scalar T>
  Variable<T> operator()(const Model<SparseAutoencoderNetwork<T>>& sae, Pass<T>& pass,
                         const Tensor<T>& x) const {
    return record<Sum>({}, losses(sae, pass, pass.tape().constant(x)));
  }

  /// Throws ConfigError for coefficients that do not fit the autoencoder, ShapeError, which `what`
  /// begins, for rows that do not.
  template <Scalar T>
  void check(const Model<SparseAutoencoderNetwork<T>>& sae, const Tensor<T>& rows,
             const std::string& what) const {
    const SparseAutoencoderOptions& options = sae.network().options();
    check_coefficients(options.architecture);
    if (rows.rank() < 2 || rows.size(-1) != options.d_in) {
      fail<ShapeError>(what, " is ", rows.shape(), ", the autoencoder takes rows of ",
                       options.d_in);
    }
  }

 private:
  void check_coefficients(SaeArchitecture architecture) const {
    const auto check = [](const char* name, double value) {
      if (value >= 0 && std::isfinite(value)) return;
      fail<ConfigError>("SparseAutoencoderLoss: ", name, " is ", value, ", it must be at least 0");
    };
    check("mse", mse);
    check("sparsity", sparsity);
    check("dead", dead);
    const bool counts =
        architecture == SaeArchitecture::topk || architecture == SaeArchitecture::batchtopk;
    if (counts && sparsity != 0) {
      fail<ConfigError>("SparseAutoencoderLoss: sparsity is ", sparsity,
                        ", but of topk and batchtopk k says how many features are on");
    }
    if (!counts && dead != 0) {
      fail<ConfigError>("SparseAutoencoderLoss: dead is ", dead,
                        ", but only topk and batchtopk have that part");
    }
  }

  template <Scalar T>
  Variable<T> of_rows(const SparseAutoencoderNetwork<T>& network, Pass<T>& pass,
                      Variable<T> x) const {
    const SparseCode<T> code = network.encode(pass, x);
    const Variable<T> recons = network.decode(pass, code);
    Variable<T> loss = mse * record<SquaredError>({}, recons, x);
    switch (network.options().architecture) {
      case SaeArchitecture::standard:
        return plus(loss, sparsity, [&] { return record<L1Norm>({}, code.acts); });
      case SaeArchitecture::topk:
      case SaeArchitecture::batchtopk:
        return plus(loss, dead, [&] { return of_dead(network, pass, code, x, recons); });
      case SaeArchitecture::gated: {
        const auto open = record<Relu>({}, code.gate);
        const auto by_gate = record<SparseLinear>(
            {.where_on = true}, open, pass[network.W_dec].detach(), pass[network.b_dec].detach());
        loss = loss + mse * record<SquaredError>({}, by_gate, x);
        return plus(loss, sparsity, [&] { return record<L1Norm>({}, open); });
      }
      case SaeArchitecture::jumprelu:
        // Not l1_norm, which would let nothing through where a step is 0.
        return plus(loss, sparsity, [&] {
          const double bandwidth = network.options().bandwidth.value_or(1e-3);
          return sum(record<Step>({bandwidth}, dense(code.pre), network.thresholds(pass)), -1);
        });
    }
    return loss;
  }

  // What counts for nothing is not computed.
  template <Scalar T, class Part>
  static Variable<T> plus(Variable<T> loss, double coefficient, const Part& part) {
    return coefficient == 0 ? loss : loss + coefficient * part();
  }

  template <Scalar T>
  static Variable<T> of_dead(const SparseAutoencoderNetwork<T>& network, Pass<T>& pass,
                             const SparseCode<T>& code, Variable<T> x, Variable<T> recons) {
    const auto acts = code.acts.value().matrix();
    const Variable<T> pre = dense(code.pre);
    Tape<T>& tape = pass.tape();
    auto* on = tape.arena().template allocate<std::uint8_t>(static_cast<std::size_t>(acts.size()));
    for (Index j = 0; j < acts.cols(); ++j) {
      const bool fires = (acts.col(j).array() > T(0)).any();
      for (Index r = 0; r < acts.rows(); ++r) on[r * acts.cols() + j] = fires ? 1 : 0;
    }
    const View<T> none = tape.numbers(pre.shape());
    none.fill(-std::numeric_limits<T>::infinity());
    const auto of_off = record<Where>({on}, pre, tape.constant(View<const T>(none)));
    const SparseAutoencoderOptions& options = network.options();
    const Index k = std::clamp<Index>(options.d_in / 2, 1, options.d_sae);
    const auto z = record<Relu>({}, record<KeepTopK>({k}, of_off));
    return record<SquaredError>({}, matmul(z, pass[network.W_dec]),
                                record<Subtract>({}, x, recons).detach());
  }
};

}  // namespace hooked
