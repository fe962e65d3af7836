// Short names of sites: act_name("q", 3) is "blocks.3.attn.hook_q" (contract, 3.3).
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hooked/core/error.hpp"

namespace hooked {

/// The leading digits of `digits` as a number; empty where there are none or too many.
inline std::optional<int> leading_number(std::string_view digits) {
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && number >= 0 ? std::optional(number) : std::nullopt;
}

/// `digits` as a number; empty unless they are digits throughout.
inline std::optional<int> whole_number(std::string_view digits) {
  const bool only_digits = digits.find_first_not_of("0123456789") == std::string_view::npos;
  return only_digits ? leading_number(digits) : std::nullopt;
}

/// The full name of a site from its short name, the block and the kind of layer ("a" or "attn",
/// "m" or "mlp", "b" or "block", "ln1", "ln2"). Without a block, "scale" and "normalized" mean
/// ln_final. A name that is full already ("blocks.0.hook_resid_pre", "hook_embed") comes back
/// unchanged; compact strings parse: "k6", "scale4ln1".
inline std::string act_name(std::string_view short_name, std::optional<int> layer = {},
                            std::string_view layer_type = "") {
  std::string name(short_name), type(layer_type);
  if (name.find('.') != std::string::npos || name.starts_with("hook_")) return name;

  // Compact form: letters, digits, letters. "l1" style names do not occur among sites.
  const auto digit = std::min(name.find_first_of("0123456789"), name.size());
  if (!layer && (layer = leading_number(std::string_view(name).substr(digit)))) {
    const auto after = std::min(name.find_first_not_of("0123456789", digit), name.size());
    if (type.empty()) type = name.substr(after);
    name.resize(digit);
  }

  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> aliases{
      {{"attn", "pattern"},
       {"attn_logits", "attn_scores"},
       {"key", "k"},
       {"query", "q"},
       {"value", "v"},
       {"mlp_pre", "pre"},
       {"mlp_mid", "mid"},
       {"mlp_post", "post"}}};
  for (const auto& [alias, meaning] : aliases) {
    if (name == alias) name = meaning;
  }
  const auto is_one_of = [&name](auto... names) { return ((name == names) || ...); };
  if (is_one_of("k", "v", "q", "z", "rot_k", "rot_q", "result", "pattern", "attn_scores")) {
    type = "attn";
  } else if (is_one_of("pre", "post", "mid", "pre_linear")) {
    type = "mlp";
  } else if (type == "a" || type == "attention") {
    type = "attn";
  } else if (type == "m") {
    type = "mlp";
  } else if (type == "b" || type == "block" || type == "blocks") {
    type.clear();
  }
  if (!layer && is_one_of("scale", "normalized")) return "ln_final.hook_" + name;
  std::string full = layer ? text("blocks.", *layer, ".") : std::string();
  if (!type.empty()) full += type + ".";
  return full + "hook_" + name;
}

}  // namespace hooked
