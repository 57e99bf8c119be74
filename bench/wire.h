/*
** wire.h - the formats that the benchmark programs use between each other
** SPDX-License-Identifier: MIT
*/

#ifndef PREDIBASE_BENCH_WIRE_H
#define PREDIBASE_BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

/*
** One token, framed as by LoRAX, in its own chunk. Its text is a word, or the
** time at which it was written, as a fixed number of digits.
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

/*
** In a paced stream the first half of the tokens is plain; CPU time and memory
** are measured there. (The very first token, which shows that the stream is
** open, does not count.) In the second half tokens contain time stamps: all
** tokens if there is one stream, else one in STAMP_EVERY. More time stamps
** would slow the reader down: words repeat, but each time stamp is a new string
** that Lua has to create.
*/
#define PLAIN_TOKENS(tokens) ((tokens) / 2)
#define STAMP_EVERY 16
#define STAMP_ALL_BELOW 100 /* streams */

/* The same for /v1/chat/completions, as LoRAX answers it. */
#define DELTA_BEFORE \
  "data: {\"id\":\"null\",\"object\":\"chat.completion.chunk\"," \
  "\"created\":0,\"model\":\"water\",\"choices\":[{\"index\":0,\"delta\":" \
  "{\"role\":\"assistant\",\"content\":\""
#define DELTA_AFTER "\"},\"finish_reason\":null}]}\n\n"

/* The two kinds of streams. */
enum { WIRE_LORAX, WIRE_CHAT, WIRE_KINDS };

/* Writes a token in its chunk to 'out' (CHUNK_MAX bytes); returns its size. */
#define CHUNK_MAX 512
size_t wire_token (char *out, int kind, const char *text);

/* The closing event of LoRAX. Its text is empty, as that of LoRAX is when a
** limit of tokens ends the answer, so that readers have to join the tokens. */
extern const char wire_last[];

/* Writes the chunk of the closing events and the end of the body to 'out'
** (WIRE_END_MAX bytes). Returns the number of bytes. */
#define WIRE_END_MAX 512
size_t wire_end (char *out, int kind);

/* Returns the kind of stream that the path of a request asks for. */
int wire_kind (const char *request);

/* The head of every stream. */
extern const char wire_stream_head[];

/* Returns nanoseconds of CLOCK_MONOTONIC, which all processes share. */
int64_t wire_now (void);

/* Returns the CPU time that this process has used, in microseconds. */
double wire_cpu_us (void);

/*
** Opens a socket that listens on a free loopback port, and prints the port.
** Ends the program if that fails.
*/
int wire_listen (int backlog);

/* Returns the length of the first request in the bytes, or 0 while it is
** incomplete. */
size_t wire_request (const char *text, size_t len);

/*
** Raises the limit of open files as far as the system allows; ends the program
** with a message when fewer than 'wanted' are allowed.
*/
void wire_need_descriptors (const char *program, unsigned long wanted);

/* Ends the program with a message on stderr. */
void wire_die (const char *program, const char *why);

#endif
