/*
** wire.h - what the programs of the benchmark say to each other
** SPDX-License-Identifier: MIT
*/

#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

/*
** One token as LoRAX frames it, in a chunk of its own. Its text is a word, or
** the time at which it was written, in digits and always as long.
*/
#define TOKEN_BEFORE \
  "data:{\"token\":{\"id\":4521,\"text\":\""
#define TOKEN_AFTER \
  "\",\"logprob\":-0.51220703,\"special\":false,\"skipped\":false," \
  "\"alternative_tokens\":null},\"generated_text\":null,\"details\":null}\n\n"
#define TOKEN_TEXT " water"
#define STAMP_LEN 20
#define TOKEN_LEN(text_len) \
  (sizeof TOKEN_BEFORE - 1 + (text_len) + sizeof TOKEN_AFTER - 1)
#define PLAIN_LEN TOKEN_LEN(sizeof TOKEN_TEXT - 1)
#define STAMPED_LEN TOKEN_LEN(STAMP_LEN)

/*
** In a paced stream the first half of the tokens (after the very first one,
** which says that the stream is open) is plain: CPU time and memory are
** measured there. In the second half tokens carry time stamps: of one stream
** all, of many one in STAMP_EVERY, because no model writes a new word with
** each token, and the reader would be slowed down by what it measures with.
*/
#define PLAIN_TOKENS(tokens) ((tokens) / 2)
#define STAMP_EVERY 16
#define STAMP_ALL_BELOW 100 /* streams */

/* A token in its chunk, at 'out', which has room for CHUNK_MAX; its length. */
#define CHUNK_MAX (STAMPED_LEN + 16)
size_t wire_token (char *out, const char *text);

/* The closing event. */
extern const char wire_last[];

/* Its chunk and the end of the body; WIRE_END_MAX is enough room. */
#define WIRE_END_MAX 512
size_t wire_end (char *out);

/* The head of every stream. */
extern const char wire_stream_head[];

/* Nanoseconds on CLOCK_MONOTONIC, which all processes share. */
int64_t wire_now (void);

/* Microseconds of CPU time that this process has used. */
double wire_cpu_us (void);

/*
** A socket that listens on a free port of the loopback; prints the port.
** Ends the program when there is none.
*/
int wire_listen (int backlog);

/* The length of the first request in these bytes, or 0 until it is whole. */
size_t wire_request (const char *text, size_t len);

/*
** Raises the limit of descriptors as far as the system lets us; ends the
** program with a clear text when fewer than 'wanted' are allowed.
*/
void wire_need_descriptors (const char *program, unsigned long wanted);

/* Ends the program with a text on stderr. */
void wire_die (const char *program, const char *why);

#endif
