// An op without its type: what recording and walking back call.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/compiled.hpp"
#include "hooked/ops/op.hpp"
#ifdef HOOKED_COMPILED
#include "hooked/ops/ops.hpp"
#endif

namespace hooked {

namespace detail {

inline constexpr std::size_t kMostInputs = 8;

/// An op without its type: recording and walking back are compiled once for each scalar, and for
/// each op only what it does itself.
template <Scalar T>
struct OpTable {
  using Inputs = const Variable<T>*;
  using Gradients = const Acc<T>*;

  std::string_view name;
  std::size_t inputs, row_inputs;
  std::size_t args_size;  // 0: there are no settings
  Shape (*shape)(const void* args, Inputs in);
  Shape (*saved)(const void* args, Inputs in);  // null: nothing is kept for backward
  void (*forward)(const void* args, Inputs in, View<T> y, View<T> saved);
  void (*backward)(const void* args, Inputs in, View<const T> y, View<const T> saved,
                   View<const T> dy, Gradients gradients);
};

/// Whether the functions of an op take what the head of ops/op.hpp says.
template <Op O, Scalar T, class Numbers>
struct Signatures;
template <Op O, Scalar T, std::size_t... I>
struct Signatures<O, T, std::index_sequence<I...>> {
  using Args = typename O::Args;
  template <std::size_t>
  using Sizes = Shape;
  template <std::size_t>
  using In = View<const T>;
  template <std::size_t>
  using Gradient = Acc<T>;

  static constexpr bool shape = requires(const Args& args, const Sizes<I>&... x) {
    { O::shape(args, x...) } -> std::same_as<Shape>;
  };
  static constexpr bool forward = has_saved<O> ? requires(const Args& args, In<I>... x, View<T> y) {
    O::template forward<T>(args, x..., y, y);
  } : requires(const Args& args, In<I>... x, View<T> y) { O::template forward<T>(args, x..., y); };
  static constexpr bool backward =
      has_saved<O> ? requires(const Args& args, In<I>... x, View<const T> y, Gradient<I>... dx) {
    O::template backward<T>(args, x..., y, y, y, dx...);
  } : requires(const Args& args, In<I>... x, View<const T> y, Gradient<I>... dx) {
    O::template backward<T>(args, x..., y, y, dx...);
  };
};

template <Op O, Scalar T, class Numbers>
struct Untyped;
template <Op O, Scalar T, std::size_t... I>
struct Untyped<O, T, std::index_sequence<I...>> {
  using Args = typename O::Args;
  using Inputs = typename OpTable<T>::Inputs;
  using Gradients = typename OpTable<T>::Gradients;

  static const Args& args_of(const void* args) { return *static_cast<const Args*>(args); }
  static Shape shape(const void* args, Inputs in) {
    return O::shape(args_of(args), in[I].shape()...);
  }
  static Shape saved(const void* args, Inputs in) {
    return O::saved(args_of(args), in[I].shape()...);
  }
  static void forward(const void* args, Inputs in, View<T> y, [[maybe_unused]] View<T> saved) {
    if constexpr (has_saved<O>) {
      O::template forward<T>(args_of(args), in[I].value()..., y, saved);
    } else {
      O::template forward<T>(args_of(args), in[I].value()..., y);
    }
  }
  static void backward(const void* args, Inputs in, View<const T> y,
                       [[maybe_unused]] View<const T> saved, View<const T> dy,
                       Gradients gradients) {
    if constexpr (has_saved<O>) {
      O::template backward<T>(args_of(args), in[I].value()..., y, saved, dy, gradients[I]...);
    } else {
      O::template backward<T>(args_of(args), in[I].value()..., y, dy, gradients[I]...);
    }
  }

  static constexpr OpTable<T> table() {
    using Takes = Signatures<O, T, std::index_sequence<I...>>;
    static_assert(Takes::shape,
                  "shape() of an op takes its Args and a Shape for each input, and gives a Shape");
    static_assert(Takes::forward,
                  "forward() of an op takes its Args, a View<const T> for each input, a View<T> y, "
                  "and one more for what saved() describes");
    static_assert(Takes::backward,
                  "backward() of an op takes its Args, a View<const T> for each input, for y, for "
                  "what saved() describes and for dy, and an Acc<T> for each input");
    OpTable<T> t{O::name,
                 sizeof...(I),
                 static_cast<std::size_t>(row_inputs<O>()),
                 std::is_empty_v<Args> ? 0 : sizeof(Args),
                 nullptr,
                 nullptr,
                 nullptr,
                 nullptr};
    if constexpr (Takes::shape && Takes::forward && Takes::backward) {
      t.shape = shape;
      t.forward = forward;
      t.backward = backward;
      if constexpr (has_saved<O>) t.saved = saved;
    }
    return t;
  }
};
// O is judged where the table is made: to judge all of the list would take every program 2% longer
// to compile.
template <class O, Scalar T>
struct TableOf {
  static const OpTable<T> table;
};
template <class O, Scalar T>
const OpTable<T> TableOf<O, T>::table =
    Untyped<O, T, std::make_index_sequence<static_cast<std::size_t>(O::inputs)>>::table();

#ifdef HOOKED_COMPILED
#define HOOKED_EXTERN_TABLES(...)                     \
  extern template struct TableOf<__VA_ARGS__, float>; \
  extern template struct TableOf<__VA_ARGS__, double>;
HOOKED_OPS(HOOKED_EXTERN_TABLES)
#undef HOOKED_EXTERN_TABLES
#endif

}  // namespace detail

}  // namespace hooked
