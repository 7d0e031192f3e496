// What the unmodified npm package `replicate` makes of its routes: one JSON object for each case that is named.
//
// Usage: node --input-type=module - CASE... < replicate.mjs, in the folder of the packages, with REPLICATE_BASE_URL,
// REPLICATE_API_TOKEN and a picture's file in PICTURE.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import Replicate, { parseProgressFromLogs, validateWebhook } from "replicate";

const connect = (auth) => new Replicate({ auth, baseUrl: process.env.REPLICATE_BASE_URL });
const replicate = connect(process.env.REPLICATE_API_TOKEN);

const paints = "black-forest-labs/flux-schnell";
const writes = "darkroom/write";
const small = { width: 64, height: 64, num_inference_steps: 1 };
const input = (prompt, more = {}) => ({ prompt, ...small, ...more });

const files = async (output) => {
  const found = [];
  for (const file of output) {
    const blob = await file.blob();
    found.push({ kind: file.constructor.name, type: blob.type, file: Buffer.from(await blob.arrayBuffer()).toString("base64") });
  }
  return found;
};

const refused = async (call) => {
  try {
    await call();
    return { class: null };
  } catch (error) {
    return { class: error.constructor.name, status: error.response?.status, detail: error.message };
  }
};

const collected = async (stream) => {
  const events = [];
  for await (const { event, data, id } of stream) events.push([event, data, id]);
  return events;
};

// The webhooks of a prediction, once there are so many.
const received = async (count, ask) => {
  const messages = [];
  let enough;
  const all = new Promise((resolve) => (enough = resolve));
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.writeHead(204).end();
    if (messages.push({ headers: request.headers, body }) === count) enough();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await ask(`http://127.0.0.1:${server.address().port}/hook`);
  await all;
  server.close();
  return messages;
};

const cases = {
  node_run: async () => files(await replicate.run(paints, { input: input("run node") })),
  node_run_long: async () => {
    const statuses = [];
    const options = { input: input("run long node", { num_inference_steps: 40 }), wait: { mode: "block", timeout: 1 } };
    const found = await files(await replicate.run(paints, options, ({ status }) => statuses.push(status)));
    return { found, statuses };
  },
  node_run_with_file: async () => {
    const picture = new Blob([await readFile(process.env.PICTURE)], { type: "image/png" });
    return files(await replicate.run("darkroom/retouch", { input: { image: picture } }));
  },
  node_text: async () => ({ output: await replicate.run(writes, { input: { prompt: "text node" } }) }),
  node_stream: async () => ({ events: await collected(replicate.stream(writes, { input: { prompt: "stream node" } })) }),
  node_predictions: async () => {
    const made = await replicate.predictions.create({ model: paints, input: input("predictions node", { num_inference_steps: 20 }) });
    const totals = [];
    const ended = await replicate.wait(made, { interval: 100 }, async ({ logs }) => {
      totals.push(parseProgressFromLogs(logs ?? "")?.total);
      return false;
    });
    const { results } = await replicate.predictions.list();
    const canceled = await replicate.predictions.create({ version: paints, input: input("cancel node", { num_inference_steps: 50 }) });
    await replicate.predictions.cancel(canceled.id);
    return {
      id: made.id,
      status: ended.status,
      totals,
      listed: results.some(({ id }) => id === made.id),
      canceled: (await replicate.wait(canceled, { interval: 100 })).status,
    };
  },
  node_models: async () => {
    const [owner, name] = paints.split("/");
    const { results: versions } = await replicate.models.versions.list(owner, name);
    const version = await replicate.models.versions.get(owner, name, versions[0].id);
    const { name: one } = await replicate.models.get(owner, name);
    return {
      one,
      listed: (await replicate.models.list()).results.map(({ owner, name }) => `${owner}/${name}`),
      found: (await replicate.models.search("schnell")).results.map(({ name }) => name),
      prompt: version.openapi_schema.components.schemas.Input.properties.prompt,
      account: (await replicate.accounts.current()).type,
      hardware: await replicate.hardware.list(),
    };
  },
  node_files: async () => {
    const made = await replicate.files.create(await readFile(process.env.PICTURE), { album: "sea" });
    const found = await replicate.files.get(made.id);
    const { results } = await replicate.files.list();
    const listed = results.some(({ id }) => id === made.id);
    return { metadata: found.metadata, listed, deleted: await replicate.files.delete(made.id) };
  },
  node_webhook: async () => {
    let id;
    const messages = await received(1, async (webhook) => {
      ({ id } = await replicate.predictions.create({
        model: paints, input: input("webhook node"), webhook, webhook_events_filter: ["completed"],
      }));
    });
    const { key } = await replicate.webhooks.default.secret.get();
    const valid = await Promise.all(messages.map((message) => validateWebhook(message, key)));
    return { id, valid, messages: messages.map(({ body }) => JSON.parse(body)) };
  },
  node_no_key: () => refused(() => connect("r8_none").run(paints, { input: input("no key") })),
  node_no_model: () => refused(() => replicate.run("stability-ai/sdxl", { input: input("no model") })),
  node_no_seed: () => refused(() => replicate.run(paints, { input: input("no seed", { seed: "seven" }) })),
  node_failed: () => refused(() => replicate.run("darkroom/crash-node", { input: { prompt: "crash node" } })),
  node_failed_stream: () => refused(() => collected(replicate.stream("darkroom/crash-node", { input: { prompt: "crash stream node" } }))),
  node_interrupted: async () => files(await replicate.run(paints, { input: input("interrupted node") })),
};

const found = {};
for (const name of process.argv.slice(2)) found[name] = await cases[name]();
console.log(JSON.stringify(found));
