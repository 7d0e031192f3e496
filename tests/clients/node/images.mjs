// What the unmodified npm packages `openai` and `ai` make of the image routes: one JSON object for each case that is named.
//
// Usage: node --input-type=module - CASE... < images.mjs, in the folder of the packages, with OPENAI_BASE_URL and
// OPENAI_API_KEY. The `openai` package reads both by itself.
import { createOpenAI } from "@ai-sdk/openai";
import { generateImage } from "ai";
import OpenAI from "openai";

const openai = new OpenAI();
const provider = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });

const ask = (model, prompt) => openai.images.generate({ model, prompt, size: "64x64" });

const image = (model, prompt, more = {}) =>
  generateImage({ model: provider.image(model), prompt, size: "64x64", ...more });

const shown = (answer) => ({ request_id: answer._request_id, items: answer.data });
const files = (answer) => answer.images.map(({ base64, mediaType }) => ({ base64, mediaType }));

const refused = async (call) => {
  try {
    await call();
    return { class: null };
  } catch (error) {
    const { name, message, code, status, statusCode } = error;
    return { class: error.constructor.name, name, message, code, status: status ?? statusCode };
  }
};

const cases = {
  openai_generate: async () => shown(await ask("flux-schnell", "openai-node")),
  openai_stream: async () => {
    const events = [];
    for await (const event of await openai.images.generate({
      model: "echo", prompt: "stream", size: "64x64", stream: true, partial_images: 1,
    })) events.push(event);
    return { events };
  },
  openai_no_model: () => refused(() => ask("steam", "no model")),
  openai_failed: () => refused(() => ask("flux-schnell", "crash openai-node")),
  openai_interrupted: async () => {
    const { data, response } = await ask("flux-schnell", "interrupted openai-node").withResponse();
    return { ...shown(data), replayed: response.headers.get("idempotency-replayed") };
  },
  ai_generate: async () => files(await image("flux-schnell", "ai")),
  ai_two: async () => files(await image("flux-schnell", "ai two", { n: 2 })),
  ai_no_model: () => refused(() => image("steam", "no model")),
  ai_interrupted: async () => {
    const answer = await image("flux-schnell", "interrupted ai");
    return { items: files(answer), replayed: answer.responses[0].headers["idempotency-replayed"] };
  },
};

const found = {};
for (const name of process.argv.slice(2)) found[name] = await cases[name]();
console.log(JSON.stringify(found));
