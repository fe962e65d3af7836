// What is read of a case and what is written of it.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hooked/core/tensor.hpp"
#include "hooked/io/json.hpp"
#include "hooked/io/npz.hpp"
#include "hooked/io/safetensors.hpp"

namespace hooked::parity {

/// The inputs of a case, as peer.py wrote them.
struct Inputs {
  explicit Inputs(const std::filesystem::path& folder)
      : facts(load_json(folder / "case.json")), file(folder / "inputs.safetensors") {
    tokens = file.read<Token>("tokens");
    if (file.contains("attention_mask")) mask = file.read<std::uint8_t>("attention_mask");
  }

  nlohmann::ordered_json facts;
  SafetensorsFile file;
  Tensor<Token> tokens;       // [batch, pos]
  Tensor<std::uint8_t> mask;  // [batch, pos], or empty
};

/// Tensors under names "QUANTITY|ITEM", in the order in which they came.
class Results {
 public:
  template <class T>
  void add(const std::string& quantity, const std::string& item, Tensor<T> values) {
    entries_.emplace_back(quantity + "|" + item, std::move(values));
  }
  template <class T>
  void add(const std::string& quantity, const std::string& item, View<T> values) {
    add(quantity, item, Tensor<std::remove_const_t<T>>(values));
  }
  void add(const std::string& quantity, const std::string& item, double value) {
    add(quantity, item, Tensor<double>::scalar(value));
  }

  void save(const std::filesystem::path& path) const {
    std::vector<NamedTensor> tensors;
    for (const auto& [name, values] : entries_) {
      std::visit([&, &key = name](const auto& x) { tensors.push_back({key, x}); }, values);
    }
    save_npz(path, tensors);
  }

 private:
  using Values = std::variant<Tensor<float>, Tensor<double>, Tensor<Token>>;
  std::deque<std::pair<std::string, Values>> entries_;
};

}  // namespace hooked::parity
