/* links: pool.c coalesce.c easy_cache.c exchange.c transfer_error.c easy_setup.c wire_log.c target.c */
/* links: resend.c sockets.c tls_pending.c */
/* links: h2_gate.c h2_unread.c h2_reset.c sigpipe.c head.c timers.c sse.c buf.c */
/*
** test_pool_kqueue.c - the tests of pool.c with the kqueue of BSD and macOS
** SPDX-License-Identifier: MIT
*/

#define POLLER_USES_KQUEUE

#include "poller.c"

#include "test_pool.c"
