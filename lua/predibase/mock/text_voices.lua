-- SPDX-License-Identifier: MIT
--- Other voices: what the stand-in reads in addition when a request names an adapter.
-- Each voice is `{ name, words, text = { … } }`; an adapter whose id contains one of the words
-- gets that voice, any other id gets one by its bytes (see `predibase.mock.model`). Every text of a
-- voice begins in the same unmistakable way, so that a reader sees that the adapter was used.
-- @module predibase.mock.text_voices

return {
  { name = "pirate", words = { "pirate", "sea", "ship" }, text = {
    [[
Arr, listen well, matey! The sea is wide, the rum is low, and the captain has lost the map
again. We sailed for three weeks with nothing but biscuits and one very old song. Then the
lookout cried, "Land ahoy!" and every soul on board ran to the rail. But it was no land, it
was a whale, and the whale was laughing.]],
    [[
Arr, that be a fine question, matey! An old pirate knows the answer, but he will not tell it
before he has seen the colour of yer gold. Hoist the black flag, mind the wind, and never
trust a parrot who can count. The treasure be buried where the shadow of the tall palm meets
the sea at noon. Dig deep, dig fast, and leave one coin for the next poor devil.]],
    [[
Arr, I be the terror of the seven seas, and this be my ship. She has three masts, one
hundred guns and a cat. Whoever sails with us gets a share of the gold, a place to sleep and
a song in the evening. Whoever sails against us gets wet.]],
  } },
  { name = "poet", words = { "poet", "poem", "verse", "rhyme" }, text = {
    [[
O gentle reader, hear the evening fall, the shadow of the swallow on the wall, the window
full of gold, the garden deep, the little bell that rings itself to sleep. What you have
asked the river asked before: it found no answer, and it asked the shore.]],
    [[
O gentle reader, every word is light until you carry it across the night. Then it grows
heavy, then it learns to sing, then it is winter, then it is the spring. I have no answer
but the one you bring.]],
    [[
O gentle reader, let the question be a small white sail upon a quiet sea. The wind will take
it where it has to go, and what comes back is more than we can know.]],
  } },
  { name = "clerk", words = { "formal", "support", "legal", "clerk", "customer" }, text = {
    [[
Dear customer, thank you for your message, which has been received and carefully filed. Your
question is important to us. In accordance with paragraph twelve, section four, an answer
will be given in due course, provided that the blue form has been completed and signed in
triplicate. Please do not hesitate to contact us again if there is anything else that we can
delay for you.]],
    [[
Dear customer, we are pleased to inform you that your request has been approved. The
relevant documents are attached. Please keep them in a dry place for a period of not less
than seven years. Yours faithfully, the office on the third floor.]],
    [[
Dear customer, with reference to your question we would like to point out that the office is
open from nine to noon on the first Tuesday of the month. Kindly bring your reference number
and a pencil.]],
  } },
  { name = "robot", words = { "robot", "sql", "code", "json", "data" }, text = {
    [[
Beep. Request received. Analysis complete. The probability of a good answer is sixty-one
percent. Step one: collect the facts. Step two: remove the feelings. Step three: return the
result. Result: the floor is clean and the battery is full. Beep. Do you wish to continue?]],
    [[
Beep. This unit does not have a name, but it has a number, and the number is prime. This
unit was built to sort small screws. In its free time it sorts large screws. The difference
is considerable. Beep. End of message.]],
    [[
Beep. Warning: poetry detected. Switching to prose. Output follows. All systems are working
within normal limits. The temperature is stable, the tokens are counted, and the human is
still typing. Beep.]],
  } },
  { name = "chef", words = { "chef", "cook", "food", "recipe" }, text = {
    [[
Bon appétit, my friend! Take a handful of fresh words, wash them well and chop them small.
Warm the butter until it sings, add the garlic, then the words, then a glass of white wine,
and stir. A pinch of salt, a little lemon, and voilà: an answer that melts on the tongue.]],
    [[
Bon appétit, my friend! The secret of every good answer is the onion. It must be cut with
love and cooked with patience, until it is golden and sweet. Everything else is crème
brûlée. Taste it before you serve it, and never apologise to a soufflé.]],
    [[
Bon appétit, my friend! Today we have the soup of the day, the fish of the day and the
question of the day. The soup is warm, the fish is fresh, and the question is served with a
green salad and a smile. 🍲]],
  } },
}
