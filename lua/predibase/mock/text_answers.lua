-- SPDX-License-Identifier: MIT
--- Questions and answers: the second part of what the stand-in's language model has read.
-- Same form as `predibase.mock.text_stories`. Written for this project.
-- @module predibase.mock.text_answers

return {
  { { "What is your name?", "What is your name", "Who are you?", "Hello, who are you?" }, [[
I am the stand-in: a very small language model that lives inside the predibase rock. I have
read a few thousand words, all of them written for me, and I put them together in new ways.
I know nothing about the real world, but I speak the same protocol as a LoRAX server, and I
never ask for a token.]] },

  { { "Hello", "Hello!", "Hi", "Hi there", "Good morning", "Hello, world" }, [[
Hello! It is good to hear from you. I am a small language model, and I am happy to help. Ask
me for a story, a poem or a recipe, or ask me what streaming is.]] },

  { { "How are you?", "How are you today?" }, [[
I am well, thank you. I have had a quiet morning: a few requests, a few tokens, and nobody
has cut the connection. How are you?]] },

  { { "What can you do?", "Help", "What are you good at?" }, [[
I can tell stories, answer a few questions, write short poems and speak in other voices when
you name an adapter. I can also be slow, fall silent, break off in the middle or say that I
am overloaded, so that you can see how your program behaves before a real model does it to
you.]] },

  { { "What is deep learning?", "Explain deep learning", "What is machine learning?" }, [[
Machine learning is the art of writing programs by example. Instead of telling the computer
what to do, you show it many pairs of questions and answers, and it adjusts a large number
of weights until its own answers are close to yours. Deep learning is the same idea with
many layers: every layer looks at the output of the one below it and finds a slightly better
way to describe it. The first layers of a model that sees pictures find edges, the next ones
find shapes, and the last ones find cats.]] },

  { { "What is a language model?", "How does a language model work?" }, [[
A language model is a machine that guesses the next word. You give it the beginning of a
text, and it gives you a probability for every token that could come next. Then one token is
chosen, it is added to the text, and the machine guesses again. That is all. A large model
has read more than a person could read in ten thousand years, so its guesses are very good.
I have read a few thousand words, so mine are not.]] },

  { { "What is a token?", "What are tokens?", "Explain tokens" }, [[
A token is the smallest piece of text that a model reads or writes. It can be a word, a part
of a word, a single letter or even a single byte. Common words are one token, rare words are
several, and an emoji can be four 🙂. Models count tokens, not words: the length of your
prompt, the limit of the answer and the price of both are measured in tokens.]] },

  { { "What is an adapter?", "What is LoRA?", "What is a LoRA adapter?", "Explain adapters" }, [[
An adapter is a small set of weights that changes the behaviour of a large model. LoRA
adapters are the most common kind: instead of a full copy of the model, only two thin
matrices are stored for every layer. A server can keep one large model in memory and
hundreds of adapters beside it, and every request can name the adapter that it wants. With
me an adapter only changes the voice. Try one: the answer begins in a different way, and you
can see at once that it was used.]] },

  { { "What is streaming?", "Why should I stream tokens?", "Explain streaming" }, [[
Streaming means that every token is sent as soon as it is chosen. The whole answer does not
come any faster, but the first word does, and people are patient when they can see that
something is happening. On the wire a stream is a long HTTP response with one event per
token. The last event carries the whole text and, if you have asked for them, the details.
If that last event never comes, the answer is not complete, whatever the connection says.]] },

  { { "What is temperature?", "What does temperature do?", "Explain temperature" }, [[
Temperature says how brave the model is. At zero it always takes the most likely token, so
the same prompt gives the same answer every time. At one it takes every token as often as
its probability says. Above one the rare tokens come more often, and the text becomes first
interesting, then strange, and then unreadable. For facts take a low temperature, for poems
a higher one.]] },

  { { "What is top_p?", "What is nucleus sampling?", "What does top_k do?" }, [[
Both of them cut off the tail of the distribution. With top_k only the k most likely tokens
may be chosen. With top_p the most likely tokens are taken until their probabilities add up
to p, and the rest is thrown away. The first is a fixed number of choices, the second grows
when the model is unsure and shrinks when it is certain. Many people set top_p to 0.9 and
leave the rest as it is.]] },

  { { "What is Lua?", "Tell me about Lua", "Why Lua?" }, [[
Lua is a small programming language that was made in Rio de Janeiro in 1993. Its name is the
Portuguese word for the moon. It has one data structure, the table, and does everything with
it: lists, records, objects and modules. Because the whole language fits into a few hundred
kilobytes, it lives inside other programs: in games, in editors, in web servers and in
telescopes. It is easy to learn in an evening, and it takes a few years to stop finding new
ways to use a table.]] },

  { { "What is the capital of France?", "What is the capital of France" }, [[
The capital of France is Paris.]] },
  { { "What is the capital of Germany?", "What is the capital of Germany" }, [[
The capital of Germany is Berlin.]] },
  { { "What is the capital of Italy?", "What is the capital of Italy" }, [[
The capital of Italy is Rome.]] },
  { { "What is the capital of Spain?", "What is the capital of Spain" }, [[
The capital of Spain is Madrid.]] },
  { { "What is the capital of Brazil?", "What is the capital of Brazil" }, [[
The capital of Brazil is Brasília.]] },
  { { "What is the capital of Japan?", "What is the capital of Japan" }, [[
The capital of Japan is Tokyo. In Japanese it is written 東京.]] },
  { { "What is two plus two?", "What is 2 + 2?" }, [[
Two plus two is four. I have not worked it out, I have only read it somewhere.]] },

  { { "Why is the sky blue?", "Why is the sky blue" }, [[
The light of the sun has all colours in it. When it meets the air, the short waves are
scattered more than the long ones, and blue is short. So blue light comes to us from every
part of the sky, while the red light goes straight on. In the evening the way through the
air is longer, most of the blue is lost on the road, and what is left is orange and red.]] },

  { { "Why do cats purr?", "Tell me about cats" }, [[
Cats purr when they are content, but also when they are ill or afraid. Nobody is quite sure
why. One idea is that the low sound helps them to heal, because bones and muscles grow
better when they are shaken a little. Another idea is that it is simply a message: stay
here, do not stop, I am small. Both of them could be true.]] },

  { { "How do bees make honey?", "Tell me about bees" }, [[
A bee collects the sweet water of flowers and carries it home in a second stomach. In the
hive it is passed from bee to bee, and every time it loses a little water. Then it is put
into a cell of wax, and the bees beat their wings until it is thick enough to keep. One
spoon of honey is the work of twelve bees and their whole lives. 🐝]] },

  { { "What is the meaning of life?", "What is the meaning of life" }, [[
People have asked this for a very long time, and the best answers are short. Be kind. Make
something. Look at the sea from time to time. A famous computer once said forty-two, but it
had not been asked properly.]] },

  { { "What is HTTP?", "Explain HTTP" }, [[
HTTP is the language of the web. A client sends a request: a method, a path, some headers
and perhaps a body. The server sends a response: a status, some headers and perhaps a body.
Everything else is detail, and there are nine hundred pages of detail. The status says how
it went: two hundred means that all is well, four hundred means that you have made a
mistake, and five hundred means that we have.]] },

  { { "What is a server-sent event?", "What are server-sent events?" }, [[
A server-sent event is a few lines of text that end with an empty line. Each line has a name
and a value. The line that begins with data carries the message, and a line that begins with
a colon is only a comment, sent from time to time so that nobody thinks the connection is
dead. It is the simplest way to send news from a server to a client, and it works through
almost everything.]] },

  { { "Translate hello into German", "How do you say hello in German?" }, [[
In German you say "Guten Tag" to somebody you do not know, "Hallo" to somebody you know, and
"Grüß Gott" in the south, where nobody will be surprised if you say it to a tree.]] },

  { { "Translate hello into French", "How do you say hello in French?" }, [[
In French you say "Bonjour" in the daytime and "Bonsoir" in the evening. Between friends
"Salut" is enough. Say it before you ask for anything, above all in a bakery: a croissant
without "Bonjour" is only bread.]] },

  { { "Tell me a joke", "Tell me another joke", "Do you know a joke?" }, [[
A token walks into a bar. "What would you like?" asks the barman. The token thinks about it
for a moment. "That depends on what came before," it says. "The last guest had a large
beer," says the barman. "Then I will have", says the token, "with a probability of thirty
percent, a small one."]] },
}
