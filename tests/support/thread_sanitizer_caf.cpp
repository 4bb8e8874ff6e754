// SPDX-FileCopyrightText: 2026 The ckpt-actor authors
// SPDX-License-Identifier: Apache-2.0

// Tells ThreadSanitizer in which order CAF lets actors run. Debian's CAF is not compiled for it: it does not
// see the atomics through which a message passes from one actor to the next, and takes every message for a
// race. So these functions stand in front of CAF's own, by their names in the library, and say what they
// order; then they call CAF's. Nothing of our code is silenced: a race beside the messages is still one.
//
//   message    its sender's past comes before what the receiver does with it
//   launch     the past of who launches an actor comes before the actor's first turn
//   resume     a turn of an actor comes before its next one, on whatever thread
//   release    what was done through a reference comes before the end of what it referred to

#include <cstddef>

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

namespace {

template <class Result, class... Arguments>
Result call_caf(void* original, Arguments... arguments) {
  return reinterpret_cast<Result (*)(Arguments...)>(original)(arguments...);
}

/// Where caf::resumable lies in a caf::scheduled_actor, as the thunk's name says.
constexpr std::ptrdiff_t resumable_offset = 160;

} // namespace

extern "C" {

// enqueue(std::unique_ptr<mailbox_element>, execution_unit*): the pointer is handed over by reference.
#define CKPT_ENQUEUE(name)                                                                                   \
  void name(void* self, void** element, void* unit) {                                                        \
    static void* const original = ::dlsym(RTLD_NEXT, #name);                                                 \
    if (*element != nullptr)                                                                                 \
      __tsan_release(*element);                                                                              \
    call_caf<void>(original, self, element, unit);                                                           \
  }
CKPT_ENQUEUE(
    _ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE)
CKPT_ENQUEUE(
    _ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEEPNS_14execution_unitE)

// consume(mailbox_element&) and its like.
#define CKPT_CONSUME(name)                                                                                   \
  int name(void* self, void* element) {                                                                      \
    static void* const original = ::dlsym(RTLD_NEXT, #name);                                                 \
    __tsan_acquire(element);                                                                                 \
    return call_caf<int>(original, self, element);                                                           \
  }
CKPT_CONSUME(_ZN3caf15scheduled_actor7consumeERNS_15mailbox_elementE)
CKPT_CONSUME(_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE)

// launch(execution_unit*, bool, bool)
#define CKPT_LAUNCH(name)                                                                                    \
  void name(void* self, void* unit, bool lazy, bool hide) {                                                  \
    static void* const original = ::dlsym(RTLD_NEXT, #name);                                                 \
    __tsan_release(self);                                                                                    \
    call_caf<void>(original, self, unit, lazy, hide);                                                        \
  }
CKPT_LAUNCH(_ZN3caf15scheduled_actor6launchEPNS_14execution_unitEbb)
CKPT_LAUNCH(_ZN3caf14blocking_actor6launchEPNS_14execution_unitEbb)

// resume(execution_unit*, std::size_t), and the same by way of the base class resumable.
#define CKPT_RESUME(name, offset)                                                                            \
  int name(void* base, void* unit, std::size_t messages_max) {                                               \
    static void* const original = ::dlsym(RTLD_NEXT, #name);                                                 \
    void* const self = static_cast<char*>(base) - (offset);                                                  \
    __tsan_acquire(self);                                                                                    \
    const int result = call_caf<int>(original, base, unit, messages_max);                                    \
    __tsan_release(self);                                                                                    \
    return result;                                                                                           \
  }
CKPT_RESUME(_ZN3caf15scheduled_actor6resumeEPNS_14execution_unitEm, 0)
CKPT_RESUME(_ZThn160_N3caf15scheduled_actor6resumeEPNS_14execution_unitEm, resumable_offset)

// The end of one reference, which may be the last.
#define CKPT_DROP(name)                                                                                      \
  void name(void* self) {                                                                                    \
    static void* const original = ::dlsym(RTLD_NEXT, #name);                                                 \
    __tsan_release(self);                                                                                    \
    __tsan_acquire(self);                                                                                    \
    call_caf<void>(original, self);                                                                          \
  }
CKPT_DROP(_ZNK3caf11ref_counted5derefEv)
CKPT_DROP(_ZN3caf21intrusive_ptr_releaseEPNS_19actor_control_blockE)
CKPT_DROP(_ZN3caf26intrusive_ptr_release_weakEPNS_19actor_control_blockE)
}
