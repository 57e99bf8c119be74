/*
** lua_text_filter.h - the classes of predibase.text_filter
** SPDX-License-Identifier: MIT
** Their userdata are pointers, which are NULL once they were collected. Other
** C modules find the classes by these names.
*/

#ifndef PREDIBASE_LUA_TEXT_FILTER_H
#define PREDIBASE_LUA_TEXT_FILTER_H

#include "splitter.h"
#include "stop_match.h"

#define MATCHER_T "predibase.text_filter.matcher"
#define SPLITTER_T "predibase.text_filter.splitter"

/* Of the module alone. */
#define BUFFER_T "predibase.text_filter.buffer"

#endif
