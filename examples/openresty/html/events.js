// SPDX-License-Identifier: MIT
// Reads Server-Sent Events out of the body of a fetch: EventSource can neither send a body nor say
// with which status it was refused.

/**
 * The events of a response, as they come.
 * @param {ReadableStream<Uint8Array>} body
 * @yields {{ type: string, data: string }}
 */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let type = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;          // an event without its blank line does not count
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (let line of lines) {
        if (line.endsWith("\r")) line = line.slice(0, -1);
        if (line === "") {
          if (data.length > 0) yield { type: type || "message", data: data.join("\n") };
          type = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        if (colon === 0) continue;                       // a comment keeps the line open
        const name = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "event") type = text;
        else if (name === "data") data.push(text);
      }
    }
  } finally {
    // A reader that is given up closes the connection, and the model stops.
    await reader.cancel().catch(() => {});
  }
}
