// ProgressLine: one line on the terminal, rewritten at most ten times a second.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "hooked/train/evaluation.hpp"
#include "hooked/train/options.hpp"

namespace hooked {

/// "step 1200/6000  loss 0.0312  accuracy 97.1%  540 steps/s  0:09 left" on standard error.
/// Silent where standard error is not a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool wanted = true) : shown_(wanted && isatty(STDERR_FILENO) != 0) {}

  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() {
    if (first_) std::fputc('\n', stderr);
  }

  /// Rewrites the line, ten times a second at most.
  void on_step(const StepInfo& info) {
    if (!shown_) return;
    const auto now = Clock::now();
    if (!first_) first_ = Mark{now, info.step - 1};
    if (now - last_drawn_ < std::chrono::milliseconds(100) && info.step != info.total_steps) return;
    draw(info, now);
  }
  /// Shows the evaluation from now on.
  void on_evaluation(const EvaluationInfo& info) {
    if (!shown_) return;
    const Evaluation& e = info.evaluation;
    char text[40];
    if (std::isnan(e.accuracy)) {
      std::snprintf(text, sizeof text, "  validation %.4g", e.loss);
    } else {
      std::snprintf(text, sizeof text, "  accuracy %.1f%%", 100 * e.accuracy);
    }
    accuracy_ = text;
    draw(info.step, Clock::now());
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    Clock::time_point time;
    Index step;
  };
  void draw(const StepInfo& info, Clock::time_point now) {
    last_drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - first_->time).count();
    const double speed =
        seconds > 0 ? static_cast<double>(info.step - first_->step) / seconds : 0.0;
    const double left = speed > 0 ? static_cast<double>(info.total_steps - info.step) / speed : 0.0;
    std::fprintf(stderr, "\r\033[Kstep %lld/%lld  loss %.4g%s  %.0f steps/s  %lld:%02lld left",
                 static_cast<long long>(info.step), static_cast<long long>(info.total_steps),
                 info.loss, accuracy_.c_str(), speed, static_cast<long long>(left) / 60,
                 static_cast<long long>(left) % 60);
  }

  bool shown_;
  std::optional<Mark> first_;
  Clock::time_point last_drawn_{};
  std::string accuracy_;
};

}  // namespace hooked
