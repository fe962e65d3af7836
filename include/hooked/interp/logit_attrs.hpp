// logit_attrs: what each part of the residual stream adds to the logit of a token.
#pragma once

#include <optional>
#include <string>

#include "hooked/core/einsum.hpp"
#include "hooked/core/in_place.hpp"
#include "hooked/core/select.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/interp/apply_ln.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Token ids: one for every place, or a tensor of them: [batch], one for each sequence, or
/// [batch, pos]. In a stack without a batch axis a tensor is [pos].
struct TokenIds {
  Tensor<Token> ids;  ///< a scalar, [batch] or [batch, pos]

  TokenIds(Token id) : ids(Tensor<Token>::scalar(id)) {}
  template <TensorOf<Token> Ids>
  TokenIds(const Ids& of_places) : ids(of_places.view()) {}
};

/// Whose logits logit_attrs asks about.
struct LogitAttrsOptions {
  TokenIds tokens;  ///< those whose logits are asked about
  /// Their logits are taken away: what speaks for `tokens` and against these.
  std::optional<TokenIds> incorrect_tokens = {};
};

namespace detail {

/// The columns of W_U that the tokens have: places [batch, pos] to [batch, pos, d_model].
template <Scalar T>
Tensor<T> logit_directions(const Transformer<T>& model, const Tensor<Token>& tokens,
                           const Shape& places) {
  if (tokens.rank() > places.rank() || tokens.shape() != places.axes(0, tokens.rank())) {
    fail<ShapeError>("logit_attrs: the tokens are ", tokens.shape(),
                     ", they must be one or the first axes of ", places);
  }
  const Tensor<T> W_U = unembedding(model);
  for_each_element(tokens.view(), [&](Index, const Token& token) {
    if (token >= 0 && token < W_U.size(1)) return;
    fail<ShapeError>("logit_attrs: token ", token, " is outside the output vocabulary 0..",
                     W_U.size(1) - 1);
  });
  Shape shape = tokens.shape();
  while (shape.rank() < places.rank()) shape.push_back(1);
  const Tensor<T> columns = take(W_U.transpose(), 0, tokens.view_as(shape));
  return Tensor<T>(columns.broadcast(join(places, {W_U.size(0)})));
}

}  // namespace detail

/// Direct logit attribution: what every part of a stack [component, batch, pos, d_model] adds to
/// the logit of a token, or to its difference from that of an incorrect one,
/// apply_ln_to_stack(part) . (W_U[:, token] - W_U[:, incorrect]): [component, batch, pos]
/// (contract, 11; Elhage et al., "A mathematical framework for transformer circuits", 2021). Weight
/// and bias of ln_final and b_U are left out, so that parts that sum to the stream sum to the logit
/// of a model whose norms are folded, less b_U, and before a soft cap. The cache must hold
/// `ln_final.hook_scale`, if there is one. Throws NameError when it does not, ShapeError for tokens
/// outside the output vocabulary or of another shape, and as apply_ln_to_stack.
template <Scalar T>
Tensor<T> logit_attrs(const Transformer<T>& model, const ActivationCache<T>& cache,
                      const ResidualStack<T>& stack, const LogitAttrsOptions& options) {
  constexpr const char* what = "logit_attrs";
  const auto end = detail::stream_end(what, model.config(), {});
  const Tensor<T> parts = detail::with_ln(what, model, cache, end, false, stack).values;
  const Shape places = parts.shape().axes(1, parts.rank() - 1);
  Tensor<T> directions = detail::logit_directions(model, options.tokens.ids, places);
  if (options.incorrect_tokens) {
    directions -= detail::logit_directions(model, options.incorrect_tokens->ids, places);
  }
  const Index rows = places.numel(), d_model = model.config().d_model;
  return einsum("crm,rm->cr", parts.view_as({parts.size(0), rows, d_model}),
                directions.view_as({rows, d_model}))
      .reshape(join({parts.size(0)}, places));
}

}  // namespace hooked
