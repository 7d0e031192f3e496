// What the unmodified npm package `@gradio/client` makes of our apps: one JSON object for each case that is named.
//
// Usage: node --input-type=module - CASE... < gradio.mjs, in the folder of the package, with DARKROOM_URL, DARKROOM_API_KEY
// and PICTURE.
import { readFile } from "node:fs/promises";
import { Client } from "@gradio/client";

const connect = (name = "flux-schnell", token = process.env.DARKROOM_API_KEY) =>
  Client.connect(`${process.env.DARKROOM_URL}/gradio/${name}`, {
    headers: { Authorization: `Bearer ${token}` }, events: ["status", "data", "log"],
  });

const values = (prompt, steps = 1) => ({
  prompt, seed: 7, randomize_seed: false, width: 64, height: 64, num_inference_steps: steps,
});

const refused = async (call) => {
  try {
    await call();
    return { message: null };
  } catch (error) {
    return { message: error.message };
  }
};

const heard = async (job, tell = () => {}) => {
  const found = [];
  for await (const event of job) {
    found.push(event);
    await tell(event);
    if (event.type === "status" && ["complete", "error"].includes(event.stage)) break;
  }
  return { events: found };
};

const cases = {
  predict: async () => ({ data: (await (await connect()).predict("/infer", values("predict node"))).data }),
  submit: async () => heard((await connect()).submit("/infer", values("submit node", 6))),
  cancel: async () => {
    const job = (await connect()).submit("/infer", values("cancel node", 50));
    return heard(job, (event) => (event.progress_data || event.stage === "generating" ? job.cancel() : undefined));
  },
  file_in: async () => {
    const picture = new Blob([await readFile(process.env.PICTURE)], { type: "image/png" });
    return { data: (await (await connect("retouch")).predict("/retouch", [picture])).data };
  },
  failed: async () => refused(async () => (await connect()).predict("/infer", values("crash node"))),
  bad_value: async () => refused(async () => (await connect()).predict("/infer", { ...values("bad node"), width: 100000 })),
  no_key: async () => refused(() => connect("flux-schnell", "hf_none")),
};

const found = {};
for (const name of process.argv.slice(2)) found[name] = await cases[name]();
console.log(JSON.stringify(found));
// It keeps connections open that nobody needs any more.
process.exit(0);
