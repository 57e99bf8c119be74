-- SPDX-License-Identifier: MIT
--- Instructions, recipes, poems and letters: the third part of what the stand-in has read.
-- Same form as `predibase.mock.text_stories`. Written for this project.
-- @module predibase.mock.text_advice

return {
  { { "How do I make tea?", "Write a recipe for tea", "How do you make a cup of tea?" }, [[
Boil fresh water. Warm the pot with a little of it and pour that water away. Put one spoon
of tea into the pot for every cup, and one more for the pot. Pour the boiling water over the
tea and wait for four minutes. Do nothing else in these four minutes: they are the best
part. Then pour the tea into a cup, add milk if you must, and drink it while it is hot.]] },

  { { "How do I bake bread?", "Write a recipe for bread", "Give me a recipe" }, [[
You need flour, water, salt and a little yeast. Mix five cups of flour with two cups of warm
water, a spoon of salt and half a spoon of yeast. Knead the dough for ten minutes, until it
is smooth, and let it rest for an hour in a warm place. Fold it twice, put it into a tin and
let it rest again. Heat the oven until it is as hot as it can be. Bake the bread for half an
hour, and do not cut it before it is cold. Nobody has ever followed this last rule.]] },

  { { "How do I make an omelette?", "Write a recipe with eggs" }, [[
Break three eggs into a bowl, add a little salt and beat them with a fork, not too long.
Melt some butter in a pan until it stops singing. Pour in the eggs, wait for ten seconds and
then pull the edges to the middle while you turn the pan. When the top is still soft, fold
it once and let it slide onto a warm plate. It should be yellow outside and almost a sauce
inside.]] },

  { { "How do I learn a language?", "Give me advice on learning a language" }, [[
Take ten minutes every day rather than a whole Sunday once a month. Learn the small words
first, because they come most often. Read things that you would also read in your own
language. Speak from the first day, and speak badly: everybody does. Write down the mistakes
that you make twice, and forget the others. After a year you will dream in it.]] },

  { { "How do I write a good program?", "Give me advice on programming" }, [[
Write the smallest thing that works and show it to somebody. Give every thing one name and
one place. Read the error before you change the code. When two parts of a program must
change together, put them together; when they need not, put a wall between them. Write the
test while you still remember what you wanted. Delete what nobody uses. And when you are
sure that it is the compiler, go for a walk first.]] },

  { { "How do I sleep better?", "Give me advice on sleep" }, [[
Go to bed at the same time every day. Put the telephone into another room. Make the room
dark and cold, and the bed warm. Do not drink coffee after noon. If you cannot sleep, get
up, sit in a chair and read something that is not interesting. Then go back to bed as if
nothing had happened.]] },

  { { "How do I plant a tree?", "Give me advice on gardening" }, [[
Dig a hole that is twice as wide as the roots and not deeper than they are. Put the tree
into the hole and turn it until its best side looks at the house. Fill the hole with the
same earth that you took out, step on it gently and give it a full bucket of water. Tie the
tree to a post for the first two years. The best time to plant a tree was twenty years ago,
and the second best time is in the autumn.]] },

  { { "Write a poem", "Write a poem about the sea", "Write me a short poem" }, [[
The sea has no hours,

the sea has no door,

it gives us its flowers

of foam on the shore.

It asks for no token,

it keeps no account,

no promise is broken

in any amount.]] },

  { { "Write a poem about autumn", "Write a poem about the rain" }, [[
The rain is a reader

who turns every leaf,

who stops at the cedar

and sighs with relief.

The wind is a writer

who never looks back,

the morning grows lighter,

the branches are black.]] },

  { { "Write a haiku", "Write a haiku about winter" }, [[
Snow on the old bridge.

A crow counts the first footprints

and begins again.]] },

  { { "Write an email to my boss", "Write an email asking for a day off", "Write a letter" }, [[
Dear Ms Okafor,

I would like to take a day off on Friday. The work on the report is finished, and Tomás has
kindly agreed to answer the telephone while I am away. If anything urgent comes up, you can
reach me in the evening.

Thank you, and have a good week.

Yours sincerely,

Lena]] },

  { { "Summarize the following text", "Write a summary", "Summarize this" }, [[
In short: something was small, it was given time, and it grew. Nobody planned it, several
people helped, and in the end everybody said that they had always known it. The details can
be found in the text itself, which is longer but not much clearer.]] },

  { { "List three colours", "List three things", "Give me a list" }, [[
1. Red, like the roof of the house by the sea.

2. Blue, like the sky above the yellow field.

3. Green, like the first leaf in the glass box.]] },

  { { "Explain how a bicycle works", "How does a bicycle work?" }, [[
A bicycle is two wheels, a chain and a promise. When you push the pedals, the chain pulls
the back wheel, and the back wheel pushes the road away. As long as you move, you do not
fall, because every time you begin to fall to one side you turn a little to the same side,
and the wheels come back under you. You do this hundreds of times in a minute without
thinking about it. If you think about it, you fall.]] },

  { { "Explain how a clock works", "How does a clock work?" }, [[
A clock needs three things: something that pushes, something that swings, and something that
counts. In an old clock a weight pushes, a pendulum swings, and a wheel with teeth counts
the swings. In a new one a battery pushes, a crystal swings thirty-two thousand times in a
second, and a small chip counts. The hands are only there because we like to look at them.]] },

  { { "Describe a city", "Describe your favourite place", "Describe a market" }, [[
In the morning the market is full of light. There are oranges from the south, fish on ice,
bread that is still warm, and an old man who sells only keys. People speak loudly and all at
the same time. A child sits under a table with a cat and counts shoes. At noon the bells
ring, the tables are folded, the water runs over the stones, and an hour later there is
nothing left but the smell of coffee and a single orange that has rolled under the fountain.
🍊]] },

  { { "Give me a piece of advice", "Give me advice", "What should I do?" }, [[
Begin with the part that you are afraid of. Make it small enough to finish before lunch. Ask
somebody who has done it before, and listen to the end. If it goes wrong, you will know more
than before; if it goes well, write down why. And whatever it is, drink a glass of water
first.]] },

  { { "Write a dialogue", "Write a dialogue between the sun and the moon" }, [[
"You are late," said the sun. "I am always on time," said the moon. "You leave too early."

"Somebody has to light the other side," said the sun. "Do they ever ask about me?"

"Every evening," said the moon. "And about me?"

"Every morning," said the sun. "They ask if you were full."]] },

  { { "Write a function in Lua", "Write a Lua program", "Show me some code" }, [[
local function greet(name)

  return "Hello, " .. name .. "!"

end

print(greet("world"))

The function takes a name and returns a greeting. Two dots join two strings, and the keyword
local keeps the function inside this file, where it belongs.]] },

  { { "Once there was", "The quick brown fox", "It was a dark and stormy night" }, [[
and nobody knew what would happen next. The wind pulled at the door, the lamp went out, and
in the silence somebody laughed. It was only the cat. It had found the basket of fish, and
it was as happy as a cat can be on a dark night at the end of the world.]] },
}
