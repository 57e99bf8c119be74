-- SPDX-License-Identifier: MIT
--- Little stories: the first part of what the stand-in's language model has read.
-- Every entry is `{ prompts, answer }`. A single line break in an answer only wraps the source; an
-- empty line is a line break in the text. Written for this project.
-- @module predibase.mock.text_stories

return {
  { { "Tell me a story", "Tell me a story about a lighthouse" }, [[
Once upon a time there was a lighthouse at the end of the world, and in the lighthouse lived
an old woman named Marta and a small grey cat. Every evening Marta climbed the stairs, one
hundred and twelve of them, and lit the lamp. Every morning she climbed them again and put
the lamp out. In between she wrote letters to ships that she would never see.

One night a storm came from the north. The wind pulled at the door, the waves climbed over
the rocks, and the lamp went out. Marta lit it again, and again it went out. Then the cat
sat down in front of the window, and its eyes were so bright that a captain far away on the
sea saw two little lights and turned his ship around.

In the morning the captain came to the lighthouse with a basket of fish. "I have come to
thank the keeper of the lamp," he said. Marta laughed and pointed at the cat, who was
already asleep in the sun. From that day on the ships that passed the lighthouse left one
fish on the rocks, and nobody was ever lost again.]] },

  { { "Tell me a story about a robot", "Write a story about a robot who learns to paint" }, [[
Once upon a time there was a small robot who swept the floor of a museum. Every night, when
the people had gone home, the robot stopped in front of the same picture: a yellow field, a
blue sky, and a road that went nowhere. The robot did not know why it stopped. It only knew
that the floor there was very clean.

One night the robot found a brush under a chair. It dipped the brush in the soap and drew a
line on the wall. The line was not straight, and that was the best thing about it. The robot
drew a second line, and a third, until the whole wall was full of roads that went
everywhere.

In the morning the director of the museum stood in front of the wall for a long time. "Who
made this?" she asked. Nobody answered, but the small robot stopped sweeping and waited. "It
is the first new thing I have seen in years," the director said, and she put a frame around
it and a little lamp above it. The robot still sweeps the floor of the museum every night.
But now there is paint in the bucket. 🎨]] },

  { { "Tell me a story about a dragon", "Write a short story about a dragon and a child" }, [[
Once upon a time there was a dragon who was afraid of the dark. It lived in a cave above a
small village, and every evening it breathed a little fire so that the cave was never quite
black. The people of the village saw the light on the mountain and said, "The dragon is
angry again." But the dragon was not angry. It was only lonely.

A child named Iva did not believe the old stories. One winter night she walked up the
mountain with a lantern, because she wanted to know what a dragon does all day. The dragon
saw the lantern and hid behind a stone. "I am not afraid of you," said Iva. "I am afraid of
the dark," said the dragon. "Then we can share the lantern," said the child, and she sat
down beside it.

They talked until the morning. The dragon knew the names of all the stars, and the child
knew the names of all the people in the village. After that night the dragon came down the
mountain every winter and lit the fires in the cold houses, and in every window there was a
lantern for the dragon.]]
  },

  { { "Tell me a story about the sea", "Write a story about a fisherman" }, [[
Once upon a time there was a fisherman who caught nothing. Every day he rowed out to the
sea, every day he threw his net into the water, and every day the net came back empty. The
other fishermen laughed at him, but the old man only smiled and mended his net.

One day a boy asked him, "Why do you go out every day when you catch nothing?" The fisherman
looked at the water for a long time. "I do not go out to catch fish," he said. "I go out to
hear what the sea has to say. In the morning it speaks about the night, and in the evening
it speaks about the day. Yesterday it told me that you would come."

The boy climbed into the boat, and they rowed out together. The net came back empty, as
always. But the boy heard the sea for the first time, and he came again the next day, and
the day after that. When the fisherman was too old to row, the boy rowed for him, and when
the boat was too old to float, the two of them sat on the beach and listened.]] },

  { { "Tell me a bedtime story", "Write a bedtime story about the moon" }, [[
Once upon a time the moon was tired. It had been awake for so many nights that it could
hardly keep its eyes open, and so it asked the stars to look after the sky for a while. The
stars were happy to help, but there were so many of them that they could not agree who
should shine first.

So the moon told them a story. It was a quiet story about a bear, a river and a very long
winter, and one after the other the stars grew quiet too. When the story was over, the whole
sky was asleep, and the night was so dark and so soft that everybody under it slept well. In
the morning the sun came up and said, "What a good night that was." And the moon, who had
slept behind a hill, said nothing at all. Good night. 🌙]] },

  { { "Tell me a story about a garden", "Write a story about a gardener and a queen" }, [[
Once upon a time there was a queen who wanted a garden without weeds. She called the best
gardener in the land and said, "Pull out every plant that nobody has planted." The gardener
worked for a year and a day, and when the work was done there was not a single weed in the
garden. But there were no bees either, and no birds, and the roses did not open.

"What is wrong with my garden?" asked the queen. "It is exactly what you asked for," said
the gardener. The queen thought about it for three days. On the fourth day she took off her
crown, went into the garden and threw a handful of wild seeds over her shoulder. "Now it is
not what I asked for," she said. The next summer the garden was full of bees, and the roses
opened at last.]] },

  { { "Tell me a story about a train", "Write a story that begins at a station" }, [[
The last train of the evening was late, and there were only two people on the platform: a
young woman with a violin and an old man with a suitcase full of clocks. "Do you know what
time it is?" asked the woman. The old man opened the suitcase. "It is seven, and it is nine,
and it is a quarter past three," he said. "You can take the time you like best."

The woman laughed and took a small silver clock that had stopped at noon. Then she played a
song for him, because she had no money, and because the station was so quiet. When the train
came at last, the old man did not get in. "I already have everything I came for," he said,
and he closed the suitcase. Years later she still plays that song, and the clock still says
noon, and she is never late.]]
  },

  { { "Tell me a story about two friends", "Write a fable about a fox and a crow" }, [[
A fox and a crow lived in the same tree, the fox at the bottom and the crow at the top. In
summer they did not speak to each other. "You are too loud," said the fox. "You are too
proud," said the crow. But when the first snow fell, the fox could not find food, and the
crow could not keep warm.

"I can see very far from up here," said the crow at last. "And I can dig very deep from down
here," said the fox. So the crow looked for food and the fox dug it out of the snow, and in
the night the crow slept between the ears of the fox, where it was warm. When the spring
came, the crow flew back to the top of the tree. "You are still too proud," it said. "And
you are still too loud," said the fox. But they said it in the way that friends say such
things.]] },

  { { "Write a story about a letter", "Tell me a story about a postman" }, [[
There was once a postman who could not read. He knew every house in the town by its door and
every letter by its smell: bread, coal, ink, the sea. In forty years he never brought a
letter to the wrong house. One winter a letter came that smelled of nothing. The postman
carried it from door to door, but nobody knew it, and in the evening he put it on his own
table.

His granddaughter opened it and read it to him. "Dear postman," said the letter, "you have
brought the news of the whole world to our town, and nobody has ever written to you. So I
thought I should be the first. Yours sincerely, a friend." The old man was quiet for a
while. "What does it smell of now?" asked the child. He held the paper to his nose and
smiled. "Of bread," he said. "It smells of home." ✉️]] },

  { { "Write a story about a café", "Tell me a story about a baker" }, [[
On the corner of a narrow street in Málaga there was a café with four tables and one rule:
nobody was allowed to be in a hurry. The owner, a tall man named José, closed the door in
front of everyone who looked at a watch. "Come back when you have time," he said. In the
beginning the people were angry. Then they came back.

One day a woman came in who had no time at all. She was a doctor, and she had not slept for
two nights. José looked at her for a moment, and then he did something that he had never
done before: he brought the coffee to the door, in a paper cup. "For you the rule is
different," he said. "You give your time away. The others only lose it." Since that day
there are five tables in the café, and the fifth one is always free. ☕]] },

  { { "Tell me a story about a spaceship", "Write a science fiction story" }, [[
The ship had been on its way for two hundred years, and nobody on board had ever seen a
tree. There was one seed, in a glass box in the middle of the ship, and every child was
taken to see it once. "When we arrive, we will plant it," said the teachers. But the
children asked, "When will we arrive?" and nobody knew.

A girl named Noor could not stop thinking about the seed. One night she opened the box,
filled her own drinking cup with dust from the filters, and planted it under the lamp in her
cabin. When the captain found out, the seed was already a small green line with two leaves.
The captain wanted to be angry. Instead she sat down on the floor and looked at it until the
morning. "We have arrived," she said at last, and from that day on the ship was not a road
any more. It was a garden that was going somewhere. 🌱]] },
}
