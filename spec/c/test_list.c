/*
** test_list.c - tests of list.h
** SPDX-License-Identifier: MIT
*/

#include "list.h"

#include "tap.h"

typedef struct thing {
  int number;
  list_item a, b;  /* in two lists at once */
} thing;

/* Returns 1 if list l of items 'a' has these numbers, in both directions. */
static int has (const list *l, const int *numbers, int n) {
  const list_item *item = l->first, *prev = NULL;
  int i;
  for (i = 0; i < n; i++) {
    if (item == NULL || item->prev != prev || item->in != l ||
        LIST_OBJECT(item, thing, a)->number != numbers[i])
      return 0;
    prev = item;
    item = item->next;
  }
  return item == NULL && l->last == prev;
}

int main (void) {
  static const int all[] = { 0, 1, 2, 3 }, ends[] = { 0, 3 }, last[] = { 3 };
  static const int moved[] = { 3, 0 };
  thing t[4] = { { 0 } };
  list l = { NULL, NULL }, other = { NULL, NULL };
  int i;
  ok(has(&l, all, 0), "a list that is all zeros is empty");
  list_remove(&t[0].a);
  ok(has(&l, all, 0), "removing an item that is in no list does nothing");
  for (i = 0; i < 4; i++) {
    t[i].number = i;
    list_append(&l, &t[i].a);
    list_append(&other, &t[i].b);
  }
  ok(has(&l, all, 4), "items stay in the order in which they were added");
  list_append(&l, &t[0].a);
  list_append(&other, &t[0].a);
  ok(has(&l, all, 4), "adding an item again does nothing");
  list_remove(&t[1].a);
  list_remove(&t[2].a);
  ok(has(&l, ends, 2) && t[1].a.in == NULL, "items between others are removed");
  list_remove(&t[0].a);
  ok(has(&l, last, 1), "the first item is removed");
  list_append(&l, &t[0].a);
  ok(has(&l, moved, 2), "a removed item can be added again");
  list_remove(&t[0].a);
  list_remove(&t[3].a);
  ok(has(&l, all, 0), "the last item is removed");
  ok(other.first == &t[0].b && other.last == &t[3].b,
     "an object's other list is unchanged");
  return done();
}
