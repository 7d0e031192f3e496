// What the unmodified npm package `@modelcontextprotocol/sdk` makes of the tools: one JSON object for each case that is named.
//
// Usage: node --input-type=module - CASE... < mcp.mjs, in the folder of the packages, with MCP_URL and MCP_KEY.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const quick = { model: "flux-schnell", steps: 1, width: 64, height: 64 };
const failure = ({ name, code, message }) => ({ class: name, code, message });

const connect = async (key) => {
  const client = new Client({ name: "tests", version: "1" });
  const headers = { Authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), { requestInit: { headers } }));
  return client;
};

const client = await connect(process.env.MCP_KEY);

const call = async (name, args, options = {}) => {
  const notes = [];
  const onprogress = (note) => { notes.push(note); options.onnote?.(); };
  try {
    return { ...(await client.callTool({ name, arguments: args }, undefined, { ...options, onprogress })), notes };
  } catch (error) {
    return failure(error);
  }
};

const cases = {
  hello: async () => {
    const { tools } = await client.listTools();
    const { name } = client.getServerVersion();
    return { server: name, version: client.transport.protocolVersion, tools: tools.map((tool) => tool.name) };
  },
  generate: () => call("generate_image", { prompt: "generate node", ...quick, steps: 4, seed: 7 }),
  edit: () => call("edit_image", { model: "retouch", image: process.env.PICTURE }),
  edit_file: () => call("edit_image", { model: "retouch", image: process.env.FILE_ID }),
  describe: () => call("describe_image", { model: "describe", image: process.env.PICTURE, question: "What is it?" }),
  wait: () => call("get_job", { job_id: process.env.WAITING }),
  cancel: () => call("cancel_job", { job_id: process.env.ENDLESS }),
  models: () => call("list_models", {}),
  failed: () => call("generate_image", { prompt: "crash node", ...quick }),
  wrong: () => call("generate_image", { prompt: "wrong", size: "64x64" }),
  no_tool: () => call("rm", { path: "/" }),
  no_key: async () => {
    try {
      await connect("none");
      return { class: null };
    } catch (error) {
      return failure(error);
    }
  },
  aborted: async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, onnote: () => stop.abort("enough") };
    const found = await call("generate_image", { prompt: "aborted node", ...quick }, options);
    // The package does not say when its notification has left, and closing would stop it.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return found;
  },
};

const found = {};
for (const name of process.argv.slice(2)) found[name] = await cases[name]();
console.log(JSON.stringify(found));
await client.close();
