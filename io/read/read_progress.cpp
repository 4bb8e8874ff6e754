// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// The rules by which a request goes on after each system call.

#include "io/read/read_progress.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace ckpt::io {

namespace {

/// Calls in a row that may bring nothing because of a signal or a lack of resources.
constexpr unsigned interruptions_max = 1000;

} // namespace

read_progress::read_progress(const read_request& request) : request_{request} {
  assert(request.file != nullptr && request.window.length > 0
         && request.needed_bytes <= request.window.length);
  assert(request.window.offset % page_bytes == 0 && request.window.length % page_bytes == 0);
  assert(reinterpret_cast<std::uintptr_t>(request.destination) % page_bytes == 0);
  const auto cached = request.file->residency_of(request.window);
  is_copy_ = cached == residency::all;
  if (is_copy_)
    path_ = read_path::page_cache;
  else if (request.file->direct_fd() < 0) {
    path_ = read_path::page_cache;
    drop_after_ = cached == residency::none;
  }
}

read_progress::call read_progress::next_call() const noexcept {
  const auto is_direct = path_ == read_path::direct;
  const auto begin = is_direct ? align_down(done_bytes_, page_bytes) : done_bytes_;
  return {is_direct ? request_.file->direct_fd() : request_.file->buffered_fd(), request_.destination + begin,
          static_cast<unsigned>(request_.window.length - begin), request_.window.offset + begin, path_};
}

read_progress::state read_progress::advance(int outcome) noexcept {
  // io_uring itself cancels a request when signals keep it from starting a worker for it. Requests that
  // drain() cancels do not come here.
  if (outcome == -EINTR || outcome == -EAGAIN || outcome == -ECANCELED) {
    if (++interruptions_ <= interruptions_max)
      return state::unfinished;
    return finish({-outcome, std::generic_category()});
  }
  const auto is_direct = path_ == read_path::direct;
  // Some stacked file systems take O_DIRECT when a file is opened and refuse it when it is read.
  if (is_direct && (outcome == -EINVAL || outcome == -EOPNOTSUPP))
    return go_on_through_cache();
  if (outcome < 0)
    return finish({-outcome, std::generic_category()});

  const auto begin = is_direct ? align_down(done_bytes_, page_bytes) : done_bytes_;
  const auto reached = begin + static_cast<std::uint64_t>(outcome);
  const auto is_new = reached > done_bytes_;
  done_bytes_ = std::max(done_bytes_, reached);
  if (done_bytes_ >= request_.needed_bytes)
    return finish({});
  if (is_new) {
    interruptions_ = 0;
    return state::unfinished;
  }
  // A direct read without progress may have met the end of the file, or a block that it cannot split. A read
  // through the page cache tells: there, no bytes mean the end.
  return is_direct ? go_on_through_cache() : finish(read_errc::truncated);
}

read_progress::state read_progress::go_on_through_cache() noexcept {
  drop_after_ = request_.file->residency_of(request_.window) == residency::none;
  path_ = read_path::page_cache;
  return state::unfinished;
}

read_progress::state read_progress::finish(std::error_code error) noexcept {
  error_ = error;
  if (drop_after_)
    request_.file->drop_from_cache(request_.window);
  return state::finished;
}

read_result read_progress::result() const noexcept { return {request_.tag, error_, path_}; }

} // namespace ckpt::io
