// Rotation: rotary positions, which turn queries and keys by where their tokens stand (contract,
// 5.3).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/rotary.hpp"

namespace hooked {

/// What a rotation is built from.
struct RotaryOptions {
  Index dim = 0;          // of d_head, so many numbers rotate; 0: none
  double base = 10000;    // angles are position / base^(2 j / dim)
  bool adjacent = false;  ///< pairs are 2 j and 2 j + 1, not j and j + dim / 2
  Index n_ctx = 0;        // positions are below it
};

/// The angles of all positions, and the rotation by them.
class Rotation {
 public:
  /// Throws ConfigError unless dim is even and there is a position.
  Rotation(const Builder& b, const RotaryOptions& o)
      : dim_(o.dim), n_ctx_(o.n_ctx), adjacent_(o.adjacent) {
    detail::check_size(b, "rotary.dim", o.dim);
    detail::check_size(b, "rotary.n_ctx", o.n_ctx);
    if (o.dim % 2 != 0) {
      fail<ConfigError>("the attention \"", b.prefix, "\" has rotary.dim ", o.dim,
                        ": it must be even");
    }
    const Index half = o.dim / 2;
    auto table = std::make_shared<Table>();
    for (Index p = 0; p < o.n_ctx; ++p) {
      for (Index j = 0; j < half; ++j) {
        const double frequency =
            std::pow(o.base, static_cast<double>(j) / static_cast<double>(half));
        const double angle = static_cast<double>(p) / frequency;
        table->cos.push_back(std::cos(angle)), table->sin.push_back(std::sin(angle));
      }
    }
    table_ = std::move(table);
  }

  /// x [batch, pos, head, d_head], the rows of a stream of `length` tokens (or of the `wanted`
  /// ones), with `first` tokens before them: each token is turned by its position in its own
  /// sequence. Padding stands where the token before it does, or at 0. Distinct rows are spread:
  /// each depends on its place now. Throws ShapeError for sequences that are longer than n_ctx.
  template <Scalar T>
  Variable<T> operator()(Variable<T> x, const Stream<T>& stream, std::span<const Token> wanted,
                         Index first, Index length) const {
    if (first + length > n_ctx_) {
      fail<ShapeError>("sequences of ", first + length, " are longer than n_ctx ", n_ctx_,
                       ", as far as the rotation is known");
    }
    x = dense(x);
    const Index batch = x.shape()[0], here = x.shape()[1];
    auto* const position =
        x.tape().arena().template allocate<Token>(static_cast<std::size_t>(batch * here));
    for (Index b = 0; b < batch; ++b) {
      const std::uint8_t* const visible =
          stream.visible == nullptr ? nullptr : stream.visible + b * (first + length);
      for (Index i = 0; i < here; ++i) {
        const Index p = wanted.empty() ? i : Index{wanted[static_cast<std::size_t>(i)]};
        position[b * here + i] = position_of(visible, first + p);
      }
    }
    return record<Rotary>({table_->cos.data(), table_->sin.data(), position, dim_, adjacent_}, x);
  }

 private:
  struct Table {
    std::vector<double> cos, sin;  // [position, dim / 2]
  };

  // Of token p of a sequence: how many before it are visible.
  static Token position_of(const std::uint8_t* visible, Index p) {
    if (visible == nullptr) return static_cast<Token>(p);
    const auto hidden = std::count(visible, visible + p + 1, std::uint8_t{0});
    return static_cast<Token>(std::max<Index>(0, p - hidden));
  }

  Index dim_, n_ctx_;
  bool adjacent_;
  std::shared_ptr<const Table> table_;
};

}  // namespace hooked
