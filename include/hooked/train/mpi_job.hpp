// MpiJob: the calls of MPI. All that the library knows of MPI is in this file; without
// HOOKED_WITH_MPI there is one process, and nobody to be told anything. Programs use Ranks, which
// is made of it.
#pragma once

#ifdef HOOKED_WITH_MPI
#ifndef OMPI_SKIP_MPICXX  // MPI's own C++ classes, which are gone from its standard
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>
#endif

#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "hooked/core/error.hpp"

namespace hooked {

namespace detail {

#ifdef HOOKED_WITH_MPI

/// MPI's calls, with a communicator of our own. An error of MPI's is an Error.
class MpiJob {
 public:
  struct World {};

  MpiJob() = default;
  explicit MpiJob(World) {
    int done = 0, granted = 0;
    MPI_Finalized(&done);
    if (done != 0) fail<Error>("MPI was shut down: a program joins its job once, in main()");
    MPI_Initialized(&done);
    ours_ = done == 0;
    if (ours_) {
      MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &granted);
    } else {
      MPI_Query_thread(&granted);
    }
    if (granted < MPI_THREAD_FUNNELED) {
      fail<Error>("MPI allows no threads here: start it with MPI_THREAD_FUNNELED");
    }
    check("MPI_Comm_dup", MPI_Comm_dup(MPI_COMM_WORLD, &all_));
    check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN));
    check("MPI_Comm_rank", MPI_Comm_rank(all_, &rank_));
    check("MPI_Comm_size", MPI_Comm_size(all_, &size_));
    MPI_Comm machine = MPI_COMM_NULL;
    check("MPI_Comm_split_type",
          MPI_Comm_split_type(all_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine));
    check("MPI_Comm_size", MPI_Comm_size(machine, &neighbours_));
    check("MPI_Comm_free", MPI_Comm_free(&machine));
  }
  MpiJob(const MpiJob&) = delete;
  MpiJob& operator=(const MpiJob&) = delete;
  // A program that leaves by an exception does not wait for ranks that may be waiting for it;
  // mpirun ends the job when a rank ends without a farewell.
  ~MpiJob() {
    if (all_ == MPI_COMM_NULL || std::uncaught_exceptions() > 0) return;
    MPI_Comm_free(&all_);
    if (ours_) MPI_Finalize();
  }

  int rank() const { return rank_; }
  int size() const { return size_; }
  int neighbours() const { return neighbours_; }

  template <class T>
  void gather(T* data, const int* counts, const int* begins) {
    check("MPI_Allgatherv", MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, counts, begins,
                                           type<T>(), all_));
  }
  template <class T>
  void broadcast(T* data, int count, int from) {
    check("MPI_Bcast", MPI_Bcast(data, count, type<T>(), from, all_));
  }
  template <class T>
  void start_receiving(T* data, int count, int from) {
    requests_.push_back(MPI_REQUEST_NULL);
    check("MPI_Irecv", MPI_Irecv(data, count, type<T>(), from, 0, all_, &requests_.back()));
  }
  template <class T>
  void start_sending(const T* data, int count, int to) {
    requests_.push_back(MPI_REQUEST_NULL);
    check("MPI_Isend", MPI_Isend(data, count, type<T>(), to, 0, all_, &requests_.back()));
  }
  void finish() {
    const int code =
        MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
    requests_.clear();
    check("MPI_Waitall", code);
  }
  [[noreturn]] void abort() {
    MPI_Abort(all_, EXIT_FAILURE);
    std::abort();
  }

 private:
  static void check(const char* call, int code) {
    if (code == MPI_SUCCESS) return;
    std::string reason(MPI_MAX_ERROR_STRING, '\0');
    int length = 0;
    MPI_Error_string(code, reason.data(), &length);
    fail<Error>(call, ": ", reason.substr(0, static_cast<std::size_t>(length)));
  }
  template <class T>
  static MPI_Datatype type() {
    if constexpr (std::same_as<T, float>) {
      return MPI_FLOAT;
    } else if constexpr (std::same_as<T, double>) {
      return MPI_DOUBLE;
    } else if constexpr (std::same_as<T, int>) {
      return MPI_INT;
    } else if constexpr (std::same_as<T, std::uint64_t>) {
      return MPI_UINT64_T;
    } else {
      static_assert(std::same_as<T, char>);
      return MPI_CHAR;
    }
  }

  MPI_Comm all_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, neighbours_ = 1;
  bool ours_ = false;
  std::vector<MPI_Request> requests_;
};

#else

/// A job of one, in which nobody is there to be told anything.
class MpiJob {
 public:
  struct World {};

  MpiJob() = default;
  explicit MpiJob(World) {}

  int rank() const { return 0; }
  int size() const { return 1; }
  int neighbours() const { return 1; }
  template <class T>
  void gather(T*, const int*, const int*) {}
  template <class T>
  void broadcast(T*, int, int) {}
  template <class T>
  void start_receiving(T*, int, int) {}
  template <class T>
  void start_sending(const T*, int, int) {}
  void finish() {}
  [[noreturn]] void abort() { std::abort(); }
};

#endif

}  // namespace detail

}  // namespace hooked
