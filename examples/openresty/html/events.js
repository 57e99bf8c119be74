// SPDX-License-Identifier: MIT
// Reads Server-Sent Events from the body of a fetch. EventSource cannot be used, because it can
// neither send a body nor report the status of a refused request.

/**
 * Yields the events of a response as they arrive.
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
      if (done) return;          // an event without its final blank line is ignored
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
        if (colon === 0) continue;                       // a comment
        const name = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "event") type = text;
        else if (name === "data") data.push(text);
      }
    }
  } finally {
    // Closes the connection when the caller leaves its loop early, which stops the model.
    await reader.cancel().catch(() => {});
  }
}
