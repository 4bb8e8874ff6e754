// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

#include "io/read/content_sample.hpp"

#include "io/error.hpp"
#include "io/read/chunk_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ckpt::io {

namespace {

constexpr unsigned in_flight_max = 32;

/// Time for reads under way to end after one has failed.
constexpr std::chrono::seconds drain_wait{5};

struct sampled_page {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t digest = 0;
};

struct page_deleter {
  void operator()(std::byte* pages) const noexcept { std::free(pages); }
};
using page_memory = std::unique_ptr<std::byte, page_deleter>;

/// A number that looks random, the same on every host.
std::uint64_t scatter(std::uint64_t number) { return XXH3_64bits(&number, sizeof number); }

std::vector<sampled_page> choose_pages(const std::vector<checkpoint_file>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files)
    bytes += file.bytes;
  const auto count =
      std::clamp(bytes / page_bytes / pages_per_sampled_page, sampled_pages_min, sampled_pages_max);
  std::vector<sampled_page> pages;
  for (std::uint32_t file = 0; file < files.size(); ++file) {
    const auto share = static_cast<double>(files[file].bytes) / static_cast<double>(bytes);
    const auto own = static_cast<std::uint64_t>(share * static_cast<double>(count));
    for (const auto offset : choose_sampled_pages(files[file], std::max<std::uint64_t>(own, 1)))
      pages.push_back({file, offset});
  }
  return pages;
}

/// Reads pages, in_flight_max at a time, and digests them.
class sampler {
public:
  sampler(const std::vector<checkpoint_file>& files, std::vector<sampled_page>& pages)
      : files_{files}, pages_{pages}, memory_{static_cast<std::byte*>(
                                          std::aligned_alloc(page_bytes, in_flight_max * page_bytes))} {
    if (!memory_)
      throw std::bad_alloc{};
    for (unsigned place = 0; place < in_flight_max; ++place)
      free_.push_back(place);
    chunk_reader_options options;
    options.in_flight_max = in_flight_max;
    options.request_bytes_max = page_bytes;
    options.threads = in_flight_max;
    reader_ = make_chunk_reader(options, {});
  }

  sampler(const sampler&) = delete;
  sampler& operator=(const sampler&) = delete;

  ~sampler() {
    if (!reader_->drain(drain_wait)) { // Stuck in the kernel, which may still write there.
      static_cast<void>(memory_.release());
      static_cast<void>(reader_.release());
    }
  }

  void run(std::chrono::milliseconds timeout) {
    std::vector<read_result> results;
    while (next_ < pages_.size() || reader_->in_flight() > 0) {
      submit();
      results.clear();
      if (reader_->wait(timeout, results) == 0)
        throw system_failure(ETIMEDOUT, "read", files_[pages_[next_ - 1].file].path.native());
      for (const auto& result : results)
        take(result);
    }
  }

private:
  [[nodiscard]] std::byte* at(unsigned place) const { return memory_.get() + place * page_bytes; }

  /// A page is needed up to the end of its file.
  [[nodiscard]] std::uint64_t needed(const sampled_page& page) const {
    return std::min(page_bytes, files_[page.file].bytes - page.offset);
  }

  void submit() {
    for (; next_ < pages_.size() && !free_.empty(); ++next_) {
      const auto& page = pages_[next_];
      if (open_.empty() || open_.back().first != page.file)
        open_.emplace_back(page.file, std::make_unique<source_file>(files_[page.file]));
      const read_request request{open_.back().second.get(),
                                 {page.offset, page_bytes},
                                 needed(page),
                                 at(free_.back()),
                                 next_ * in_flight_max + free_.back()};
      if (!reader_->submit(request))
        return;
      free_.pop_back();
    }
  }

  void take(const read_result& result) {
    auto& page = pages_[result.tag / in_flight_max];
    const auto place = static_cast<unsigned>(result.tag % in_flight_max);
    if (result.error)
      throw checkpoint_error{files_[page.file].path.native(), "reading a page at "
                                                                  + std::to_string(page.offset)
                                                                  + " failed: " + result.error.message()};
    // The header in front of the tensors is compared elsewhere, by its meaning.
    const auto data_offset = files_[page.file].data_offset;
    const auto begin = data_offset > page.offset ? data_offset - page.offset : 0;
    page.digest = XXH3_64bits(at(place) + begin, needed(page) - begin);
    free_.push_back(place);
  }

  const std::vector<checkpoint_file>& files_;
  std::vector<sampled_page>& pages_;
  page_memory memory_;
  std::vector<std::pair<std::uint32_t, std::unique_ptr<source_file>>> open_;
  std::vector<unsigned> free_; ///< places in memory_
  std::size_t next_ = 0;       ///< into pages_
  std::unique_ptr<chunk_reader> reader_;
};

} // namespace

std::vector<std::uint64_t> choose_sampled_pages(const checkpoint_file& file, std::uint64_t count) {
  if (file.bytes <= file.data_offset)
    return {};
  const auto first = file.data_offset / page_bytes;
  const auto pages = (file.bytes + page_bytes - 1) / page_bytes - first;
  count = std::min(count, pages);
  std::vector<std::uint64_t> offsets;
  offsets.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto begin = pages * i / count;
    const auto end = pages * (i + 1) / count;
    offsets.push_back((first + begin + scatter(i) % (end - begin)) * page_bytes);
  }
  return offsets;
}

std::vector<std::uint64_t> sample_content(const std::vector<checkpoint_file>& files,
                                          std::chrono::milliseconds timeout) {
  auto pages = choose_pages(files);
  {
    sampler reads{files, pages};
    reads.run(timeout);
  }
  std::vector<std::uint64_t> digests(files.size());
  for (const auto& page : pages) {
    const std::uint64_t both[] = {digests[page.file], page.digest};
    digests[page.file] = XXH3_64bits(both, sizeof both);
  }
  return digests;
}

} // namespace ckpt::io
