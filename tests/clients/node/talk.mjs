// What the unmodified npm packages `openai` and `ai` make of chat and responses: one JSON object for each case that is named.
//
// Usage: node --input-type=module - CASE... < talk.mjs, in the folder of the packages, with OPENAI_BASE_URL, OPENAI_API_KEY
// and a picture as a data URI in PICTURE. The `openai` package reads the first two by itself.
import { createOpenAI } from "@ai-sdk/openai";
import { experimental_generateSpeech as generateSpeech, generateText, streamText } from "ai";
import OpenAI from "openai";

const openai = new OpenAI();
const provider = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const picture = process.env.PICTURE;

const looks = "janus-pro-7b";
const writes = "write";
const crashes = "crash-node";
const user = (content) => [{ role: "user", content }];
const shown = (text) => user([{ type: "text", text }, { type: "image", image: picture }]);

const refused = async (call) => {
  try {
    await call();
    return { class: null };
  } catch (error) {
    const { name, code, status, statusCode } = error;
    return { class: error.constructor.name, name, code, status: status ?? statusCode };
  }
};

const streamed = async (model, prompt) => {
  const errors = [];
  const answer = streamText({ model, prompt, onError: ({ error }) => errors.push(String(error.message ?? error)) });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  return { pieces, errors };
};

const cases = {
  openai_chat: async () => {
    const content = [{ type: "text", text: "node chat" }, { type: "image_url", image_url: { url: picture } }];
    const answer = await openai.chat.completions.create({ model: looks, messages: user(content) });
    return { text: answer.choices[0].message.content, request_id: answer._request_id };
  },
  openai_chat_stream: async () => {
    const chunks = await openai.chat.completions.create({ model: writes, messages: user("node stream"), stream: true });
    const pieces = [];
    for await (const chunk of chunks) pieces.push(chunk.choices[0].delta.content ?? "");
    return { pieces: pieces.filter(Boolean) };
  },
  openai_response: async () => {
    const content = [{ type: "input_text", text: "node response" }, { type: "input_image", image_url: picture, detail: "auto" }];
    const answer = await openai.responses.create({ model: looks, input: user(content) });
    return { text: answer.output_text, request_id: answer._request_id };
  },
  openai_response_stream: async () => {
    const stream = openai.responses.stream({ model: writes, input: "node response stream" });
    const events = [];
    for await (const event of stream) events.push(event.type);
    return { events, text: (await stream.finalResponse()).output_text };
  },
  openai_chat_failed: () =>
    refused(() => openai.chat.completions.create({ model: crashes, messages: user("crash node chat") })),
  ai_chat: async () => ({ text: (await generateText({ model: provider.chat(looks), messages: shown("ai chat") })).text }),
  ai_chat_stream: () => streamed(provider.chat(writes), "ai chat stream"),
  ai_response: async () => ({ text: (await generateText({ model: provider(looks), messages: shown("ai response") })).text }),
  ai_response_stream: () => streamed(provider(writes), "ai response stream"),
  ai_response_failed_stream: () => streamed(provider(crashes), "crash ai stream"),
  ai_no_model: () => refused(() => generateText({ model: provider("steam"), prompt: "no model" })),
  ai_failed: () => refused(() => generateText({ model: provider(crashes), prompt: "crash ai" })),
  ai_chat_failed: () => refused(() => generateText({ model: provider.chat(crashes), prompt: "crash ai chat" })),
  ai_chat_failed_stream: () => streamed(provider.chat(crashes), "crash ai chat stream"),
  ai_speech: async () => {
    const { audio } = await generateSpeech({ model: provider.speech("speak"), text: "ai speech", voice: "bob" });
    return { base64: audio.base64 };
  },
  ai_interrupted: async () => {
    const answer = await generateText({ model: provider(writes), prompt: "interrupted ai" });
    return { text: answer.text, replayed: answer.response.headers["idempotency-replayed"] };
  },
};

const found = {};
for (const name of process.argv.slice(2)) found[name] = await cases[name]();
console.log(JSON.stringify(found));
