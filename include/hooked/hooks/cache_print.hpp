// Entries of a cache as text, with the names of their axes.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include "hooked/core/print.hpp"
#include "hooked/hooks/cache.hpp"

namespace hooked {

/// As to_string of the tensor, with the axes of its site:
///
///     Tensor<float> [batch 1, head 2, query 4, key 4]
///
/// Throws NameError for what the cache does not hold.
template <Scalar T>
std::string to_string(const ActivationCache<T>& cache, const std::string& name,
                      PrintOptions options = {}) {
  if (options.axes.empty()) options.axes = cache.axes(name);
  return to_string(cache[name], options);
}

/// A line (or several) of its own on standard output: `print(cache, "pattern0")`.
template <Scalar T>
void print(const ActivationCache<T>& cache, const std::string& name, PrintOptions options = {}) {
  std::puts(to_string(cache, name, std::move(options)).c_str());
}

}  // namespace hooked
