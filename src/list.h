/*
** list.h - doubly linked lists whose links are part of their members
** SPDX-License-Identifier: MIT
** An object can be in several lists at once: it has one list_item for each.
** Nothing is allocated.
*/

#ifndef PREDIBASE_LIST_H
#define PREDIBASE_LIST_H

#include <stddef.h>

/* All zeros is an item that is in no list. */
typedef struct list_item {
  struct list_item *prev, *next;
  struct list *in;  /* the list that contains it, or NULL */
} list_item;

/* All zeros is an empty list. */
typedef struct list {
  list_item *first, *last;
} list;

/* The object of the given type whose field 'member' is the item. */
#define LIST_OBJECT(item, type, member) \
  ((type *)(void *)((char *)(item) - offsetof(type, member)))

/* Adds an item at the end. Does nothing if it is in a list already. */
static inline void list_append (list *l, list_item *item) {
  if (item->in != NULL) return;
  item->in = l;
  item->next = NULL;
  item->prev = l->last;
  if (l->last != NULL) l->last->next = item;
  else l->first = item;
  l->last = item;
}

/* Takes an item out of its list. Does nothing if it is in none. */
static inline void list_remove (list_item *item) {
  list *l = item->in;
  if (l == NULL) return;
  if (item->prev != NULL) item->prev->next = item->next;
  else l->first = item->next;
  if (item->next != NULL) item->next->prev = item->prev;
  else l->last = item->prev;
  item->in = NULL;
  item->prev = item->next = NULL;
}

#endif
