// MetricsFile: metrics.csv, one row for each evaluation.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>

#include "hooked/train/evaluation.hpp"
#include "hooked/train/options.hpp"

namespace hooked {

/// Columns: step, epoch, lr, train_loss (of that step's batch), gradient_norm, loss; of token
/// models also accuracy, then loss_at_i and accuracy_at_i for each label position. Rows are flushed
/// as they come.
class MetricsFile {
 public:
  /// Does nothing without a path. `keep_bytes` of an older file stay: what a checkpoint remembers.
  /// Throws FormatError when the file cannot be written.
  explicit MetricsFile(const std::filesystem::path& path, std::uintmax_t keep_bytes = 0)
      : path_(path) {
    if (path.empty()) return;
    std::error_code error;
    const auto there = std::filesystem::file_size(path, error);
    if (keep_bytes > 0 && !error && there >= keep_bytes) {
      std::filesystem::resize_file(path, keep_bytes, error);
      if (error) fail<FormatError>(path.string(), ": cannot be written: ", error.message());
      bytes_ = keep_bytes;
    }
    out_.open(path, std::ios::binary | (bytes_ > 0 ? std::ios::app : std::ios::trunc));
    check();
  }

  /// Appends a row. Throws FormatError when it cannot be written.
  void on_evaluation(const EvaluationInfo& info) {
    if (path_.empty()) return;
    const Evaluation& e = info.evaluation;
    const bool has_accuracy = !std::isnan(e.accuracy);
    std::ostringstream rows;
    rows.precision(std::numeric_limits<double>::max_digits10);
    if (bytes_ == 0) {
      rows << "step,epoch,lr,train_loss,gradient_norm,loss" << (has_accuracy ? ",accuracy" : "");
      for (std::size_t i = 0; i < e.loss_at.size(); ++i) {
        rows << ",loss_at_" << i << ",accuracy_at_" << i;
      }
      rows << '\n';
    }
    rows << info.step.step << ',' << info.step.epoch << ',' << info.step.lr << ',' << info.step.loss
         << ',' << info.step.gradient_norm << ',' << e.loss;
    if (has_accuracy) rows << ',' << e.accuracy;
    for (std::size_t i = 0; i < e.loss_at.size(); ++i) {
      rows << ',' << e.loss_at[i] << ',' << e.accuracy_at[i];
    }
    rows << '\n';
    const std::string text = rows.str();
    out_ << text << std::flush;
    check();
    bytes_ += text.size();
  }

  /// Bytes of the file so far.
  std::uintmax_t bytes() const { return bytes_; }

 private:
  void check() const {
    if (!out_) fail<FormatError>(path_.string(), ": cannot be written");
  }

  std::filesystem::path path_;
  std::ofstream out_;
  std::uintmax_t bytes_ = 0;
};

}  // namespace hooked
