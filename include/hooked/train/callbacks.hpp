// Callbacks: any type that has some of these functions can listen to a training run.
//
//   bool or void on_step(const StepInfo&)              false stops the run
//   bool or void on_evaluation(const EvaluationInfo&)  false stops the run
//   void on_checkpoint(const std::filesystem::path&)   after it was written
//   void on_end(const TrainResult&)
#pragma once

#include <concepts>
#include <filesystem>
#include <tuple>
#include <type_traits>

#include "hooked/train/options.hpp"

namespace hooked {

/// What train() takes as a listener: it has some of on_step, on_evaluation, on_checkpoint, on_end.
template <class C>
concept TrainCallback = requires(C& c, const StepInfo& info) {
  c.on_step(info);
}
|| requires(C& c, const EvaluationInfo& info) { c.on_evaluation(info); }
|| requires(C& c, const std::filesystem::path& path) { c.on_checkpoint(path); }
|| requires(C& c, const TrainResult& result) { c.on_end(result); };

namespace detail {

/// Calls a listener's function; a function without a verdict lets the run go on.
template <class Call>
bool goes_on(Call call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    return true;
  } else {
    return call();
  }
}

}  // namespace detail

/// The listeners of a run, whatever their types. Each is told what it cares about; a run goes on
/// while all say so.
class Audience {
 public:
  virtual ~Audience() = default;
  /// Tells all listeners; false where one wants the run to end.
  virtual bool tell(const StepInfo& info) = 0;
  virtual bool tell(const EvaluationInfo& info) = 0;
  virtual bool tell(const std::filesystem::path& checkpoint) = 0;
  virtual bool tell(const TrainResult& result) = 0;
};

namespace detail {

template <class... Callbacks>
class AudienceOf final : public Audience {
 public:
  explicit AudienceOf(Callbacks&... callbacks) : callbacks_(callbacks...) {}

  bool tell(const StepInfo& info) override {
    return all([&](auto& c) {
      if constexpr (requires { c.on_step(info); }) return goes_on([&] { return c.on_step(info); });
      return true;
    });
  }
  bool tell(const EvaluationInfo& info) override {
    return all([&](auto& c) {
      if constexpr (requires { c.on_evaluation(info); }) {
        return goes_on([&] { return c.on_evaluation(info); });
      }
      return true;
    });
  }
  bool tell(const std::filesystem::path& checkpoint) override {
    return all([&](auto& c) {
      if constexpr (requires { c.on_checkpoint(checkpoint); }) c.on_checkpoint(checkpoint);
      return true;
    });
  }
  bool tell(const TrainResult& result) override {
    return all([&](auto& c) {
      if constexpr (requires { c.on_end(result); }) c.on_end(result);
      return true;
    });
  }

 private:
  template <class Tell>
  bool all(Tell tell) {
    bool going = true;
    std::apply([&](auto&... c) { ((going = tell(c) && going), ...); }, callbacks_);
    return going;
  }
  std::tuple<Callbacks&...> callbacks_;
};

}  // namespace detail

}  // namespace hooked
