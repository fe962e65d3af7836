// Figures as data: what a page needs to draw a heatmap, lines, a histogram or bars, as plain JSON.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/tensor.hpp"
#include "hooked/io/json.hpp"
#include "hooked/report/claims.hpp"

namespace hooked {

/// One picture: {"kind", "title", "see", "x", "y", "panels": [...]}: a sentence that says what to
/// look for, the names of both axes, and panels. Panels stand side by side and share axes and, for
/// heatmaps, the colour scale. Every panel has a "title" and, by kind,
///   heatmap    "values": rows from y = 0 upwards, columns from x = 0; "null" where there is none.
///              The figure has "colors": {"label", "scale": "diverging" or "sequential"}.
///   lines      "lines": [{"label", "x": [...], "y": [...], "dashed": bool}]
///   histogram  "edges": [n + 1 numbers] and "series": [{"label", "counts": [n numbers]}]
///   bars       "groups": [names] and "series": [{"label", "values": one number a group}]
class Figure {
 public:
  /// The colour scale of a heatmap.
  enum class Colors { diverging, sequential };

  /// A heatmap without panels.
  static Figure heatmap(std::string title, std::string x, std::string y, std::string color_label,
                        Colors colors) {
    Figure figure("heatmap", std::move(title), std::move(x), std::move(y));
    figure.json_["colors"] = {{"label", std::move(color_label)},
                              {"scale", colors == Colors::diverging ? "diverging" : "sequential"}};
    return figure;
  }
  /// Lines without panels.
  static Figure lines(std::string title, std::string x, std::string y) {
    return {"lines", std::move(title), std::move(x), std::move(y)};
  }
  /// A histogram without panels.
  static Figure histogram(std::string title, std::string x, std::string y) {
    return {"histogram", std::move(title), std::move(x), std::move(y)};
  }
  /// Bars without panels.
  static Figure bars(std::string title, std::string x, std::string y) {
    return {"bars", std::move(title), std::move(x), std::move(y)};
  }

  /// A heatmap's panel: values [y, x]. Throws ShapeError for any other rank.
  template <TensorLike X>
  Figure& panel(const std::string& title, const X& values) {
    if (values.rank() != 2) {
      fail<ShapeError>("a heatmap's panel is [y, x], \"", title, "\" is ", values.shape());
    }
    auto rows = nlohmann::ordered_json::array();
    for (Index y = 0; y < values.size(0); ++y) {
      rows.push_back(numbers(values.view().select(0, y)));
    }
    add_panel(title)["values"] = std::move(rows);
    return *this;
  }
  /// A panel to be filled with `line` or `bars`: its name.
  Figure& panel(const std::string& title) {
    add_panel(title);
    return *this;
  }
  /// A histogram's panel with its bin edges, to be filled with `series`.
  template <TensorLike X>
  Figure& panel_with_edges(const std::string& title, const X& edges) {
    add_panel(title)["edges"] = numbers(edges.view());
    return *this;
  }
  /// A panel of bars with the names of its groups, to be filled with `series`.
  Figure& panel_with_groups(const std::string& title, const std::vector<std::string>& groups) {
    add_panel(title)["groups"] = groups;
    return *this;
  }

  /// A line of the last panel: x and y of one length. Throws ShapeError when they differ.
  template <TensorLike X, TensorLike Y>
  Figure& line(const std::string& label, const X& x, const Y& y, bool dashed = false) {
    if (x.rank() != 1 || x.shape() != y.shape()) {
      fail<ShapeError>("the line \"", label, "\" has x ", x.shape(), " and y ", y.shape());
    }
    json_["panels"].back()["lines"].push_back(
        {{"label", label}, {"x", numbers(x.view())}, {"y", numbers(y.view())}, {"dashed", dashed}});
    return *this;
  }
  /// Counts of a histogram's last panel, or values of a panel of bars.
  template <TensorLike X>
  Figure& series(const std::string& label, const X& values) {
    auto& panel = json_["panels"].back();
    const bool counts = panel.contains("edges");
    panel["series"].push_back(
        {{"label", label}, {counts ? "counts" : "values", numbers(values.view())}});
    return *this;
  }

  /// The sentence that says what to look for in it.
  Figure& see(std::string sentence) {
    json_["see"] = std::move(sentence);
    return *this;
  }

  /// What is written to the file.
  const nlohmann::ordered_json& json() const { return json_; }

 private:
  Figure(const char* kind, std::string title, std::string x, std::string y)
      : json_{{"kind", kind},      {"title", std::move(title)},
              {"see", ""},         {"x", std::move(x)},
              {"y", std::move(y)}, {"panels", nlohmann::ordered_json::array()}} {}

  nlohmann::ordered_json& add_panel(const std::string& title) {
    json_["panels"].push_back({{"title", title}});
    return json_["panels"].back();
  }
  // Five significant digits are more than a screen shows.
  template <class T>
  static nlohmann::ordered_json numbers(View<const T> x) {
    auto list = nlohmann::ordered_json::array();
    for_each_element(x, [&](Index, const T& v) { list.push_back(rounded(double(v), 5)); });
    return list;
  }

  nlohmann::ordered_json json_;
};

}  // namespace hooked
