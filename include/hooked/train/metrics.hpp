// MetricsFile: metrics.csv, one row for each evaluation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <system_error>

#include "hooked/train/options.hpp"

namespace hooked {

/// Columns: step, epoch, lr, train_loss (of that step's batch), gradient_norm, loss, accuracy, then
/// loss_at_i and accuracy_at_i for each label position. Rows are flushed as they come.
class MetricsFile {
 public:
  /// Does nothing without a path. `keep_bytes` of an older file stay: what a checkpoint remembers.
  /// Throws FormatError when the file cannot be written.
  explicit MetricsFile(const std::filesystem::path& path, std::uintmax_t keep_bytes = 0)
      : path_(path) {
    if (path.empty()) return;
    std::error_code error;
    if (keep_bytes > 0 && std::filesystem::file_size(path, error) >= keep_bytes && !error) {
      std::filesystem::resize_file(path, keep_bytes);
      out_.open(path, std::ios::app);
      has_header_ = true;
    } else {
      out_.open(path, std::ios::trunc);
    }
    check();
  }

  void on_evaluation(const EvaluationInfo& info) {
    if (path_.empty()) return;
    const Evaluation& e = info.evaluation;
    if (!has_header_) {
      out_ << "step,epoch,lr,train_loss,gradient_norm,loss,accuracy";
      for (std::size_t i = 0; i < e.loss_at.size(); ++i)
        out_ << ",loss_at_" << i << ",accuracy_at_" << i;
      out_ << '\n';
      has_header_ = true;
    }
    out_ << std::setprecision(std::numeric_limits<double>::max_digits10) << info.step.step << ','
         << info.step.epoch << ',' << info.step.lr << ',' << info.step.loss << ','
         << info.step.gradient_norm << ',' << e.loss << ',' << e.accuracy;
    for (std::size_t i = 0; i < e.loss_at.size(); ++i) {
      out_ << ',' << e.loss_at[i] << ',' << e.accuracy_at[i];
    }
    out_ << '\n' << std::flush;
    check();
  }

  /// Bytes written so far.
  std::uintmax_t bytes() { return path_.empty() ? 0 : static_cast<std::uintmax_t>(out_.tellp()); }

 private:
  void check() const {
    if (!out_) fail<FormatError>(path_.string(), ": cannot be written");
  }

  std::filesystem::path path_;
  std::ofstream out_;
  bool has_header_ = false;
};

}  // namespace hooked
