/*
** version.h - the version of the library, for the C modules
** SPDX-License-Identifier: MIT
** tools/release.lua writes it from lua/predibase/version.lua; make lint
** compares the two.
*/

#ifndef PREDIBASE_VERSION_H
#define PREDIBASE_VERSION_H

#define PREDIBASE_VERSION "1.0.0-rc.1"

#endif
