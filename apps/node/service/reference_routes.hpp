// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// The REST of checkpoint-engine's own daemon, /v1/checkpoints/…, for scripts that were written for it:
//
//   POST NAME/files         the files of a checkpoint; several callers may name a part of them each
//   POST NAME/gather-metas  prepares version NAME: reads and checks it while engines serve
//   POST NAME/update        prepares it if it is not, and brings it to the engines of `ranks`, or to all
//   DELETE NAME             forgets files and version
//
// As there, success is 200 without a body, and failure 500 with the reason as a JSON text. A request that
// makes no sense is a 400, as everywhere here. Runs on the HTTP side's thread of host 0. Bounds: names, and
// files of each.

#include "apps/node/service/file_system_look.hpp"
#include "apps/node/service/update_book.hpp"
#include "apps/node/service/update_waiters.hpp"
#include "io/http/http_exchange.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <boost/json.hpp>

namespace ckpt::apps {

class service;

class reference_routes {
public:
  using exchange_ptr = std::shared_ptr<io::http_exchange>;

  /// Both outlive it.
  reference_routes(service& asked, update_waiters& waiters) : service_{asked}, waiters_{waiters} {}

  /// `rest`: of the path, behind "/v1/checkpoints/". Throws bad_request.
  [[nodiscard]] io::http_answer answer(const io::http_question& asked, std::string_view rest,
                                       const exchange_ptr& waiting);

  /// Commits what `update` was asked for once it is prepared, whether its caller still waits or not. Call it when
  /// an update has changed.
  void look_after();

private:
  struct checkpoint {
    std::set<std::filesystem::path> files;
    bool is_read = false; ///< what is in memory under this name is from these files
    std::string prepared; ///< id of the update that gather-metas has filed
  };

  [[nodiscard]] io::http_answer add_files(const std::string& name, const io::http_question& asked);
  [[nodiscard]] io::http_answer gather_metas(const std::string& name, const exchange_ptr& waiting);
  [[nodiscard]] io::http_answer update(const std::string& name, const io::http_question& asked,
                                       const exchange_ptr& waiting);
  [[nodiscard]] io::http_answer forget(const std::string& name);
  [[nodiscard]] update_book::filed file(const std::string& name, const checkpoint& known,
                                        update_request request);
  [[nodiscard]] std::string find_difference(const std::string& name, const checkpoint& known) const;
  [[nodiscard]] std::optional<io::http_answer> tell(const std::string& name, bool is_to_commit,
                                                    const boost::json::object* described, bool is_late);

  service& service_;
  update_waiters& waiters_;
  file_system_look<std::string> changes_{16};
  std::map<std::string, checkpoint> known_; ///< by name
  std::map<std::string, std::string>
      to_commit_; ///< by id of an update that is not over: its checkpoint's name
  std::set<std::string>
      own_; ///< ids of updates that were filed here, and were not over when the last one was
};

} // namespace ckpt::apps
